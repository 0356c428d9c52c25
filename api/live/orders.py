"""Commands over a socket: judged at once, done in order per topic, answered after the commit.

At most 64 are under way per socket. A topic's commands are carried out one after the other by a
task that lives only while there are any, so the reader never waits and an idle socket has none.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from msgspec import UNSET

from api.carrying import carry_out
from api.http import Problem, problem_of
from api.live.frames import Cmd, Res, raw
from api.live.rendering import line
from engine.errors import EngineError
from engine.messages import Address, Command

if TYPE_CHECKING:
    from api.live.session import Session

Job = tuple[Cmd, Address, Command]


class Orders:
    """The commands under way of one socket."""

    __slots__ = ("_in_flight", "_lanes", "_session")

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lanes: dict[str, deque[Job]] = {}
        self._in_flight = 0

    def take(self, cmd: Cmd) -> None:
        """Judge a command and have it carried out; plain."""
        try:
            job = self._judge(cmd)
        except Exception as error:
            self._answer(self._refusal(cmd, error))
            return
        self._in_flight += 1
        lane = self._lanes.get(cmd.topic)
        if lane is not None:
            lane.append(job)
        else:
            self._lanes[cmd.topic] = deque((job,))
            self._session.start(self._carry_out, cmd.topic)

    def _judge(self, cmd: Cmd) -> Job:
        session, house = self._session, self._session.door.house
        kind = house.directory.kinds.get(cmd.topic.partition("/")[0])
        if session.is_cloud:
            raise Problem(403, "events_only", "this subprotocol only listens")
        if kind is None or "/" not in cmd.topic:
            raise Problem(404, "unknown_topic", f"there is no topic {cmd.topic!r}")
        if house.is_draining:
            raise Problem(503, "draining", "the daemon is restarting")
        address, caller = session.address(cmd.topic), session.principal
        if caller is None or not house.may_command(caller, kind.name, address.id):
            raise Problem(403, "forbidden", "this key is valid, but not for this")
        if self._in_flight >= session.door.limits.commands_in_flight_max:
            raise Problem(429, "too_many_commands", "wait for the answers to those under way")
        data = None if cmd.data is UNSET else bytes(cmd.data)
        return cmd, address, kind.parse(cmd.name, data)

    async def _carry_out(self, topic: str) -> None:
        lane = self._lanes[topic]
        while lane:
            cmd, address, command = lane.popleft()
            answer = await self._ask(cmd, address, command)
            self._in_flight -= 1
            self._answer(answer)
        del self._lanes[topic]

    async def _ask(self, cmd: Cmd, address: Address, command: Command) -> Res:
        door, caller = self._session.door, self._session.principal
        if caller is None:
            raise AssertionError("only known callers command")
        try:
            done = await carry_out(door.house, caller, address, command, cmd.key)
            data = raw(done.body)
        except Exception as error:
            return self._refusal(cmd, error)
        return Res(id=cmd.id, ok=True, version=done.version, data=data)

    def _answer(self, answer: Res) -> None:
        if self._session.closing is None:
            self._session.backlog.put(line(answer))

    def _refusal(self, cmd: Cmd, error: Exception) -> Res:
        problem = problem_of(error)
        if problem.status == 500 and not isinstance(error, EngineError):
            self._session.door.house.log.broke("live", error, session=self._session.id)
        if isinstance(error, EngineError) and error.retry_ms is not None:
            problem.extra["retry_ms"] = error.retry_ms
        return Res(id=cmd.id, ok=False, problem=problem.body())
