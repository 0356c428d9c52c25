"""A draft is a value: what one actor would commit, decided on a tentative state."""

from __future__ import annotations

from stage import START_MS, door, entry_of
from toy import DOOR, SPARSE_DOOR, Chime, Copy, Door, Hang, Jam, Name, Open, Phase, SetCode, Shut

from engine.draft import Draft
from engine.envelope import Envelope
from engine.errors import Refused
from engine.kind import Kind
from engine.limits import Limits
from engine.machine import Machine, Moment, Row
from engine.messages import Address, AlarmDue, Command, Erase, Reply, Snapshot

NOBODY = DOOR.blank(door())
NOW = Moment(START_MS)


def drafted(*commands: Command, before: Snapshot = NOBODY, moment: Moment = NOW) -> Draft:
    """A draft of these commands."""
    draft = Draft(DOOR, before, Limits())
    for command in commands:
        draft.decide(Envelope(command), moment)
    return draft


def test_commands_are_decided_on_what_those_before_them_led_to():
    """Facts count on from each other; a refusal rests on the tentative state."""
    draft = drafted(Open(code="1234"), SetCode(code="1"), Shut(), SetCode(code="2"))
    assert [fact.version for fact, _, _ in draft.own.facts] == [1, 2, 3]
    assert [type(result) for _, result, _ in draft.results] == [Reply, Refused, Reply, Reply]
    (change,) = draft.entry().changes
    assert (change.expected, change.version, change.phase) == (0, 3, "locked")
    assert [fact.version for fact in change.facts] == [1, 2, 3]


def test_a_draft_of_refusals_is_empty():
    """There is nothing to commit, and nothing to fence."""
    assert drafted(Shut(), Erase()).is_empty
    assert not drafted(SetCode(code="1")).is_empty


def test_a_commit_without_a_fact_is_fenced_too():
    """Rows, claims and effects alone rest on the actor's own version, which must still hold."""
    draft = drafted(SetCode(code="1234"))
    assert draft.is_empty
    draft.effects.append((door(), 0, None))  # type: ignore[arg-type]
    entry = draft.entry()
    assert (entry.changes, entry.reads) == ((), ((door(), 0),))


def test_the_oldest_version_seen_is_the_fence():
    """Two commands that saw another actor at two versions cannot both be right."""
    back = door("back")
    draft = Draft(DOOR, NOBODY, Limits())
    for version in (4, 5):
        seen = Snapshot(back, version, 0, DOOR.initial(""), "locked", (0,))
        draft.decide(Envelope(Copy(other="back")), Moment(START_MS, seen={back: seen}))
    draft.decide(Envelope(SetCode(code="z")), Moment(START_MS, seen={door(): NOBODY}))
    assert draft.entry().reads == ((back, 4),)


def test_everything_a_rule_yields_rides_in_the_entry():
    """Effects, appends, claims and documents, each with its version; rows are told apart."""
    draft = drafted(Hang(text="a"), Name(name="oak"), Hang(text="b"), Jam())
    entry = draft.entry()
    assert [append.list for append in entry.appends] == ["sign", "sign"]
    assert [(owner, claim.key) for owner, claim in entry.claims] == [(door(), "oak")]
    assert [document.body for document in entry.documents] == [b"a", b"b"]
    assert [(version, effect.sender) for _, version, effect in entry.effects] == [(4, "locksmith")]
    assert [rows for _, _, rows in draft.results][:3] == [slice(0, 1), slice(1, 1), slice(1, 2)]


def test_an_erasure_ends_the_draft():
    """Nothing may join it; the change says what goes and about whom."""
    draft = drafted(SetCode(code="1"), Erase(privacy=True))
    assert draft.ends_here
    (change,) = draft.entry().changes
    assert (change.erases, change.privacy, change.about, change.state) == (
        True,
        True,
        "front",
        None,
    )
    assert not change.own_only
    (change,) = drafted(SetCode(code="1"), Erase(own_only=True)).entry().changes
    assert change.own_only


def test_only_the_stored_alarm_counts():
    """Another time is ignored without a trace; a refused one leaves the next deadline standing."""
    entry = entry_of(DOOR, NOBODY, Chime(in_ms=60_000), START_MS)
    before = DOOR.fold(NOBODY, entry.changes[0].facts)
    assert drafted(AlarmDue(at_ms=START_MS), before=before).is_empty
    opened = DOOR.fold(before, drafted(Open(code="1234"), before=before).entry().changes[0].facts)
    assert opened.alarm_at_ms == START_MS + 5_000
    rung = drafted(AlarmDue(at_ms=START_MS + 5_000), before=opened)
    assert (rung.rang, rung.after.alarm_at_ms) == (True, START_MS + 60_000)


def test_a_refused_alarm_is_a_change_without_a_fact():
    """The row's alarm is written, and nothing else."""
    stale = Snapshot(door(), 1, 0, DOOR.initial(""), "locked", (START_MS,), START_MS + 7)
    draft = drafted(AlarmDue(at_ms=START_MS + 7), before=stale)
    (change,) = draft.entry().changes
    assert (change.version, change.facts, change.alarm_at_ms, change.state) == (1, (), None, None)
    assert not draft.rang


def test_an_alarm_that_leads_to_nothing_is_cleared():
    """Accepted without an event, or rung where there is no actor any more: it rings no more."""
    row = Row(Phase.LOCKED, AlarmDue, Phase.LOCKED)
    machine: Machine[Door] = Machine("lock", (Phase.LOCKED,), (row,))
    quiet = Kind("door", Door, lambda _id: Door(), (machine,), DOOR.evolve, DOOR.events)
    for kind, state in ((quiet, Door()), (DOOR, None)):
        before = Snapshot(door(), 1, 0, state, "locked", (START_MS,), START_MS + 7)
        draft = Draft(kind, before, Limits())
        draft.decide(Envelope(AlarmDue(at_ms=START_MS + 7)), NOW)
        assert (draft.after.alarm_at_ms, draft.own.facts) == (None, [])
        assert draft.entry().changes[0].version == 1


def test_a_sparse_kind_writes_its_state_now_and_then():
    """First, and whenever a multiple of its number is passed."""
    address = Address("house", "sparse_door", "1")
    snapshot, written = SPARSE_DOOR.blank(address), []
    for number in range(17):
        entry = entry_of(SPARSE_DOOR, snapshot, SetCode(code=str(number)), START_MS)
        if entry.changes[0].state is not None:
            written.append(entry.changes[0].version)
        snapshot = SPARSE_DOOR.fold(snapshot, entry.changes[0].facts)
    assert written == [1, 8, 16]
