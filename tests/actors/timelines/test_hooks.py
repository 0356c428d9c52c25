"""What webhooks are told of a fact: everything that happened, in order, with ids that stay.

Rules: spec timelines 7, 5.12.16; ledger TL-136, TL-137.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from timeline_dice import MINUTE, PLAYS, start_ms, timelines
from timeline_small import Small, small

from actors.secrets import Secret
from actors.timelines import hooks
from actors.timelines.hook_words import SENDER, EventType, Naming, Webhook
from actors.timelines.settings import SETTINGS, Subscribe
from actors.timelines.timeline import TIMELINE
from actors.timelines.user import USER
from engine.effects import Effect
from engine.kind import Kind
from engine.machine import Moment
from engine.messages import Address, Command, Erase, Event, Snapshot
from engine.part import Part

ALL = Webhook("w", "https://hooks.example/", Secret(sealed="x"))
OLD = msgspec.structs.replace(ALL, id="old", state_naming=Naming.LEGACY)


class Telling(Small):
    """A small world whose project has webhooks; `effects` are those of all commits, in order."""

    def __init__(self, plain: Any, *webhooks: Webhook, begin: bool = True) -> None:
        self.effects: list[Effect] = []
        self.settings = SETTINGS.blank(Address("p", "timelines", "settings"))
        for webhook in webhooks:
            part = Part(SETTINGS, self.settings)
            part.accept(SETTINGS.decide(self.settings, Subscribe(webhook=webhook), Moment(1)), 1)
            self.settings = part.after
        super().__init__(plain, begin=begin)

    def _decide(
        self, kind: Kind[Any], before: Snapshot, command: Command
    ) -> tuple[Snapshot, tuple[Event, ...]]:
        seen = {self.timeline.address: self.timeline, self.settings.address: self.settings}
        moment = Moment(self.now_ms, seen=seen, documents=self.definitions, asked=before)
        part = Part(kind, before)
        step = kind.decide(before, command, moment)
        part.accept(step, self.now_ms)
        self._note(step.effects)
        for also in step.also:
            inner, other = Part(TIMELINE, self.timeline), self.timeline
            their_step = TIMELINE.decide(other, also.command, moment)
            inner.accept(their_step, self.now_ms)
            self.timeline = inner.after
            self._note(their_step.effects)
        return part.after, step.events

    def _note(self, effects: tuple[Effect, ...]) -> None:
        self.effects += [effect for effect in effects if effect.sender == SENDER]

    def told(self) -> list[Any]:
        """The bodies so far, to the first webhook; from now on the next ones."""
        mine = [one for one in self.effects if one.subscription == "webhook:w"]
        self.effects.clear()
        return [body for effect in mine for body in bodies(effect)]


def bodies(effect: Effect) -> list[Any]:
    """What an effect tells, one or a pack."""
    told = msgspec.json.decode(effect.body)
    return told if isinstance(told, list) else [told]


def short(told: list[Any]) -> list[str]:
    """Bodies as a line each: what happened to whom."""
    return [f"{body['event_type']} {_what(body['event_object'])}" for body in told]


def _what(object_: dict[str, Any]) -> str:
    match object_:
        case {"user_timeline_event_state": state, "timeline_event_id": event, "link_id": link}:
            return f"{event} {object_['previous_state'][0]}>{state[0]} by {link}"
        case {"link_id": link, "auto": auto}:
            return f"{link} auto" if auto else link
        case {"name": name, "value": value}:
            return f"{name} {object_['previous_value']}>{value}"
        case {"condition_id": id_}:
            return str(id_)
        case {"current_step": step}:
            return str(step)
    return str(object_["id"])


def test_a_walk_is_told_in_order_of_happening() -> None:
    """By instants; what is about one instant begins with guards and ends with how far one is."""
    world = Telling(
        small(
            "a | b | c",
            "a:b b>c",
            beats="0 2",
            guards={"g1": "after 09:00", "g2": "b ACTIVE"},
            do={"a:b": "add n 1", "b.ACTIVE": "add s 2"},
        ),
        ALL,
    )
    assert short(world.told()) == [
        "user.created 0",
        "beat.entered b0",
        "state.changed a U>A by None",
    ]
    world.follow("a:b")
    assert short(world.told()) == [
        "link.followed a:b",
        "state.changed a A>V by a:b",
        "variable.changed n 0>1",
    ]
    world.at("09:30")
    world.progress()
    assert short(world.told()) == [
        "condition.passed g1",
        "beat.entered b2",
        "link.followed b:c auto",
        "state.changed b U>A by None",
        "state.changed c U>A by b:c",
        "user.progressed 2",
        "timeline.end_reached 2",
        "variable.changed s 0>2",
    ]


def test_a_catch_up_is_told_by_its_instants() -> None:
    """What happened earlier comes first, with its own time."""
    world = Telling(small("a b c", threads={"b": "after 09:00", "c": "after 08:30"}), ALL)
    world.told()
    world.at("10:00")
    world.settle()
    told = world.told()
    assert [(body["event_object"]["timeline_event_id"], body["created_at"]) for body in told] == [
        ("c", "2023-02-03T08:30:00Z"),
        ("b", "2023-02-03T09:00:00Z"),
    ]


def test_event_ids_belong_to_the_fact() -> None:
    """The same for all subscriptions and whenever it is decided; no two alike."""
    plain = small("a | b", "a:b", do={"a:b": "add s 1; add n 1"})
    world = Telling(plain, ALL, OLD)
    world.follow("a:b")
    both = [
        [(body["event_id"], body["event_type"]) for one in world.effects
         if one.subscription == name for body in bodies(one)]
        for name in ("webhook:w", "webhook:old")
    ]  # fmt: skip
    assert both[0] == both[1]
    ids = [id_ for id_, _ in both[0]]
    assert len(set(ids)) == len(ids) > 5
    again = Telling(plain, ALL)
    again.follow("a:b")
    assert [body["event_id"] for body in again.told()] == ids
    only = msgspec.structs.replace(ALL, events=(EventType.VARIABLE_CHANGED,))
    filtered = Telling(plain, only)
    filtered.follow("a:b")
    assert [body["event_id"] for body in filtered.told()] == [
        id_ for id_, event_type in both[0] if event_type == "variable.changed"
    ]


def test_effects_keep_the_order_of_a_user() -> None:
    """All that is about a user stands in its order, and goes with a forgetting (engine 2.4)."""
    world = Telling(small("a | b", "a:b", do={"a:b": "add s 1"}), ALL)
    world.follow("a:b")
    assert {(one.subject, one.about) for one in world.effects} == {("u", "u")}
    world.effects.clear()
    world.set("s", "5")
    (by_operator,) = world.effects
    assert (by_operator.subject, by_operator.about) == ("T", "")
    assert bodies(by_operator)[0]["user_id"] is None


def test_a_value_that_comes_back_has_not_changed() -> None:
    """Only where a command leads to another value than there was."""
    both = "add n 1; sub n 1; add s 1; sub s 1"
    world = Telling(small("a | b", "a:b", do={"a:b": both}), ALL)
    world.told()
    world.follow("a:b")
    assert [body["event_type"] for body in world.told() if "variable" in body["event_type"]] == []


def test_a_deletion_is_told_and_a_forgetting_is_not() -> None:
    """Nothing is said any more of somebody who is to be forgotten."""
    plain = small("a b | c", "a:c", when={"a:c": "a:c followed_by_all 0"})
    for privacy, expected in ((False, ["user.deleted u"]), (True, [])):
        world = Telling(plain, ALL)
        world.follow("a:c")
        world.told()
        world.do(Erase(privacy=privacy))
        assert short(world.told()) == expected


def test_nothing_is_made_where_nobody_subscribes() -> None:
    """Nor for a webhook that wants something else."""
    plain = small("a | b", "a:b", do={"a:b": "add s 1"})
    deaf = msgspec.structs.replace(ALL, events=(EventType.USER_DELETED,))
    for webhooks in ((), (deaf,)):
        world = Telling(plain, *webhooks)
        world.follow("a:b")
        world.set("s", "9")
        assert world.effects == []


def test_many_events_are_told_in_packs(monkeypatch: pytest.MonkeyPatch) -> None:
    """As few effects as it takes, in the same order with the same ids; none is left out."""
    plain = small(" ".join(f"e{number}" for number in range(40)))
    apart = Telling(plain, ALL).told()
    monkeypatch.setattr(hooks, "APART_MAX", 10)
    world = Telling(plain, ALL, OLD)
    assert len(world.effects) <= 10
    assert all(effect.body.startswith(b"[") for effect in world.effects)
    assert world.told() == apart
    assert [body["event_type"] for body in apart[2:-1]] == ["state.changed"] * 40


@given(timelines(), PLAYS)
def test_every_transition_is_told_once(plain: dict[str, Any], plays: Any) -> None:
    """Whatever the author wrote and users do: states, follows, values, in the walk's order."""
    world = Telling(plain, ALL, begin=False)
    world.now_ms = start_ms()
    world.create()
    links = sorted(world.revision.ways)
    for minutes, (what, with_what) in plays:
        world.now_ms += minutes * MINUTE
        if what in ("follow", "other") and links:
            world.follow(links[with_what % len(links)])
        elif what == "set":
            world.set("s", with_what)
        elif what in ("progress", "pause"):
            world.progress(with_what)
        else:
            world.settle()
    told = world.told()
    walks = world.walks("u")
    changes = [body["event_object"] for body in told if body["event_type"] == "state.changed"]
    assert [(one["timeline_event_id"], one["user_timeline_event_state"]) for one in changes] == [
        (move.event, move.state) for walk in walks for move in walk.moves
    ]
    assert all(one["previous_state"] != one["user_timeline_event_state"] for one in changes)
    follows = [body["event_object"] for body in told if body["event_type"] == "link.followed"]
    assert [(one["link_id"], one["auto"]) for one in follows] == [
        (one.link, one.auto) for walk in walks for one in walk.follows
    ]
    values: dict[str, str] = {"u": "0", "d": "", "s": "0"}
    for body in told:
        if body["event_type"] == "variable.changed":
            one = body["event_object"]
            assert values[one["name"]] == one["previous_value"] != one["value"]
            values[one["name"]] = one["value"]
    shared = {name: timed.value for name, timed in world.shared.shared.items()}
    assert values == {**world.user().variables, **shared}
    assert len({body["event_id"] for body in told}) == len(told)


def test_users_and_timelines_state_what_they_did_before() -> None:
    """A moment that names nobody tells nothing: worlds without a project are as they were."""
    world = Telling(small("a | b", "a:b"), ALL)
    seen = {world.settings.address: world.settings, world.timeline.address: world.timeline}
    moment = Moment(world.now_ms, seen=seen, documents=world.definitions)
    step = USER.decide(world.users["u"], Erase(), moment)
    assert step.effects == ()
