"""The environment: which bucketing file is in force, and whether everything is stopped.

An environment is `empty` until a file is put, then `ready`; the kill switch, the operator's or the
file's own, leads to `panic` and back (pulled before any file came, back to `empty`). Each change is
a fact with who, before and after, and gives new validators: an ETag that tells file and panic
apart, and a Last-Modified that never repeats. History is kept for ever. What visitors may do is a
machine of its own (`actors/flags/sdk_status.py`).
Rules: spec flags 1.4, 1.12, 10.3; engine spec 7.4.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from actors.flags.environment_shown import present, present_events
from actors.flags.environment_words import (
    EVENTS,
    BucketingChanged,
    BucketingPolled,
    BucketingPollFailed,
    Configure,
    Configured,
    Environment,
    PanicSet,
    Phase,
    Polled,
    Polling,
    PollResult,
    PutBucketing,
    Revert,
    SdkStatusChanged,
    SetPanic,
    Summary,
)
from actors.flags.sdk_status import SDK
from engine.effects import Document
from engine.kind import FOR_EVER, Kind
from engine.machine import Machine, Moment, Row
from engine.messages import Event

KIND = "environment"


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


def _brings_running_file(environment: Environment, command: Polled, _moment: Moment) -> bool:
    panic = environment.operator_panic or command.summary.panic
    return bool(command.body) and not panic


def _brings_stopping_file(environment: Environment, command: Polled, _moment: Moment) -> bool:
    panic = environment.operator_panic or command.summary.panic
    return bool(command.body) and panic


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
    environment: Environment, command: PutBucketing | Polled, moment: Moment
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
            is_same_source = settings.polled_url == environment.settings.polled_url
            polling = environment.polling if is_same_source else Polling()
            return replace(environment, settings=settings, declared=True, polling=polling)
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
        case SdkStatusChanged(status=status):
            return replace(environment, sdk_status=status)
        case BucketingPolled():
            good = Polling(
                PollResult.GOOD,
                hash=event.hash,
                last_modified=event.last_modified,
                last_update=event.last_update,
            )
            return replace(environment, polling=good)
        case BucketingPollFailed(error=error):
            polling = replace(environment.polling, result=PollResult.FAILED, error=error)
            return replace(environment, polling=polling)
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
        Row(ANY, Polled, READY, put, _brings_running_file, "the upstream has another file"),
        Row(ANY, Polled, PANIC, put, _brings_stopping_file, "the upstream has another file"),
        Row(READY, Polled, READY),
        Row(PANIC, Polled, PANIC),
    ),
)

ENVIRONMENT = Kind[Environment](
    name=KIND,
    state=Environment,
    initial=lambda _id: Environment(),
    machines=(MACHINE, SDK),
    evolve=evolve,
    events=EVENTS,
    present=present,
    present_events=present_events,
    keep=FOR_EVER,
)
