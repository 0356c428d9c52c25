"""Bad input at the timelines' door: documents, paths, bodies and texts that mean harm."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from timeline_document import autos, changed, grid
from timeline_door import ALICE, TIMELINE_ID, V1, Door, open_door
from timeline_steps import Walker, admin, error, listed, wrong

from api.timelines.publishing import BODY_BYTES_MAX

HOSTILE = "</script><script>alert('x')</script>\"\\\u2028\u0000\u202e{{7*7}}\r\nSet-Cookie: a=b"


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A house with the Alice timeline."""
    async with open_door(tmp_path) as opened:
        yield opened


DOCUMENTS: list[tuple[Any, str, str]] = [
    (changed(("/events/0/links/0/to", "nowhere")), "/events/0/links/0/to", "unknown"),
    (changed(("/events/0/row", "nowhere")), "/events/0/row", "unknown"),
    (changed(("/id", "a b")), "/id", "bad_id"),
    (changed(("/guards/0/before_step", 99)), "/guards/0/before_step", "out_of_range"),
    (changed(("/events/0/step", "0")), "/events/0/step", "shape"),
    (changed(("/events/0/more", 1)), "/events/0/more", "shape"),
    ([], "", "shape"),
    (b"{", "", "jsondecode"),
    (b"", "", "jsondecode"),
    (b"\xff\xfe", "", "jsondecode"),
    (b"[" * 100_000, "", "too_deep"),
]


@pytest.mark.parametrize(("sent", "pointer", "code"), DOCUMENTS)
async def test_a_document_that_is_refused(door: Door, sent: Any, pointer: str, code: str) -> None:
    """422 with `loc`, the pointer, and a code; nothing is published."""
    before = await listed(door, "/timelines")
    got = await door.admin("POST", f"{V1}/timelines", sent)
    complaints = wrong(got)
    assert complaints[0][0][0] == "body"
    assert f"value_error.{code}" in [type_ for _, type_ in complaints]
    assert pointer in [each["pointer"] for each in got.json()["detail"]]
    assert await listed(door, "/timelines") == before


async def test_a_circle_of_automatic_links_is_named(door: Door) -> None:
    """It would never come to rest."""
    got = await door.admin("POST", f"{V1}/timelines", grid({}, autos("c"), autos("b")))
    (complaint,) = [each for each in got.json()["detail"] if "cycle" in each["type"]]
    assert complaint["pointer"].startswith("/events/")


async def test_bodies_that_are_too_big(door: Door) -> None:
    """413 without an envelope: 10 MiB for a document, one MB elsewhere."""
    got = await door.admin("POST", f"{V1}/timelines", b" " * (BODY_BYTES_MAX + 1))
    assert (got.status, list(got.json())) == (413, ["detail"])
    big = {"link_id": "x" * 1_100_000}
    got = await Walker(door)("POST", "/user-timeline-events/a/follow-link", big)
    assert (got.status, list(got.json())) == (413, ["detail"])


async def test_hostile_texts_come_back_as_texts(door: Door) -> None:
    """Labels, titles and custom data are JSON strings wherever they are shown."""
    plain = grid({"links": [{"to": "b", "label": HOSTILE}]}, {}, title=HOSTILE)
    plain["events"][0]["narrative_event"] = {
        "id": "n0", "title": HOSTILE, "custom_data": {HOSTILE: HOSTILE}
    }  # fmt: skip
    got = await door.admin("POST", f"{V1}/timelines", plain)
    assert got.status == 201
    walker = Walker(door, timeline="small")
    event = (await walker.create())["meta"]["changed_timeline_events"][0]
    assert event["links"][0]["label"] == HOSTILE
    assert event["narrative_event_title"] == HOSTILE
    assert event["narrative_event_custom_data"] == {HOSTILE: HOSTILE}
    timeline = await admin(door, "GET", "/timelines/small")
    assert timeline.json()["title"] == HOSTILE
    assert timeline.headers["content-type"] == "application/json"
    assert "set-cookie" not in timeline.headers


@pytest.mark.parametrize(
    "id_", ["%00", "%2e%2e%2f%2e%2e", "a%2Fb", "%F0%9F%A6%84", "%ff", "x" * 5_000, "'; DROP TABLE"]
)
async def test_hostile_ids_are_not_there(door: Door, id_: str) -> None:
    """404 in the envelope, whatever part of a path they stand in."""
    walker = Walker(door)
    await walker.create()
    body = {"link_id": f"{id_}:x"}
    got = await walker("POST", f"/user-timeline-events/{id_}/follow-link", body)
    assert (got.status, error(got)["detail"]) == (404, "User timeline event not found.")
    here = f"/timelines/{TIMELINE_ID}"
    for path in (f"/timelines/{id_}", f"{here}/variables/{id_}", f"{here}/users/{id_}"):
        assert error(await admin(door, "GET", path))["code"] == 404


async def test_any_user_id_that_is_allowed(door: Door) -> None:
    """256 code points of any sort, given in UTF-8: created, read, listed and deleted."""
    for name in ("🦄" * 256, "a/b?c#d%2F", "' OR 1=1 --", "<b>"):
        walker = Walker(door, name)
        shown = (await walker.create())["data"]
        assert shown["id"] == name
        here = f"/timelines/{TIMELINE_ID}/users"
        assert await listed(door, here) == [shown]
        assert await listed(door, f"{here}/{quote(name, safe='')}") == shown
        assert (await walker("DELETE", "/users/me")).status == 204


@pytest.mark.covers("TL-002")
async def test_paths_and_methods_that_there_are_not(door: Door) -> None:
    """The framework's own words, without envelope, as JSON."""
    for path in ("/nothing", "/v1/nothing", "/v1/users/me/nothing", "/api/v1/nothing"):
        got = await door.secret("GET", f"/timelines{path}")
        assert (got.status, got.json()) == (404, {"detail": "Not Found"})
        assert got.headers["content-type"] == "application/json"
    got = await door.secret("PUT", f"{V1}/users/me")
    assert (got.status, got.json()) == (405, {"detail": "Method Not Allowed"})


async def test_a_document_of_the_project_file_is_what_is_published(door: Door) -> None:
    """Sent over HTTP too it changes nothing: one document has one revision."""
    got = await door.admin("POST", f"{V1}/timelines", json.loads(ALICE))
    assert got.status == 200
