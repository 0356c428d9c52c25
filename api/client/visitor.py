"""The visitor: one person's session, as the SDK's users know it, over its actor in the daemon.

Methods that return at once show their effect at once, and are sent in their order; the daemon's
answer counts. Nothing raises because of the network, the daemon or a callback: what goes wrong is a
line of log, a status, or the error that `ready` brings. Rules: spec flags 4.2 to 4.7; ledger FS-103
to FS-123.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from actors.flags import contexts
from actors.flags.contexts import Value
from actors.flags.flag_values import CampaignFlags
from actors.flags.names import FetchStatus, LogLevel, SdkStatus, Tag
from actors.flags.requests import VISITOR_CHARACTERS_MAX
from api.client import mirror as mirrors
from api.client.conversation import Job
from api.client.core import Core
from api.client.fetching import Fetcher, Ready
from api.client.flags import Flag, FlagCollection
from api.client.hits import AnyHit, entries_of
from api.client.mirror import Change, Known, Mirror
from api.client.pool import Batch
from api.client.reading import IN_PANIC, NOT_STARTED, Reader
from api.client.shapes import FlagsStatus, VisitorExposure

READY = "ready"
OnStatus = Callable[[FlagsStatus], object]


class Visitor:
    """A visitor. `Flagship.new_visitor` makes it."""

    def __init__(
        self,
        core: Core,
        handle: str,
        known: Known,
        campaigns: tuple[CampaignFlags, ...],
        on_flags_status_changed: OnStatus | None,
    ) -> None:
        self._core = core
        self._handle = handle
        self._on_status = on_flags_status_changed
        self._mirror = Mirror(known, campaigns)
        self._talk = core.converse(handle, self._mirror)
        tracking = core.tracking if self._talk is not None else None
        self._reader = Reader(handle, self._mirror, tracking, core.logs, self._sdk_status)
        self._fetcher = Fetcher(core, self._talk, self._mirror)
        if self._talk is not None:
            self._talk.on_status = self._tell_status
            self._talk.on_exposed = self._tell_exposed
            self._talk.on_stale = self._fetcher.refresh

    def open(self, data: Mapping[str, Any]) -> None:
        """Open the actor, and fetch if `fetchNow` says so; `Flagship.new_visitor` calls this."""
        if self._talk is None:
            return
        job = self._talk.put(Job("open", data, None, Tag.NEW_VISITOR))
        if data["fetchNow"]:
            self._fetcher.begin()
            self._core.background.start(self._see_opening_through, job)

    async def _see_opening_through(self, job: Job) -> None:
        await self._fetcher.see_through(job, gives_up=False)

    # --- what is known

    @property
    def visitor_id(self) -> str:
        """The visitor id now (FS-103)."""
        return self._mirror.known.visitor_id

    @property
    def anonymous_id(self) -> str | None:
        """The anonymous id of one who is authenticated, else None (FS-103).

        For a visitor that was created as authenticated it comes with the daemon's first answer.
        """
        return self._mirror.known.anonymous_id

    @property
    def flags_status(self) -> FlagsStatus:
        """Where the flags are, and why (FS-103)."""
        return self._mirror.known.status

    @property
    def has_consented(self) -> bool:
        """Whether data about the person may be used and kept (FS-103)."""
        return self._mirror.known.has_consented

    @property
    def is_authenticated(self) -> bool:
        """Whether the visitor is logged in."""
        return self._mirror.known.is_authenticated

    @property
    def context(self) -> dict[str, Value]:
        """A copy of the whole context, the three keys of the SDK included (FS-103)."""
        return dict(self._mirror.known.context)

    # --- consent, context, identity: at once, sent in order

    def set_consent(self, has_consented: bool) -> None:
        """Give or withdraw consent (FS-104 to FS-106, FS-181, FS-188). Sends `setConsent`.

        Withdrawing drops the visitor's pooled hits and exposures, here and in the hit cache, and
        flushes the visitor cache; the daemon erases what it kept. The hit that tells of consent is
        the daemon's.
        """
        known = self._mirror.known
        data = {"hasConsented": bool(has_consented)}
        self._order("setConsent", data, Tag.SET_CONSENT, mirrors.consented(bool(has_consented)))
        if not has_consented:
            self._core.tracking.forget({known.visitor_id, known.anonymous_id} - {None})
            self._core.visitors.flush(known.visitor_id)

    def update_context(self, context: Mapping[str, Value]) -> None:
        """Set these keys; the others stay (FS-107, FS-109 to FS-111). Sends `updateContext`.

        Keys are text, values text, boolean or number; any other entry is skipped with an ERROR line
        (`UPDATE CONTEXT`). If something changes, flags are FETCH_REQUIRED / UPDATE_CONTEXT. In
        panic nothing happens (INFO).
        """
        if self._is_panicking(Tag.UPDATE_CONTEXT):
            return
        kept, notes = contexts.judge(context, Tag.UPDATE_CONTEXT, old=self._mirror.known.context)
        for note in notes:
            self._core.logs.say(note.level, note.tag, note.text)
        if kept:
            change = mirrors.updated(kept)
            self._order("updateContext", {"context": kept}, Tag.UPDATE_CONTEXT, change)

    def clear_context(self) -> None:
        """Empty the context but for the keys of the SDK (FS-108). Sends `clearContext`.

        If something changes, flags are FETCH_REQUIRED / UPDATE_CONTEXT. In panic nothing happens.
        """
        if not self._is_panicking(Tag.CLEAR_CONTEXT):
            self._order("clearContext", {}, Tag.CLEAR_CONTEXT, mirrors.cleared)

    def authenticate(self, visitor_id: str) -> None:
        """Log in (FS-116, FS-117): the visitor id becomes the anonymous id. Sends `authenticate`.

        An empty id is an ERROR line, being logged in already a WARNING, and nothing happens. Flags
        are FETCH_REQUIRED / AUTHENTICATE until `fetch_flags`. Hits that wait are sent before.
        """
        logs = self._core.logs
        if not _is_visitor_id(visitor_id):
            text = f"a visitor id is a text of 1 to {VISITOR_CHARACTERS_MAX} characters"
            logs.error(Tag.AUTHENTICATE, text)
        elif self.is_authenticated:
            logs.say(LogLevel.WARNING, Tag.AUTHENTICATE, "the visitor is authenticated already")
        else:
            self._core.tracking.send_first(self._handle)
            data, change = {"visitorId": visitor_id}, mirrors.authenticated(visitor_id)
            self._order("authenticate", data, Tag.AUTHENTICATE, change)

    def unauthenticate(self) -> None:
        """Log out (FS-118, FS-119): the anonymous id is the visitor id again.

        While anonymous that is an ERROR line, and nothing happens. Flags are FETCH_REQUIRED /
        UNAUTHENTICATE until `fetch_flags`. Sends `unauthenticate`, and before it hits that wait.
        """
        if not self.is_authenticated:
            self._core.logs.error(Tag.UNAUTHENTICATE, "the visitor is not authenticated")
        else:
            self._core.tracking.send_first(self._handle)
            self._order("unauthenticate", {}, Tag.UNAUTHENTICATE, mirrors.unauthenticated)

    def _order(self, name: str, data: Mapping[str, Any], tag: Tag, change: Change) -> None:
        if self._talk is None or not self._core.is_started:
            before = self.flags_status
            self._mirror.alter(change)
            if self.flags_status != before:
                self._tell_status(self.flags_status)
            return
        job = Job(name, data, None, tag)
        job.prediction = self._mirror.predict(change)
        self._talk.put(job)

    async def settled(self) -> None:
        """Wait until everything that was sent before has been answered, fetches included."""
        await self._fetcher.wait()
        if self._talk is not None:
            await self._talk.settled()
        await self._core.visitors.settled()

    # --- flags

    async def fetch_flags(self) -> None:
        """Fetch the flags for the context as it is now (FS-112). Sends `fetchFlags`, `getFlags`.

        Returns when the flags are there, or after the timeout: then the status is FETCH_REQUIRED /
        FETCH_ERROR, or READ_FROM_CACHE if the visitor cache knew some. While a fetch is under way
        callers share it; just after one nothing is sent (INFO). Before the start that is an ERROR
        line. Afterwards `ready` is told.
        """
        await self._fetcher.fetch()

    def on(self, event: str, listener: Ready) -> None:
        """Have `listener(error)` called at each `ready`: a fetch has ended (FS-113).

        `error` is a `FetchFailed`, or None. Raises `ValueError` for another event.
        """
        if event != READY:
            raise ValueError(f"there is no event {event!r}, only {READY!r}")
        self._fetcher.listeners.append(listener)

    def off(self, event: str, listener: Ready) -> None:
        """Call that listener no more; `ValueError` if it was not there."""
        if event != READY:
            raise ValueError(f"there is no event {event!r}, only {READY!r}")
        self._fetcher.listeners.remove(listener)

    def get_flag(self, key: str) -> Flag:
        """The flag of that key, an empty one if there is none (FS-114, FS-115).

        While flags must be fetched it is the flag of before, and a WARNING line (`GET_FLAG`).
        """
        status = self.flags_status
        if status.status not in (FetchStatus.FETCHED, FetchStatus.FETCHING):
            text = f"the flag {key[:64]!r} is not up to date: {status.status} / {status.reason}"
            self._core.logs.say(LogLevel.WARNING, Tag.GET_FLAG, text)
        return Flag(key, self._reader, self._settle)

    def get_flags(self) -> FlagCollection:
        """All flags of the last fetch (FS-120)."""
        return FlagCollection(self._reader.keys, self._reader, self._settle)

    async def _settle(self, batch: Batch) -> None:
        if batch.is_under_way:
            await batch.tried.wait()

    # --- hits

    async def send_hit(self, hit: AnyHit) -> None:
        """Report one hit (FS-121): it joins the pool, and leaves with it.

        Without a required field it is refused (ERROR, `ADD HIT`); the same hit again within the
        de-duplication time is dropped (DEBUG). Without consent and in panic nothing happens (INFO,
        `sendHit`), before the start neither (ERROR).
        """
        await self._take_hits((hit,), Tag.SEND_HIT_METHOD)

    async def send_hits(self, hits: Iterable[AnyHit]) -> None:
        """Report several hits, each as `send_hit` would; log lines say `sendHits` (FS-122)."""
        await self._take_hits(tuple(hits), Tag.SEND_HITS_METHOD)

    async def collect_eai_events_async(self) -> None:
        """Emotion AI needs events of a browser, and there is none here: an INFO line (FS-123)."""
        self._core.logs.say(LogLevel.INFO, Tag.TRACKING_MANAGER, "there are no browser events here")

    async def _take_hits(self, hits: tuple[object, ...], tag: Tag) -> None:
        logs, known = self._core.logs, self._mirror.known
        if self._talk is None or self._core.status == SdkStatus.SDK_NOT_INITIALIZED:
            logs.error(tag, NOT_STARTED)
        elif self._core.status == SdkStatus.SDK_PANIC:
            logs.say(LogLevel.INFO, tag, IN_PANIC)
        elif not known.has_consented:
            logs.say(LogLevel.INFO, tag, "the visitor did not consent, so nothing is sent")
        else:
            tracking = self._core.tracking
            await tracking.add(entries_of(hits, self._handle, known, tracking, logs))

    # --- for the parts

    def _sdk_status(self) -> SdkStatus:
        return self._core.status

    def _is_panicking(self, tag: Tag) -> bool:
        is_panicking = self._core.status == SdkStatus.SDK_PANIC
        if is_panicking:
            self._core.logs.say(LogLevel.INFO, tag, IN_PANIC)
        return is_panicking

    def _tell_status(self, status: FlagsStatus) -> None:
        self._core.logs.call(Tag.FETCH_FLAGS, self._on_status, status)

    def _tell_exposed(self, exposure: VisitorExposure) -> None:
        callback = self._core.config.on_visitor_exposed
        self._core.logs.call(Tag.FLAG_VISITOR_EXPOSED, callback, exposure)


def _is_visitor_id(text: object) -> bool:
    """1 to 256 code points of valid Unicode (spec 10.5)."""
    return (
        isinstance(text, str)
        and 1 <= len(text) <= VISITOR_CHARACTERS_MAX
        and contexts.is_unicode(text)
    )
