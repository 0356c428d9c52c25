"""What the Audience API says of events, links and transitions, by small timelines and the example.

Then for random timelines: an answer is a function of what goes in, and what it promises is so.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from timeline_dice import MINUTE, PLAYS, start_ms, timelines
from timeline_document import alice, grid
from timeline_world import World, ms

from actors.timelines import document, times
from actors.timelines.answers import Refusal, View, why_not
from actors.timelines.answers.shapes import UserTimelineEvent, UserTimelineEventLink
from actors.timelines.revision import Revision, compile_revision
from actors.timelines.user_words import EventState, Move
from actors.timelines.walker import Walker

NUMBER = {"name": "n", "scope": "user", "type": "number", "default": "0"}
PUSH = {"content_id": "p", "content_type": "PushMessage", "provider_id": "C"}
MAIL = {"content_id": "m", "content_type": "Mail", "provider_id": "C"}


def view_of(world: World, *, naive: bool = False, revision: Revision | None = None) -> View:
    """The user `u` as it is now."""
    used = revision or world.revision
    return View(used, world.user(), world.shared, "u", world.now_ms, naive=naive)


def begun(*events: dict[str, Any], **members: Any) -> World:
    """A small timeline with a user on it, at 08:00."""
    world = World(grid(*events, **members), start_ms())
    world.create()
    return world


def at_bank() -> World:
    """The example, just begun."""
    world = World(alice(), start_ms())
    world.create(timezone="Europe/London")
    return world


def plain(value: Any) -> Any:
    """An answer as its JSON."""
    return msgspec.json.decode(msgspec.json.encode(value))


def link_of(view: View, event: str, number: int = 0) -> UserTimelineEventLink:
    """One link of an event."""
    return view.event(event).links[number]


def ids(events: list[UserTimelineEvent]) -> list[str]:
    """Which events, in their order."""
    return [event.id for event in events]


# --- events


BANK_LINK = {
    "id": "evBank:evHole",
    "to_event_id": "evHole",
    "label": "Follow the rabbit",
    "followable": True,
    "last_followed_at": None,
    "condition_datetime": None,
}


def ref(content_id: str, content_type: str) -> dict[str, str]:
    """Content as the example refers to it."""
    return {"content_id": content_id, "content_type": content_type, "provider_id": "Contentful"}


@pytest.mark.covers("TL-119", "TL-120", "TL-122", "TL-124", "TL-128", "TL-129")
def test_an_event_in_full() -> None:
    """Every member is there; what is absent is null or empty."""
    assert plain(view_of(at_bank()).event("evBank")) == {
        "id": "evBank",
        "state": "ACTIVE",
        "available_step_index": 0,
        "available_beat": {"id": "beatHole", "name": "Down the Rabbit-Hole"},
        "links": [BANK_LINK],
        "thread_id": None,
        "row_id": "rowAlice",
        "row_name": "Alice",
        "row_description": "What happens to the reader",
        "previous_in_row_timeline_event_id": None,
        "next_in_row_timeline_event_id": "evHole",
        "related_timeline_event_ids": ["evHole"],
        "narrative_event_id": "neBank",
        "narrative_event_title": "On the river bank",
        "narrative_event_description": "A hot afternoon.",
        "narrative_event_content": [ref("bank-1", "Scene")],
        "narrative_event_state_changes_content": {
            "ACTIVE": [ref("bank-push", "PushMessage")],
            "VISITED": [],
        },
        "narrative_event_custom_data": {"button_text": "Get up"},
    }


@pytest.mark.covers("TL-071", "TL-121")
def test_all_events_by_step_and_row() -> None:
    """Those not open yet too; rows in authored order within a step."""
    events = view_of(at_bank()).events()
    wanted = "evBank evWatch evHole evDrink evEat evGarden evParty evNote evRiddle evTrial evWake"
    assert ids(events) == wanted.split()
    assert [event.state for event in events] == ["ACTIVE"] * 2 + ["UNVISITED"] * 9
    note = view_of(at_bank()).event("evNote")
    assert (note.thread_id, note.related_timeline_event_ids) == ("threadNotes", ())
    with pytest.raises(KeyError):
        view_of(at_bank()).event("evNobody")


@pytest.mark.covers("TL-123")
def test_neighbours_in_a_row() -> None:
    """The one before and the one after in the same row; none at its ends."""
    rows = [{"id": "r", "name": "R"}, {"id": "s", "name": "S"}]
    world = begun({"step": 2}, {"step": 0}, {"step": 1, "row": "s"}, {"step": 1}, rows=rows)
    assert [
        (
            event.id,
            event.previous_in_row_timeline_event_id,
            event.next_in_row_timeline_event_id,
        )
        for event in view_of(world).events()
    ] == [("b", None, "d"), ("d", "b", "a"), ("c", None, None), ("a", "d", None)]


def test_what_is_everybodys_is_made_once() -> None:
    """Two answers share the parts that are not one user's own, and differ in the others."""
    world = at_bank()
    before = view_of(world).events()
    world.follow("evBank:evHole")
    after = view_of(world).events()
    for one, other in zip(before, after, strict=True):
        assert one.narrative_event_content is other.narrative_event_content
    assert before[0].state == "ACTIVE"
    assert after[0].state == "VISITED"


# --- links


@pytest.mark.covers("TL-080", "TL-082")
def test_a_link_remembers_its_last_follow() -> None:
    """Null before; the last of several afterwards, also while the event is left."""
    world = begun({"links": [{"to": "b"}]}, {"links": [{"to": "b", "label": "again"}]})
    assert link_of(view_of(world), "a").last_followed_at is None
    for clock, link_id in (("08:01:00", "a:b"), ("08:02:00", "b:b"), ("08:03:00", "b:b")):
        world.now_ms = ms(clock)
        assert world.follow(link_id)
    link = link_of(view_of(world), "b")
    assert (link.id, link.to_event_id, link.label) == ("b:b", "b", "again")
    assert (link.followable, link.last_followed_at) == (True, "2023-02-03T08:03:00Z")
    link = link_of(view_of(world), "a")
    assert (link.label, link.followable) == (None, False)
    assert link.last_followed_at == "2023-02-03T08:01:00Z"


@pytest.mark.covers("TL-083")
def test_when_time_alone_changes_a_link() -> None:
    """Opening, then closing, then never; whether its event is open or not."""
    when = {"time": {"after": "2023-02-03T08:10:00Z", "before": "2023-02-03T08:20:00Z"}}
    world = begun(
        {"links": [{"to": "b", "when": when}]},
        {"links": [{"to": "b", "when": when}]},
    )
    seen = []
    for clock in ("08:00:00", "08:10:00", "08:20:00"):
        world.now_ms = ms(clock)
        links = [link_of(view_of(world), event) for event in "ab"]
        seen.append([(link.followable, link.condition_datetime) for link in links])
    opens, closes = "2023-02-03T08:10:00Z", "2023-02-03T08:20:00Z"
    assert seen == [
        [(False, opens), (False, opens)],
        [(True, closes), (False, closes)],
        [(False, None), (False, None)],
    ]


@pytest.mark.covers("TL-135")
def test_times_with_and_without_z() -> None:
    """UTC with `Z`, or without where a project wants the old form: everywhere the same."""
    world = at_bank()
    walk = world.follow("evBank:evHole")
    assert walk is not None
    for naive, end in ((False, "Z"), (True, "")):
        view = view_of(world, naive=naive)
        assert view.user().waiting_for_condition_datetime == "2023-02-03T09:00:00" + end
        assert link_of(view, "evBank").last_followed_at == "2023-02-03T08:00:00" + end
        assert view.changed(walk)[1][0].state_changed_at == "2023-02-03T08:00:00" + end


def test_why_a_link_cannot_be_followed() -> None:
    """404 for what is not there, 403 with the reason and the time for what is not open."""
    when = {"time": {"after": "2023-02-03T08:10:00Z"}}
    world = begun(
        {"links": [{"to": "b", "when": when}]},
        {"links": [{"to": "b", "when": when}, {"to": "c"}]},
        {},
    )
    view, opens = view_of(world), "2023-02-03T08:10:00Z"
    no_event, no_link = "User timeline event not found.", "Link not found on this event."
    assert why_not(view, "z", "z:a") == why_not(view, "z", "a:b") == Refusal(404, no_event)
    assert why_not(view, "a", "a:c") == why_not(view, "c", "a:b") == Refusal(404, no_link)
    refusals = [why_not(view, link[0], link) for link in ("a:b", "b:b", "b:c")]
    assert refusals == [
        Refusal(403, "Link is not followable.", [{"reason": reason, "condition_datetime": until}])
        for reason, until in (
            ("condition_not_met", opens),
            ("not_active", opens),
            ("not_active", None),
        )
    ]
    world.now_ms = ms("08:10:00")
    assert why_not(view_of(world), "a", "a:b") is None


# --- what changed


def test_the_order_of_changed_events() -> None:
    """A follow's source and target first, others by place, last those with a link that turned."""
    add = {"op": "add", "var": "n", "value": "1"}
    one = {"var": "n", "op": ">=", "value": "1"}
    world = begun(
        {"links": [{"to": "d", "when": one}]},
        {"step": 1, "thread": "t"},
        {"links": [{"to": "d", "when": one}]},
        {},
        {"step": 1, "links": [{"to": "d", "do": [add]}]},
        {"thread": "t"},
        {"step": 1, "thread": "u"},
        variables=[NUMBER],
        threads=[
            {"id": "t", "name": "T", "delivery": {"event": "d", "state": "ACTIVE"}},
            {"id": "u", "name": "U", "delivery": one},
        ],
    )
    walk = world.follow("e:d")
    assert walk is not None
    view = view_of(world)
    assert ids(view.changed(walk, ("e", "d"))[0]) == ["e", "d", "f", "b", "g", "a", "c"]
    assert ids(view.changed(walk)[0]) == ["d", "f", "b", "e", "g", "a", "c"]
    assert [link_of(view, event).followable for event in "ac"] == [True, True]
    nothing = msgspec.structs.replace(walk, moves=(), flipped=())
    assert view.changed(nothing, ("e", "d")) == ([], [])


@pytest.mark.covers("TL-088")
def test_one_entry_for_each_transition() -> None:
    """An event that moved twice is one event and two entries, each with its state's content."""
    narrative = {
        "id": "n",
        "title": "T",
        "description": "D",
        "state_changes_content": {"ACTIVE": [PUSH], "VISITED": [MAIL]},
    }
    looped = {"narrative_event": narrative, "links": [{"to": "b"}]}
    world = begun({"links": [{"to": "b"}]}, looped)
    world.follow("a:b")
    walk = world.follow("b:b")
    assert walk is not None
    events, entries = view_of(world).changed(walk, ("b", "b"))
    assert [(event.id, event.state) for event in events] == [("b", "ACTIVE")]
    whole = {
        "timeline_event_id": "b",
        "thread_id": None,
        "row_id": "r",
        "row_name": "Row",
        "narrative_event_id": "n",
        "narrative_event_title": "T",
        "narrative_event_description": "D",
    }
    at = {"state_changed_at": "2023-02-03T08:00:00Z"}
    assert plain(entries) == [
        {"state": "VISITED", **at, "state_change_content": [MAIL], **whole},
        {"state": "ACTIVE", **at, "state_change_content": [PUSH], **whole},
    ]


def test_the_log_by_type_of_content() -> None:
    """Only entries with content of that type, and only such content; order as given."""
    content = {"ACTIVE": [PUSH, MAIL], "VISITED": [MAIL]}
    world = begun(
        {"narrative_event": {"id": "n", "state_changes_content": content}},
        {"narrative_event": {"id": "o"}},
    )
    states = (EventState.ACTIVE, EventState.VISITED)
    moves = [Move(event, state, 0, 0) for state in states for event in "ba"]
    view = view_of(world)

    def said(content_type: str | None) -> list[tuple[str, str, list[str]]]:
        return [
            (one.timeline_event_id, one.state, [ref.content_id for ref in one.state_change_content])
            for one in view.state_changes(moves, content_type)
        ]

    both = [("b", "ACTIVE", []), ("a", "ACTIVE", ["p", "m"])]
    assert said(None) == [*both, ("b", "VISITED", []), ("a", "VISITED", ["m"])]
    assert said("Mail") == [("a", "ACTIVE", ["m"]), ("a", "VISITED", ["m"])]
    assert said("PushMessage") == [("a", "ACTIVE", ["p"])]
    assert said("") == []
    assert view.state_changes([Move("gone", EventState.ACTIVE, 0, 0)]) == []


# --- whatever the author wrote and the user does

Play = list[tuple[int, tuple[str, Any]]]


def play(world: World, plays: Play) -> None:
    """Let a user walk, and look at what links promised before each follow."""
    world.create()
    links = sorted(world.revision.ways)
    for minutes, (what, with_what) in plays:
        world.now_ms += minutes * MINUTE
        world.settle()
        if what == "follow" and links:
            promised(world, links[with_what % len(links)])
        elif what == "progress":
            world.progress(with_what)
        elif what == "set":
            world.set("s", with_what)


def promised(world: World, link_id: str) -> None:
    """Follow a link: it works if the answer said so, and if no reason spoke against it."""
    view, source = view_of(world), link_id.split(":")[0]
    (link,) = [link for link in view.event(source).links if link.id == link_id]
    is_free = why_not(view, source, link_id) is None
    assert (world.follow(link_id) is not None) is link.followable is is_free


def everything(view: View, world: World) -> bytes:
    """All that is said of a user, as bytes."""
    walks = [fact.walk for fact in world.facts["u"]]  # type: ignore[attr-defined]
    parts = [view.user(), view.events(), [view.changed(walk) for walk in walks]]
    return msgspec.json.encode(parts)


@pytest.mark.slow  # documents are compiled twice
@given(timelines(), PLAYS)
def test_an_answer_is_a_function(source: dict[str, Any], plays: Play) -> None:
    """The same four things lead to the same bytes: asked twice, and from a revision made anew."""
    world = World(source, start_ms())
    play(world, plays)
    view = view_of(world)
    first = everything(view, world)
    assert everything(view, world) == first
    anew = compile_revision(document.write(world.revision.document))
    assert everything(view_of(world, revision=anew), world) == first


@pytest.mark.slow  # documents are compiled
@pytest.mark.covers("TL-081")
@given(timelines(), PLAYS)
def test_links_say_what_rules_say(source: dict[str, Any], plays: Play) -> None:
    """`followable` is the rule's word; its times are the last follow's and the next change's."""
    world = World(source, start_ms())
    play(world, plays)
    walker = Walker(world.revision, world.user(), world.shared, world.now_ms)
    for event in view_of(world).events():
        ways = world.revision.by_id[event.id].ways
        for way, link in zip(ways, event.links, strict=True):
            assert (link.id, link.to_event_id, link.label) == (way.id, way.target, way.label)
            assert link.followable is walker.is_followable(way)
            count, last = world.user().follows.get(way.id), link.last_followed_at
            assert last == (None if count is None else times.write_instant(count.last_ms))
            change_ms = None if way.test is None else way.test.next_change(walker)
            assert link.condition_datetime == (change_ms and times.write_instant(change_ms))
