"""Several commands of a visitor in one request."""

from __future__ import annotations

from typing import Any

import pytest
from flag_door import Door, Visitors

from api.flags import batches


async def _batch(who: Visitors, *commands: tuple[str, Any], **headers: str) -> list[Any]:
    body = {"commands": [{"name": name, "data": data} for name, data in commands]}
    got = await who("POST", "/v/batch", body, **headers)
    assert got.status == 200, got.body
    results: list[Any] = got.json()["results"]
    return results


def _context(number: int) -> tuple[str, Any]:
    return "updateContext", {"context": {"number": number}}


async def test_results_come_in_order(door: Door) -> None:
    """Each is what its own route answers, version by version."""
    await door.visitors.new()
    results = await _batch(door.visitors, *[_context(number) for number in range(5)])
    assert all(result["ok"] for result in results)
    assert [result["data"]["context"]["number"] for result in results] == list(range(5))
    versions = [result["version"] for result in results]
    assert versions == list(range(versions[0], versions[0] + 5))
    assert results[-1]["data"] == await door.visitors.get("/v")


async def test_consecutive_commands_share_a_commit(door: Door) -> None:
    """Forty commands, one commit."""
    await door.visitors.new()
    before = door.house.store.statistics()["commits"]
    await _batch(door.visitors, *[_context(number) for number in range(40)])
    assert door.house.store.statistics()["commits"] == before + 1


async def test_a_refused_command_stops_none(door: Door) -> None:
    """Whether it is unknown, misshapen, unusable, refused: those behind it are carried out."""
    await door.visitors.new()
    results = await _batch(
        door.visitors,
        _context(1),
        ("dance", {}),
        ("updateContext", {"context": 5}),
        ("updateContext", {"context": {"": 1}}),
        ("unauthenticate", {}),
        _context(2),
    )
    assert [result["ok"] for result in results] == [True, False, False, False, False, True]
    problems = [result["problem"] for result in results if not result["ok"]]
    assert [problem["status"] for problem in problems] == [404, 400, 422, 409]
    assert "updateContext" in problems[0]["permitted"]
    assert "authenticate" in problems[3]["permitted"]
    assert results[-1]["version"] == results[0]["version"] + 1
    assert [line[1] for line in door.said()] == ["COMMAND", "UPDATE CONTEXT", "UNAUTHENTICATE"]


async def test_those_behind_a_fetch_see_its_flags(door: Door) -> None:
    """A whole visit in one request: open, context, fetch, value."""
    results = await _batch(
        door.visitors,
        ("open", {"hasConsented": True, "fetchNow": False}),
        _context(1),
        ("getValue", {"key": "greeting", "defaultValue": "hi", "visitorExposed": False}),
        ("fetchFlags", {}),
        ("getValue", {"key": "greeting", "defaultValue": "hi"}),
        ("setConsent", {"hasConsented": False}),
        ("getFlags", {}),
    )
    assert [result["data"].get("value") for result in results][2::2] == ["hi", "hello", None]
    assert results[3]["data"]["flagsStatus"]["status"] == "FETCHED"
    assert results[-1]["data"]["hasConsented"] is False
    assert results[-1]["data"]["flags"]


async def test_a_batch_about_nobody(door: Door) -> None:
    """404 for each, until one opens the visitor."""
    results = await _batch(door.visitors, _context(1), _context(2), ("open", {}), _context(3))
    assert [result.get("problem", {}).get("status") for result in results] == [
        404, 404, None, None,
    ]  # fmt: skip


async def test_a_repeated_batch_is_carried_out_once(door: Door) -> None:
    """Each command under a key of its own; another batch under the same key is refused."""
    await door.visitors.new()
    commands = [_context(1), ("authenticate", {"visitorId": "alice"}), ("fetchFlags", {})]
    first = await _batch(door.visitors, *commands, idempotency_key="k")
    again = await _batch(door.visitors, *commands, idempotency_key="k")
    assert [result["ok"] for result in first] == [True] * 3
    assert again == first
    other = await _batch(door.visitors, _context(9), idempotency_key="k")
    assert other[0]["problem"]["status"] == 422


async def test_a_client_key_may_open_in_a_batch(door: Door) -> None:
    """And nothing else: the commands behind it need the token."""
    results = await _batch(door.browser, ("open", {"hasConsented": True}), _context(1))
    assert [result["ok"] for result in results] == [True, False]
    assert results[1]["problem"]["status"] == 403
    token = results[0]["data"]["token"]
    results = await _batch(door.with_token(token), _context(1), _context(2))
    assert all(result["ok"] for result in results)


async def test_an_empty_batch_does_nothing(door: Door) -> None:
    """No results, and nobody is created."""
    assert await _batch(door.visitors) == []
    assert (await door.visitors("GET", "/v")).status == 404


async def test_what_breaks_is_said_and_stops_none(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug of ours is a bare 500 in its place, and one line in the log."""

    def breaks(*_what: object) -> None:
        raise ZeroDivisionError

    await door.visitors.new()
    monkeypatch.setattr(batches.visiting.given, "check", breaks)
    results = await _batch(door.visitors, _context(1), _context(2), ("getFlags", {}))
    assert [result["problem"]["status"] for result in results] == [500] * 3
    assert "ZeroDivisionError" not in str(results)
    assert sum(b"ZeroDivisionError" in line for line in door.admin.lines) == 3
