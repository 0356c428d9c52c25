"""What of hits is reported: items of a transaction, emotion events; the options of batching.

Rules: spec flags 1.6, 1.11, 5, 10.10; ledger FS-060, FS-123, FS-168, FS-169.
"""

from __future__ import annotations

import sqlite3
from inspect import iscoroutine
from pathlib import Path

import msgspec
import pytest
from flag_client import serving, started
from flag_door import Door
from flag_others import opened, order
from flag_pools import flushed, tracked

from actors.flags.settings import Settings
from actors.flags.visitor_words import SendHits
from api.client import FlagshipConfig, LogLevel

TRANSACTION = {"type": "TRANSACTION", "transactionId": "t1", "affiliation": "shop"}
ITEMS = [
    {"type": "ITEM", "transactionId": "t1", "productName": name, "productSku": name}
    for name in ("tea", "milk")
]


def stored(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """Type, transaction and product of each hit, in the order in which they came."""
    rows = connection.execute("SELECT type, CAST(fields AS TEXT) FROM flag_hit ORDER BY id")
    read = [(kind, msgspec.json.decode(fields)) for kind, fields in rows]
    return [(kind, hit["tid"], hit.get("ic", "")) for kind, hit in read if "tid" in hit]


async def bought(door: Door) -> None:
    """A visitor buys two things."""
    await opened(door)
    await order(door, SendHits(hits=(TRANSACTION, *ITEMS)))
    assert await flushed(door)


@pytest.mark.covers("FS-168")
async def test_items_follow_their_transaction(tmp_path: Path) -> None:
    """They arrive behind it, and name it."""
    async with tracked(tmp_path) as (door, _):
        await bought(door)
        assert await door.shelf.lists.read(stored) == [
            ("TRANSACTION", "t1", ""),
            ("ITEM", "t1", "tea"),
            ("ITEM", "t1", "milk"),
        ]


@pytest.mark.covers("FS-169")
async def test_items_are_kept_and_not_reported(tmp_path: Path) -> None:
    """The report has the transaction; the figures of the day count items too."""
    async with tracked(tmp_path) as (door, _):
        await bought(door)
        hits = (await door.report())["hits"]
        assert {each["type"] for each in hits} == {"EVENT", "TRANSACTION"}
        figures = (await door.sdk("GET", "/flags/v2/metrics")).json()
        assert figures["today"] == {"EVENT": 1, "TRANSACTION": 1, "ITEM": 2}


@pytest.mark.slow
@pytest.mark.covers("FS-123")
async def test_events_of_emotion_ai_come_over_the_api(tmp_path: Path) -> None:
    """The client has no browser, says so and returns nothing; the daemon takes a page's events."""
    async with serving(tmp_path) as served, started(served) as (sdk, heard):
        collecting = heard.visitor(sdk).collect_eai_events_async()
        assert iscoroutine(collecting)
        returned: object = await collecting
        assert returned is None
        assert heard.tagged("TRACKING_MANAGER") == [LogLevel.INFO]
        for kind in ("PAGEVIEW", "VISITOREVENT"):
            body = {"cid": "env_1", "vid": "v", "dl": "page", "sr": "800,600;", "t": kind}
            got = await served.door.nobody("POST", "/emotionsai", body, host="events.flagship.io")
            assert got.status == 204
        hits = (await served.door.report())["hits"]
        counted = {each["name"]: each["count"] for each in hits if each["type"] == "EMOTIONSAI"}
        assert counted == {"PAGEVIEW": 1, "VISITOREVENT": 1}


@pytest.mark.covers("FS-060")
def test_the_options_of_batching_have_two_homes() -> None:
    """Defined without being given, in the client and for the daemon's own pool, with one default.

    A document that has the object of the SDK is told where its parts go (`test_flag_settings.py`).
    """
    options = FlagshipConfig().tracking_manager_config
    assert (options.cache_strategy, options.pool_max_size, options.batch_intervals) == (1, 100, 10)
    settings = Settings()
    for name in ("cache_strategy", "pool_max_size", "batch_intervals"):
        assert getattr(settings, name) == getattr(options, name)
