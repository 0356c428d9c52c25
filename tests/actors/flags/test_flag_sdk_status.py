"""The SDK status of an environment: declared, polled, fetched; and what of it is a fact."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.flags.environment import ENVIRONMENT
from actors.flags.environment_words import (
    BucketingChanged,
    BucketingPolled,
    BucketingPollFailed,
    Configure,
    Configured,
    NoteFetch,
    Polled,
    PollFailed,
    PutBucketing,
    Revert,
    SdkStatusChanged,
    SetPanic,
    Summary,
)
from actors.flags.names import DecisionMode, SdkStatus
from actors.flags.settings import Settings
from actors.secrets import Secret
from engine.effects import Document
from engine.errors import Refused
from engine.machine import Moment
from engine.messages import Address, Command, Event, Fact, Snapshot, Stored
from engine.ports import Loaded

ADDRESS = Address("demo", "environment", "env_1")
URL = "https://cdn.example/env_1/bucketing.json"
DATE, LATER = "Mon, 01 Jan 2024 00:00:00 GMT", "Tue, 02 Jan 2024 00:00:00 GMT"
FILE, OTHER = b'{"campaigns":[]}', b'{"campaigns": []}'
DECIDED = Configure()
BUCKETING = Configure(settings=Settings(decision_mode=DecisionMode.BUCKETING))
EDGE = Configure(settings=Settings(decision_mode=DecisionMode.BUCKETING_EDGE))
POLLED = Configure(settings=Settings(decision_mode=DecisionMode.BUCKETING, bucketing_url=URL))
PUT = PutBucketing(body=FILE, summary=Summary())
PUT_PANIC = PutBucketing(body=b'{"panic":true}', summary=Summary(panic=True))
FAILED = PollFailed(url=URL, error="nobody knows the name")


def good(body: bytes = FILE, date: str = DATE, **more: Any) -> Polled:
    """A poll that brought a file."""
    given = {"hash": Document(body).hash, "body": body, "last_update": "2024", **more}
    return Polled(url=URL, status=200, last_modified=date, **given)


HASH = Document(FILE).hash
SAME = Polled(url=URL, status=304, hash=HASH, last_modified=DATE, last_update="2024")


class Told:
    """An environment, and the facts that commands led to."""

    def __init__(self, *commands: Command) -> None:
        self.snapshot = ENVIRONMENT.blank(ADDRESS)
        self.facts: list[tuple[Event, ...]] = []
        for command in commands:
            self.ask(command)

    def ask(self, command: Command) -> tuple[Event, ...]:
        """What the command led to."""
        step = ENVIRONMENT.decide(self.snapshot, command, Moment(1_000_500, "ann"))
        if step.events:
            fact = Fact(self.snapshot.version + 1, 1_000_500, step.events)
            self.snapshot = ENVIRONMENT.fold(self.snapshot, [fact])
            self.facts.append(step.events)
        return step.events

    @property
    def status(self) -> int:
        """The SDK status, a number."""
        snapshot = self.snapshot
        return int(snapshot.state.sdk_status if snapshot.exists else 0)

    @property
    def statuses(self) -> list[int]:
        """Every status that onSdkStatusChanged would have been called with."""
        return [
            int(event.status)
            for events in self.facts
            for event in events
            if isinstance(event, SdkStatusChanged)
        ]


# --- the start


@pytest.mark.covers("FS-082", "FS-083")
def test_nobody_declared_it() -> None:
    """An environment that was never declared has not started, whatever else happened to it."""
    assert Told().status == 0
    assert Told(PUT, SetPanic(on=True), SetPanic(on=False), NoteFetch(panic=True)).status == 0


@pytest.mark.covers("FS-055", "FS-084", "FS-086")
def test_the_decision_door_is_ready_at_once() -> None:
    """Both steps are seen, in one fact; declaring it again is no start."""
    told = Told(DECIDED)
    assert told.facts == [
        (
            Configured(settings=Settings()),
            SdkStatusChanged(status=SdkStatus.SDK_INITIALIZING),
            SdkStatusChanged(status=SdkStatus.SDK_INITIALIZED),
        )
    ]
    assert told.ask(DECIDED) == ()
    assert told.ask(Configure(settings=Settings(timeout=1.0))) == (
        Configured(settings=Settings(timeout=1.0)),
    )


@pytest.mark.covers("FS-052", "FS-073", "FS-084")
@pytest.mark.parametrize("declared", [BUCKETING, EDGE, POLLED])
def test_bucketing_waits_for_a_file(declared: Configure) -> None:
    """A file that is there makes it ready at once; without one it initialises until one comes."""
    assert Told(PUT, declared).statuses == [1, 3]
    told = Told(declared)
    assert told.statuses == [1]
    told.ask(PUT)
    assert told.statuses == [1, 3]
    assert told.ask(PutBucketing(body=OTHER, summary=Summary()))
    assert told.statuses == [1, 3]


def test_another_decision_mode_starts_anew() -> None:
    """From whatever it was before, panic included; other settings start nothing."""
    told = Told(DECIDED, NoteFetch(panic=True), BUCKETING)
    assert told.statuses == [1, 3, 2, 1]
    told.ask(EDGE)
    assert told.statuses == [1, 3, 2, 1]
    told.ask(DECIDED)
    assert told.statuses == [1, 3, 2, 1, 3]
    told.ask(NoteFetch(panic=True))
    told.ask(Configure(settings=Settings(require_key=True)))
    assert told.status == 2


# --- panic


def test_panic_comes_and_goes_at_fetches_only() -> None:
    """Files and the operator's switch change nothing until the next fetch (spec flags 4.8)."""
    told = Told(DECIDED, PUT)
    for command in (PUT_PANIC, PUT, SetPanic(on=True), SetPanic(on=False)):
        told.ask(command)
        assert told.status == 3
    assert told.ask(NoteFetch(panic=False)) == ()
    assert told.ask(NoteFetch(panic=True)) == (SdkStatusChanged(status=SdkStatus.SDK_PANIC),)
    assert told.ask(NoteFetch(panic=True)) == ()
    for command in (PUT_PANIC, PUT, SetPanic(on=True), SetPanic(on=False)):
        told.ask(command)
        assert told.status == 2
    assert told.ask(NoteFetch(panic=False)) == (SdkStatusChanged(status=SdkStatus.SDK_INITIALIZED),)


# --- polls


@pytest.mark.covers("FS-056", "FS-058", "FS-087")
def test_a_first_poll_brings_the_file() -> None:
    """One fact: the file, the success, the status."""
    told = Told(POLLED)
    changed, polled, status = told.ask(good())
    assert isinstance(changed, BucketingChanged)
    assert polled == BucketingPolled(status=200, hash=HASH, last_modified=DATE, last_update="2024")
    assert status == SdkStatusChanged(status=SdkStatus.SDK_INITIALIZED)
    shown = ENVIRONMENT.present_events(told.facts[-1])
    assert shown["poll"] == {"status": 200, "lastUpdate": "2024"}
    assert shown["sdkStatuses"] == [3]
    assert shown["after"].hash == told.snapshot.state.hash != ""


@pytest.mark.covers("FS-058", "FS-072")
def test_an_unchanged_poll_is_no_fact() -> None:
    """Only the first success, one after a failure, and what is new are facts."""
    told = Told(POLLED, good())
    assert told.ask(SAME) == ()
    assert len(told.ask(good(OTHER, LATER))) == 2
    touched = good(OTHER, "another date")
    touched = msgspec.structs.replace(touched, body=b"")
    assert [type(event) for event in told.ask(touched)] == [BucketingPolled]
    assert told.ask(touched) == ()


@pytest.mark.covers("FS-057")
def test_a_failed_first_poll_leaves_it_not_initialised() -> None:
    """It is tried again; failing again is no fact, a success is one."""
    told = Told(POLLED)
    failed, status = told.ask(FAILED)
    assert failed == BucketingPollFailed(error="nobody knows the name")
    assert status == SdkStatusChanged(status=SdkStatus.SDK_NOT_INITIALIZED)
    assert ENVIRONMENT.present_events(told.facts[-1]) == {
        "poll": {"error": "nobody knows the name"},
        "sdkStatuses": [0],
    }
    assert told.ask(msgspec.structs.replace(FAILED, error="it hung up")) == ()
    told.ask(good())
    assert told.statuses == [1, 0, 3]


def test_a_file_of_operators_ends_the_waiting_too() -> None:
    """After a failed first poll it is ready with a file that was put, or put again."""
    assert Told(POLLED, FAILED, PUT).statuses == [1, 0, 3]
    again = Revert(to=1, hash="old", bytes=2, summary=Summary())
    assert Told(POLLED, FAILED, SetPanic(on=True), again).statuses == [1, 0, 3]


@pytest.mark.covers("FS-052", "FS-057")
def test_with_a_file_a_failed_poll_stops_nothing() -> None:
    """The failure is a fact, and so is the end of it; the status stays."""
    told = Told(PUT, POLLED)
    assert [type(event) for event in told.ask(FAILED)] == [BucketingPollFailed]
    assert told.snapshot.state.polling.error == "nobody knows the name"
    assert [type(event) for event in told.ask(SAME)] == [BucketingPolled]
    assert told.snapshot.state.polling.error == ""
    assert told.status == 3


def test_a_polled_panic_is_the_environments_at_once_and_the_visitors_at_a_fetch() -> None:
    """The file in force says panic; the status moves with the next fetch (spec flags 4.8)."""
    told = Told(POLLED, good(), good(b'{"panic":true}', LATER, summary=Summary(panic=True)))
    assert (told.snapshot.phase, told.status) == ("panic", 3)


@pytest.mark.parametrize("command", [good(), SAME, FAILED])
def test_a_poll_of_another_source_is_refused(command: Command) -> None:
    """What was asked before the settings changed says nothing about today's source."""
    other = Settings(decision_mode=DecisionMode.BUCKETING, bucketing_url="https://other.example/")
    moved = Configure(settings=other)
    for before in (Told(), Told(DECIDED), Told(EDGE), Told(POLLED, moved)):
        with pytest.raises(Refused):
            before.ask(command)


@pytest.mark.covers("FS-072")
def test_another_source_begins_without_validators() -> None:
    """The date of one upstream means nothing to another; other settings keep it."""
    told = Told(POLLED, good())
    slower = msgspec.structs.replace(POLLED.settings, polling_interval=60.0)
    told.ask(Configure(settings=slower))
    assert told.snapshot.state.polling.last_modified == DATE
    told.ask(EDGE)
    assert told.snapshot.state.polling.last_modified == ""


def test_a_success_without_a_file_readies_nothing() -> None:
    """An upstream that answers 304 to who has nothing has brought nothing."""
    with pytest.raises(Refused):
        Told(POLLED).ask(SAME)


@given(
    st.lists(
        st.sampled_from(
            (
                *(DECIDED, BUCKETING, EDGE, POLLED, PUT, PUT_PANIC),
                *(good(), good(OTHER, LATER), SAME, FAILED),
                *(SetPanic(on=True), SetPanic(on=False)),
                *(NoteFetch(panic=True), NoteFetch(panic=False)),
            )
        ),
        max_size=12,
    )
)
def test_what_holds_whatever_happens(commands: list[Command]) -> None:
    """Ready means that there is something to decide with; no status is told twice in a row."""
    told = Told()
    for command in commands:
        try:
            told.ask(command)
        except Refused:
            continue
        state = told.snapshot.state
        if state is not None and state.declared and state.settings.is_local:
            assert (told.status in (2, 3)) == bool(state.hash)
        elif state is not None and state.declared:
            assert told.status in (2, 3)
    assert all(one != two for one, two in zip([0, *told.statuses], told.statuses, strict=False))


# --- what is shown, what was stored before


def test_what_is_shown_names_status_and_polls_and_no_secret() -> None:
    """A sealed key is nobody's business; where a key is kept may be seen."""
    sealed = msgspec.structs.replace(POLLED.settings, upstream_key=Secret(sealed="a.b.c.d.e"))
    told = Told(Configure(settings=sealed), good())
    body = msgspec.json.encode(
        (ENVIRONMENT.present(told.snapshot.state), ENVIRONMENT.present_events(told.facts[0]))
    )
    assert b"a.b.c" not in body
    shown = msgspec.json.decode(body)[0]
    assert shown["sdkStatus"] == 3
    assert shown["polling"] == {
        "result": "good",
        "hash": HASH,
        "lastModified": DATE,
        "lastUpdate": "2024",
    }
    assert shown["settings"]["decisionMode"] == "BUCKETING"
    named = msgspec.structs.replace(POLLED.settings, upstream_key=Secret(env="KEY"))
    state = Told(Configure(settings=named)).snapshot.state
    assert ENVIRONMENT.present(state)["settings"].upstream_key == Secret(env="KEY")


def old_store() -> Snapshot:
    """An environment as a store holds it that knows of no status: one machine, one fact behind."""
    body = b'[{"event":"PanicSet","on":true,"panic":true,"etag":"\\"x\\"","lastModifiedMs":2000,'
    body += b'"before":{},"who":"ann"}]'
    loaded = Loaded(
        version=3,
        generation=0,
        phase="ready",
        state=b'{"phase":"ready","settings":{"requireKey":true},"hash":"ab","declared":true}',
        since_ms=(1_000,),
        alarm_at_ms=None,
        tail=(Stored(9, ADDRESS, 3, "PanicSet", body, 2_000),),
    )
    return ENVIRONMENT.wake(ADDRESS, loaded)


def test_an_environment_of_an_old_store_starts_when_it_is_declared_again() -> None:
    """Its state and facts are read; the next declaration, even of the same, starts it."""
    before = old_store()
    assert (before.phase, before.state.sdk_status) == ("panic", 0)
    command = Configure(settings=Settings(require_key=True))
    step = ENVIRONMENT.decide(before, command, Moment(3_000))
    assert [event.status for event in step.events if isinstance(event, SdkStatusChanged)] == [1, 3]
    assert len(step.since_ms) == 2
