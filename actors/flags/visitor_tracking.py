"""What a visitor's commands send: hits, the consent hit, the segment.

Each leaves as an outbox row in the commit of the command, so nothing accepted is lost. The same
thing within the environment's de-duplication time is not sent again.
Rules: spec flags 1.6, 5, 10.9; FS-050, FS-104 to FS-106, FS-121, FS-122.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import zip_longest

import msgspec

from actors.flags import caches, contexts, sdk_hits
from actors.flags.caches import HIT_AGE_MS_MAX
from actors.flags.names import CacheStrategy, LogLevel, Tag
from actors.flags.sdk_hits import HitInvalid, Shaped
from actors.flags.settings import Settings
from actors.flags.visitor_events import HitsPooled
from actors.flags.visitor_words import (
    Person,
    SendHit,
    SendHits,
    Visitor,
)
from actors.flags.visitor_world import (
    CLIENT,
    is_tracking,
    settings_of,
)
from engine.effects import Append, Effect, Note, Yielded
from engine.errors import Refused
from engine.machine import Moment

HITS = "flags.hits"
"""The sender, and its pool: one for an environment."""
HIT_CACHE_LIST = "flag_hit_cache"
HITS_MAX = 1_000
"""In one `sendHits`."""
SECOND_MS = 1_000


class PooledHit(msgspec.Struct, frozen=True, rename="camel"):
    """The body of a hit's outbox row; `content` by wire names, `time` of creation in ms."""

    key: str
    visitor_id: str
    anonymous_id: str | None
    type: str
    content: dict[str, object]
    time: int


def sent(visitor: Visitor, command: SendHit | SendHits, moment: Moment) -> Iterator[Yielded]:
    """Hits go into the pool; of several, those that are wrong are left out (FS-121, FS-122)."""
    if isinstance(command, SendHit):
        command = SendHits(hits=(command.hit,))
    given, times, is_new = command.hits, command.times, command.deduplicated
    if len(given) > HITS_MAX:
        raise Refused(f"at most {HITS_MAX} hits at once")
    shaped: list[tuple[Shaped, int]] = []
    for each, made_ms in zip_longest(given, times[: len(given)]):
        try:
            shaped.append((sdk_hits.shape(each), _made(made_ms, moment.now_ms)))
        except HitInvalid as invalid:
            yield Note(LogLevel.ERROR, Tag.ADD_HIT, str(invalid))
    for hit, _ in shaped:
        yield from hit.notes
    yield from pooled(visitor, visitor.person, shaped, moment, is_new=is_new)


def _made(time_ms: int | None, now_ms: int) -> int:
    """When a hit was made: within the last four hours, and not in the future."""
    return now_ms if time_ms is None else max(now_ms - HIT_AGE_MS_MAX, min(time_ms, now_ms))


def consent_told(
    visitor: Visitor, person: Person, consented: bool, moment: Moment
) -> Iterator[Yielded]:
    """The hit that says what was consented to; none before the start or in panic (spec 4.6).

    Withheld, it names the handle and no other id (spec 10.8).
    """
    person = person if consented else Person(visitor.handle)
    if is_tracking(visitor, None, moment):
        hit = sdk_hits.consent_hit(consented, CLIENT)
        yield from pooled(visitor, person, [(hit, moment.now_ms)], moment)


def segment_told(visitor: Visitor, context: contexts.Context, moment: Moment) -> Iterator[Yielded]:
    """The context as a SEGMENT hit, if it is another than the one reported last (spec 1.6)."""
    digest = contexts.digest(context)
    if visitor.consented and digest != visitor.segment and is_tracking(visitor, None, moment):
        hit = sdk_hits.segment_hit(context)
        hits = [(hit, moment.now_ms)]
        yield from pooled(visitor, visitor.person, hits, moment, segment=digest)


def pooled(
    visitor: Visitor,
    person: Person,
    hits: Iterable[tuple[Shaped, int]],
    moment: Moment,
    *,
    segment: str = "",
    is_new: bool = False,
) -> Iterator[Yielded]:
    """Rows for the environment's pool, and the event that says so.

    `hits` with the time (ms) each was made; repeated ones are dropped, unless `is_new` says that
    there are none.
    """
    settings, now_ms = settings_of(moment), moment.now_ms
    since_ms = window(settings, now_ms)
    new: dict[str, None] = {}
    types: list[str] = []
    for hit, made_ms in hits:
        digest = sdk_hits.digest(hit.type, hit.fields, person.visitor_id)
        if not is_new and (digest in new or is_repeated(visitor, digest, since_ms)):
            yield Note(LogLevel.DEBUG, Tag.ADD_HIT, "the same hit was just sent")
            continue
        if settings.hit_deduplication_time > 0:
            new[digest] = None
        types.append(hit.type)
        body = PooledHit(
            f"{person.visitor_id}:{moment.new_id()}",
            person.visitor_id,
            person.anonymous_id,
            hit.type,
            hit.fields,
            made_ms,
        )
        yield effect_of(visitor, HITS, body, due_in_ms(settings))
        if visitor.consented and caches_at_once(settings):
            yield _cached(visitor, body)
    if types:
        yield HitsPooled(
            types=tuple(types),
            digests=tuple(new),
            at_ms=now_ms,
            since_ms=since_ms,
            segment=segment,
        )


def due_in_ms(settings: Settings) -> int:
    """How long a hit waits for others (spec 5)."""
    if not settings.sends_by_itself:
        return HIT_AGE_MS_MAX
    if settings.cache_strategy == CacheStrategy.NO_BATCHING:
        return 0
    return int(settings.batch_seconds * SECOND_MS)


def caches_at_once(settings: Settings) -> bool:
    """CONTINUOUS_CACHING: the hit cache has a hit as soon as the pool has it (FS-101)."""
    strategy = settings.cache_strategy
    return strategy == CacheStrategy.CONTINUOUS_CACHING and not settings.disable_cache


def _cached(visitor: Visitor, hit: PooledHit) -> Append:
    """The hit cache's entry: a HitCacheDTO (spec 5)."""
    dto = caches.hit_dto(hit.visitor_id, hit.anonymous_id, hit.type, hit.content, hit.time)
    text = msgspec.json.encode(dto).decode()
    return Append(HIT_CACHE_LIST, (visitor.env, hit.key, text, visitor.handle))


def effect_of(visitor: Visitor, name: str, body: msgspec.Struct, due_ms: int) -> Effect:
    """A row of a pool of the visitor's environment, which an erasure of the visitor finds."""
    return Effect(
        sender=name,
        subscription=name,
        subject=visitor.env,
        about=f"{visitor.env}:{visitor.handle}",
        body=msgspec.json.encode(body),
        due_in_ms=due_ms,
    )


def window(settings: Settings, now_ms: int) -> int:
    """Digests from before that time count no more."""
    return now_ms - int(settings.hit_deduplication_time * SECOND_MS)


def is_repeated(visitor: Visitor, digest: str, since_ms: int) -> bool:
    """The same was sent since then."""
    return visitor.recent.get(digest, since_ms) > since_ms
