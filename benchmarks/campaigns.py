"""Twenty campaigns as a shop runs them, and visitors who come by: what evaluation is measured on.

Each campaign has one to three groups with rules on texts, numbers and booleans, all of them AND-ed
and some OR-ed, two to four variations, and three flags. Everything is drawn from a seed, so that
every process and every run sees the same. Only such rules are used as the published clients read
alike: letter case is the same, no key is absent, no target looks like JSON (the Python client takes
it for a list), allocations add up to 100 (with less, it goes on to the next group).
"""

from __future__ import annotations

import random
import uuid
from typing import Any

CAMPAIGNS, FLAGS = 20, 3
SEED = 20

Json = dict[str, Any]

EVERYBODY: list[list[Json]] = [[{"operator": "EQUALS", "key": "fs_all_users", "value": ""}]]
COUNTRIES = ("fr", "de", "us", "gb", "es", "it", "jp", "br")
PLANS = ("free", "basic", "premium", "gold")
DEVICES = ("mobile", "tablet", "desktop")
PAGES = ("home", "search", "basket", "product/lamp", "product/chair", "account/orders")
ALLOCATIONS = ((50, 50), (34, 33, 33), (25, 25, 25, 25), (90, 10), (10, 20, 70), (40, 30, 20, 10))
KINDS = ("ab", "ab", "toggle", "perso")


def bucketing() -> Json:
    """The bucketing file as an environment publishes it."""
    chance = random.Random(SEED)
    settings = {"enabledXPC": False, "enabled1V1T": False}
    campaigns = [_campaign(number, chance) for number in range(CAMPAIGNS)]
    return {"panic": False, "accountSettings": settings, "campaigns": campaigns}


def visitors(count: int) -> list[Json]:
    """So many visitors, `visitorId` and `context`: ten keys each, every one of them different."""
    chance = random.Random(SEED + 1)
    return [_visitor(number, chance) for number in range(count)]


# --- campaigns


def _campaign(number: int, chance: random.Random) -> Json:
    groups = [_group(f"campaign-{number}-{letter}", chance) for letter in "abc"[: 1 + number % 3]]
    if number % 2:
        groups[-1]["targeting"] = _targeting(EVERYBODY)
    flags = [f"{name}_{number}" for name in ("title", "discount", "layout")]
    for group in groups:
        _fill(group, flags, ALLOCATIONS[chance.randrange(len(ALLOCATIONS))])
    return {
        "id": f"campaign-{number}",
        "name": f"Campaign {number}",
        "type": KINDS[number % len(KINDS)],
        "slug": f"slug-{number}" if number % 4 else None,
        "bucketRanges": [{"r": [0, 100]}],
        "variationGroups": groups,
    }


def _group(name: str, chance: random.Random) -> Json:
    alternatives = [
        chance.sample(_rules(chance), chance.randint(1, 4)) for _ in range(chance.randint(1, 3))
    ]
    return {"id": name, "name": f"Group {name}", "targeting": _targeting(alternatives)}


def _targeting(alternatives: list[list[Json]]) -> Json:
    return {"targetingGroups": [{"targetings": rules} for rules in alternatives]}


def _fill(group: Json, flags: list[str], allocations: tuple[int, ...]) -> None:
    group["variations"] = [
        {
            "id": f"{group['id']}-{place}",
            "name": f"Variation {place}",
            "reference": place == 0,
            "allocation": allocation,
            "modifications": {"type": "FLAG", "value": _values(flags, place)},
        }
        for place, allocation in enumerate(allocations)
    ]


def _values(flags: list[str], place: int) -> Json:
    title, discount, layout = flags
    return {
        title: f"Welcome, number {place}",
        discount: place * 2.5,
        layout: {"columns": 2 + place, "banner": place % 2 == 0},
    }


def _rules(chance: random.Random) -> list[Json]:
    """One rule of each sort that campaigns are made of, with drawn targets."""
    drawn = [
        ("EQUALS", "country", chance.sample(COUNTRIES, 4)),
        ("NOT_EQUALS", "country", chance.choice(COUNTRIES)),
        ("EQUALS", "plan", chance.choice(PLANS)),
        ("NOT_EQUALS", "plan", chance.sample(PLANS, 1)),
        ("EQUALS", "device", chance.choice(DEVICES)),
        ("STARTS_WITH", "page", "product/"),
        ("CONTAINS", "page", chance.sample(("o", "basket", "search"), 2)),
        ("NOT_CONTAINS", "email", "@example.org"),
        ("ENDS_WITH", "email", f"@{chance.choice(COUNTRIES)}.example"),
        ("GREATER_THAN", "age", chance.randint(18, 60)),
        ("LOWER_THAN", "age", chance.randint(30, 80)),
        ("GREATER_THAN_OR_EQUALS", "basketTotal", chance.randint(0, 120) + 0.5),
        ("LOWER_THAN_OR_EQUALS", "orders", chance.randint(2, 20)),
        ("EQUALS", "loggedIn", chance.random() < 0.7),
        ("EQUALS", "newsletter", True),
    ]
    return [{"operator": name, "key": key, "value": target} for name, key, target in drawn]


# --- visitors


def _visitor(number: int, chance: random.Random) -> Json:
    country = chance.choice(COUNTRIES)
    random_id = str(uuid.UUID(int=chance.getrandbits(128), version=4))
    ids = (random_id, f"customer-{number}", f"{number}@shop.example", f"ga1.2.{number * 7919}")
    context = {
        "country": country,
        "plan": chance.choice(PLANS),
        "device": chance.choice(DEVICES),
        "page": chance.choice(PAGES),
        "email": f"person{number}@{chance.choice((country + '.example', 'example.org'))}",
        "age": chance.randint(16, 90),
        "basketTotal": round(chance.random() * 200, 2),
        "orders": chance.randint(0, 30),
        "loggedIn": chance.random() < 0.5,
        "newsletter": chance.random() < 0.3,
    }
    return {"visitorId": ids[number % len(ids)], "context": context}
