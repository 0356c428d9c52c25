"""What one visitor says to its actor in the daemon, in order, and what it hears back.

Commands wait behind each other, the opening first; a task carries them out and lives only while
there are any. Whatever is retried goes out under the same key, so it is carried out once. The
daemon's remarks are logged once each, though they come twice: pushed on the topic, where only the
newest survives a crowd, and whole in the answer.
Rules: spec flags 4.6; spec live; ledger FS-022, FS-025, FS-061, FS-077.
"""

from __future__ import annotations

import uuid
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec
import trio

from actors.flags.flag_values import from_serialized
from actors.flags.names import LogLevel, Tag
from api.client.background import Background
from api.client.connection import Connection
from api.client.logs import Logs
from api.client.mirror import Mirror
from api.client.shapes import FlagsStatus, VisitorExposure
from api.client.updates import LiveClosed, Refused, Update

COMMAND_BYTES_MAX = 48_000
"""Of a command's data: a daemon takes frames of 64 kB."""
CATCH_UP_SECONDS_MAX = 1.0
"""For the facts of an answer to be heard too, so that callbacks come before it."""
RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
LATER = frozenset({429, 503})
"""Refusals that pass: too much at once, or the daemon is restarting."""
SNAPSHOT, PASSING, LOG = "snapshot", "passing", "log"

Line = tuple[int, str, str]


class Unsent(Exception):
    """The daemon did not answer in time, or there is no way to ask it."""


class Job:
    """One command: its answer's body, or the error that came in its place.

    `quiet` are tags whose remarks were said here already; `prediction` is what it was expected to
    do; `tag` is what a refusal is logged with.
    """

    def __init__(self, name: str, data: Mapping[str, Any], key: str | None, tag: str) -> None:
        self.name = name
        self.data = dict(data)
        self.key = key or str(uuid.uuid4())
        self.tag = tag
        self.quiet: Collection[str] = ()
        self.prediction: int | None = None
        self.body: Any = None
        self.error: Exception | None = None
        self.done = trio.Event()
        self.scope = trio.CancelScope()

    @property
    def is_given_up(self) -> bool:
        """Whether nobody waits for it any more."""
        return self.scope.cancel_called

    def fail(self, why: str) -> Job:
        """It will not be asked."""
        self.error = Unsent(why)
        self.done.set()
        return self

    async def wait(self, seconds: float, *, gives_up: bool = True) -> Any:
        """The body, within that time; raises `Unsent` or `Refused`.

        Afterwards it is given up, or goes on without being waited for.
        """
        with trio.move_on_after(seconds):
            await self.done.wait()
        if not self.done.is_set():
            if gives_up:
                self.scope.cancel()
            raise Unsent(f"no answer within {seconds:g} s")
        if self.error is not None:
            raise self.error
        return self.body


class Conversation:
    """One visitor's topic. `on_status`, `on_exposed`, `on_stale` are told what facts say.

    `on_stale`: somebody else's fetch has brought other flags.
    """

    def __init__(
        self,
        connection: Connection,
        background: Background,
        logs: Logs,
        topic: str,
        mirror: Mirror,
    ) -> None:
        self.topic = topic
        self.mirror = mirror
        self.on_status: Callable[[FlagsStatus], object] | None = None
        self.on_exposed: Callable[[VisitorExposure], object] | None = None
        self.on_stale: Callable[[], object] | None = None
        self._connection = connection
        self._background = background
        self._logs = logs
        self._jobs: deque[Job] = deque()
        self._current: Job | None = None
        self._is_working = False
        self._idle = trio.Event()
        self._heard: Counter[Line] = Counter()
        self._version = 0
        self._moved = trio.Event()
        self._is_heard = False
        self._speaks = True
        self._status: FlagsStatus | None = None

    # --- saying

    def put(self, job: Job) -> Job:
        """Queue a command. One that is no JSON, or too big, is refused here with an ERROR line."""
        try:
            size = len(msgspec.json.encode(job.data))
            if size > COMMAND_BYTES_MAX:
                raise ValueError(f"at most {COMMAND_BYTES_MAX} bytes go at once")
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            self._logs.error(job.tag, f"it cannot be sent: {error}")
            return self._finish(job, Refused({"title": f"it cannot be sent: {error}"}))
        self._jobs = deque(each for each in self._jobs if not each.is_given_up)
        self._jobs.append(job)
        if not self._is_working:
            self._is_working = self._background.start(self._work)
            self._idle = trio.Event() if self._is_working else self._idle
        if not self._is_working:
            self._give_up(Unsent("the SDK was closed"))
        return job

    async def settled(self) -> None:
        """Wait until everything that was put before has been answered."""
        if self._is_working:
            await self._idle.wait()

    async def _work(self) -> None:
        try:
            while self._jobs:
                async with self._connection.hearing(self.topic, self):
                    while self._jobs:
                        self._current = self._jobs.popleft()
                        await self._carry_out(self._current)
                        self._current = None
        finally:
            self._is_working = False
            self._idle.set()
            self._give_up(Unsent("the SDK was closed"))

    def _give_up(self, error: Exception) -> None:
        if self._current is not None:
            self._jobs.appendleft(self._current)
            self._current = None
        while self._jobs:
            self._finish(self._jobs.popleft(), error)

    def _finish(self, job: Job, error: Exception | None) -> Job:
        self.mirror.settle(job.prediction)
        job.error = job.error or error
        job.done.set()
        return job

    async def _carry_out(self, job: Job) -> None:
        self._heard.clear()
        with job.scope:
            await trio.lowlevel.checkpoint()  # one that was given up meanwhile ends here
            try:
                job.body = await self._ask(job)
                self._answered(job)
                await self._catch_up(job.body["version"])
                self._tell(self.mirror.confirmed.status)
            except Refused as refused:
                self._refused(job, refused)
            except LiveClosed as closed:
                job.error = Unsent(str(closed))
        self._finish(job, None if job.body is not None else Unsent("it was given up"))

    async def _ask(self, job: Job) -> Any:
        attempts = 0
        while True:
            try:
                return await self._connection.command(self.topic, job.name, job.data, job.key)
            except Refused as refused:
                problem = refused.problem
                if problem.get("status") not in LATER and problem.get("code") != "busy":
                    raise
            await trio.sleep(RETRY_SECONDS[min(attempts, len(RETRY_SECONDS) - 1)])
            attempts += 1

    # --- answers

    def _answered(self, job: Job) -> None:
        self.mirror.settle(job.prediction)
        self.mirror.answered(job.body)
        if "flags" in job.body:
            self.mirror.give(from_serialized(job.body["flags"]))
        for line in job.body.get("logs", ()):
            self._remark(_line(line), job.quiet)

    def _refused(self, job: Job, refused: Refused) -> None:
        job.error = refused
        lines = [_line(each) for each in refused.problem.get("logs", ())]
        for line in lines:
            self._remark(line, job.quiet)
        if not lines and not any(tag == job.tag for _, tag, _ in self._heard):
            self._logs.error(job.tag, str(refused))

    def _remark(self, line: Line, quiet: Collection[str]) -> None:
        """A remark in an answer; the push of it, if it came, was logged already."""
        if self._heard[line]:
            self._heard[line] -= 1
        elif line[1] not in quiet:
            self._logs.say(*line)

    async def _catch_up(self, version: int) -> None:
        """Until the facts up to that version were heard, if they are heard at all."""
        with trio.move_on_after(CATCH_UP_SECONDS_MAX):
            while self._is_heard and self._version < version:
                await self._moved.wait()

    # --- hearing, plain

    def hear(self, update: Update, speaks: bool = True) -> None:
        """What the topic says, in the order of the socket. What cannot be read is logged.

        Unless it `speaks`, remarks and exposures are told by somebody else who hears the topic.
        """
        self._speaks = speaks
        try:
            self._hear(update)
        except Exception as error:
            text = f"an update of {self.topic} was not understood: {type(error).__name__}: {error}"
            self._logs.say(LogLevel.CRITICAL, Tag.NEW_VISITOR, text)

    def _hear(self, update: Update) -> None:
        if update.kind == PASSING:
            if update.name == LOG:
                self._pushed(_line(update.data))
            return
        if update.kind == SNAPSHOT:
            self.mirror.seen(update.version, update.state)
            if self._status is not None:
                self._tell(self.mirror.confirmed.status)
        else:
            self._told(update)
        self._is_heard = True
        self._version = update.version
        self._moved.set()
        self._moved = trio.Event()

    def end(self, error: Exception | None) -> None:
        """The topic is heard no more; answers go on telling what happened."""
        self._is_heard = False
        self._moved.set()
        if isinstance(error, Refused):
            self._logs.say(LogLevel.WARNING, Tag.NEW_VISITOR, f"it is not heard: {error}")

    def _pushed(self, line: Line) -> None:
        quiet = self._current.quiet if self._current else ()
        self._heard[line] += 1
        if self._speaks and line[1] not in quiet:
            self._logs.say(*line)

    def _told(self, update: Update) -> None:
        events = update.data.get("transitions", [{"name": update.name, **update.data}])
        self.mirror.told(update.version, events)
        for event in events:
            if "fromFlag" in event and self._speaks and self.on_exposed is not None:
                self.on_exposed(msgspec.convert(event, VisitorExposure))
            if "flagsStatus" in event:
                self._status = None  # a fact is told even if it leads to the same status
                self._tell(msgspec.convert(event["flagsStatus"], FlagsStatus))
            if event["name"] in ("Fetched", "ReadFromCache") and self.on_stale is not None:
                self.on_stale()

    def _tell(self, status: FlagsStatus) -> None:
        if status != self._status and self.on_status is not None:
            self.on_status(status)
        self._status = status

    def fail(self, status: FlagsStatus) -> None:
        """The daemon could not be asked; this is how the visitor stands until it can."""
        self.mirror.fail(status)
        self._tell(status)


def _line(shown: Any) -> Line:
    return shown["level"], shown["tag"], shown["message"]
