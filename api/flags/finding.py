"""What a fetch finds: a decision, third-party segments before it, the cache after a failed one.

Where an environment has no upstream, the decision door's own logic decides; in the bucketing modes
the environment's file does, by the SDK's rules. What cannot be had is said and ends in an outcome;
nothing is raised. Rules: spec flags 1.8, 3.2, 4.2, 4.6, 10.4; FS-062, FS-174, FS-179.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from actors.flags import caches
from actors.flags.caches import VisitorCache
from actors.flags.compiled import Request
from actors.flags.flag_values import CampaignFlags, from_choice
from actors.flags.names import LogLevel, SdkStatus, Tag
from actors.flags.visitor_words import Context, EndFetch, Outcome, Visitor
from api.flags import remarks, upstream
from api.flags.deciding import decide, decide_locally
from api.flags.environments import Live
from api.flags.upstream import Decided
from engine.effects import Note
from engine.errors import EngineError
from engine.messages import Address

if TYPE_CHECKING:
    from api.flags.shelf import Shelf

UPSTREAM_MAX = 500
"""Calls of fetches at once, some of which wait for a connection; more of them fail at once."""
ENVIRONMENT_CALLS_MAX = 50
"""Of one environment: ten whose upstreams hang fill the house, one leaves nine tenths to others."""


class Finder:
    """Finds what fetches ask for. `cache_of` gives the visitor cache of an environment."""

    def __init__(self, shelf: Shelf, cache_of: Callable[[Shelf, Live], VisitorCache]) -> None:
        self._shelf = shelf
        self._cache_of = cache_of
        self._calls: Counter[tuple[str, str]] = Counter()
        self._refused = 0

    async def find(self, live: Live, address: Address, visitor: Visitor, fetch_id: str) -> EndFetch:
        """What the fetch `fetch_id`, which `visitor` started, ends with."""
        segments: Context = {}
        if _wants_segments(live):
            segments = await self._segments(live, address, visitor)
        decided = await self._decide(live, address, visitor, segments)
        cached: tuple[CampaignFlags, ...] = ()
        if decided.outcome in (Outcome.ERROR, Outcome.NOTHING) and _may_use_cache(live, visitor):
            cached = await self._cached(live, address, visitor)
        return EndFetch(
            fetch=fetch_id,
            outcome=decided.outcome,
            campaigns=decided.campaigns,
            cached=cached,
            segments=segments,
            carries=decided.carries,
            is_local=live.settings.is_local,
            error=decided.error,
        )

    async def _decide(
        self, live: Live, address: Address, visitor: Visitor, segments: Context
    ) -> Decided:
        try:
            if _asks_upstream(live):
                with self._calling(live):
                    return await upstream.ask(self._shelf.house, live, visitor)
            return await _decide_here(self._shelf, live, visitor, segments)
        except (EngineError, upstream.Failed) as error:
            return Decided(Outcome.ERROR, error=str(error))
        except Exception as error:
            self._shelf.house.log.failed(address, "fetch", error)
            return Decided(Outcome.ERROR, error="the decision broke")

    @contextmanager
    def _calling(self, live: Live) -> Iterator[None]:
        """One call of an environment. Raises `upstream.Failed` if there are too many already."""
        whose = (live.project, live.env)
        if self._calls[whose] >= ENVIRONMENT_CALLS_MAX or self._calls.total() >= UPSTREAM_MAX:
            self._refused += 1
            raise upstream.Failed("too many fetches are under way")
        self._calls[whose] += 1
        try:
            yield
        finally:
            self._calls[whose] -= 1
            if not self._calls[whose]:
                del self._calls[whose]

    async def _segments(self, live: Live, address: Address, visitor: Visitor) -> Context:
        """Third-party segments; none where they cannot be had, which is said and is no error."""
        try:
            with self._calling(live):
                segments, notes = await upstream.third_party(self._shelf.house, live, visitor)
        except upstream.Failed as failed:
            segments, text = {}, f"third-party segments are missing: {failed}"
            notes = (Note(LogLevel.ERROR, Tag.FETCH_FLAGS, text),)
        self._remark(live, address, notes)
        return segments

    async def _cached(
        self, live: Live, address: Address, visitor: Visitor
    ) -> tuple[CampaignFlags, ...]:
        """Campaigns of the last good fetch, by visitor id, else by anonymous id (FS-179)."""
        cache, person = self._cache_of(self._shelf, live), visitor.person
        for visitor_id in filter(None, (person.visitor_id, person.anonymous_id)):
            try:
                stored = await cache.lookup_visitor(visitor_id)
            except Exception as error:
                self._shelf.house.log.failed(address, "visitor cache", error)
                continue
            if stored is not None:
                found = caches.read_visitor(stored, (visitor_id,))
                if not isinstance(found, Note):
                    return caches.campaigns_of(found)
                self._remark(live, address, (found,))
        return ()

    def _remark(self, live: Live, address: Address, notes: Iterable[Note]) -> None:
        remarks.tell(self._shelf.house, address, notes, live.settings.log_level)

    def statistics(self) -> dict[str, float]:
        """Calls to upstreams and data connectors now, and those refused as too many so far."""
        return {"upstream": self._calls.total(), "refused": self._refused}


async def _decide_here(shelf: Shelf, live: Live, visitor: Visitor, segments: Context) -> Decided:
    """By the environment's own file: as the decision door does, or by the SDK's rules."""
    settings, person = live.settings, visitor.person
    if live.compiled.panic:
        return Decided(Outcome.PANIC)
    if settings.is_local and not live.hash:
        return Decided(Outcome.NOTHING)
    keeps = visitor.consented and not (settings.is_local and settings.disable_cache)
    request = Request(
        person.visitor_id,
        {**person.context, **segments},
        person.anonymous_id or "",
        consent=keeps,
    )
    if settings.is_local:
        decision = await decide_locally(shelf, live, request, visitor.handle)
    else:
        decision = await decide(shelf, live, request, handle=visitor.handle)
    if decision.failed:
        return Decided(Outcome.ERROR, error="the targeting of the file cannot be evaluated")
    campaigns = tuple(from_choice(choice) for choice in decision.choices)
    return Decided(Outcome.OK, campaigns, carries=live.prepared.file.xpc)


def _asks_upstream(live: Live) -> bool:
    """Somebody else decides."""
    return bool(live.settings.decision_api_url) and not live.settings.is_local


def _wants_segments(live: Live) -> bool:
    """A data connector is asked first (FS-062): only where we evaluate, and not in panic."""
    settings = live.settings
    wanted = settings.fetch_third_party_data and settings.third_party_url is not None
    return wanted and settings.is_local and not live.compiled.panic


def asks_others(live: Live) -> bool:
    """A fetch leaves the house, and takes as long as others take."""
    return _asks_upstream(live) or _wants_segments(live)


def _may_use_cache(live: Live, visitor: Visitor) -> bool:
    """Only the Default strategy reads the cache (spec flags 4.6), if it is not turned off."""
    in_panic = live.sdk_status == SdkStatus.SDK_PANIC
    return visitor.consented and not live.settings.disable_cache and not in_panic
