"""The environment: which bucketing file is in force, and whether everything is stopped.

An environment is `empty` until a file is put, then `ready`; the kill switch, the operator's or the
file's own, leads to `panic` and back (pulled before any file came, back to `empty`). Each change is
a fact with who, before and after, and gives new validators: an ETag that tells file and panic
apart, and a Last-Modified that never repeats. History is kept for ever.
Rules: spec flags 1.4, 1.12, 10.3; engine spec 7.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from actors.flags.environment_words import (
    BucketingChanged,
    Configure,
    Configured,
    Environment,
    Mark,
    PanicSet,
    Phase,
    PutBucketing,
    Revert,
    SetPanic,
    Summary,
)
from engine.effects import Document
from engine.kind import FOR_EVER, Kind
from engine.machine import Machine, Moment, Row
from engine.messages import Event

KIND = "environment"
CAMPAIGNS_SHOWN_MAX = 100  # ids that a push names; counts say the rest


# --- rules


def etag_of(hash_: str, panic: bool) -> str:
    """The quoted ETag of a file (by its hash) while there is panic or not; "" for neither."""
    if not hash_ and not panic:
        return ""
    return f'"{hash_[:32] or "none"}{"-panic" * panic}"'


def next_modified(environment: Environment, moment: Moment) -> int:
    """The next Last-Modified: now, but a second after the one before (engine spec 7.4)."""
    return max(moment.now_ms // 1000 * 1000, environment.last_modified_ms + 1000)


def is_expected(environment: Environment, command: PutBucketing | Revert) -> bool:
    """Whether the caller's idea of the file in force is right (If-Match)."""
    if command.expected is None:
        return True
    if command.expected == "*":
        return bool(environment.hash)
    return command.expected == environment.etag != ""


def _runs(environment: Environment, command: PutBucketing | Revert, _moment: Moment) -> bool:
    panic = environment.operator_panic or command.summary.panic
    return is_expected(environment, command) and not panic


def _stops(environment: Environment, command: PutBucketing | Revert, _moment: Moment) -> bool:
    panic = environment.operator_panic or command.summary.panic
    return is_expected(environment, command) and panic


def _turns_on(_environment: Environment, command: SetPanic, _moment: Moment) -> bool:
    return command.on


def _turns_off(_environment: Environment, command: SetPanic, _moment: Moment) -> bool:
    return not command.on


def _resumes(environment: Environment, command: SetPanic, _moment: Moment) -> bool:
    return not command.on and not environment.file_panic and bool(environment.hash)


def _empties(environment: Environment, command: SetPanic, _moment: Moment) -> bool:
    return not command.on and not environment.hash


def configured(
    environment: Environment, command: Configure, _moment: Moment
) -> Iterator[Configured]:
    """The first time is a fact even with the defaults: from then on the environment exists."""
    if command.settings != environment.settings or not environment.declared:
        yield Configured(settings=command.settings)


def put(
    environment: Environment, command: PutBucketing, moment: Moment
) -> Iterator[Event | Document]:
    """The file is a document; the same file again changes nothing."""
    document = Document(command.body)
    if document.hash != environment.hash:
        yield document
        size = len(command.body)
        yield _changed(environment, command.summary, document.hash, size, None, moment)


def reverted(environment: Environment, command: Revert, moment: Moment) -> Iterator[Event]:
    """An earlier file is in force again, under new validators."""
    if command.hash != environment.hash:
        yield _changed(
            environment, command.summary, command.hash, command.bytes, command.to, moment
        )


def _changed(
    environment: Environment,
    summary: Summary,
    hash_: str,
    size: int,
    reverted_to: int | None,
    moment: Moment,
) -> BucketingChanged:
    panic = environment.operator_panic or summary.panic
    changed = {
        id_: digest
        for id_, digest in summary.campaigns.items()
        if environment.digests.get(id_) != digest
    }
    return BucketingChanged(
        hash=hash_,
        etag=etag_of(hash_, panic),
        last_modified_ms=next_modified(environment, moment),
        bytes=size,
        panic=panic,
        file_panic=summary.panic,
        campaigns=len(summary.campaigns),
        changed=changed,
        removed=tuple(id_ for id_ in environment.digests if id_ not in summary.campaigns),
        before=environment.mark,
        who=moment.by,
        reverted_to=reverted_to,
    )


def panic_set(environment: Environment, command: SetPanic, moment: Moment) -> Iterator[PanicSet]:
    """The switch moves; pressing it again where it stands changes nothing."""
    if command.on == environment.operator_panic:
        return
    panic = command.on or environment.file_panic
    yield PanicSet(
        on=command.on,
        panic=panic,
        etag=etag_of(environment.hash, panic),
        last_modified_ms=next_modified(environment, moment),
        before=environment.mark,
        who=moment.by,
    )


def evolve(environment: Environment, event: Event) -> Environment:
    """The fold."""
    replace = msgspec.structs.replace
    match event:
        case Configured(settings=settings):
            return replace(environment, settings=settings, declared=True)
        case BucketingChanged():
            return _with_file(environment, event)
        case PanicSet():
            calm = Phase.READY if environment.hash else Phase.EMPTY
            return replace(
                environment,
                phase=Phase.PANIC if event.panic else calm,
                etag=event.etag,
                last_modified_ms=event.last_modified_ms,
                operator_panic=event.on,
                who=event.who,
            )
    return environment


def _with_file(environment: Environment, event: BucketingChanged) -> Environment:
    gone = set(event.removed)
    kept = {id_: digest for id_, digest in environment.digests.items() if id_ not in gone}
    return msgspec.structs.replace(
        environment,
        phase=Phase.PANIC if event.panic else Phase.READY,
        hash=event.hash,
        etag=event.etag,
        last_modified_ms=event.last_modified_ms,
        bytes=event.bytes,
        digests=kept | event.changed,
        file_panic=event.file_panic,
        who=event.who,
    )


# --- what is shown


def present(environment: Environment) -> dict[str, Any]:
    """The state for pushes and lists: no file, no digests, no secret (there is none)."""
    return {
        "phase": environment.phase,
        "panic": environment.panic,
        "operatorPanic": environment.operator_panic,
        "filePanic": environment.file_panic,
        "etag": environment.etag,
        "lastModifiedMs": environment.last_modified_ms,
        "hash": environment.hash,
        "bytes": environment.bytes,
        "campaigns": len(environment.digests),
        "who": environment.who,
        "settings": environment.settings,
    }


def present_event(events: tuple[Event, ...]) -> dict[str, Any]:
    """One change: who, what was in force before and is after, which campaigns it touched."""
    event = events[0]
    match event:
        case BucketingChanged():
            return {
                "who": event.who,
                "before": event.before,
                "after": Mark(
                    event.hash, event.etag, event.last_modified_ms, event.panic, event.campaigns
                ),
                "bytes": event.bytes,
                "changed": list(event.changed)[:CAMPAIGNS_SHOWN_MAX],
                "changedCount": len(event.changed),
                "removed": event.removed[:CAMPAIGNS_SHOWN_MAX],
                "removedCount": len(event.removed),
                "revertedTo": event.reverted_to,
            }
        case PanicSet():
            before = event.before
            after = Mark(
                before.hash, event.etag, event.last_modified_ms, event.panic, before.campaigns
            )
            return {"who": event.who, "on": event.on, "before": before, "after": after}
        case Configured(settings=settings):
            return {"settings": settings}
    return {}


# --- the table

EMPTY, READY, PANIC = Phase.EMPTY, Phase.READY, Phase.PANIC
ANY = (EMPTY, READY, PANIC)
AS_EXPECTED = "the file in force is the expected one"

MACHINE = Machine[Environment](
    "environment",
    Phase,
    (
        Row(ANY, PutBucketing, READY, put, _runs, AS_EXPECTED),
        Row(ANY, PutBucketing, PANIC, put, _stops, AS_EXPECTED),
        Row((READY, PANIC), Revert, READY, reverted, _runs, AS_EXPECTED),
        Row((READY, PANIC), Revert, PANIC, reverted, _stops, AS_EXPECTED),
        Row(ANY, SetPanic, PANIC, panic_set, _turns_on, "the operator stops everything"),
        Row(PANIC, SetPanic, READY, panic_set, _resumes, "the file itself does not say panic"),
        Row(PANIC, SetPanic, EMPTY, panic_set, _empties, "no file came yet"),
        Row(PANIC, SetPanic, PANIC, panic_set, _turns_off, "the file itself says panic"),
        Row(READY, SetPanic, READY, panic_set, _turns_off, "it was off already"),
        Row(EMPTY, SetPanic, EMPTY, panic_set, _turns_off, "it was off already"),
        Row(EMPTY, Configure, EMPTY, configured),
        Row(READY, Configure, READY, configured),
        Row(PANIC, Configure, PANIC, configured),
    ),
)

ENVIRONMENT = Kind[Environment](
    name=KIND,
    state=Environment,
    initial=lambda _id: Environment(),
    machines=(MACHINE,),
    evolve=evolve,
    events=(Configured, BucketingChanged, PanicSet),
    present=present,
    present_events=present_event,
    keep=FOR_EVER,
)
