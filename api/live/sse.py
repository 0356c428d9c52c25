"""The event stream: the socket's twin for those who only listen.

The data of each event is one frame of the live protocol. Its `id` is where the listener stands on
each topic after it, in the order of the `topic` parameters, joined by commas; the same text in
`Last-Event-ID` resumes all of them. A comment every 25 s shows that the stream is alive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import trio

from api.auth import ANONYMOUS, Principal
from api.http import Answer, Call, Problem
from api.live.connection import NEVER, Connection, problem_for
from api.live.frames import At, Mode, Sub
from api.live.rendering import Line
from api.live.tickets import may_come_from
from engine.messages import BadAddress

if TYPE_CHECKING:
    from api.live.door import LiveDoor

EVENT_STREAM = "text/event-stream; charset=utf-8"
COMMENT = b": alive\n\n"


class EventStream(Connection):
    """One stream: an iterator of chunks that whoever sends the answer pulls.

    What is not pulled for 10 s is stuck, so `look` ends a stream whose reader went without a word.
    """

    __slots__ = ("_places", "_topics")

    def __init__(self, door: LiveDoor, principal: Principal, topics: list[str]) -> None:
        super().__init__(door, door.limits)
        self.principal = principal
        self._topics = topics
        self._places = dict.fromkeys(topics, "")
        self.next_ping = trio.current_time() + door.limits.ping_seconds

    def start(self, mode: str, positions: list[str]) -> None:
        """Subscribe to each topic, where it was left if `positions` say so."""
        for index, topic in enumerate(self._topics):
            at = _at(positions[index]) if index < len(positions) else None
            if at is not None:
                self._places[topic] = f"{at.epoch}:{at.version}"
            self.subscribe(Sub(topic=topic, at=at, mode=cast("Mode", mode)))

    def __aiter__(self) -> EventStream:
        """Itself."""
        return self

    async def __anext__(self) -> bytes:
        """The next chunk: whatever waits, as events."""
        self.sending_since = NEVER
        try:
            chunk = await self._next()
        except BaseException:
            self.end()
            raise
        if chunk is None:
            self.end()
            raise StopAsyncIteration
        self.sending_since = trio.current_time()
        return chunk

    async def _next(self) -> bytes | None:
        backlog = self.backlog
        while self.closing is None:
            lines = cast("list[Line]", backlog.take()) if backlog else []
            if lines:
                self.ping_due = False
                return b"".join(map(self._event, lines))
            if self.ping_due:
                self.ping_due = False
                return COMMENT
            if backlog.behind:
                await self.read_one()
            else:
                await backlog.wait()
        farewell, self.farewell = self.farewell, None
        return None if farewell is None else self._event(farewell)

    def _event(self, ready: Line) -> bytes:
        head = ""
        if ready.topic in self._places:
            self._places[ready.topic] = f"{ready.epoch}:{ready.version}"
            head = f"id: {','.join(self._places.values())}\n"
        return f"{head}data: {ready}\n\n".encode()

    def end(self) -> None:
        """It is over; whoever calls this pulls no more."""
        self.close(self.closing or 1000)
        self.door.leave(self)

    async def aclose(self) -> None:
        """The reader left."""
        self.end()

    def abandon(self, code: int) -> None:
        """Nobody pulls any more."""
        self.close(code)
        self.door.leave(self)


async def open_stream(door: LiveDoor, call: Call) -> Answer:
    """Let the caller in and begin; whatever is wrong is a problem before the stream starts."""
    door.check_open()
    headers = [("Cache-Control", "no-store"), ("X-Accel-Buffering", "no")]
    principal = await door.identify(call.headers) or await _anonymous(door, call)
    if "origin" in call.headers:
        headers += [("Access-Control-Allow-Origin", call.headers["origin"]), ("Vary", "Origin")]
    topics = list(dict.fromkeys(call.query.get("topic", [])))
    mode = call.query_one("mode", "snapshot")
    if not topics or mode not in {"snapshot", "events", "latest"}:
        raise Problem(400, "bad_query", "name a topic; mode is snapshot, events or latest")
    stream = EventStream(door, principal, topics)
    positions = call.headers.get("last-event-id", "").split(",")
    try:
        stream.start(mode, positions)
    except (Problem, BadAddress) as error:
        stream.leave_topics()
        raise problem_for(error) from None
    door.enter(stream)
    return Answer(200, b"", EVENT_STREAM, tuple(headers), stream)


async def _anonymous(door: LiveDoor, call: Call) -> Principal:
    project = call.query_one("project")
    live = await door.house.live_settings(project) if project else None
    if live is None or not live.public:
        raise Problem(401, "no_key", "this needs a key", headers=(("WWW-Authenticate", "Bearer"),))
    if not may_come_from(call.headers, live):
        raise Problem(403, "wrong_origin", "pages of this origin may not listen")
    return Principal(project, "", ANONYMOUS)


def _at(text: str) -> At | None:
    epoch, _, version = text.strip().rpartition(":")
    if not epoch or not (version.isascii() and version.isdigit() and len(version) <= 18):
        return None
    return At(epoch, int(version))
