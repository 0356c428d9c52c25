"""The environment: every cell of its table, validators that never repeat, what a change says."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from cells import Cell, check_cell, every_cell, unfired

from actors.flags.bucketing import parse
from actors.flags.digests import summary_of
from actors.flags.environment import ENVIRONMENT, etag_of
from actors.flags.environment_words import (
    Configure,
    Environment,
    NoteFetch,
    Phase,
    Polled,
    PollFailed,
    PutBucketing,
    Revert,
    SetPanic,
    Settings,
    Summary,
)
from actors.flags.names import DecisionMode
from engine.effects import Document
from engine.errors import Refused
from engine.machine import Moment
from engine.messages import Address, Command, Fact, Snapshot

ADDRESS = Address("demo", "environment", "env_1")
FILE = b'{"campaigns":[]}'
STOPPING = b'{"panic":true}'
HASH = Document(FILE).hash
URL = "https://cdn.example/env_1/bucketing.json"
POLLS = Settings(decision_mode=DecisionMode.BUCKETING, bucketing_url=URL)
EXAMPLES: dict[str, list[Command]] = {
    "configure": [
        Configure(settings=Settings(require_key=True)),
        Configure(settings=POLLS),
    ],
    "putBucketing": [
        PutBucketing(body=FILE, summary=Summary()),
        PutBucketing(body=STOPPING, summary=Summary(panic=True)),
        PutBucketing(body=b"{}", summary=Summary(), expected='"other"'),
    ],
    "revert": [
        Revert(to=1, hash="old", bytes=2, summary=Summary()),
        Revert(to=1, hash="older", bytes=2, summary=Summary(panic=True)),
    ],
    "setPanic": [SetPanic(on=True), SetPanic(on=False)],
    "polled": [
        Polled(url=URL, status=200, body=FILE, last_modified="now"),
        Polled(url=URL, status=200, body=STOPPING, summary=Summary(panic=True)),
        Polled(url=URL, status=304),
    ],
    "pollFailed": [PollFailed(url=URL, error="it is gone")],
    "noteFetch": [NoteFetch(panic=True), NoteFetch(panic=False)],
}


def told(*commands: Command, now_ms: int = 1_000_500, by: str = "ann") -> Snapshot:
    """The environment after these commands, all at one time."""
    snapshot = ENVIRONMENT.blank(ADDRESS)
    for command in commands:
        step = ENVIRONMENT.decide(snapshot, command, Moment(now_ms, by))
        if step.events:
            fact = Fact(snapshot.version + 1, now_ms, step.events)
            snapshot = ENVIRONMENT.fold(snapshot, [fact])
    return snapshot


def put(body: bytes = FILE, **more: Any) -> PutBucketing:
    """Publish that file."""
    return PutBucketing(body=body, summary=summary_of(parse(body), body), **more)


def campaigns(*names: str, extra: str = "") -> bytes:
    """A file with empty campaigns."""
    return msgspec.json.encode({"campaigns": [{"id": name, "name": extra} for name in names]})


@pytest.mark.parametrize("cell", every_cell(ENVIRONMENT, EXAMPLES))
def test_every_cell_moves_or_refuses(cell: Cell) -> None:
    """A permitted command moves as the table says; any other changes nothing."""
    check_cell(cell)


def test_every_row_can_fire() -> None:
    """No row of the table is idle."""
    assert unfired(ENVIRONMENT, EXAMPLES) == []


def test_only_the_kill_switch_is_public() -> None:
    """Files come through the door that validates them; the switch may come from anywhere."""
    assert [name for name, command in ENVIRONMENT.commands.items() if command.public] == [
        "setPanic"
    ]


def test_the_same_file_again_changes_nothing() -> None:
    """Equal bytes are no fact, and neither is the same setting or switch."""
    once = told(Configure(), put())
    again = told(Configure(), put(), put(), Configure(), SetPanic(on=False))
    assert once.version == again.version == 2


def test_the_file_rides_along_as_a_document() -> None:
    """The state holds the hash, the commit the bytes; again they are not written."""
    step = ENVIRONMENT.decide(ENVIRONMENT.blank(ADDRESS), put(), Moment(0))
    assert [document.body for document in step.documents] == [FILE]
    assert step.state.hash == HASH
    assert not ENVIRONMENT.decide(told(put()), put(), Moment(0)).documents


def test_last_modified_is_whole_seconds_and_always_later() -> None:
    """Three changes in one second get three dates (engine spec 7.4)."""
    dates = []
    snapshot = ENVIRONMENT.blank(ADDRESS)
    for command in (put(), SetPanic(on=True), SetPanic(on=False)):
        step = ENVIRONMENT.decide(snapshot, command, Moment(1_000_900))
        snapshot = ENVIRONMENT.fold(snapshot, [Fact(snapshot.version + 1, 0, step.events)])
        dates.append(snapshot.state.last_modified_ms)
    assert dates == [1_000_000, 1_001_000, 1_002_000]


def test_the_etag_tells_file_and_panic_apart() -> None:
    """Clients that poll see a panic as a change, and its end as the file they had."""
    calm, stopped = told(put()).state.etag, told(put(), SetPanic(on=True)).state.etag
    assert len({calm, stopped, ""}) == 3
    assert told(put(), SetPanic(on=True), SetPanic(on=False)).state.etag == calm
    assert etag_of("", False) == ""


def test_panic_is_the_operators_or_the_files() -> None:
    """One ends without the other ending; a file cannot end the operator's."""
    assert told(put(STOPPING)).state.phase is Phase.PANIC
    assert told(put(STOPPING), SetPanic(on=True), put()).state.phase is Phase.PANIC
    assert told(put(STOPPING), SetPanic(on=True), SetPanic(on=False)).state.phase is Phase.PANIC
    assert told(put(STOPPING), put()).state.phase is Phase.READY
    assert told(SetPanic(on=True), SetPanic(on=False)).state.phase is Phase.EMPTY


@pytest.mark.parametrize("expected", ['"other"', "*", ""])
def test_if_match_guards_an_empty_environment(expected: str) -> None:
    """Whoever expects a file where there is none is refused."""
    with pytest.raises(Refused):
        told(put(expected=expected))


def test_if_match_lets_the_right_tag_through() -> None:
    """The tag in force, or any file at all."""
    tag = told(put()).state.etag
    for expected in (tag, "*"):
        assert told(put(), put(STOPPING, expected=expected)).version == 2


def test_a_change_says_who_before_after_and_which_campaigns() -> None:
    """History needs nothing but its facts (spec flags 10.3)."""
    first = told(put(campaigns("a", "b", "c")))
    body = msgspec.json.encode({"campaigns": [{"id": "a", "name": ""}, {"id": "b", "name": "x"}]})
    step = ENVIRONMENT.decide(first, put(body), Moment(5_000_000, "ben"))
    shown = msgspec.to_builtins(ENVIRONMENT.present_events(step.events))
    assert shown["who"] == "ben"
    assert (shown["changed"], shown["removed"]) == (["b"], ("c",))
    assert (shown["before"]["campaigns"], shown["after"]["campaigns"]) == (3, 2)
    assert shown["before"]["etag"] == first.state.etag


def test_digests_do_not_see_formatting() -> None:
    """White space and the order of members touch no campaign."""
    plain, spaced = (
        b'{"campaigns":[{"id":"a","name":"n"}]}',
        (b'{ "campaigns": [ {"name": "n", "id": "a"} ] }'),
    )
    assert summary_of(parse(plain), plain) == summary_of(parse(spaced), spaced)


def test_what_is_shown_stays_small() -> None:
    """A push of a huge change names a hundred campaigns and counts the rest."""
    body = campaigns(*(f"campaign-{number}" for number in range(5_000)))
    step = ENVIRONMENT.decide(ENVIRONMENT.blank(ADDRESS), put(body), Moment(0))
    assert len(msgspec.json.encode(ENVIRONMENT.present_events(step.events))) < 5_000
    assert len(msgspec.json.encode(ENVIRONMENT.present(step.state))) < 1_000
    assert ENVIRONMENT.present(step.state)["campaigns"] == 5_000


def test_settings_have_defaults_and_no_unknown_members() -> None:
    """An environment is usable without any setting."""
    assert Environment().settings == Settings()
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"require":true}', type=Settings)
