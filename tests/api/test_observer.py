"""What is logged: one line each, no secret, and never a wait for a slow reader."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from api.lines import LINE_BYTES_MAX, LINES_WAITING_MAX, Lines
from api.log_shapes import STARS, redact, redact_value
from api.observer import Log, Stamp, routed_logging
from engine.errors import ActorFailed, Refused
from engine.messages import Address

LAMP = Address("demo", "lamp", "hall")


class Kept:
    """A sink that keeps its lines, and what is counted."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.counted: list[tuple[Any, ...]] = []

    def write(self, line: bytes) -> None:
        """Keep one."""
        self.lines.append(line)

    def command(self, *counted: Any) -> None:
        """Keep a count of a command."""
        self.counted.append(counted)

    request = command

    @property
    def said(self) -> list[dict[str, Any]]:
        """The lines as values."""
        return [msgspec.json.decode(line) for line in self.lines]


def log(kept: Kept, **options: Any) -> Log:
    """A log with a clock that stands still."""
    return Log(kept, counts=kept, stamp=Stamp(lambda: 1_700_000_000.25), **options)


def test_a_command_is_one_line() -> None:
    """Address, command, version, outcome and milliseconds, and one count."""
    kept = Kept()
    log(kept).handled(LAMP, "switchOn", "ok", 3, 0.0012345)
    assert kept.said == [
        {
            "time": "2023-11-14T22:13:20.250Z",
            "level": "info",
            "event": "command",
            "address": "demo/lamp/hall",
            "command": "switchOn",
            "version": 3,
            "outcome": "ok",
            "ms": 1.234,
        }
    ]
    assert kept.counted == [("lamp", "switchOn", "ok", 0.0012345)]


def test_a_request_is_one_line_without_its_query() -> None:
    """Method, path, status, milliseconds and the caller's name; whatever follows `?` stays out."""
    kept = Kept()
    log(kept).request("GET", "/v1/live?token=hidden", 200, 0.5, "flags:api_key:e:12345678")
    (line,) = kept.said
    assert (line["method"], line["path"], line["status"], line["ms"]) == (
        "GET",
        "/v1/live",
        200,
        500.0,
    )
    assert line["principal"] == "flags:api_key:e:12345678"
    assert b"hidden" not in kept.lines[0]


def test_people_may_read_it_as_text() -> None:
    """The text format says the same on one line, whatever the values hold."""
    kept = Kept()
    people = log(kept, form="text")
    people.handled(LAMP, "switchOn", "ok", 3, 0.001)
    people.say("ready", listen=["a\nb"], note="two\nlines")
    assert kept.lines[0].startswith(b"2023-11-14T22:13:20.250Z info    command address=demo/lamp")
    assert all(b"\n" not in line for line in kept.lines)


def test_a_quieter_level_keeps_counting() -> None:
    """At `warning` neither commands nor requests are said, and both are counted."""
    kept = Kept()
    quiet = log(kept, level="warning")
    quiet.handled(LAMP, "switchOn", "ok", 3, 0.001)
    quiet.request("GET", "/", 200, 0.1)
    quiet.woke(LAMP, 3)
    quiet.slept(LAMP)
    quiet.say("ready")
    assert kept.lines == []
    assert len(kept.counted) == 2


def test_waking_and_sleeping_show_at_debug() -> None:
    """Lifetimes are for those who look for them."""
    kept = Kept()
    curious = log(kept, level="debug")
    curious.woke(LAMP, 3)
    curious.slept(LAMP)
    assert [line["event"] for line in kept.said] == ["woke", "slept"]


def broken() -> RuntimeError:
    """An error with a place and a cause."""
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise RuntimeError("it broke, Authorization: Bearer very-secret") from inner
    except RuntimeError as error:
        return error


def test_our_bugs_come_with_a_traceback_as_data() -> None:
    """Type, message, frames and cause; nothing secret that the message held."""
    kept = Kept()
    log(kept).failed(LAMP, "handler", broken())
    (line,) = kept.said
    shown = line["exception"]
    assert (line["level"], line["event"], line["what"]) == ("error", "failed", "handler")
    assert shown["type"] == "RuntimeError"
    assert shown["frames"][-1].endswith(" broken")
    assert shown["cause"]["type"] == "KeyError"
    assert b"very-secret" not in kept.lines[0]


def test_callers_errors_come_without_one() -> None:
    """A refusal is a warning with its reason; an actor that failed is ours again."""
    kept = Kept()
    log(kept).failed(LAMP, "command", Refused("the lamp is on"))
    log(kept).failed(LAMP, "command", ActorFailed("no"))
    refused, failed = kept.said
    assert (refused["level"], refused["error"], refused["reason"]) == (
        "warning",
        "refused",
        "the lamp is on",
    )
    assert "exception" not in refused
    assert failed["level"] == "error"
    assert "exception" in failed


def test_groups_show_their_members() -> None:
    """Errors that came together are shown together."""
    kept = Kept()
    log(kept).broke("nursery", ExceptionGroup("two", [ValueError("a"), broken()]))
    (line,) = kept.said
    assert [member["type"] for member in line["exception"]["members"]] == [
        "ValueError",
        "RuntimeError",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer SECRET",
        "authorization=Basic SECRET",
        "x-api-key: SECRET",
        'the body was {"api_key": "SECRET", "a": 1}',
        "GET /v1/live?ticket=SECRET&x=1",
        "password='SECRET'",
        "Bearer SECRET",
        "operator_key = SECRET",
    ],
)
def test_secrets_are_struck_out_by_shape(text: str) -> None:
    """What stands beside a secret's name, or after `Bearer`, never reaches a line."""
    kept = Kept()
    log(kept).say("odd", text=text, nested={"list": [text]})
    assert b"SECRET" not in kept.lines[0]
    assert STARS in redact(text)


def test_secrets_are_struck_out_by_name() -> None:
    """Keys of mappings and names of headers decide; other pairs and words stay."""
    assert redact_value({"x-api-key": "s", "plan": "gold"}) == {"x-api-key": STARS, "plan": "gold"}
    assert redact_value([["Cookie", "s"], ["Accept", "a"]]) == [["Cookie", STARS], ["Accept", "a"]]
    assert redact_value(["admin_keys", "live"]) == ["admin_keys", "live"]
    assert redact("the token bucket is empty, basic things") != ""


def test_other_loggers_speak_through_ours() -> None:
    """Warnings and errors of libraries become our lines, with their traceback; chatter does not."""
    kept = Kept()
    root = logging.getLogger()
    before = root.handlers[:]
    with routed_logging(log(kept)):
        for name in ("hypercorn.error", "quart.app", "transitions.core"):
            logging.getLogger(name).info("chatter")
            logging.getLogger(name).error("trouble", exc_info=broken())
    assert root.handlers == before
    assert [line["logger"] for line in kept.said] == [
        "hypercorn.error",
        "quart.app",
        "transitions.core",
    ]
    assert all(line["exception"]["type"] == "RuntimeError" for line in kept.said)


def test_a_line_costs_little() -> None:
    """Well under ten microseconds on the loop, for a command and for a request."""
    reader, writer = os.pipe()
    drain = threading.Thread(target=_drain, args=(reader,), daemon=True)
    drain.start()
    lines = Lines(writer)
    quick = Log(lines)
    best = min(_microseconds(quick) for _ in range(5))
    lines.close()
    os.close(writer)
    drain.join(5)
    assert best < 10.0


def _microseconds(quick: Log, lines: int = 1_000) -> float:
    started = time.perf_counter()
    for _ in range(lines):
        quick.handled(LAMP, "switchOn", "ok", 3, 0.001)
        quick.request("POST", "/flags/v2/demo/campaigns", 200, 0.001, "flags:api_key:demo:1234")
    return (time.perf_counter() - started) / lines / 2 * 1e6


def _drain(reader: int) -> None:
    while os.read(reader, 65_536):
        pass
    os.close(reader)


# --- lines on their way out


class Pipe:
    """A pipe whose ends are closed once each."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        self._open = {self.reader, self.writer}

    def close(self, end: int) -> None:
        """Close an end, if it is open."""
        if end in self._open:
            self._open.remove(end)
            os.close(end)

    def read_until(self, mark: bytes) -> bytes:
        """Read until something was said."""
        found = b""
        while mark not in found:
            found += os.read(self.reader, 1 << 20)
        return found


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """A pipe, closed in the end."""
    made = Pipe()
    yield made
    made.close(made.reader)
    made.close(made.writer)


def test_lines_arrive_whole_and_in_order(pipe: Pipe) -> None:
    """Everything written before the close is read, in order."""
    lines = Lines(pipe.writer)
    for number in range(1_000):
        lines.write(b"%d" % number)
    lines.close()
    assert [int(line) for line in pipe.read_until(b"999\n").split()] == list(range(1_000))
    assert lines.statistics() == {"written": 1_000, "waiting": 0, "dropped": 0}


def test_a_reader_that_stops_costs_lines_not_time(pipe: Pipe) -> None:
    """With a full pipe `write` still returns at once; the rest is dropped, counted and told."""
    lines = Lines(pipe.writer)
    started = time.perf_counter()
    for _ in range(2 * LINES_WAITING_MAX + 20_000):
        lines.write(b"x" * 100)
    assert time.perf_counter() - started < 1.0
    assert lines.statistics()["dropped"] > 0
    assert lines.statistics()["waiting"] <= LINES_WAITING_MAX
    pipe.read_until(b"log_lines_dropped")
    pipe.close(pipe.reader)
    lines.close()


def test_a_closed_pipe_ends_nothing(pipe: Pipe) -> None:
    """When nobody will ever read again, lines are dropped and the daemon goes on."""
    pipe.close(pipe.reader)
    lines = Lines(pipe.writer)
    lines.write(b"nobody hears this")
    lines.close()
    assert lines.statistics()["dropped"] == 1


def test_a_long_line_is_cut(pipe: Pipe) -> None:
    """One bad value does not fill the log."""
    lines = Lines(pipe.writer)
    lines.write(b"x" * (LINE_BYTES_MAX + 1))
    lines.close()
    assert len(pipe.read_until(b"\n")) == LINE_BYTES_MAX + 1


def test_ids_that_may_be_a_persons_are_not_shown() -> None:
    """A digest stands for them, so one visitor can still be followed through a log."""
    kept = Kept()
    log = Log(kept)
    log.private = frozenset({"visitor"})
    for actor_id in ("env:ann@example.org", "env:a:b", "alone"):
        log.handled(Address("demo", "visitor", actor_id), "open", "ok", 1, 0.001)
    log.handled(Address("demo", "lamp", "env:ann"), "open", "ok", 1, 0.001)
    text = b"".join(kept.lines)
    assert not any(secret in text for secret in (b"ann@", b"a:b", b"alone"))
    assert text.count(b"demo/visitor/env:~") == 2
    assert b"demo/lamp/env:ann" in text
