"""The names of 2022: in which answers they are, and below which prefixes.

What clients of then do is in test_timeline_legacy.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from timeline_door import TIMELINE_ID, USER_HEADER, VISIBLE, Door, open_door
from timeline_legacy import EVENTS, LOG, STORY, WANTED, Client
from timeline_steps import Walker, moves

from api.timelines import crowd
from api.timelines.legacy import PREFIX

HOST = "api.fictioneers.co.uk"


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A house with the Alice timeline, whose project speaks today's names."""
    async with open_door(tmp_path) as opened:
        yield opened


@pytest.fixture
def alice(door: Door) -> Client:
    """Alice with a client of 2022."""
    return Client(door)


# --- names


async def test_events_have_old_names(alice: Client) -> None:
    """ACTIVITY leads on, SIMPLE does not; content is by old states; the rest is today's."""
    await alice.begin()
    events = {one["id"]: one for one in (await alice.ok("GET", EVENTS))["data"]}
    today = {one["id"]: one for one in (await Walker(alice.door).get(EVENTS))["data"]}
    bank, watch, hole = events["evBank"], events["evWatch"], events["evHole"]
    assert [one["state"] for one in (bank, hole)] == ["AVAILABLE", "UNAVAILABLE"]
    assert [one["narrative_event_type"] for one in (bank, watch)] == ["ACTIVITY", "SIMPLE"]
    leaving = ["COMPLETED", "SKIPPED"]
    assert [one["available_states"] for one in (bank, watch, hole)] == [leaving, leaving, []]
    content = bank.pop("narrative_event_state_changes_content")
    assert content == {
        "AVAILABLE": today["evBank"].pop("narrative_event_state_changes_content")["ACTIVE"],
        "COMPLETED": [],
    }
    del bank["state"], bank["narrative_event_type"], bank["available_states"]
    del today["evBank"]["state"]
    assert bank == today["evBank"]


async def test_the_log_has_old_names(alice: Client) -> None:
    """Each entry has its event's type; `content_type` still chooses."""
    await alice.begin()
    await alice.leave("evBank")
    log = (await alice.ok("GET", LOG))["data"]
    assert [(one["timeline_event_id"], one["narrative_event_type"]) for one in log] == [
        ("evBank", "ACTIVITY"),
        ("evWatch", "SIMPLE"),
        ("evBank", "ACTIVITY"),
        ("evHole", "ACTIVITY"),
    ]
    pushed = (await alice.ok("GET", f"{LOG}?content_type=PushMessage"))["data"]
    assert moves(pushed) == [("evBank", "AVAILABLE")]


async def test_administrators_see_old_names(alice: Client) -> None:
    """The grid with `type`, everybody's log with `event_type`, in old states."""
    await alice.begin()
    await alice.leave("evBank", "SKIPPED")
    path = f"/timelines/{TIMELINE_ID}"
    grid = {one["id"]: one for one in await alice.ok("GET", f"{path}/timeline-events")}
    assert [grid[each]["type"] for each in ("evBank", "evWatch")] == ["ACTIVITY", "SIMPLE"]
    assert set(grid["evBank"]["content_integrations"]) == {"AVAILABLE", "COMPLETED"}
    log = await alice.ok("GET", f"{path}/event-state-changes/")
    assert [(one["timeline_event_id"], one["esc_type"], one["event_type"]) for one in log] == [
        ("evBank", "AVAILABLE", "ACTIVITY"),
        ("evWatch", "AVAILABLE", "SIMPLE"),
        ("evBank", "COMPLETED", "ACTIVITY"),
        ("evHole", "AVAILABLE", "ACTIVITY"),
    ]


async def test_a_long_list_is_told_page_by_page(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A streamed array is the array of today, each object told again."""
    monkeypatch.setattr(crowd, "PAGE", 2)
    users = [f"user-{number}" for number in range(5)]
    for user in users:
        await Client(door, user=user).begin()
    client, path = Client(door), f"/timelines/{TIMELINE_ID}"
    listed = await client.ok("GET", f"{path}/users")
    assert [one["id"] for one in listed] == users
    assert [one["narrative_state"]["current_step"] for one in listed] == [2] * 5
    log = await client.ok("GET", f"{path}/event-state-changes")
    assert [one["esc_type"] for one in log] == ["AVAILABLE"] * 10


# --- where the old names are


@pytest.mark.parametrize("prefix", ["/timelines/v1", "/timelines"])
async def test_today_there_are_no_such_routes(door: Door, prefix: str) -> None:
    """404 without envelope, as for any path that is not there; names are today's."""
    client = Client(door, prefix)
    await client.ok("POST", "/users", WANTED)
    assert (await client.ok("GET", EVENTS))["data"][0]["state"] == "ACTIVE"
    for method, path in (("GET", STORY), ("PATCH", STORY), ("PATCH", f"{EVENTS}/evBank")):
        got = await client(method, path, {"state": "COMPLETED"})
        assert (got.status, got.json()) == (404, {"detail": "Not Found"})
    assert "narrative_state" not in (await client.ok("GET", "/users/me"))["data"]


@pytest.mark.parametrize("prefix", ["/timelines/v1", "/timelines", PREFIX])
async def test_a_project_may_speak_old_names_everywhere(tmp_path: Path, prefix: str) -> None:
    """With `legacy = true`; without a project nothing is said."""
    async with open_door(tmp_path, legacy=True) as door:
        client = Client(door, prefix)
        assert (await client.begin())["data"]["current_step"] == 2
        assert await client.states() == {"evBank": "AVAILABLE", "evWatch": "AVAILABLE"}
        assert (await client.leave("evBank"))["data"]["state"] == "COMPLETED"
        for path in (STORY, "/users/me"):
            assert (await door.nobody("GET", prefix + path)).status == 401
        assert (await door.nobody("POST", f"{prefix}/users", WANTED)).status == 401


async def test_the_old_host_has_the_old_prefix(door: Door) -> None:
    """`api.fictioneers.co.uk/api/v1`, with or without a slash at the end."""
    await Client(door).begin()
    for path in (f"/api/v1{STORY}", f"/api/v1{STORY}/"):
        got = await door.secret("GET", path, b"", {"host": HOST, USER_HEADER: "alice-1"})
        assert got.status == 200, got.body
        assert got.json()["data"]["active_timeline_id"] == TIMELINE_ID


async def test_the_old_prefix_has_todays_rights(door: Door) -> None:
    """A token is its user; a visible key mints, and no more."""
    visible = door.admin.with_key(VISIBLE)
    minted = await visible("POST", f"{PREFIX}/auth/token", {"user_id": "bob-2"})
    bob = door.admin.with_key(minted.json()["access_token"])
    assert (await bob("POST", f"{PREFIX}/users", WANTED)).status == 200
    assert (await bob("GET", PREFIX + STORY)).json()["meta"]["user"]["id"] == "bob-2"
    assert (await visible("GET", PREFIX + STORY)).status == 403


async def test_pages_may_use_the_old_routes(door: Door) -> None:
    """Answers and refusals say who may read them, and preflights are answered."""
    origin = {"origin": "https://page.example", USER_HEADER: "alice-1"}
    await Client(door).begin()
    for path, status in ((STORY, 200), (f"{EVENTS}/evNowhere", 404)):
        method, body = ("GET", b"") if status == 200 else ("PATCH", {"state": "SKIPPED"})
        got = await door.secret(method, PREFIX + path, body, origin)
        assert (got.status, got.headers["access-control-allow-origin"]) == (status, "*")
        asked = await door.nobody("OPTIONS", PREFIX + path, b"", origin)
        assert (asked.status, asked.headers["access-control-allow-origin"]) == (204, "*")
        assert asked.headers["access-control-allow-methods"] == "GET, POST, DELETE, PATCH"


async def test_old_commands_belong_to_the_old_routes(door: Door) -> None:
    """The console and the live socket speak today's."""
    await Client(door).begin()
    complete = {"userTimelineEventId": "evBank"}
    for path, body in (("complete", complete), ("bookmark", {"timelineEventId": "evBank"})):
        got = await door.admin("POST", f"/v1/actors/user/alice-1/{path}", body)
        assert got.status == 404, got.body
    assert await Client(door).states() == {"evBank": "AVAILABLE", "evWatch": "AVAILABLE"}
