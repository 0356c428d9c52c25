"""Who empties an environment's pools: hits and activations, into our own store or to a collector.

A pool is sent when its interval ends or it is full, in BUCKETING_EDGE only when somebody asks. Into
our own store the rows go in the commit that empties the pool, so they are there exactly once; to a
collector elsewhere at least once. What failed stays, is tried again after the interval, and is
dropped after four hours. Rules: spec flags 1.1, 1.3, 1.6, 5, 10.9; FS-074, FS-090 to FS-092,
FS-095, FS-098, FS-191.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import trio

from actors.flags.caches import HIT_AGE_MS_MAX
from actors.flags.environment import KIND as ENVIRONMENT
from actors.flags.names import (
    FLAGSHIP_CLIENT,
    FLAGSHIP_VERSION,
    CacheStrategy,
    LogLevel,
    Tag,
)
from actors.flags.visitor_world import CLIENT, VERSION
from api.flags import pooled, remarks, upstream
from api.flags.environments import Live
from api.flags.keeping import Keeping
from api.flags.pooled import Body, Pooled
from api.flags.rows import activation_row, hit_row
from api.outgoing import Unreachable
from engine.commits import commit
from engine.effects import Append, Note
from engine.errors import EngineError, Later
from engine.messages import Address
from engine.outbox import WAITS_SECONDS
from engine.pools import Order
from engine.ports import Delivery, Entry, Settle

if TYPE_CHECKING:
    from api.flags.shelf import Shelf

HITS_MAX = 1_000
"""Hits of a pool sent at once: rows of one commit. A higher `pool_max_size` counts as this."""
ACTIVATIONS_MAX = 100
"""Activations in a request (spec flags 1.3)."""
BREATH = 100
"""Rows made in a row before others may run."""
ATTEMPT_SHARE = 0.8
"""Of the time that the outbox gives: ours runs out first, so that we can say when to try again."""


class PoolOf(ABC):
    """What the two pools have in common; an `engine.senders.PoolSender`.

    `asked` are the environments whose pools somebody wants sent now, by how many.
    """

    waits_seconds = WAITS_SECONDS
    batch_max: int
    what: str

    def __init__(self, shelf: Shelf, keeping: Keeping, asked: dict[str, int]) -> None:
        self._shelf = shelf
        self._keeping = keeping
        self._asked = asked
        self._left: dict[Order, set[int]] = {}  # ids that a collector has, of an unfinished batch

    def full_at(self, order: Order) -> int:
        """So many rows are sent at once; 0: they wait (for their interval, or to be asked for)."""
        live = self._shelf.environments.live.get(order.subject)
        if live is None or not live.settings.sends_by_itself:
            return 0
        return self.full_in(live)

    async def send_all(self, deliveries: Sequence[Delivery]) -> Iterable[Append]:
        """Send a batch, or raise `Later`. An environment that is gone takes its hits along."""
        order = Order.of(deliveries[0])
        live = await self._shelf.environments.find(order.subject)
        if live is None or live.project != order.project:
            return ()
        batch = [pooled.read_pooled(each) for each in deliveries]
        now_ms = self._shelf.clock.now_ms()
        young = [each for each in batch if not pooled.is_old(each, now_ms)]
        if young and not live.settings.sends_by_itself and not self._asked.get(live.env):
            await self._let_go(live, batch, young, now_ms)
        if len(young) < len(batch):
            self._say_dropped(live, len(batch) - len(young))
        try:
            appends = await self._send(live, order, young, now_ms)
        except (EngineError, Unreachable, upstream.Failed, trio.TooSlowError) as error:
            seconds, why = live.settings.batch_seconds, str(error) or "it took too long"
            text = f"{len(young)} could not be sent and wait {seconds:g} s: {why}"
            self._say(live, LogLevel.ERROR, text)
            await self._keeping.failed(live, young)
            raise Later(seconds, why) from None
        self._left.pop(order, None)
        await self._keeping.sent(live, batch)
        return appends

    async def _let_go(
        self, live: Live, batch: list[Pooled], young: list[Pooled], now_ms: int
    ) -> None:
        """Nobody asked: only what is too old leaves the pool, the others wait (FS-074)."""
        is_young = {each.delivery.id for each in young}
        old = [each for each in batch if each.delivery.id not in is_young]
        settles = tuple(Settle(id=each.delivery.id) for each in old)
        if settles:
            entry = Entry(project=live.project, at_ms=now_ms, settles=settles)
            await commit(self._shelf.directory.store, entry)
            self._say_dropped(live, len(old))
        first = min(each.time_ms for each in young)
        seconds = (first + HIT_AGE_MS_MAX - now_ms) / 1000
        raise Later(seconds, "nobody has asked for them yet")

    async def _send(
        self, live: Live, order: Order, batch: list[Pooled], now_ms: int
    ) -> tuple[Append, ...]:
        url = self.url_in(live)
        if url is None:
            return await self._own_rows(live, batch, now_ms)
        left = self._left.setdefault(order, set())
        waiting = [each for each in batch if each.delivery.id not in left]
        limits = self._shelf.directory.limits
        with trio.fail_after(limits.outbox_attempt_seconds_max * ATTEMPT_SHARE):
            for body in self.bodies(live, waiting, now_ms) if waiting else ():
                await self._post(live, url, body)
                left.update(each.delivery.id for each in body.items)
        return ()

    async def _own_rows(self, live: Live, batch: list[Pooled], now_ms: int) -> tuple[Append, ...]:
        rows = []
        for number, each in enumerate(batch, 1):
            rows.append(self.own_row(live, each, now_ms))
            if number % BREATH == 0:
                await trio.lowlevel.checkpoint()
        return tuple(rows)

    async def _post(self, live: Live, url: str, body: Body) -> None:
        settings = live.settings
        got = await self._shelf.house.outgoing.request(
            "POST",
            url,
            headers=self.headers(live),
            body=body.body,
            seconds=settings.timeout,
            private=settings.upstream_private,
        )
        if not 200 <= got.status < upstream.STATUS_REDIRECT:
            raise upstream.Failed(f"the collector answered {got.status}")

    def _say_dropped(self, live: Live, number: int) -> None:
        self._say(live, LogLevel.WARNING, f"{number} are older than 4 hours and are dropped")

    def _say(self, live: Live, level: LogLevel, text: str) -> None:
        note = Note(level, Tag.TRACKING_MANAGER, f"{self.what}: {text}")
        address = Address(live.project, ENVIRONMENT, live.env)
        remarks.tell(self._shelf.house, address, (note,), live.settings.log_level)

    # --- in which they differ

    @abstractmethod
    def full_in(self, live: Live) -> int:
        """How many are sent before their interval ends."""

    @abstractmethod
    def url_in(self, live: Live) -> str | None:
        """The collector; None: our own store."""

    @abstractmethod
    def headers(self, live: Live) -> dict[str, str]:
        """Headers of a request to the collector. May raise `upstream.Failed`."""

    @abstractmethod
    def bodies(self, live: Live, items: list[Pooled], now_ms: int) -> Iterator[Body]:
        """Bodies of requests to the collector."""

    @abstractmethod
    def own_row(self, live: Live, item: Pooled, now_ms: int) -> Append:
        """The row of our own store."""


class HitPool(PoolOf):
    """Hits: pooled by number and interval, or sent one by one (strategy 3)."""

    batch_max = HITS_MAX
    what = "hits"

    def full_in(self, live: Live) -> int:
        """The pool size; without batching every hit."""
        settings = live.settings
        return 1 if settings.cache_strategy == CacheStrategy.NO_BATCHING else settings.pool_size

    def url_in(self, live: Live) -> str | None:
        """`hits_url`."""
        return live.settings.hits_url

    def headers(self, live: Live) -> dict[str, str]:
        """Only the content type (spec flags 1.1)."""
        return {"content-type": upstream.JSON}

    def bodies(self, live: Live, items: list[Pooled], now_ms: int) -> Iterator[Body]:
        """BATCH bodies, or each hit alone."""
        settings = live.settings
        env = settings.upstream_env or live.env
        if settings.cache_strategy == CacheStrategy.NO_BATCHING:
            return pooled.single_bodies(env, items, now_ms)
        return pooled.hit_bodies(env, items, now_ms)

    def own_row(self, live: Live, item: Pooled, now_ms: int) -> Append:
        """As if it had come in by the door."""
        hit = pooled.hit_of(item, now_ms)
        return Append("flag_hit", hit_row(self._shelf.assignments, live, hit, now_ms, item.handle))


class ActivationPool(PoolOf):
    """Activations for a collector, or in BUCKETING_EDGE for whoever asks; else they never wait."""

    batch_max = ACTIVATIONS_MAX
    what = "activations"

    def __init__(self, shelf: Shelf, keeping: Keeping, asked: dict[str, int]) -> None:
        super().__init__(shelf, keeping, asked)
        self._written: set[tuple[str, str]] = set()

    def forget_written(self) -> None:
        """Rows made so far are committed by now: what their subjects keep is read again. Plain."""
        self._shelf.assignments.forget(self._written)
        self._written.clear()

    def full_in(self, live: Live) -> int:
        """Each is sent at once (its row is due); after a failure they wait for the interval."""
        return 1

    def url_in(self, live: Live) -> str | None:
        """`activate_url`."""
        return live.settings.activate_url

    def headers(self, live: Live) -> dict[str, str]:
        """As the SDK sends them, with the upstream's key."""
        context = {FLAGSHIP_CLIENT: CLIENT, FLAGSHIP_VERSION: VERSION}
        return upstream.sdk_headers(context, upstream.api_key(self._shelf.house, live))

    def bodies(self, live: Live, items: list[Pooled], now_ms: int) -> Iterator[Body]:
        """One body."""
        return pooled.activation_bodies(live.settings.upstream_env or live.env, items, now_ms)

    def own_row(self, live: Live, item: Pooled, now_ms: int) -> Append:
        """As if it had come in by the door."""
        row = activation_row(live, pooled.activation_of(item, now_ms), now_ms, item.handle)
        self._written.update((live.env, subject) for subject in row.subjects)
        return Append("flag_activation", row)
