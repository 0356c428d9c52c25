"""A visitor's conversation with a scripted daemon: order, retries, refusals, remarks said once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from api.client import LiveClosed, LogLevel, Refused, Update
from api.client.background import Background
from api.client.conversation import Conversation, Job, Unsent
from api.client.logs import Logs
from api.client.mirror import Known, Mirror

LINE = {"level": 5, "tag": "TAG", "message": "a remark"}


def answer(version: int = 1, **more: Any) -> dict[str, Any]:
    """A visitor's body."""
    return {
        "hasConsented": True,
        "isAuthenticated": False,
        "flagsStatus": {"status": "FETCHED", "reason": "NONE"},
        "visitorId": "v",
        "anonymousId": None,
        "context": {},
        "version": version,
        **more,
    }


def later(status: int, code: str = "") -> Refused:
    """A refusal that passes."""
    return Refused({"status": status, "code": code, "title": "later"})


class Daemon:
    """Answers by a script; None: it never does."""

    def __init__(self, *script: Any) -> None:
        self.script = list(script)
        self.asked: list[tuple[str, str]] = []
        self.talk: Conversation | None = None

    @asynccontextmanager
    async def hearing(self, _topic: str, _hearer: Any) -> AsyncIterator[None]:
        """The topic stands at once."""
        yield

    async def command(self, _topic: str, name: str, _data: Mapping[str, Any], key: str) -> Any:
        """The next of the script; pushes before an answer stand before it."""
        self.asked.append((name, key))
        await trio.lowlevel.checkpoint()
        said = self.script.pop(0) if self.script else None
        while isinstance(said, Update):
            assert self.talk is not None
            self.talk.hear(said)
            said = self.script.pop(0)
        if said is None:
            await trio.sleep_forever()
        if isinstance(said, Exception):
            raise said
        return said


def pushed(line: Mapping[str, Any] = LINE) -> Update:
    """A remark as it is pushed."""
    return Update(topic="t", kind="passing", name="log", data=dict(line))


class Talk:
    """A conversation with that daemon, and the lines of log."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.lines: list[tuple[LogLevel, str, str]] = []
        self.logs = Logs(on_log=lambda *line: self.lines.append(line))
        self.background = Background(self.logs)
        connection: Any = daemon
        mirror = Mirror(Known("v"))
        self.talk = daemon.talk = Conversation(
            connection, self.background, self.logs, "visitor/e:v", mirror
        )

    def put(self, name: str = "do", tag: str = "TAG") -> Job:
        """One more command."""
        return self.talk.put(Job(name, {}, None, tag))


@asynccontextmanager
async def talking(*script: Any) -> AsyncIterator[Talk]:
    """A conversation, for the length of the block."""
    async with trio.open_nursery() as nursery:
        one = Talk(Daemon(*script))
        await one.background.open(nursery)
        yield one
        nursery.cancel_scope.cancel()


async def test_commands_go_one_after_the_other(autojump_clock: MockClock) -> None:
    """And `settled` waits for all of them."""
    async with talking(answer(1), answer(2), answer(3)) as one:
        jobs = [one.put(name) for name in ("a", "b", "c")]
        await one.talk.settled()
        assert [name for name, _ in one.daemon.asked] == ["a", "b", "c"]
        assert [(await job.wait(1))["version"] for job in jobs] == [1, 2, 3]


@pytest.mark.parametrize("refusal", [later(429), later(503), later(409, "busy")])
async def test_what_passes_is_tried_again_under_the_same_key(
    refusal: Refused, autojump_clock: MockClock
) -> None:
    """As often as needed, and without a line of log."""
    async with talking(*[refusal] * 9, answer()) as one:
        job = one.put()
        await job.wait(60)
        assert len({key for _, key in one.daemon.asked}) == 1
        assert len(one.daemon.asked) == 10
        assert one.lines == []


async def test_a_command_that_is_given_up_lets_the_next_one_go(autojump_clock: MockClock) -> None:
    """Under way or waiting; who gave it up is told so."""
    async with talking(None, answer()) as one:
        first, second, third = one.put("a"), one.put("b"), one.put("c")
        for job in (second, first):
            with pytest.raises(Unsent, match="within 2 s"):
                await job.wait(2)
        assert (await third.wait(1))["version"] == 1
        assert [name for name, _ in one.daemon.asked] == ["a", "c"]


async def test_a_daemon_that_wants_us_no_more_answers_nothing(autojump_clock: MockClock) -> None:
    """Each command fails by itself; after the end all do, at once."""
    async with talking(LiveClosed(4401), answer()) as one:
        with pytest.raises(Unsent, match="4401"):
            await one.put().wait(1)
        await one.put().wait(1)
        waiting = one.put()
        await wait_all_tasks_blocked()
        await one.background.close()
        for job in (waiting, one.put()):
            with pytest.raises(Unsent, match="closed"):
                await job.wait(1)


@pytest.mark.parametrize("comes", [True, False])
async def test_facts_are_told_before_their_answer(comes: bool, autojump_clock: MockClock) -> None:
    """The answer waits for them, but not for ever; then it tells the status itself."""
    async with talking(answer(2)) as one:
        statuses: list[str] = []
        one.talk.on_status = lambda status: statuses.append(str(status.status))
        one.talk.hear(Update(topic="t", kind="snapshot", version=0))
        job, began = one.put(), trio.current_time()
        await wait_all_tasks_blocked()
        assert not job.done.is_set()
        for version in (1, 2) if comes else (1,):
            status = {"status": "FETCHING" if version == 1 else "FETCHED", "reason": "NONE"}
            data = {"flagsStatus": status}
            one.talk.hear(Update(topic="t", kind="event", version=version, data=data))
        await job.wait(5)
        assert statuses == ["FETCHING", "FETCHED"]
        assert (trio.current_time() - began >= 1) is not comes


# --- remarks


@pytest.mark.parametrize("pushes", [0, 1, 2])
async def test_a_remark_is_said_once(pushes: int, autojump_clock: MockClock) -> None:
    """Two equal ones are two, however many of them were pushed before the answer."""
    script = [*[pushed()] * pushes, answer(logs=[LINE, LINE])]
    async with talking(*script) as one:
        await one.put().wait(1)
        assert one.lines == [(5, "TAG", "a remark")] * 2


async def test_remarks_that_were_said_here_are_not_repeated(autojump_clock: MockClock) -> None:
    """Those with the tags that the command names, pushed or answered."""
    other = {**LINE, "tag": "OTHER"}
    async with talking(pushed(), answer(logs=[LINE, other])) as one:
        job = Job("do", {}, None, "TAG")
        job.quiet = ("TAG",)
        await one.talk.put(job).wait(1)
        assert one.lines == [(5, "OTHER", "a remark")]


async def test_a_refusal_is_one_line(autojump_clock: MockClock) -> None:
    """As the daemon pushed it, as its reasons say, or in our own words; and it is the answer."""
    refused = Refused({"status": 409, "detail": "not now"})
    reasons = Refused({"status": 422, "detail": "no", "logs": [LINE]})
    async with talking(pushed(), refused, reasons, refused) as one:
        for _ in range(3):
            with pytest.raises(Refused):
                await one.put().wait(1)
        assert one.lines == [
            (5, "TAG", "a remark"),
            (5, "TAG", "a remark"),
            (4, "TAG", "not now"),
        ]


# --- what cannot be sent, what cannot be read


async def test_what_is_no_json_is_refused_here(autojump_clock: MockClock) -> None:
    """With an ERROR line; nothing is asked."""
    async with talking() as one:
        for data in ({"x": object()}, {"x": "\ud800"}):
            with pytest.raises(Refused):
                await one.talk.put(Job("do", data, None, "TAG")).wait(1)
        assert [level for level, *_ in one.lines] == [LogLevel.ERROR] * 2
        assert one.daemon.asked == []


async def test_an_update_that_cannot_be_read_ends_nothing(autojump_clock: MockClock) -> None:
    """It is a line of log, and the next one counts."""
    async with talking() as one:
        statuses: list[str] = []
        one.talk.on_status = lambda status: statuses.append(str(status.reason))
        one.talk.hear(Update(topic="t", kind="event", version=1, data={"flagsStatus": 3}))
        assert one.lines[-1][0] is LogLevel.CRITICAL
        status = {"status": "FETCH_REQUIRED", "reason": "UPDATE_CONTEXT"}
        one.talk.hear(Update(topic="t", kind="event", version=2, data={"flagsStatus": status}))
        one.talk.end(Refused({"title": "no"}))
        assert statuses == ["UPDATE_CONTEXT"]
        assert one.lines[-1][:2] == (LogLevel.WARNING, "NEW VISITOR")


async def test_work_that_fails_is_a_line_of_log(autojump_clock: MockClock) -> None:
    """And ends neither the background nor the program."""
    async with talking() as one:

        async def fail() -> None:
            raise ValueError("a bug")

        one.background.start(fail)
        await wait_all_tasks_blocked()
        assert one.lines[-1][0] is LogLevel.CRITICAL
        assert one.background.is_open
