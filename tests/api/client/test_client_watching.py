"""What the environment's topic makes the Python SDK say: the status, and the bucketing file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trio
from flag_client import serving, started
from flag_door import COLOURS, file
from trio.testing import wait_all_tasks_blocked

from api.client import FlagshipConfig, LiveClosed, LogLevel, Refused, Update
from api.client.background import Background
from api.client.logs import Logs
from api.client.options import in_force
from api.client.watching import Watch

EMPTY = {"sdkStatus": 1, "polling": {"result": "none"}, "hash": "", "lastModifiedMs": 0}
FILE = {"campaigns": []}
GOOD = {"status": 200, "lastUpdate": ""}
THEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
THEN_MS = int(THEN.timestamp() * 1_000)


class Watched:
    """A watch, and what it calls back with."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.nursery = nursery
        self.said: list[tuple[str, Any]] = []
        self.lines: list[tuple[LogLevel, str]] = []
        self.config = in_force(
            FlagshipConfig(
                on_log=lambda level, tag, _message: self.lines.append((level, tag)),
                on_sdk_status_changed=self._keep("status"),
                on_bucketing_success=self._keep("success"),
                on_bucketing_fail=self._keep("fail"),
                on_bucketing_updated=self._keep("updated"),
            )
        )

    def _keep(self, name: str) -> Any:
        return lambda given: self.said.append((name, given))

    async def begin(self, **state: Any) -> Watch:
        """A watch that has heard its environment."""
        logs = Logs(on_log=self.config.on_log)
        background = Background(logs)
        await background.open(self.nursery)
        self.watch = Watch(self.config, logs, background, self._download)
        await self.hear(state=None if state.get("gone") else {**EMPTY, **state})
        return self.watch

    async def _download(self) -> Any:
        return FILE

    async def hear(self, state: Any = None, **data: Any) -> None:
        """A fact, or a snapshot."""
        kind = "event" if data else "snapshot"
        self.watch.hear(Update(topic="t", kind=kind, data=data or None, state=state))
        await wait_all_tasks_blocked()

    def named(self, name: str) -> list[Any]:
        """What one callback got."""
        return [given for each, given in self.said if each == name]


@asynccontextmanager
async def watched() -> AsyncIterator[Watched]:
    """A nursery for it."""
    async with trio.open_nursery() as nursery:
        yield Watched(nursery)
        nursery.cancel_scope.cancel()


@pytest.mark.covers("FS-055", "FS-082")
async def test_each_status_is_told_once() -> None:
    """Those of one fact in their order; the same again is nothing."""
    async with watched() as one:
        watch = await one.begin(sdkStatus=0)
        assert (watch.status, one.said) == (0, []), "it was 0 before"
        await one.hear(sdkStatuses=[1, 3])
        await one.hear(sdkStatuses=[3])
        await one.hear(state={**EMPTY, "sdkStatus": 3})
        await one.hear(sdkStatuses=[2])
        assert one.named("status") == [1, 3, 2]
        assert one.lines == [(LogLevel.INFO, "SDK STATUS")] * 3


@pytest.mark.covers("FS-056", "FS-087")
async def test_the_first_good_poll_is_told_with_the_file() -> None:
    """Once: 200 or 304, and the decoded file."""
    async with watched() as one:
        await one.begin()
        await one.hear(poll={"status": 304, "lastUpdate": ""})
        await one.hear(poll=GOOD)
        (success,) = one.named("success")
        assert (success.status, success.payload) == (304, FILE)


async def test_a_poll_that_was_good_before_is_told_too() -> None:
    """The file is fresh to whoever starts now."""
    async with watched() as one:
        await one.begin(polling={"result": "good"})
        await one.hear(state={**EMPTY, "polling": {"result": "good"}})
        assert [each.status for each in one.named("success")] == [200]


@pytest.mark.covers("FS-057")
async def test_a_poll_that_fails_is_told_with_its_error() -> None:
    """Once until one succeeds, with an ERROR line."""
    async with watched() as one:
        await one.begin(polling={"result": "failed", "error": "404"})
        await one.hear(poll={"error": "404"})
        assert [str(each) for each in one.named("fail")] == ["404"]
        await one.hear(poll=GOOD)
        await one.hear(poll={"error": "no answer"})
        assert [str(each) for each in one.named("fail")] == ["404", "no answer"]
        assert one.lines.count((LogLevel.ERROR, "BUCKETING")) == 2


@pytest.mark.covers("FS-058")
async def test_a_new_file_is_told_with_its_time() -> None:
    """Not the one that was there at the start, and not an unchanged one."""
    async with watched() as one:
        await one.begin(hash="a", lastModifiedMs=THEN_MS - 1_000)
        assert one.named("updated") == []
        await one.hear(after={"hash": "b", "lastModifiedMs": THEN_MS})
        await one.hear(poll=GOOD, after={"hash": "b", "lastModifiedMs": THEN_MS})
        await one.hear(after={"hash": "", "lastModifiedMs": 0})
        assert one.named("updated") == [THEN]
        await one.hear(state={**EMPTY, "hash": "c", "lastModifiedMs": THEN_MS + 1_000})
        assert len(one.named("updated")) == 2


async def test_an_environment_that_is_not_heard_is_not_initialised() -> None:
    """None there, or not for this key: ERROR. Our own good-bye is neither."""
    async with watched() as one:
        watch = await one.begin(gone=True)
        assert (watch.status, one.lines) == (0, [(LogLevel.ERROR, "INITIALIZATION")])
        for error in (Refused({"title": "no"}), LiveClosed(4401)):
            watch.move(1)
            watch.end(error)
            assert watch.status == 0
        assert one.lines.count((LogLevel.ERROR, "INITIALIZATION")) == 3
        watch.end(LiveClosed(1000))
        watch.end(None)
        assert one.lines.count((LogLevel.ERROR, "INITIALIZATION")) == 3


async def test_what_cannot_be_read_is_a_line_of_log() -> None:
    """The next update is heard as if nothing had been."""
    async with watched() as one:
        watch = await one.begin()
        await one.hear(sdkStatuses=["nonsense"])
        assert one.lines[-1][0] is LogLevel.CRITICAL
        await one.hear(sdkStatuses=[3])
        assert watch.status == 3


@pytest.mark.slow
@pytest.mark.covers("FS-058")
async def test_a_file_that_is_put_reaches_the_callback(tmp_path: Path) -> None:
    """From a real daemon, as a moment in UTC; what the callback raises goes no further."""
    told: list[datetime] = []

    def updated(moment: datetime) -> None:
        told.append(moment)
        raise ValueError("a bug")

    async with (
        serving(tmp_path) as served,
        started(served, on_bucketing_updated=updated) as (sdk, heard),
    ):
        await served.door.put(file(COLOURS))
        visitor = heard.visitor(sdk)
        await visitor.fetch_flags()
        (moment,) = told
        assert moment.tzinfo is UTC
        assert abs((datetime.now(UTC) - moment).total_seconds()) < 60
        assert heard.tagged("BUCKETING") == [LogLevel.ERROR]
        assert await sdk._core.bucketing_file() == file(COLOURS)
