"""A house without a disk whose environments are polled, and an upstream that says what it is told.

Not a test: `open_polls` runs `Polls` over the memory store; time may be virtual.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import msgspec
import trio
import trio.testing
from stage import PROJECT, Ear, Stage, open_stage

from actors.flags.environment import ENVIRONMENT, KIND
from actors.flags.environment_words import BucketingChanged, Configure, Environment
from actors.flags.names import DecisionMode
from actors.flags.settings import Settings
from api.flags.environments import Environments
from api.flags.polling import Polls
from api.outgoing import Got, Unreachable
from api.seals import Seal
from engine.messages import Address
from storage.shelf import Shelf

URL = "https://cdn.example/env_1/bucketing.json"
ADDRESS = Address(PROJECT, KIND, "env_1")
FILE, OTHER = b'{"campaigns":[]}', b'{"campaigns": []}'
DATE, LATER = "Mon, 01 Jan 2024 00:00:00 GMT", "Tue, 02 Jan 2024 00:00:00 GMT"


def bucketing(**settings: Any) -> Configure:
    """What declares an environment that is polled."""
    wanted = {"decision_mode": DecisionMode.BUCKETING, "bucketing_url": URL, **settings}
    return Configure(settings=Settings(**wanted))


class Asked(NamedTuple):
    """One call that reached the upstream, and when (seconds of trio's clock)."""

    at: float
    url: str
    headers: Mapping[str, str]
    seconds: float
    private: bool


class Upstream:
    """Stands for `Outgoing`: answers with `file` and `date`, or with what `answer` is set to."""

    def __init__(self) -> None:
        self.file, self.date = FILE, DATE
        self.answer: Got | Exception | None = None
        self.asked: list[Asked] = []
        self.delay_seconds = 0.0
        self.before_answering: Callable[[], None] = lambda: None
        self.under_way = self.most_under_way = 0

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        seconds: float,
        private: bool,
        body_bytes_max: int,
    ) -> Got:
        """As `Outgoing.request`."""
        assert (method, body_bytes_max) == ("GET", 10_000_000)
        self.asked.append(Asked(trio.current_time(), url, dict(headers), seconds, private))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await trio.sleep(self.delay_seconds)
        finally:
            self.under_way -= 1
        answer = self._answer(headers)
        self.before_answering()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _answer(self, headers: Mapping[str, str]) -> Got | Exception:
        if self.answer is not None:
            return self.answer
        if headers.get("if-modified-since") == self.date:
            return Got(304, {}, b"")
        return Got(200, {"last-modified": self.date} if self.date else {}, self.file)

    def fail(self, words: str = "cdn.example: nobody knows the name") -> None:
        """From now on there is no answer."""
        self.answer = Unreachable(words)

    def heal(self) -> None:
        """From now on there is one again."""
        self.answer = None


class Said(NamedTuple):
    """What the log was told."""

    event: str
    facts: Mapping[str, Any]


class Log:
    """A log that is kept."""

    def __init__(self) -> None:
        self.said: list[Said] = []
        self.broken: list[BaseException] = []

    def say(self, event: str, **facts: Any) -> None:
        """Keep it."""
        self.said.append(Said(event, facts))

    def broke(self, event: str, error: BaseException, **facts: Any) -> None:
        """Keep it."""
        self.said.append(Said(event, facts))
        self.broken.append(error)


class Lists:
    """Stands for the tables: environments that were there before the start."""

    def __init__(self) -> None:
        self.environments: list[tuple[str, str]] = []
        self.unreadable = 0

    async def read(self, _work: Callable[..., Any]) -> list[tuple[str, str]]:
        """The only thing that polling reads."""
        if self.unreadable:
            self.unreadable -= 1
            raise OSError("unreadable")
        return self.environments


class World:
    """What tests do with the house."""

    def __init__(self, stage: Stage, lists: Lists, folder: Path) -> None:
        self.stage, self.directory = stage, stage.directory
        self.upstream, self.log, self.lists = Upstream(), Log(), lists
        self.house: Any = SimpleNamespace(
            directory=stage.directory,
            hub=stage.hub,
            clock=stage.clock,
            log=self.log,
            outgoing=self.upstream,
            seal=Seal(folder / "seal.key"),
            is_draining=False,
        )
        environments = Environments(stage.directory, lambda _env: PROJECT)
        self.shelf: Any = SimpleNamespace(lists=lists, environments=environments)
        self.polls = Polls(self.house, self.shelf)
        self.ear: Ear = stage.listen(ADDRESS)

    async def declare(self, env: str = "env_1", **settings: Any) -> None:
        """Declare an environment that is polled, as a project file does."""
        address = Address(PROJECT, KIND, env)
        await self.directory.ask(address, bucketing(**settings), by="apply")

    async def state(self) -> Environment:
        """The environment as it is now."""
        state: Environment = (await self.directory.peek(ADDRESS)).state
        return state

    @property
    def times(self) -> list[float]:
        """When the upstream was asked, in seconds after the first time."""
        asked = self.upstream.asked
        return [round(each.at - asked[0].at, 6) for each in asked]

    @property
    def polled(self) -> list[Any]:
        """What was said in passing."""
        return [said.data for said in self.ear.said if said.name == "polled"]

    @property
    def facts(self) -> list[dict[str, Any]]:
        """Facts of the environment as they are pushed, without the declarations."""
        shown = [
            msgspec.to_builtins(ENVIRONMENT.present_events(told.fact.events))
            for told in self.ear.heard
        ]
        return [each for each in shown if "settings" not in each]

    @property
    def updates(self) -> Sequence[str]:
        """Hashes of the files that came into force."""
        return [
            event.hash
            for told in self.ear.heard
            for event in told.fact.events
            if isinstance(event, BucketingChanged)
        ]


@asynccontextmanager
async def open_polls(
    folder: Path,
    *,
    disk: Shelf | None = None,
    before: Sequence[str] = (),
    unreadable: int = 0,
    early: bool = False,
) -> AsyncIterator[World]:
    """Polling under way. `disk` is that of an earlier house, `before` the environments on it.

    The list of them is `unreadable` so many times; `early`: one is declared before polling starts.
    """
    lists = Lists()
    lists.environments = [(PROJECT, env) for env in before]
    lists.unreadable = unreadable
    async with open_stage(kinds=(ENVIRONMENT,), shelf=disk, runs=()) as stage:
        world = World(stage, lists, folder)
        if early:
            await world.declare()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(world.polls.run)
            yield world
            nursery.cancel_scope.cancel()


async def wait(seconds: float) -> None:
    """Let virtual time pass, to just behind that moment."""
    await trio.sleep(seconds + 0.001)
