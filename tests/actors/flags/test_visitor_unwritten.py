"""Without consent nothing of the person is written, and what is written is enough to go on.

Random walks through every command. The store is a small one of our own: a row that is written when
the draft says so, and the facts after it. Rules: spec flags 10.8; the law of `engine/unwritten.py`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from flag_visitor import ADDRESS, Case
from hypothesis import given
from hypothesis import strategies as st

from actors.flags.flag_values import CampaignFlags, serialized
from actors.flags.names import SdkStatus
from actors.flags.visitor import VISITOR
from actors.flags.visitor_events import HitsPooled, Opened
from actors.flags.visitor_shown import present, present_event
from actors.flags.visitor_words import (
    Authenticate,
    ClearContext,
    EndFetch,
    ExposeAll,
    Fetch,
    FetchFlags,
    GetValue,
    Open,
    Outcome,
    SendHit,
    SetConsent,
    Unauthenticate,
    UpdateContext,
    Visitor,
    VisitorExposed,
)
from engine.draft import Draft
from engine.envelope import Envelope
from engine.errors import Refused
from engine.limits import Limits
from engine.messages import AlarmDue, Command, Fact, Forgotten, Reply, Snapshot, Stored
from engine.ports import Entry, Loaded

SECRET = "qzx"
"""Stands in every id, key and text that a walk gives, and in nothing else."""
CONSENT_HIT = {"ea": "fs_consent", "ec": "User Engagement"}


class Store:
    """What is kept of one visitor: the row, the facts after it, and all facts that may be read."""

    def __init__(self) -> None:
        self.row: Loaded | None = None
        self.tail: tuple[Stored, ...] = ()
        self.facts: list[bytes] = []

    def commit(self, entry: Entry) -> None:
        """Write an entry; with privacy the earlier facts go."""
        for change in entry.changes:
            self.facts = [] if change.privacy else self.facts
            self.facts += [fact.body for fact in change.facts]
            if change.state is not None:
                self.tail = ()
            else:
                self.tail += tuple(
                    Stored(0, change.address, fact.version, fact.name, fact.body, fact.at_ms)
                    for fact in change.facts
                )
            state = change.state or (self.row.state if self.row else None)
            self.row = Loaded(
                change.version,
                change.generation,
                change.phase,
                state,
                change.since_ms,
                change.alarm_at_ms,
                self.tail,
            )

    def woken(self) -> Snapshot:
        """The visitor as it wakes."""
        return VISITOR.wake(ADDRESS, self.row)

    @property
    def everything(self) -> bytes:
        """All bytes that are kept."""
        return b"".join([*self.facts, (self.row.state or b"") if self.row else b""])


class Walk(Case):
    """A visitor whose commits go through the engine's own draft into a store."""

    def __init__(self) -> None:
        super().__init__(handle=ADDRESS.id.partition(":")[2], fetch_flags_buffering_time=0.0)
        self.store = Store()
        self.number = 0

    def name(self) -> str:
        """Something that nobody else is called."""
        self.number += 1
        return f"{SECRET}-{self.number}"

    def take(self, command: Command) -> None:
        """Decide, check, commit. What the tables refuse is nothing."""
        before, moment = self.snapshot, self.moment
        draft = Draft(VISITOR, before, Limits())
        draft.decide(Envelope(command), moment)
        assert draft.broken is None, draft.broken
        if not draft.is_empty:
            entry = draft.entry()
            self.store.commit(entry)
            self.snapshot = draft.after
            check_effects(entry, consented=draft.after.state.consented)
        for fact, was, after in draft.own.facts:
            check_law(was, after, fact)
            check_shown(after, fact)
        for _, result, _ in draft.results:
            assert isinstance(result, Reply | Refused), result

    def sleep(self) -> None:
        """Whatever was not written is gone."""
        self.snapshot = self.store.woken()


def check_law(was: Snapshot, after: Snapshot, fact: Fact) -> None:
    """Folding what was written gives what would have been written.

    When the past goes the row is written anew, so there is nothing to fold from.
    """
    if any(isinstance(event, Forgotten) for event in fact.events):
        return
    before = VISITOR.initial(ADDRESS.id) if was.state is None else was.state
    state = VISITOR.written(before)
    for event in fact.events:
        state = VISITOR.evolve(state, event)
    assert state == VISITOR.written(after.state)


def check_shown(after: Snapshot, fact: Fact) -> None:
    """Without consent neither pushes nor listings say anything."""
    if not after.state.consented:
        shown = msgspec.json.encode((present_event(fact.events), present(after.state)))
        assert SECRET.encode() not in shown


def check_effects(entry: Entry, *, consented: bool) -> None:
    """Without consent only the consent hit leaves, and the order to forget."""
    if not consented:
        hits = [msgspec.json.decode(effect.body) for _, _, effect in entry.effects]
        assert all(hit["content"].items() >= CONSENT_HIT.items() for hit in hits)
        assert {each.list for each in entry.appends} <= {"flag_visitor_flush"}


def check_store(walk: Walk) -> None:
    """Who is not awake any more is who was written, and without consent that is nobody.

    Since when a phase lasts is not compared: sleep ends phases, and no visitor has time limits.
    """
    snapshot = walk.snapshot
    if snapshot.state is None:
        return
    visitor: Visitor = snapshot.state
    found = msgspec.structs.replace(walk.store.woken(), since_ms=snapshot.since_ms)
    if visitor.consented:
        assert found == snapshot
        return
    assert SECRET.encode() not in walk.store.everything
    unwritten = VISITOR.unwritten
    assert unwritten is not None
    assert found.state == unwritten.woken(VISITOR.written(visitor))
    assert (found.version, found.phase) == (snapshot.version, "FETCH_REQUIRED")
    assert found.alarm_at_ms == snapshot.alarm_at_ms


# --- the steps of a walk


def context(walk: Walk) -> dict[str, Any]:
    """Two entries with names of their own."""
    return {walk.name(): walk.name(), walk.name(): True}


def campaigns(walk: Walk) -> tuple[CampaignFlags, ...]:
    """A campaign with two flags."""
    flags: dict[str, object] = {walk.name(): walk.name(), "colour": walk.name()}
    return (CampaignFlags(walk.name(), walk.name(), walk.name(), flags=flags),)


def ended(outcome: Outcome, *, local: bool = False) -> Callable[[Walk], Command]:
    """The fetch under way ends, or one that is not."""

    def end(walk: Walk) -> Command:
        fetch = walk.snapshot.state.fetch if walk.snapshot.state else None
        return EndFetch(
            fetch=fetch.id if fetch else "stale",
            outcome=outcome,
            campaigns=campaigns(walk),
            cached=campaigns(walk) if walk.number % 2 else (),
            segments=context(walk),
            carries=local,
            is_local=local,
        )

    return end


def opened(consented: bool | None, **more: Any) -> Callable[[Walk], Command]:
    """Opened, perhaps again."""
    return lambda walk: Open(
        has_consented=consented,
        context=context(walk),
        initial_flags_data=serialized(campaigns(walk)),
        **more,
    )


def rung(walk: Walk) -> Command:
    """The alarm rings, if there is one."""
    walk.now_ms = max(walk.now_ms, walk.snapshot.alarm_at_ms or 0)
    return AlarmDue(at_ms=walk.now_ms)


ORDERS: dict[str, Callable[[Walk], Command]] = {
    "open with consent": opened(True, fetch_now=False),
    "open without": opened(False),
    "open unsaid, logged in": opened(None, is_authenticated=True),
    "open with, logged in": opened(True, is_authenticated=True),
    "consent": lambda _walk: SetConsent(has_consented=True),
    "withdraw": lambda _walk: SetConsent(has_consented=False),
    "update": lambda walk: UpdateContext(context=context(walk)),
    "clear": lambda _walk: ClearContext(),
    "log in": lambda walk: Authenticate(visitor_id=walk.name()),
    "log out": lambda _walk: Unauthenticate(),
    "fetch": lambda _walk: FetchFlags(),
    "good": ended(Outcome.OK),
    "good, local": ended(Outcome.OK, local=True),
    "nothing": ended(Outcome.NOTHING),
    "error": ended(Outcome.ERROR),
    "panic": ended(Outcome.PANIC),
    "value": lambda walk: GetValue(key="colour", default_value=walk.name()),
    "seen": lambda _walk: VisitorExposed(key="colour"),
    "all seen": lambda _walk: ExposeAll(),
    "hit": lambda walk: SendHit(hit={"type": "SCREENVIEW", "documentLocation": walk.name()}),
    "alarm": rung,
}
WORLD = ("sleep", "wait", "stop", "start")


def go(walk: Walk, word: str) -> None:
    """One step, and everything that must hold after it."""
    match word:
        case "sleep":
            walk.sleep()
        case "wait":
            walk.now_ms += 1_700
        case "stop":
            walk.status = SdkStatus.SDK_PANIC
        case "start":
            walk.status = SdkStatus.SDK_INITIALIZED
        case _:
            walk.take(ORDERS[word](walk))
    check_store(walk)


WORDS = [*ORDERS, *WORLD, *("sleep", "fetch", "consent", "withdraw") * 2]


@given(st.lists(st.sampled_from(WORDS), max_size=10))
def test_a_short_walk_writes_what_may_be_written(words: list[str]) -> None:
    """Whatever happens in whatever order: no secret without consent, no loss with it."""
    walk = Walk()
    for word in ("open without", *words):
        go(walk, word)


@pytest.mark.parametrize("seed", range(20))
def test_a_long_walk_writes_what_may_be_written(seed: int) -> None:
    """The same far from the start; all of it is repeatable."""
    walk, chance = Walk(), random.Random(seed)
    for word in ("open with consent", *chance.choices(WORDS, k=150)):
        go(walk, word)


@pytest.mark.parametrize("name", ORDERS)
def test_every_order_of_the_walks_is_a_real_one(name: str) -> None:
    """Each leads to a fact or a row somewhere, so that walks do not stand still."""
    ways = {
        "good": ["fetch"],
        "good, local": ["fetch"],
        "nothing": ["fetch"],
        "error": ["fetch"],
        "panic": ["fetch"],
        "alarm": ["fetch"],
        "log out": ["log in"],
        "value": ["fetch", "good"],
        "seen": ["fetch", "good"],
        "all seen": ["fetch", "good"],
        "consent": ["withdraw"],
    }
    walk = Walk()
    for word in ("open with consent", *ways.get(name, [])):
        go(walk, word)
    version = walk.snapshot.version
    go(walk, name)
    assert walk.snapshot.version == version + 1


# --- by example


@pytest.mark.covers("FS-106")
def test_a_withdrawal_leaves_the_visitor_as_it_was_until_it_sleeps() -> None:
    """Ids, context and flags live on in memory; then only the handle is known."""
    walk = Walk()
    for word in ("open with consent", "update", "log in", "fetch", "good", "withdraw"):
        go(walk, word)
    awake: Visitor = walk.visitor
    assert awake.person.visitor_id.startswith(SECRET)
    assert (awake.status, awake.authenticated) == (Fetch.FETCHED, True)
    assert awake.person.campaigns
    walk.sleep()
    woken: Visitor = walk.visitor
    assert (woken.handle, woken.person.visitor_id) == ("ann", "ann")
    assert (woken.person.anonymous_id, woken.person.campaigns) == (None, ())
    assert set(woken.person.context) == {"fs_client", "fs_version", "fs_users"}
    assert (woken.authenticated, woken.fetch) == (False, None)
    assert walk.flags_status == ("FETCH_REQUIRED", "VISITOR_CREATED")


def test_a_reason_outlives_sleep() -> None:
    """A status name is no secret."""
    walk = Walk()
    for word in ("open without", "update", "sleep"):
        go(walk, word)
    assert walk.flags_status == ("FETCH_REQUIRED", "UPDATE_CONTEXT")


def test_consent_after_sleep_begins_with_the_handle() -> None:
    """Who consents later is written as who they are now, not as who they were before."""
    walk = Walk()
    for word in ("open without", "log in", "fetch", "good", "sleep", "consent", "sleep"):
        go(walk, word)
    assert (walk.visitor.consented, walk.visitor.authenticated) == (True, False)
    assert walk.visitor.person.visitor_id == "ann"
    assert walk.flags_status == ("FETCH_REQUIRED", "VISITOR_CREATED")


def test_a_fetch_of_one_who_fell_asleep_is_over() -> None:
    """Its answer is stale, and its alarm leads to nothing."""
    walk = Walk()
    for word in ("open without", "sleep", "good", "alarm"):
        go(walk, word)
    assert walk.visitor.person.campaigns == ()
    assert walk.snapshot.alarm_at_ms is None


def test_what_is_written_of_consent_withheld() -> None:
    """Handle, consent and status names: literally."""
    walk = Walk()
    go(walk, "open without")
    go(walk, "log in")
    kept = VISITOR.read(ADDRESS, walk.store.row).state
    assert msgspec.to_builtins(kept) == {
        "env": "env_1",
        "handle": "ann",
        "status": "FETCH_REQUIRED",
        "reason": "AUTHENTICATE",
        "authenticated": True,
        "person": {},
        "fetch": {"id": "id-2", "untilMs": walk.now_ms + 3_000},
    }
    events = [msgspec.json.decode(body) for body in walk.store.facts]
    assert events[0][0] == {"event": "Opened"}
    assert events[1] == [{"event": "Authenticated"}]


def test_digests_of_hits_are_not_written_without_consent() -> None:
    """Not even a digest of what somebody did."""
    visitor = Visitor("env_1", "ann", Fetch.FETCH_REQUIRED)
    event = HitsPooled(types=("EVENT",), digests=("d1",), at_ms=5, since_ms=1, segment="d2")
    (kept,) = VISITOR.written_events(visitor, (event,))
    assert kept == HitsPooled(types=("EVENT",), at_ms=5, since_ms=1)
    given_event = Opened(consented=True)
    consented = msgspec.structs.replace(visitor, consented=True)
    assert VISITOR.written_events(consented, (given_event,)) == (given_event,)
