"""What each strategy lets a visitor do, through each way: default, no consent, panic, not ready.

Spec flags 4.6, cell by cell, and what becomes of hits: spec flags 1.6 and 5.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flag_others import DOWN
from visitor_scenarios import BEHIND_OTHERS, run, through_each_way
from visitor_steps import (
    ALWAYS,
    CREATED,
    FETCHED,
    FETCHING,
    LOGGED_IN,
    LOGGED_OUT,
    PANICKED,
    SAID_NO,
    SAID_YES,
    UPDATED,
    Asked,
    Do,
    FlagIs,
    Is,
    Others,
    Panic,
    Scenario,
    Sdk,
    consents,
    fetches,
    logs_in,
    opens,
    page,
    reads,
    updates,
)

pytestmark = pytest.mark.slow

GOES_WELL = (CREATED, FETCHING, FETCHED)
SEES = {"key": "greeting"}
HIT, HITS = {"hit": page("a")}, {"hits": [page("a")]}


def quiet(method: str, data: dict[str, Any], *logs: str) -> Do:
    """A method that does nothing but say so."""
    return Do(method, data, logs, refused=409)


def sends(*hits: dict[str, Any], logs: tuple[str, ...] = (), refused: int = 0) -> Do:
    """`sendHits`."""
    return Do("sendHits", {"hits": list(hits)}, logs, refused)


DEFAULT = [
    Scenario(
        "with consent everything works",
        (
            opens(context={"age": 3}),
            fetches(),
            reads("greeting", "x", "hello"),
            Do("visitorExposed", SEES),
            Do("sendHit", HIT),
            sends(page("b"), page("c")),
            updates(age=4),
            Do("clearContext"),
            logs_in("me"),
            Do("sendHit", {"hit": page("d")}),
            Do("unauthenticate"),
            Do("sendHit", {"hit": page("e")}),
        ),
        heard=(*GOES_WELL, UPDATED, UPDATED, LOGGED_IN, LOGGED_OUT),
        exposed=(("greeting", "hello", "x"), ("greeting", "hello", None)),
        hits=(SAID_YES, *(f"PAGEVIEW {name} by v" for name in "abce"), "PAGEVIEW d by me/v"),
        activations=("hello by v", "hello by v"),
    ),
]

NO_CONSENT = [
    Scenario(
        "without consent flags are read, and nothing is sent",
        (
            opens(consented=False, context={"age": 3}),
            Is(CREATED, consented=False, context={"age": 3}),
            fetches(),
            Is(FETCHED),
            reads("greeting", "x", "hello"),
            FlagIs("greeting", "FETCHED", "hello", "hello"),
            quiet("visitorExposed", SEES, "INFO FLAG_VISITOR_EXPOSED"),
            quiet("sendHit", HIT, "INFO sendHit"),
            quiet("sendHits", HITS, "INFO sendHits"),
            updates(age=4),
            Is(UPDATED, context={"age": 4}),
            Do("clearContext"),
            Is(UPDATED, context={}),
            logs_in("me"),
            Is(LOGGED_IN, "me", "v", authenticated=True),
            Do("unauthenticate"),
            Is(LOGGED_OUT, "v", None, authenticated=False),
        ),
        heard=(*GOES_WELL, UPDATED, UPDATED, LOGGED_IN, LOGGED_OUT),
        hits=(SAID_NO,),
    ),
    Scenario(
        "consent that comes later counts from then on",
        (
            opens(consented=False),
            fetches(),
            reads("greeting", "x", "hello"),
            consents(True),
            Is(FETCHED, consented=True),
            reads("greeting", "y", "hello"),
            Do("sendHit", HIT),
        ),
        heard=GOES_WELL,
        exposed=(("greeting", "hello", "y"),),
        hits=(SAID_NO, SAID_YES, "PAGEVIEW a by v"),
        activations=("hello by v",),
        covers=("FS-104",),
    ),
    Scenario(
        "others are told that there is no consent, and the cache is not read",
        (
            opens(consented=False),
            fetches(),
            Asked(1, {"visitorId": "v", "visitor_consent": False}),
            Others(DOWN),
            Do("fetchFlags", logs=("ERROR FETCH_FLAGS",)),
            Is("FETCH_REQUIRED FETCH_ERROR"),
            FlagIs("one", "NOT_FOUND", exists=False, logs=("WARNING GET_FLAG",)),
        ),
        heard=(*GOES_WELL, FETCHING, "FETCH_REQUIRED FETCH_ERROR"),
        hits=(SAID_NO,),
        settings={**BEHIND_OTHERS, **ALWAYS},
    ),
    Scenario(
        "withdrawn consent takes back what waits, and the cache, of that visitor alone",
        (
            opens(),
            opens(who="w"),
            fetches(),
            Do("sendHit", HIT),
            Do("sendHit", HIT, who="w"),
            consents(False),
            quiet("sendHit", HIT, "INFO sendHit"),
            consents(True),
            Others(DOWN),
            Do("fetchFlags", logs=("ERROR FETCH_FLAGS",)),
            Is("FETCH_REQUIRED FETCH_ERROR"),
        ),
        heard=(*GOES_WELL, FETCHING, "FETCH_REQUIRED FETCH_ERROR"),
        hits=(SAID_NO, SAID_YES, "EVENT fs_consent Python:true by w", "PAGEVIEW a by w"),
        settings={**BEHIND_OTHERS, **ALWAYS},
        covers=("FS-105", "FS-106"),
    ),
]

PANIC = [
    Scenario(
        "in panic almost nothing works",
        (
            opens(context={"age": 3}),
            fetches(),
            Panic(True),
            fetches(),
            Sdk("SDK_PANIC"),
            reads("greeting", "x", "x", "INFO Flag.value"),
            quiet("visitorExposed", SEES, "INFO FLAG_VISITOR_EXPOSED"),
            quiet("sendHit", HIT, "INFO sendHit"),
            quiet("sendHits", HITS, "INFO sendHits"),
            quiet("updateContext", {"context": {"age": 4}}, "INFO UPDATE CONTEXT"),
            quiet("clearContext", {}, "INFO CLEAR_CONTEXT"),
            Is(PANICKED, context={"age": 3}),
            consents(False),
            Is(PANICKED, consented=False),
            consents(True),
            logs_in("me"),
            Is(LOGGED_IN, "me", "v"),
            Do("unauthenticate"),
            Is(LOGGED_OUT, "v", None),
        ),
        heard=(*GOES_WELL, FETCHING, PANICKED, LOGGED_IN, LOGGED_OUT),
        settings=ALWAYS,
    ),
    Scenario(
        "panic holds for all visitors, and a fetch of anybody ends it",
        (
            opens(),
            fetches(),
            opens(who="w"),
            Panic(True),
            Do("fetchFlags", who="w"),
            Sdk("SDK_PANIC"),
            Is(FETCHED),
            reads("greeting", "x", "x", "INFO Flag.value"),
            opens(who="new", consented=False),
            Panic(False),
            Do("fetchFlags", who="w"),
            Sdk("SDK_INITIALIZED"),
            reads("greeting", "x", "hello"),
        ),
        heard=GOES_WELL,
        exposed=(("greeting", "hello", "x"),),
        hits=(SAID_YES, "EVENT fs_consent Python:true by w"),
        activations=("hello by v",),
        settings=ALWAYS,
    ),
]

NOT_READY = [
    Scenario(
        "before the start only the visitor itself changes",
        (
            Sdk("SDK_NOT_INITIALIZED"),
            opens(context={"age": 3}),
            quiet("fetchFlags", {}, "ERROR fetchFlags"),
            reads("greeting", "x", "x", "ERROR Flag.value"),
            quiet("visitorExposed", SEES, "ERROR FLAG_VISITOR_EXPOSED"),
            quiet("sendHit", HIT, "ERROR sendHit"),
            quiet("sendHits", HITS, "ERROR sendHits"),
            updates(age=4),
            Is(UPDATED, context={"age": 4}),
            Do("clearContext"),
            logs_in("me"),
            Is(LOGGED_IN, "me", "v", context={}),
            Do("unauthenticate"),
            consents(False),
            Is(LOGGED_OUT, "v", None, consented=False),
        ),
        heard=(CREATED, UPDATED, UPDATED, LOGGED_IN, LOGGED_OUT),
        settings={
            "decision_mode": "BUCKETING",
            "bucketing_url": "https://cdn.example/bucketing.json",
        },
        bucketing=None,
        others=DOWN,
    ),
]

BAD = {"type": "EVENT", "category": "Action Tracking"}
ITEM = {"type": "ITEM", "transactionId": "t", "productName": "tea", "productSku": "sku"}
BOUGHT = {"type": "TRANSACTION", "transactionId": "t", "affiliation": "shop", "totalRevenue": 3.5}
CLICK = {"type": "EVENT", "category": "Action Tracking", "action": "click", "value": 1}
TRACKED = [
    Scenario(
        "hits of each type, an item behind its transaction",
        (
            opens(),
            sends(
                page("p"),
                {"type": "screenview", "documentLocation": "s"},
                CLICK,
                BOUGHT,
                ITEM,
            ),
        ),
        heard=(CREATED,),
        hits=(
            SAID_YES,
            "PAGEVIEW p by v",
            "SCREENVIEW s by v",
            "EVENT click by v",
            "TRANSACTION t by v",
            "ITEM t sku by v",
        ),
    ),
    Scenario(
        "a wrong hit is refused, the others are sent",
        (
            opens(),
            Do("sendHit", {"hit": BAD}, ("ERROR ADD HIT",), refused=422),
            Do("sendHit", {"hit": {"type": "SMOKE"}}, ("ERROR ADD HIT",), refused=422),
            sends(BAD, page("a"), {}, logs=("ERROR ADD HIT", "ERROR ADD HIT")),
            sends(BAD, {}, logs=("ERROR ADD HIT", "ERROR ADD HIT"), refused=422),
            Do("sendHit", {"hit": {**page("b"), "locale": 5}}, ("ERROR ADD HIT",)),
        ),
        heard=(CREATED,),
        hits=(SAID_YES, "PAGEVIEW a by v", "PAGEVIEW b by v"),
    ),
    Scenario(
        "the same hit goes once",
        (
            opens(),
            Do("sendHit", HIT),
            Do("sendHit", HIT, ("DEBUG ADD HIT",)),
            sends(page("b"), page("b"), logs=("DEBUG ADD HIT",)),
            Do("sendHit", HIT, who="v", logs=("DEBUG ADD HIT",)),
        ),
        heard=(CREATED,),
        hits=(SAID_YES, "PAGEVIEW a by v", "PAGEVIEW b by v"),
    ),
    Scenario(
        "where we evaluate, a context is told once for each change",
        (opens(context={"age": 3}), fetches(), fetches(), updates(age=4), fetches()),
        heard=(*GOES_WELL, FETCHING, FETCHED, UPDATED, FETCHING, FETCHED),
        hits=(SAID_YES, "SEGMENT age=3 by v", "SEGMENT age=4 by v"),
        settings={**ALWAYS, "decision_mode": "BUCKETING"},
    ),
    Scenario(
        "at the edge nothing is sent before the end",
        (
            opens(),
            fetches(),
            reads("greeting", "x", "hello"),
            Do("sendHit", HIT),
        ),
        heard=GOES_WELL,
        exposed=(("greeting", "hello", "x"),),
        hits=(SAID_YES, "SEGMENT  by v", "PAGEVIEW a by v"),
        activations=("hello by v",),
        settings={"decision_mode": "BUCKETING_EDGE"},
    ),
]


@through_each_way([*DEFAULT, *NO_CONSENT, *PANIC, *NOT_READY, *TRACKED])
async def test_what_a_strategy_allows(scenario: Scenario, way: str, tmp_path: Path) -> None:
    """Through HTTP, the live socket and the Python client the same works, and is said."""
    await run(scenario, way, tmp_path)
