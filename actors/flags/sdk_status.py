"""The SDK status of an environment: what its visitors may do at all.

Declaring an environment is the SDK's start. Who is decided by the decision door is initialised at
once; who is decided from the environment's own file waits for one, put by operators or found by a
poll. Panic reaches visitors at a fetch and leaves them at a fetch; a file or an operator alone
changes nothing here. Polls are heard here too, because the first one, a change between success and
failure, and each new file are facts, and all others are not.
Rules: spec flags 4.8, 10.3; ledger FS-056 to FS-058, FS-073, FS-082 to FS-087.
"""

from __future__ import annotations

from collections.abc import Iterator

from actors.flags.environment_words import (
    BucketingPolled,
    BucketingPollFailed,
    Configure,
    Environment,
    NoteFetch,
    Polled,
    PollFailed,
    PollResult,
    PutBucketing,
    Revert,
    SdkStatusChanged,
)
from actors.flags.names import SdkStatus
from engine.machine import Machine, Moment, Row
from engine.messages import Event

# --- guards


def _is_start(environment: Environment, command: Configure) -> bool:
    """A first declaration, and another decision mode, start the SDK anew.

    So does a declaration that was made before there was a status.
    """
    mode = command.settings.decision_mode
    if not environment.declared or mode != environment.settings.decision_mode:
        return True
    return not command.settings.is_local and environment.sdk_status == NOT_INITIALIZED


def _starts_ready(environment: Environment, command: Configure, _moment: Moment) -> bool:
    has_what_it_needs = bool(environment.hash) or not command.settings.is_local
    return _is_start(environment, command) and has_what_it_needs


def _starts_waiting(environment: Environment, command: Configure, _moment: Moment) -> bool:
    return _is_start(environment, command) and not _starts_ready(environment, command, _moment)


def _is_awaited(environment: Environment, _command: PutBucketing | Revert, _moment: Moment) -> bool:
    return environment.declared and environment.settings.is_local


def _is_current(environment: Environment, command: Polled | PollFailed, _moment: Moment) -> bool:
    return command.url == environment.settings.polled_url


def _brings_file(environment: Environment, command: Polled, moment: Moment) -> bool:
    return _is_current(environment, command, moment) and bool(command.body)


def _finds_panic(_environment: Environment, command: NoteFetch, _moment: Moment) -> bool:
    return command.panic


def _finds_no_panic(_environment: Environment, command: NoteFetch, _moment: Moment) -> bool:
    return not command.panic


# --- rules


def _moved(environment: Environment, *statuses: SdkStatus) -> Iterator[SdkStatusChanged]:
    """One event a step; a status that is the same already is none (FS-055)."""
    before = environment.sdk_status
    for status in statuses:
        if status != before:
            yield SdkStatusChanged(status=status)
        before = status


def started(
    environment: Environment, _command: Configure, _moment: Moment
) -> Iterator[SdkStatusChanged]:
    """Two steps in one fact: it initialises, and it is initialised."""
    yield from _moved(environment, INITIALIZING, INITIALIZED)


def waiting(
    environment: Environment, _command: Configure, _moment: Moment
) -> Iterator[SdkStatusChanged]:
    """It initialises until there is a file."""
    yield from _moved(environment, INITIALIZING)


def initialised(
    environment: Environment, _command: PutBucketing | Revert, _moment: Moment
) -> Iterator[SdkStatusChanged]:
    """The file that it waited for is there."""
    yield from _moved(environment, INITIALIZED)


def noted(environment: Environment, command: NoteFetch, _moment: Moment) -> Iterator[Event]:
    """A fetch found panic, or its end."""
    yield from _moved(environment, PANIC if command.panic else INITIALIZED)


def is_news(environment: Environment, command: Polled | PollFailed) -> bool:
    """The first success or failure, a change between them, and what is new are facts."""
    before = environment.polling
    if isinstance(command, PollFailed):
        return before.result is not PollResult.FAILED
    is_known = command.hash == before.hash and command.last_modified == before.last_modified
    return before.result is not PollResult.GOOD or not is_known


def polled(environment: Environment, command: Polled, _moment: Moment) -> Iterator[Event]:
    """The upstream answered."""
    if is_news(environment, command):
        yield BucketingPolled(
            status=command.status,
            hash=command.hash,
            last_modified=command.last_modified,
            last_update=command.last_update,
        )


def polled_first(environment: Environment, command: Polled, moment: Moment) -> Iterator[Event]:
    """The poll brought the file that the environment waited for."""
    yield from polled(environment, command, moment)
    yield from _moved(environment, INITIALIZED)


def poll_failed(environment: Environment, command: PollFailed, _moment: Moment) -> Iterator[Event]:
    """The upstream gave no usable answer."""
    if is_news(environment, command):
        yield BucketingPollFailed(error=command.error)


def poll_failed_first(
    environment: Environment, command: PollFailed, moment: Moment
) -> Iterator[Event]:
    """No file came: it is not initialised, until a later poll or an operator brings one."""
    yield from poll_failed(environment, command, moment)
    yield from _moved(environment, NOT_INITIALIZED)


# --- the table

NOT_INITIALIZED = SdkStatus.SDK_NOT_INITIALIZED
INITIALIZING = SdkStatus.SDK_INITIALIZING
PANIC = SdkStatus.SDK_PANIC
INITIALIZED = SdkStatus.SDK_INITIALIZED
ZERO, ONE, TWO, THREE = NOT_INITIALIZED.name, INITIALIZING.name, PANIC.name, INITIALIZED.name
ANY = (ZERO, ONE, TWO, THREE)
HERE = "the poll asked where the environment is polled now"

SDK = Machine[Environment](
    "sdk",
    ANY,
    (
        Row(ANY, Configure, THREE, started, _starts_ready, "what it decides with is there"),
        Row(ANY, Configure, ONE, waiting, _starts_waiting, "it waits for a file"),
        Row(ZERO, Configure, ZERO),
        Row(ONE, Configure, ONE),
        Row(TWO, Configure, TWO),
        Row(THREE, Configure, THREE),
        Row(ZERO, PutBucketing, THREE, initialised, _is_awaited, "it waited for a file"),
        Row(ZERO, PutBucketing, ZERO),
        Row(ONE, PutBucketing, THREE, initialised),
        Row(TWO, PutBucketing, TWO),
        Row(THREE, PutBucketing, THREE),
        Row(ZERO, Revert, THREE, initialised, _is_awaited, "it waited for a file"),
        Row(ZERO, Revert, ZERO),
        Row(ONE, Revert, THREE, initialised),
        Row(TWO, Revert, TWO),
        Row(THREE, Revert, THREE),
        Row((ZERO, ONE), Polled, THREE, polled_first, _brings_file, HERE),
        Row(TWO, Polled, TWO, polled, _is_current, HERE),
        Row(THREE, Polled, THREE, polled, _is_current, HERE),
        Row((ZERO, ONE), PollFailed, ZERO, poll_failed_first, _is_current, HERE),
        Row(TWO, PollFailed, TWO, poll_failed, _is_current, HERE),
        Row(THREE, PollFailed, THREE, poll_failed, _is_current, HERE),
        Row(
            THREE, NoteFetch, TWO, noted, _finds_panic, "nothing works until a fetch finds it over"
        ),
        Row(THREE, NoteFetch, THREE),
        Row(TWO, NoteFetch, THREE, noted, _finds_no_panic, "the panic is over"),
        Row(TWO, NoteFetch, TWO),
        Row(ZERO, NoteFetch, ZERO),
        Row(ONE, NoteFetch, ONE),
    ),
    phase=lambda environment: environment.sdk_status.name,
)
