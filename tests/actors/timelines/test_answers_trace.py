"""Readers' ways through the example, answer by answer (spec timelines 9, rows 2 to 31).

A row is one command at an instant of 2023-02-03 and what the answer says: the step with the beat
(and `END`), what is waited for and until when, the next beat, the three variables, and the changed
events in order, `+` for ACTIVE and `-` for VISITED. A refusal is its status, detail and content.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from timeline_document import alice
from timeline_world import World, ms

from actors.timelines.answers import View, why_not
from actors.timelines.user_words import CreateUser, FollowLink, ProgressStep, Settle, Walk
from engine.messages import Command


class Told(NamedTuple):
    """What an answer says, in words."""

    where: str
    waiting: str = ""
    new_beat: str = ""
    variables: str = "100/0/"
    changed: str = ""


Expected = Told | tuple[int, str, list[dict[str, Any]]]
SIGNS = {"ACTIVE": "+", "VISITED": "-"}
READ = Settle()


def view_of(world: World, name: str) -> View:
    """A user as it is now."""
    return View(world.revision, world.user(name), world.shared, name, world.now_ms)


def told(world: World, name: str, walk: Walk | None, command: Command) -> Told:
    """What the answer to a command says."""
    view = view_of(world, name)
    user = view.user()
    first = command.link_id.split(":") if isinstance(command, FollowLink) else ()
    events, entries = ([], []) if walk is None else view.changed(walk, first)
    assert {event.id for event in events} == {entry.timeline_event_id for entry in entries}
    until = user.waiting_for_condition_datetime
    return Told(
        " ".join(
            [
                "-" if user.current_step is None else str(user.current_step),
                "-" if user.current_beat is None else str(user.current_beat.id),
                *(["END"] if user.end_of_timeline_reached else []),
            ]
        ),
        " ".join(part for part in (user.waiting_for_condition_id, until) if part),
        str(user.new_beat_available.id) if user.new_beat_available else "",
        "/".join(user.variables[key] for key in ("size", "keys", "tea_at")),
        " ".join(SIGNS[event.state] + event.id for event in events),
    )


def answered(world: World, name: str, command: Command) -> Expected:
    """Carry a command out, and say what the API would."""
    if isinstance(command, FollowLink):
        refusal = why_not(view_of(world, name), command.user_timeline_event_id, command.link_id)
        if refusal is not None:
            assert world.follow(command.link_id, name) is None
            return (refusal.status, refusal.detail, refusal.content)
    return told(world, name, world.walk(command, name), command)


def begin(zone: str = "Europe/London", **given: Any) -> Command:
    """POST /users."""
    return CreateUser("AliceTimeline00000001", zone, **given)


def follow(link: str) -> Command:
    """POST follow-link."""
    return FollowLink(link.split(":")[0], link)


def refused(until: str | None) -> Expected:
    """A link whose condition fails."""
    content = {"reason": "condition_not_met", "condition_datetime": until}
    return (403, "Link is not followable.", [content])


GO = ProgressStep(pause_at_beats=True)
ONE = ProgressStep(max_steps=1, pause_at_beats=True)
MORNING = "guardMorning 2023-02-03T09:00:00Z"
TEA_AT = "2023-02-03T09:02:30Z"
FULL = f"10/1/{TEA_AT}"
HOLE, TEA, COURT, END = "2 beatHole", "5 beatTea", "6 beatCourt", "7 beatCourt END"
BEGUN = "+evBank +evWatch"
TO_DRINK, TO_HOLE = "-evHole +evDrink", "-evDrink +evHole"

Rows = tuple[tuple[str, Command, Expected], ...]
ALICE: Rows = (
    ("08:00:00 alice", begin(), Told(HOLE, MORNING, "", "100/0/", BEGUN)),
    ("08:00:10 alice", READ, Told(HOLE, MORNING)),
    ("08:01:00 alice", follow("evBank:evHole"),
     Told(HOLE, MORNING, "", "100/0/", "-evBank +evHole")),
    ("08:02:00 alice", follow("evHole:evDrink"), Told(HOLE, MORNING, "", "10/0/", TO_DRINK)),
    ("08:02:30 alice", follow("evDrink:evGarden"), refused(None)),
    ("08:02:40 alice", FollowLink("evDrink", "evDrink:evWake"),
     (404, "Link not found on this event.", [])),
    ("08:03:00 alice", follow("evDrink:evHole"), Told(HOLE, MORNING, "", "100/0/", TO_HOLE)),
    ("08:04:00 alice", follow("evHole:evEat"),
     Told(HOLE, MORNING, "", "300/1/", "-evHole +evEat")),
    ("08:05:00 alice", follow("evEat:evHole"),
     Told(HOLE, MORNING, "", "100/1/", "-evEat +evHole")),
    ("08:06:00 alice", follow("evHole:evDrink"), Told(HOLE, MORNING, "", "10/1/", TO_DRINK)),
    ("08:07:00 alice", follow("evDrink:evGarden"), Told(HOLE, MORNING, "", "10/1/", "-evDrink")),
    ("08:30:00 alice", GO, Told(HOLE, MORNING, "", "10/1/")),
    ("09:00:00 alice", GO, Told(TEA, "guardCourt", "", "10/1/", "+evGarden")),
    ("09:01:00 alice", follow("evGarden:evParty"),
     Told(TEA, "guardCourt", "", "10/1/", "-evGarden +evParty")),
    ("09:02:00 alice", follow("evParty:evRiddle"),
     Told(TEA, "guardCourt", "", FULL, "-evParty +evRiddle +evNote")),
    ("09:02:10 alice", follow("evRiddle:evTrial"), refused(TEA_AT)),
    ("09:02:30 alice", follow("evRiddle:evTrial"), Told(TEA, "", "beatCourt", FULL, "-evRiddle")),
    ("09:02:31 alice", READ, Told(TEA, "", "beatCourt", FULL)),
    ("09:03:00 alice", ONE, Told(COURT, "", "", FULL, "+evTrial")),
    ("09:03:10 alice", ONE, Told(END, "", "", FULL)),
    ("09:04:00 alice", follow("evTrial:evWake"), Told(END, "", "", FULL, "-evTrial +evWake")),
)  # fmt: skip
OTHERS: Rows = (
    ("07:00:00 bob",
     begin("Asia/Tokyo", disable_time_guards=True, pause_at_beats=True, variables={"keys": "1"}),
     Told(HOLE, "", "beatTea", "100/1/", BEGUN)),
    ("07:00:10 bob", ProgressStep(max_steps=1), Told("3 beatTea", "", "", "100/1/")),
    ("07:00:20 bob", ProgressStep(), Told(TEA, "", "beatCourt", "100/1/")),
    ("07:00:30 bob", GO, Told(END, "", "", "100/1/")),
    ("2023-02-02T20:00:00 chie", begin("Asia/Tokyo"),
     Told(HOLE, "guardMorning 2023-02-03T00:00:00Z", "", "100/0/", BEGUN)),
    ("07:00:00 dan", begin("UTC", max_steps=0), Told("- -")),
)  # fmt: skip


def play(world: World, rows: Rows) -> None:
    """Compare every answer on the way, in order."""
    for row, command, expected in rows:
        clock, name = row.split()
        world.now_ms = ms(clock)
        assert answered(world, name, command) == expected, row


@pytest.mark.covers("TL-110", "TL-111", "TL-112", "TL-113", "TL-114", "TL-115", "TL-116")
def test_one_goes_all_the_way() -> None:
    """From the river bank to the end, with detours, refusals and a shared value of her own."""
    play(World(alice(), ms("2023-02-02T00:00:00")), ALICE)


@pytest.mark.covers("TL-117", "TL-118")
def test_others_go_their_own_ways() -> None:
    """Guards about time switched off, pauses at beats, another time zone, no step at all."""
    world = World(alice(), ms("2023-02-02T00:00:00"))
    world.set("tarts_stolen", "1")
    play(world, OTHERS)
    bob = view_of(world, "bob").user()
    assert (bob.datetime_guards_disabled, bob.pause_at_beats) == (True, True)


def test_a_read_says_what_others_changed() -> None:
    """Another user's shared write opens the guard: the next read says so without a command."""
    world = World(alice(), ms("08:00:00"))
    world.now_ms = ms("09:00:00")
    answered(world, "alice", begin())
    assert told(world, "alice", None, READ) == Told(TEA, "guardCourt")
    world.set("tarts_stolen", "1")
    assert told(world, "alice", None, READ) == Told(TEA, "", "beatCourt")
