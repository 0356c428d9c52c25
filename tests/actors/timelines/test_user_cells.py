"""The user's table, cell by cell; what a decision must see; what is kept of a user.

Rules: spec timelines 5.1, 5.12.14, 5.12.17, 5.12.20.
"""

from __future__ import annotations

import msgspec
import pytest
from cells import MOMENT, Cell, check_cell, every_cell, reach, unfired
from timeline_small import Small, instant, small

from actors.timelines.legacy_words import Bookmark, Complete
from actors.timelines.timeline_words import RevisionUnpublished
from actors.timelines.user import USER, needs
from actors.timelines.user_words import (
    CreateUser,
    FollowLink,
    Migrate,
    Progress,
    ProgressStep,
    Settle,
    User,
)
from engine.effects import Needs
from engine.errors import Refused
from engine.machine import Moment
from engine.messages import Address, Command, Erase

SOON, LATER = "1970-01-01T00:20:00Z", "1970-01-01T00:30:00Z"
WORLD = Small(
    small(
        "a b e | c | d | f",
        "a:b c:d b>d",
        beats="0 2",
        do={"a:b": "add s 1"},
        when={"c:d": "s >= 99"},
        threads={"e": f"after {LATER}"},
        guards={"g3": f"after {SOON}"},
    ),
    begin=False,
)
OTHER = Small(small("a c | x | y | z | v | w"), begin=False)
FOREIGN = Small({**small("a"), "id": "U"}, begin=False)
WORLD.definitions |= OTHER.definitions | FOREIGN.definitions
SEEN = msgspec.structs.replace(
    MOMENT, seen={WORLD.timeline.address: WORLD.timeline}, documents=WORLD.definitions
)
EXAMPLES: dict[str, list[Command]] = {
    "createUser": [
        CreateUser(published_timeline_id="T", timezone="UTC", max_steps=0),
        CreateUser(published_timeline_id="T", timezone="UTC"),
        CreateUser(published_timeline_id="T", timezone="UTC", at_ms=2_000_000),
        CreateUser(published_timeline_id="T", timezone="Nowhere"),
        CreateUser(published_timeline_id="T", timezone="UTC", variables={"s": "1"}),
    ],
    "progressStep": [ProgressStep(max_steps=1), ProgressStep(), ProgressStep(at_ms=1)],
    "followLink": [
        FollowLink(user_timeline_event_id="a", link_id="a:b"),
        FollowLink(user_timeline_event_id="c", link_id="c:d"),
        FollowLink(user_timeline_event_id="x", link_id="x:y"),
    ],
    "complete": [
        Complete(user_timeline_event_id="a"),
        Complete(user_timeline_event_id="c", skipped=True),
        Complete(user_timeline_event_id="d"),
        Complete(user_timeline_event_id="f"),
        Complete(user_timeline_event_id="x"),
    ],
    "bookmark": [Bookmark(timeline_event_id="a"), Bookmark(timeline_event_id="x")],
    "settle": [Settle(), Settle(at_ms=2_000_000), Settle(at_ms=1)],
    "migrate": [
        Migrate(revision=OTHER.shared.revision),
        Migrate(revision=WORLD.shared.revision),
        Migrate(revision=WORLD.shared.revision, only="another"),
        Migrate(revision=FOREIGN.shared.revision),
    ],
}


@pytest.mark.parametrize("cell", every_cell(USER, EXAMPLES, SEEN))
def test_every_cell_moves_or_refuses(cell: Cell) -> None:
    """A permitted command moves as the table says; any other changes nothing."""
    check_cell(cell)


def test_every_row_can_fire() -> None:
    """No row of the table is idle."""
    assert unfired(USER, EXAMPLES, SEEN) == []


def test_every_phase_is_reached() -> None:
    """The examples lead through all of them."""
    seen = {snapshot.phase for snapshot in reach(USER, EXAMPLES, SEEN)}
    assert seen >= {phase.value for phase in Progress if phase is not Progress.ABSENT}


def test_settling_and_migrating_are_not_asked_for_from_outside() -> None:
    """Nor what clients of 2022 ask; the other commands are those of the Audience API."""
    own = [name for name, command in USER.commands.items() if not command.public]
    assert own == ["settle", "migrate", "complete", "bookmark"]


# --- what a decision must see

TIMELINE, SETTINGS = Address("", "timeline", "T"), Address("", "timelines", "settings")
ON = User(timeline="T", revision="hash")
SHARING = User(timeline="T", revision="hash", shares=True)


@pytest.mark.parametrize(
    ("user", "command", "expected"),
    [
        (User(), Settle(), Needs()),
        (User(), Erase(), Needs((SETTINGS,))),
        (ON, ProgressStep(), Needs((SETTINGS,), ("hash",))),
        (SHARING, ProgressStep(), Needs((TIMELINE, SETTINGS), ("hash",))),
        (ON, Settle(), Needs((TIMELINE, SETTINGS), ("hash",))),
        (User(), Migrate(revision="new"), Needs()),
        (ON, Migrate(revision="new"), Needs((TIMELINE, SETTINGS), ("hash", "new"))),
        (SHARING, Erase(), Needs((SETTINGS,))),
        (User(timeline="T", counted={"a:b": 1}), Erase(), Needs((TIMELINE, SETTINGS))),
    ],
)
def test_a_decision_sees_no_more_than_it_must(
    user: User, command: Command, expected: Needs
) -> None:
    """The definition; the timeline where it looks at it, and to settle; and who is told."""
    assert needs(user, command) == expected


def test_a_creation_sees_the_timeline_and_then_its_newest_definition() -> None:
    """The hash is known only after the timeline was seen."""
    asked = needs(User(), CreateUser(published_timeline_id="T", timezone="UTC"))
    assert (asked.actors, asked.documents) == ((TIMELINE, SETTINGS), ())
    assert asked.then is not None
    assert asked.then({TIMELINE: WORLD.timeline}) == (WORLD.shared.revision,)


def test_nothing_is_looked_up_for_a_timeline_that_is_not_there() -> None:
    """The creation is refused without a document."""
    asked = needs(User(), CreateUser(published_timeline_id="X", timezone="UTC"))
    assert asked.then is not None
    blank = Small(small("a"), begin=False).timeline
    blank = msgspec.structs.replace(blank, state=None, version=0, phase="")
    assert asked.then({TIMELINE: blank}) == ()
    create = CreateUser(published_timeline_id="X", timezone="UTC")
    nobody = USER.blank(Address("p", "user", "u"))
    with pytest.raises(Refused):
        USER.decide(nobody, create, Moment(1))


# --- what is kept


def test_a_user_is_what_its_facts_lead_to() -> None:
    """Written, read and folded again, after a way with everything on it."""
    plain = small(
        "a b | c d | e",
        "a:b b:a c>d",
        beats="0 1",
        guards={"g2": "after 09:00"},
        do={"a:b": "add n 1", "b:a": "add s 1"},
        when={"c:d": "a:b followed_by_all 1"},
    )
    world = Small(plain, variables={"n": "3"}, timezone="Asia/Tokyo", pause_at_beats=True)
    for clock, link in (("08:30", "a:b"), ("10:00", "b:a"), ("10:01", "a:b")):
        world.at(clock).follow(link)
    world.progress()
    state = USER.initial("u")
    for event in world.facts["u"]:
        (read,) = USER.decode_events(msgspec.json.encode((event,)))
        assert read == event
        state = USER.evolve(state, read)
    assert state == world.user()
    assert USER.decode_state(msgspec.json.encode(state)) == state


def test_events_that_were_never_open_are_not_kept() -> None:
    """A user costs what it did, not what there is."""
    world = Small(small("a | b c d", "a:b a:c a:d"), max_steps=1)
    assert list(world.user().events) == ["a"]
    assert world.user().follows == {}


def test_a_fact_that_is_not_known_changes_nothing() -> None:
    """The fold never fails on what is stored."""
    user = Small(small("a")).user()
    assert USER.evolve(user, RevisionUnpublished()) is user


def test_the_last_decision_is_kept() -> None:
    """Its instant, and the timeline's version that it saw; its own part included."""
    world = Small(small("a b c", "a:b b:c", do={"a:b": "add s 1"}))
    assert (world.user().settled_ms, world.user().seen) == (instant("08:00"), 1)
    world.at("08:30").follow("a:b")
    assert (world.user().settled_ms, world.user().seen) == (instant("08:30"), 2)
    assert world.timeline.version == 2
