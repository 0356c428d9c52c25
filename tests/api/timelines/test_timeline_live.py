"""Users over the live socket: what is pushed, what may be commanded, and who wakes by time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from live_wire import Wire
from live_world import DOOR_KEY, World, open_world
from timeline_document import grid
from timeline_door import SECRET, TIMELINE_ID, VISIBLE, Door, open_door, socket
from timeline_steps import Walker, admin, changed, follow
from trio.testing import MockClock

from actors.timelines import document
from actors.timelines.revision import compile_revision
from actors.timelines.settings import SETTINGS
from actors.timelines.timeline import TIMELINE, publication
from actors.timelines.user import USER
from actors.timelines.user_words import CreateUser
from engine.alarms import Alarms
from engine.messages import Address

ME = "user/alice-1"
EIGHT_MS = 1_675_411_200_000
"""2023-02-03T08:00:00Z."""
HOUR_MS = 3_600_000


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A house with the Alice timeline."""
    async with open_door(tmp_path) as opened:
        yield opened


async def subscribe(wire: Wire, topic: str) -> Any:
    """Ask for a topic; `subd` or `err`."""
    wire.say({"t": "sub", "id": topic, "topic": topic})
    return await wire.next_of("subd", "err")


async def command(wire: Wire, name: str, topic: str = ME, **data: Any) -> Any:
    """Send a command; its `res`."""
    wire.say({"t": "cmd", "id": 1, "topic": topic, "name": name, "data": data})
    return await wire.next_of("res")


def pushed(frame: Any) -> list[str]:
    """The changes of states that an event tells, as the trace writes them."""
    signs = {"ACTIVE": "+", "VISITED": "-"}
    changes = frame["data"]["state_changes"]
    return [signs[one["state"]] + one["timeline_event_id"] for one in changes]


# --- pushes


async def test_each_change_is_pushed_in_order(door: Door) -> None:
    """Once, after its commit, with dense versions; reads and refusals push nothing."""
    alice = Walker(door)
    alice.at = "08:00:00"
    async with socket(door, await door.token()) as wire:
        first = await subscribe(wire, ME)
        assert (first["t"], first["version"]) == ("subd", 0)
        answers = [await alice.create()]
        for link in ("evBank:evHole", "evHole:evEat"):
            answers.append(await alice.follow(link))
            await alice.get("/user-timeline-events")
            assert (await alice("POST", *follow("evDrink:evHole"))).status == 403
        frames = [await wire.next_of("ev") for _ in answers]
        assert [frame["version"] for frame in frames] == [1, 2, 3]
        assert [pushed(frame) for frame in frames] == [changed(body) for body in answers]
        assert frames[2]["data"]["variables"] == {"size": "300", "keys": "1"}
        assert [one for one in wire.waiting() if one["t"] == "ev"] == []


async def test_a_timeline_pushes_its_shared_values(door: Door) -> None:
    """Whoever set them: an operator, or a user's walk."""
    await Walker(door).create()
    async with socket(door, SECRET) as wire:
        state = (await subscribe(wire, f"timeline/{TIMELINE_ID}"))["state"]
        assert state["variables"] == {"tarts_stolen": "0"}
        path = f"/timelines/{TIMELINE_ID}/variables/tarts_stolen"
        assert (await admin(door, "PATCH", path, {"value": "7"})).status == 200
        frame = await wire.next_of("ev")
        assert "7" in json.dumps(frame["data"])


@pytest.mark.covers("TL-012", "TL-013")
async def test_who_may_listen(door: Door) -> None:
    """A token its own user, a secret key every user and timeline, a visible key nobody."""
    own, others = [ME], ["user/bob-2", f"timeline/{TIMELINE_ID}"]
    hidden = ["timelines/settings", "project/demo", "kind/user"]
    for key, allowed in (
        (await door.token(), own),
        (SECRET, own + others),
        (VISIBLE, []),
    ):
        async with socket(door, key) as wire:
            for topic in (*own, *others, *hidden):
                wanted = "subd" if topic in allowed else "err"
                assert (await subscribe(wire, topic))["t"] == wanted, (key, topic)


# --- commands

WALK: list[tuple[str, dict[str, Any], str, str, dict[str, Any]]] = [
    ("progressStep", {}, "POST", "/users/me/progress-step", {}),
    (
        "createUser", {"publishedTimelineId": TIMELINE_ID, "timezone": "UTC", "maxSteps": 1},
        "POST", "/users",
        {"published_timeline_id": TIMELINE_ID, "timezone": "UTC", "max_steps": 1},
    ),
    (
        "createUser", {"publishedTimelineId": TIMELINE_ID, "timezone": "UTC"},
        "POST", "/users", {"published_timeline_id": TIMELINE_ID, "timezone": "UTC"},
    ),
    (
        "followLink", {"userTimelineEventId": "evBank", "linkId": "evBank:evHole"},
        "POST", *follow("evBank:evHole"),
    ),
    (
        "followLink", {"userTimelineEventId": "evBank", "linkId": "evBank:evWake"},
        "POST", *follow("evBank:evWake"),
    ),
    ("progressStep", {"maxSteps": 1}, "POST", "/users/me/progress-step", {"max_steps": 1}),
    ("progressStep", {"maxSteps": -1}, "POST", "/users/me/progress-step", {"max_steps": -1}),
]  # fmt: skip


async def test_a_command_answers_as_over_http(door: Door) -> None:
    """Accepted ones with the same body, refused ones with the same status and words."""
    walker = Walker(door, "twin")
    async with socket(door, SECRET) as wire:
        for number, (name, data, method, path, body) in enumerate(WALK):
            walker.at = f"08:00:0{number}"
            at_ms = EIGHT_MS + number * 1_000
            res = await command(wire, name, atMs=at_ms, **data)
            got = await walker(method, path, body)
            if not res["ok"]:
                assert res["problem"]["status"] == got.status, res
                told = got.json()
                words = told["error"]["detail"] if "error" in told else told["detail"][0]["msg"]
                assert res["problem"]["detail"] == words
                continue
            assert res["version"] == await walker.version()
            text = json.dumps(res["data"]).replace("alice-1", "twin")
            assert json.loads(text) == got.json()
            assert got.status == 200


async def test_a_token_commands_its_own_user(door: Door) -> None:
    """Nobody else's, and not at an instant of its choice; a visible key commands nobody."""
    given = {"publishedTimelineId": TIMELINE_ID, "timezone": "UTC"}
    async with socket(door, await door.token()) as wire:
        res = await command(wire, "createUser", **given, atMs=EIGHT_MS)
        assert (res["ok"], res["problem"]["status"]) == (False, 403)
        res = await command(wire, "createUser", "user/bob-2", **given)
        assert (res["ok"], res["problem"]["status"]) == (False, 403)
        assert (await command(wire, "createUser", **given))["ok"]
        for hidden in ("settle", "contribute", "erase"):
            assert (await command(wire, hidden))["problem"]["status"] == 404
    async with socket(door, VISIBLE) as wire:
        res = await command(wire, "progressStep")
        assert res["problem"]["status"] == 403


async def test_no_clock_where_it_is_off(tmp_path: Path) -> None:
    """A secret key sets none over the socket either."""
    async with open_door(tmp_path, test_clock=False) as door, socket(door, SECRET) as wire:
        res = await command(wire, "progressStep", atMs=EIGHT_MS)
        assert res["problem"]["status"] == 403


async def test_the_console_commands_a_user(door: Door) -> None:
    """`/v1/actors/user/ID/COMMAND`, with an admin key: the same body again."""
    await Walker(door).create()
    link = {"userTimelineEventId": "evBank", "linkId": "evBank:evHole"}
    got = await door.admin("POST", "/v1/actors/user/alice-1/followLink", link)
    assert got.status == 200
    assert changed(got.json())[0] == "-evBank"


# --- time


def timed(**settings: Any) -> bytes:
    """A timeline with a guard that passes an hour after the user's creation."""
    elapsed = {"elapsed": {"since": "user.created", "at_least": "PT1H"}}
    plain = grid({}, {"step": 1}, guards=[{"id": "hour", "before_step": 1, "when": elapsed}])
    plain["settings"] = settings
    return document.write(document.read(json.dumps(plain).encode()))


async def begin(world: World, wire: Wire, body: bytes) -> None:
    """A listener hears a user begin, who then waits."""
    order = publication(compile_revision(body), body)
    await world.directory.ask(Address("demo", TIMELINE.name, "small"), order)
    assert (await subscribe(wire, ME))["t"] == "subd"
    create = CreateUser(published_timeline_id="small", timezone="UTC")
    await world.directory.ask(Address("demo", USER.name, "alice-1"), create)
    data = (await wire.next_of("ev"))["data"]
    assert (data["current_step"], data["waiting_for_condition_id"]) == (0, "hour")


async def next_event(wire: Wire) -> Any:
    """The next event, however long that takes by the virtual clock."""
    while (frame := await wire.next())["t"] != "ev":
        if frame["t"] == "ping":
            wire.say({"t": "pong"})
    return frame


@pytest.mark.parametrize("auto_progress", [True, False])
async def test_a_waiting_user_is_woken_when_its_guard_passes(
    autojump_clock: MockClock, auto_progress: bool
) -> None:
    """Nobody asks: the alarm rings, and is pushed; with `auto_progress` the user goes on."""
    async with open_world((USER, TIMELINE, SETTINGS)) as world, world.socket(DOOR_KEY) as wire:
        alarms = Alarms(world.directory)
        world.directory.note_alarm = alarms.note
        world.nursery.start_soon(alarms.run)
        await begin(world, wire, timed(auto_progress=auto_progress))
        before_ms = world.clock.now_ms()
        frame = await next_event(wire)
        assert 0 <= world.clock.now_ms() - before_ms - HOUR_MS < 1_000
        data = frame["data"]
        assert data["conditions_passed"] == ["hour"]
        assert pushed(frame) == (["+b"] if auto_progress else [])
        assert data["current_step"] == (1 if auto_progress else 0)
        assert data["waiting_for_condition_id"] is None
