"""The mirror of a visitor: nothing older replaces something newer, and predictions come true."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.flags import contexts, visitor_rules
from actors.flags.names import FetchReason, FetchStatus, Tag
from actors.flags.visitor_fold import evolve
from actors.flags.visitor_shown import shown
from actors.flags.visitor_words import (
    Authenticate,
    ClearContext,
    Fetch,
    Person,
    Unauthenticate,
    UpdateContext,
    Visitor,
)
from api.client import FlagsStatus
from api.client import mirror as mirrors
from api.client.mirror import Known, Mirror, required
from engine.machine import Moment
from engine.messages import Event

FETCHED = {"status": "FETCHED", "reason": "NONE"}
values = st.one_of(st.booleans(), st.integers(-5, 5), st.floats(-1, 1), st.text(max_size=3))
context = st.dictionaries(st.sampled_from(["a", "b", "A", "sdk_city"]), values, max_size=3)
steps = st.one_of(
    st.tuples(st.just("update"), context),
    st.tuples(st.just("clear"), st.none()),
    st.tuples(st.just("login"), st.sampled_from(["me", "you"])),
    st.tuples(st.just("logout"), st.none()),
)


def body(version: int, **more: Any) -> dict[str, Any]:
    """An answer of the daemon."""
    return {
        "visitorId": "v",
        "anonymousId": None,
        "hasConsented": True,
        "isAuthenticated": False,
        "context": {},
        "flagsStatus": FETCHED,
        "version": version,
        **more,
    }


def rule(step: tuple[str, Any], visitor: Visitor) -> tuple[list[Any], Any]:
    """The events that the daemon's rules yield, and what is predicted here."""
    moment = Moment(now_ms=0)
    match step:
        case "update", given_:
            kept, _ = contexts.judge(given_, Tag.UPDATE_CONTEXT, old=visitor.person.context)
            command = UpdateContext(context=kept)
            return list(visitor_rules.context_updated(visitor, command, moment)), mirrors.updated(
                kept
            )
        case "clear", _:
            events = visitor_rules.context_cleared(visitor, ClearContext(), moment)
            return list(events), mirrors.cleared
        case "login", name if not visitor.authenticated:
            command_ = Authenticate(visitor_id=name)
            events_ = visitor_rules.authenticated(visitor, command_, moment)
            return list(events_), mirrors.authenticated(name)
        case "logout", _ if visitor.authenticated:
            gone = visitor_rules.unauthenticated(visitor, Unauthenticate(), moment)
            return list(gone), mirrors.unauthenticated
    return [], lambda known: known


@given(st.lists(steps, max_size=12))
def test_what_is_predicted_is_what_the_rules_do(walk: list[tuple[str, Any]]) -> None:
    """Step by step, a prediction shows the visitor as the daemon's own rules will leave it."""
    reserved = contexts.with_reserved({}, "v", "Python", "4.0.5")
    visitor = Visitor(
        "env", "v", Fetch.FETCHED, FetchReason.NONE, True, person=Person("v", None, reserved)
    )
    mirror = Mirror(
        Known("v", None, True, False, reserved, FlagsStatus(FetchStatus.FETCHED, FetchReason.NONE))
    )
    for step in walk:
        events, change = rule(step, visitor)
        mirror.predict(change)
        for event in events:
            if isinstance(event, Event):
                visitor = evolve(visitor, event)
        known = mirror.known
        told = shown(visitor)
        assert (known.visitor_id, known.anonymous_id) == (told["visitorId"], told["anonymousId"])
        assert known.is_authenticated == told["isAuthenticated"]
        assert contexts.digest(known.context) == contexts.digest(told["context"])
        assert {"status": known.status.status, "reason": known.status.reason} == told["flagsStatus"]


@given(st.lists(st.tuples(st.sampled_from(["answer", "fact", "snapshot"]), st.integers(1, 9))))
def test_nothing_older_replaces_something_newer(said: list[tuple[str, int]]) -> None:
    """Answers, facts and snapshots in any order: the newest version is shown."""
    mirror = Mirror(Known("v", has_consented=True))
    for how, version in said:
        status = {"status": "FETCHED", "reason": "NONE"}
        if how == "answer":
            mirror.answered(body(version, context={"n": version}))
        elif how == "snapshot":
            mirror.seen(version, body(version, context={"n": version}))
        else:
            mirror.told(version, [{"flagsStatus": status, "changed": {"n": version}}])
        newest = max(each for _, each in said[: said.index((how, version)) + 1])
        assert mirror.known.version >= newest
    if said:
        newest = max(version for _, version in said)
        assert (mirror.known.version, mirror.known.context["n"]) == (newest, newest)


def test_a_prediction_lasts_until_its_answer() -> None:
    """The answer counts, also where it disagrees; later predictions stay."""
    mirror = Mirror(Known("v", has_consented=True))
    first = mirror.predict(mirrors.updated({"a": 1}))
    mirror.predict(mirrors.updated({"b": 2}))
    assert mirror.known.context == {"a": 1, "b": 2}
    mirror.settle(first)
    mirror.answered(body(1, context={"a": 5}))
    assert mirror.known.context == {"a": 5, "b": 2}
    mirror.settle(first)
    mirror.settle(None)


def test_a_failure_lasts_until_the_daemon_says_something() -> None:
    """It is shown over what was known; the next answer of any version takes its place."""
    mirror = Mirror(Known("v", has_consented=True))
    mirror.answered(body(3))
    mirror.fail(required(FetchReason.FETCH_ERROR))
    mirror.fail(required(FetchReason.READ_FROM_CACHE))
    assert mirror.known.status.reason == "READ_FROM_CACHE"
    mirror.answered(body(3))
    assert mirror.known.status.status == "FETCHED"
    mirror.fail(required(FetchReason.FETCH_ERROR))
    mirror.told(4, [{"flagsStatus": FETCHED}])
    assert mirror.known.status.status == "FETCHED"


@pytest.mark.parametrize("version", [1, 9])
def test_without_consent_ids_come_from_answers_alone(version: int) -> None:
    """Facts and snapshots name nobody, so they change no id and no context."""
    mirror = Mirror(Known("v", context={"a": 1}))
    bare = {"hasConsented": False, "isAuthenticated": True, "flagsStatus": FETCHED}
    mirror.seen(5, bare)
    mirror.told(6, [{"flagsStatus": FETCHED, "changed": {}}, {"isAuthenticated": True}])
    assert (mirror.known.visitor_id, mirror.known.context) == ("v", {"a": 1})
    mirror.answered(
        body(version, hasConsented=False, visitorId="me", anonymousId="v", context={"a": 2})
    )
    known = mirror.known
    assert (known.visitor_id, known.anonymous_id, known.context) == ("me", "v", {"a": 2})
    assert known.version == max(6, version)
