"""What happens here, said on one line each: commands, requests, failures.

The two hot lines (a command was answered, a request was answered) are structs encoded at once.
Everything else goes through structlog to the same place, and so do the loggers of the libraries we
stand on. Callers' errors get a line; only our own bugs get a traceback, as data and without the
values of variables. Secrets are struck out by name and by shape before a line is made.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any, Protocol

import msgspec
import structlog

from api.log_shapes import exception_shown, redact_value, render_text
from engine.errors import ActorFailed, EngineError
from engine.messages import Address

Event = MutableMapping[str, Any]


class Sink(Protocol):
    """Where lines go. `write` never waits."""

    def write(self, line: bytes) -> None:
        """Take one line, without its end."""
        ...


class Counts(Protocol):
    """Who counts what the lines say."""

    def command(self, kind: str, command: str, outcome: str, seconds: float) -> None:
        """A command was answered."""
        ...

    def request(self, method: str, status: int, seconds: float) -> None:
        """A request was answered."""
        ...


DIGEST_BYTES = 6
"""Of a private id in a line: enough to follow one visitor through a log."""


class CommandLine(msgspec.Struct, frozen=True):
    """One command: who, what, which version it led to, how it ended, how long it took."""

    time: str
    level: str
    event: str
    address: str
    command: str
    version: int
    outcome: str
    ms: float


class RequestLine(msgspec.Struct, frozen=True):
    """One HTTP request; the path without its query, the caller by the name of its key."""

    time: str
    level: str
    event: str
    method: str
    path: str
    status: int
    ms: float
    principal: str


class Stamp:
    """The time as RFC 3339 in UTC with milliseconds; the long part is made once a second."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._second = -1
        self._prefix = ""

    def __call__(self) -> str:
        """The time now."""
        now = self._now()
        second = int(now)
        if second != self._second:
            self._second = second
            self._prefix = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second))
        return f"{self._prefix}{int((now - second) * 1000):03d}Z"


class Log:
    """The engine's observer, and the door's: every method is plain and does not raise."""

    def __init__(
        self,
        sink: Sink,
        *,
        level: str = "info",
        form: str = "json",
        counts: Counts | None = None,
        stamp: Callable[[], str] | None = None,
    ) -> None:
        numeric = logging.getLevelNamesMapping()[level.upper()]
        self._sink = sink
        self._counts = counts
        self._stamp = stamp or Stamp()
        self.private: frozenset[str] = frozenset()
        """Kinds whose ids may be a person's: lines show a digest of the id in their place."""
        self._says_hot_lines = numeric <= logging.INFO
        self._render = render_text if form == "text" else msgspec.json.Encoder(enc_hook=str).encode
        self.logger: Any = structlog.wrap_logger(
            _Written(sink),
            processors=[
                structlog.processors.add_log_level,
                self._with_time,
                _with_exception,
                redact_event,
                lambda _logger, _method, event: self._render(event),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(numeric),
        )

    def _with_time(self, _logger: object, _method: str, event: Event) -> Event:
        first = {"time": self._stamp(), "level": event.pop("level"), "event": event.pop("event")}
        return {**first, **event}

    def shown(self, address: Address) -> str:
        """An address as lines show it; what stands before a colon is no person's."""
        if address.kind not in self.private:
            return str(address)
        where, colon, who = address.id.partition(":")
        where, who = (where, who) if colon else ("", where)
        digest = blake2b(who.encode(), digest_size=DIGEST_BYTES).hexdigest()
        return f"{address.project}/{address.kind}/{where}{colon}~{digest}"

    # --- the engine's port

    def handled(
        self, address: Address, command: str, outcome: str, version: int, seconds: float
    ) -> None:
        """A command was answered: one line."""
        if self._counts is not None:
            self._counts.command(address.kind, command, outcome, seconds)
        if self._says_hot_lines:
            line = CommandLine(
                self._stamp(),
                "info",
                "command",
                self.shown(address),
                command,
                version,
                outcome,
                round(seconds * 1000, 3),
            )
            self._sink.write(self._render(line))

    def woke(self, address: Address, version: int) -> None:
        """An actor was read from the store."""
        self.logger.debug("woke", address=self.shown(address), version=version)

    def slept(self, address: Address) -> None:
        """An actor was put to sleep."""
        self.logger.debug("slept", address=self.shown(address))

    def failed(self, address: Address, what: str, error: BaseException) -> None:
        """A handler, an alarm or a delivery broke: our bugs with a traceback, others without."""
        is_ours = not isinstance(error, EngineError) or isinstance(error, ActorFailed)
        say = self.logger.error if is_ours else self.logger.warning
        say("failed", address=self.shown(address), what=what, exc_info=error)

    # --- the doors

    def request(
        self, method: str, path: str, status: int, seconds: float, principal: str = ""
    ) -> None:
        """A request was answered: one line, and a count."""
        if self._counts is not None:
            self._counts.request(method, status, seconds)
        if self._says_hot_lines:
            line = RequestLine(
                self._stamp(),
                "info",
                "request",
                method,
                path.partition("?")[0],
                status,
                round(seconds * 1000, 3),
                principal,
            )
            self._sink.write(self._render(line))

    def say(self, event: str, **facts: Any) -> None:
        """Something an operator wants to know, in the words of its event."""
        self.logger.info(event, **facts)

    def broke(self, event: str, error: BaseException, **facts: Any) -> None:
        """Something of ours broke outside an actor."""
        self.logger.error(event, exc_info=error, **facts)


class _Written:
    """What structlog hands finished lines to."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def _write(self, line: bytes) -> None:
        self._sink.write(line)

    debug = info = warning = error = critical = msg = log = _write


def redact_event(_logger: object, _method: str, event: Event) -> Event:
    """The structlog processor that keeps secrets out of lines."""
    clean: Event = redact_value(event)
    return clean


def _with_exception(_logger: object, _method: str, event: Event) -> Event:
    error = event.pop("exc_info", None)
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, EngineError) and not isinstance(error, ActorFailed):
        event["error"], event["reason"] = error.code, str(error)
    elif isinstance(error, BaseException):
        event["exception"] = exception_shown(error)
    return event


# --- the libraries we stand on


class _Route(logging.Handler):
    """Hands the standard library's records to our lines."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Say it our way."""
        self._log.logger.log(
            record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info
        )


@contextmanager
def routed_logging(log: Log) -> Iterator[None]:
    """While this is open, warnings and errors of every library become our lines."""
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers[:] = [_Route(log)]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.handlers[:] = before
        root.setLevel(level)
