"""Bringing a subscription to where its topic is: a new one, one that came back, a slow one.

Only the writer of a connection comes here, one page at a time and between two sends, so a replay
goes at the pace of whoever reads it. What was missed is told fact by fact while the store still
keeps it without a hole; otherwise the whole state is sent and says so (`recovered: false`).
Never a partial replay.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import UNSET, Raw, UnsetType

from api.http import Problem, problem_of
from api.live.frames import Err, Subd, Unsubd
from api.live.rendering import Line, line, stored_kind_line, stored_line
from api.live.subscription import Phase, Subscription
from api.presenting import encode_state
from engine.limits import Limits
from engine.messages import Erased, Snapshot, Stored
from engine.ports import REDACTED

if TYPE_CHECKING:
    from api.house import House

UNTOLD = frozenset({Erased.wire_name(), REDACTED})
"""Facts that no replay may cross: whoever was away gets the state instead."""


class Reader:
    """Reads for all subscriptions of the house."""

    __slots__ = ("_directory", "_hub", "_limits", "_store")

    def __init__(self, house: House, limits: Limits) -> None:
        self._store = house.store
        self._directory = house.directory
        self._hub = house.hub
        self._limits = limits

    async def catch_up(self, subscription: Subscription) -> None:
        """One step: begin, or one page. Whatever fails ends the subscription, not the socket."""
        subscription.backlog.behind.pop(subscription, None)
        fresh = subscription.phase is Phase.FRESH
        try:
            if subscription.phase is Phase.GONE:
                subscription.end(self._hub)
            elif subscription.address is None:
                await (self._kind if fresh else self._kind_goes_on)(subscription)
            else:
                await (self._begin if fresh else self._go_on)(subscription)
        except _Left:
            return
        except Exception as error:
            self._fail(subscription, problem_of(error), fresh)

    def _fail(self, subscription: Subscription, problem: Problem, fresh: bool) -> None:
        subscription.end(self._hub)
        if fresh:
            body = {**problem.body(), "topic": subscription.topic}
            subscription.backlog.put(line(Err(id=subscription.id, problem=body)))
        else:
            subscription.backlog.put(line(Unsubd(topic=subscription.topic, code=problem.code)))

    # --- one actor

    async def _begin(self, subscription: Subscription) -> None:
        snapshot = await self._peek(subscription)
        at, epoch = subscription.at, self._epoch(snapshot)
        subscription.epoch = epoch
        page: Sequence[Stored] = ()
        if at is not None and at.epoch == epoch and at.version <= snapshot.version:
            if at.version < snapshot.version and subscription.replays:
                page = await self._facts(subscription, at.version)
            if page or at.version == snapshot.version:
                subscription.newest = max(subscription.newest, snapshot.version)
                self._answer(subscription, at.version, recovered=True)
                self._tell(subscription, page)
                return
        self._show(subscription, snapshot)

    async def _peek(self, subscription: Subscription) -> Snapshot:
        address = subscription.address
        if address is None:
            raise AssertionError("a kind has no state")
        snapshot = await self._directory.peek(address)
        _check_still_here(subscription)
        return snapshot

    async def _go_on(self, subscription: Subscription) -> None:
        page: Sequence[Stored] = ()
        if subscription.replays:
            page = await self._facts(subscription, subscription.version)
        if page:
            self._tell(subscription, page)
            return
        snapshot = await self._peek(subscription)
        subscription.epoch = self._epoch(snapshot)
        self._show(subscription, snapshot)

    async def _facts(self, subscription: Subscription, after: int) -> Sequence[Stored]:
        """The next page after a version; empty if a listener cannot be taken across it."""
        most = self._limits.joined_frames_max
        address = subscription.address
        page = () if address is None else await self._store.facts(address, after, most)
        _check_still_here(subscription)
        for expected, stored in enumerate(page, after + 1):
            if stored.version != expected or stored.name in UNTOLD:
                return ()
        return page

    def _tell(self, subscription: Subscription, page: Sequence[Stored]) -> None:
        kind, epoch = subscription.kind, subscription.epoch
        self._hand_over(subscription, [stored_line(kind, stored, epoch) for stored in page])

    def _show(self, subscription: Subscription, snapshot: Snapshot) -> None:
        state: Raw | UnsetType = UNSET
        if subscription.with_state:
            most = self._limits.presented_bytes_max
            state = Raw(encode_state(subscription.kind, snapshot.state, most))
        self._answer(subscription, snapshot.version, recovered=False, state=state)

    def _epoch(self, snapshot: Snapshot) -> str:
        return f"{self._store.epoch}.{snapshot.generation}"

    # --- a kind: the position is the store's commit order, with holes

    async def _kind(self, subscription: Subscription) -> None:
        last, at, epoch = await self._store.last_seq(), subscription.at, self._store.epoch
        _check_still_here(subscription)
        subscription.epoch = epoch
        if at is not None and at.epoch == epoch and at.version <= last:
            subscription.newest = max(subscription.newest, last)
            self._answer(subscription, at.version, recovered=True)
        else:
            self._answer(subscription, last, recovered=False)

    async def _kind_goes_on(self, subscription: Subscription) -> None:
        upto, most = subscription.newest, self._limits.joined_frames_max
        kind, epoch = subscription.kind, subscription.epoch
        page = await self._store.kind_facts(
            subscription.project, kind.name, subscription.version, most
        )
        _check_still_here(subscription)
        made = [stored_kind_line(kind, one, epoch, one.name == REDACTED) for one in page]
        if self._hand_over(subscription, made) and len(page) < most:
            subscription.stand(max(subscription.version, upto))

    # --- saying so

    def _answer(
        self,
        subscription: Subscription,
        version: int,
        *,
        recovered: bool,
        state: Raw | UnsetType = UNSET,
    ) -> None:
        frame = Subd(
            id=subscription.id,
            topic=subscription.topic,
            epoch=subscription.epoch,
            version=version,
            recovered=recovered,
            state=state,
        )
        subscription.id = UNSET
        subscription.backlog.put(line(frame, subscription.topic, subscription.epoch, version))
        subscription.stand(version)

    def _hand_over(self, subscription: Subscription, lines: Sequence[Line]) -> bool:
        """Put a page in while there is room; the last one makes the subscription live."""
        backlog = subscription.backlog
        if lines:
            subscription.newest = max(subscription.newest, lines[-1].version)
        for ready in lines:
            if not backlog.has_room(len(ready)):
                break
            subscription.version = ready.version
            backlog.put(ready)
        done = not lines or subscription.version == lines[-1].version
        subscription.stand(subscription.version)
        return done


class _Left(Exception):
    """The listener left while we were reading."""


def _check_still_here(subscription: Subscription) -> None:
    if subscription.phase is Phase.GONE:
        raise _Left
