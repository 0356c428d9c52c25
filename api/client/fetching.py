"""A visitor's fetches: one at a time, joined by all who ask, seen through to the flags.

The daemon fetches; the flags come by a second command, so that they come without consent too. What
gets no answer in time has failed here, and then the visitor cache is asked; whatever the daemon
says afterwards counts again. Rules: spec flags 4.2, 4.3; ledger FS-041, FS-064 to FS-067, FS-112,
FS-113, FS-174, FS-178.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from actors.flags.caches import campaigns_of, visitor_dto
from actors.flags.names import RESERVED, FetchReason, FetchStatus, LogLevel, SdkStatus, Tag
from api.client.conversation import Conversation, Job, Unsent
from api.client.core import Core
from api.client.mirror import Mirror, required
from api.client.shapes import FetchFailed
from api.client.updates import Refused

Ready = Callable[[FetchFailed | None], object]


class Fetcher:
    """The fetches of one visitor; `listeners` are told the end of each."""

    def __init__(self, core: Core, talk: Conversation | None, mirror: Mirror) -> None:
        self.listeners: list[Ready] = []
        self._core = core
        self._talk = talk
        self._mirror = mirror
        self._ended: trio.Event | None = None
        self._changes = 0
        self._fetched_at: float | None = None
        self._history: dict[str, str] = {}

    # --- from outside

    async def fetch(self) -> None:
        """Fetch, or join the fetch under way. What goes wrong is a line of log and a status."""
        talk, logs = self._talk, self._core.logs
        if talk is None or self._core.status == SdkStatus.SDK_NOT_INITIALIZED:
            logs.error(Tag.FETCH_FLAGS_METHOD, "the SDK has not started")
            return
        if self._ended is not None:
            await self._ended.wait()
            return
        if self._is_buffered():
            text = "the flags were just fetched and are given again"
            logs.say(LogLevel.INFO, Tag.FETCH_FLAGS, text)
            self._tell(None)
            return
        self._remind(talk)
        self.begin()
        job = talk.put(Job("fetchFlags", {}, None, Tag.FETCH_FLAGS_METHOD))
        await self.see_through(job)

    async def see_through(self, job: Job, *, gives_up: bool = True) -> None:
        """Wait for a command that fetches, then for the flags. Then `ready`."""
        error: FetchFailed | None = None
        try:
            error = await self._end(job, gives_up)
        finally:
            if self._ended is not None:
                self._ended.set()
            self._ended = None
        self._tell(error)

    def begin(self) -> None:
        """A fetch is about to start; who asks for one joins it. Plain."""
        self._ended = trio.Event()
        self._changes = self._mirror.changes

    def refresh(self) -> None:
        """Somebody else's fetch brought other flags: read them. Plain."""
        if self._ended is None and self._talk is not None:
            self._talk.put(Job("getFlags", {}, None, Tag.GET_FLAG))

    async def wait(self) -> None:
        """Until the fetch under way has ended, if there is one."""
        if self._ended is not None:
            await self._ended.wait()

    # --- one fetch

    def _is_buffered(self) -> bool:
        """Just fetched, and nothing changed since (spec 4.3)."""
        seconds = self._core.config.fetch_flags_buffering_time
        if self._fetched_at is None or self._mirror.known.status.status != FetchStatus.FETCHED:
            return False
        return trio.current_time() - self._fetched_at < seconds

    def _remind(self, talk: Conversation) -> None:
        """Without consent the daemon holds the context in memory only, and may have slept."""
        known = self._mirror.known
        context = {key: value for key, value in known.context.items() if key not in RESERVED}
        if context and not known.has_consented:
            talk.put(Job("updateContext", {"context": context}, None, Tag.UPDATE_CONTEXT))

    async def _end(self, job: Job, gives_up: bool) -> FetchFailed | None:
        seconds, talk = self._core.config.timeout, self._talk
        if talk is None:
            return FetchFailed("the SDK has not started")
        try:
            await job.wait(seconds, gives_up=gives_up)
            read = talk.put(Job("getFlags", {}, None, Tag.GET_FLAG))
            await read.wait(seconds)
        except Refused as refused:
            return FetchFailed(str(refused))
        except Unsent as unsent:
            self._core.logs.error(Tag.FETCH_FLAGS, f"the flags could not be fetched: {unsent}")
            self._mirror.give(())
            self._fail(talk, FetchReason.FETCH_ERROR)
            await self._look_up(talk)
            return FetchFailed(str(unsent))
        return await self._judge(talk)

    async def _judge(self, talk: Conversation) -> FetchFailed | None:
        """What the daemon's answer came to."""
        status = self._mirror.confirmed.status
        if status.status == FetchStatus.FETCHED:
            self._fetched_at = trio.current_time()
            self._keep()
        if status.reason != FetchReason.FETCH_ERROR:
            return None
        await self._look_up(talk)
        return FetchFailed("the daemon could not fetch the flags")

    def _fail(self, talk: Conversation, reason: FetchReason) -> None:
        """The status says so, unless the visitor changed meanwhile (spec 4.2)."""
        if self._changes == self._mirror.changes:
            talk.fail(required(reason))

    def _tell(self, error: FetchFailed | None) -> None:
        for listener in list(self.listeners):
            self._core.logs.call(Tag.FETCH_FLAGS, listener, error)

    # --- the visitor cache

    def _keep(self) -> None:
        """Keep what was fetched (FS-178); only with consent."""
        known, campaigns = self._mirror.known, self._mirror.campaigns
        if known.has_consented:
            data = visitor_dto(
                known.visitor_id,
                known.anonymous_id,
                True,
                known.context,
                campaigns,
                history=self._history,
            )
            self._history = data.data.assignments_history or {}
            self._core.visitors.cache(known.visitor_id, data)

    async def _look_up(self, talk: Conversation) -> None:
        """The flags that were kept, if any: FETCH_REQUIRED / READ_FROM_CACHE (FS-174)."""
        known = self._mirror.known
        if not known.has_consented:
            return
        kept = await self._core.visitors.lookup(known.visitor_id, known.anonymous_id)
        if kept is not None and kept.data.campaigns:
            self._history = {**self._history, **(kept.data.assignments_history or {})}
            self._mirror.give(campaigns_of(kept))
            self._fail(talk, FetchReason.READ_FROM_CACHE)
