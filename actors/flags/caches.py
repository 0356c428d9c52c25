"""What a visitor's caches hold, and the two ports through which an embedder keeps it.

The shapes are the seed's, version 1, so that a store filled by another SDK can be read. What comes
back from a store is foreign: it is read with care, and what does not fit is a note and no more,
because a visitor works without its cache. `assignmentsHistory` outlives the campaigns: who once had
a variation keeps it. Rules: spec flags 3.2, 5; ledger FS-173 to FS-191.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal, Protocol, TypeVar

import msgspec

from actors.flags.contexts import Value
from actors.flags.flag_values import CampaignFlags
from actors.flags.names import LogLevel, Tag
from engine.effects import Note

HIT_AGE_MS_MAX = 14_400_000  # 4 hours: older hits would be counted on the wrong day (FS-191)

NO_HISTORY: Mapping[str, str] = {}

Stored = TypeVar("Stored")


class CachedCampaign(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A campaign that a visitor was in (FS-183). The names and `slug` are ours, and optional.

    `activated`: the visitor saw one of its flags. `flags` are any JSON by key.
    """

    campaign_id: str
    variation_group_id: str
    variation_id: str
    type: str
    is_reference: bool | None = None
    activated: bool | None = None
    flags: dict[str, object] | None = None
    name: str | None = None
    slug: str | None = None
    variation_group_name: str | None = None
    variation_name: str | None = None


class VisitorData(msgspec.Struct, frozen=True, rename="camel"):
    """What is kept of a visitor (FS-182); `assignments_history` is variation by group, by id."""

    visitor_id: str
    anonymous_id: str | None = None
    consent: bool | None = None
    context: dict[str, Value] | None = None
    assignments_history: dict[str, str] | None = None
    campaigns: tuple[CachedCampaign, ...] | None = None


class VisitorCacheDTO(msgspec.Struct, frozen=True):
    """One visitor in the cache: `{version: 1, data}` (FS-182)."""

    version: Literal[1]
    data: VisitorData


class HitData(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What is kept of a hit or activation (FS-190); `time` is in milliseconds since 1970.

    `type` is a hit type or `ACTIVATE`; `content` is what its sender needs to send it again.
    """

    visitor_id: str
    anonymous_id: str | None = None
    type: str
    time: int | float
    content: dict[str, object]


class HitCacheDTO(msgspec.Struct, frozen=True):
    """One hit in the cache: `{version: 1, data}` (FS-190)."""

    version: Literal[1]
    data: HitData


class VisitorCache(Protocol):
    """Where an embedder keeps visitors (FS-177). What a method raises is logged and ignored."""

    async def cache_visitor(self, visitor_id: str, data: VisitorCacheDTO) -> None:
        """Keep this for the visitor, in the place of what was kept (FS-178: after each fetch)."""

    async def lookup_visitor(self, visitor_id: str) -> object:
        """What was kept for the visitor, None if nothing was (FS-179).

        A `VisitorCacheDTO`, or the same as decoded or encoded JSON: `read_visitor` reads it.
        """

    async def flush_visitor(self, visitor_id: str) -> None:
        """Forget the visitor (FS-181: each time that consent is set to false)."""


class HitCache(Protocol):
    """Where an embedder keeps hits that wait (FS-184). What a method raises is logged, ignored."""

    async def cache_hit(self, hits: Mapping[str, HitCacheDTO]) -> None:
        """Keep these hits by id; an id that is kept already is replaced (FS-185)."""

    async def lookup_hits(self) -> Mapping[str, object]:
        """All hits by id, as `read_hit` reads them; empty when there are none (FS-186)."""

    async def flush_hits(self, hit_keys: Sequence[str]) -> None:
        """Delete exactly the hits with these ids; unknown ids are nothing (FS-187, FS-188)."""

    async def flush_all_hits(self) -> None:
        """Delete all hits (FS-189)."""


def visitor_dto(
    visitor_id: str,
    anonymous_id: str | None,
    consent: bool,
    context: Mapping[str, Value],
    campaigns: Iterable[CampaignFlags],
    *,
    history: Mapping[str, str] = NO_HISTORY,
    activated: Collection[str] = (),
) -> VisitorCacheDTO:
    """What is kept after a fetch: the campaigns, and their variations added to `history`.

    `history` is the `assignmentsHistory` kept before; `activated` are the ids of variation groups
    that the visitor saw.
    """
    cached = tuple(_cached(each, activated) for each in campaigns)
    given = {each.variation_group_id: each.variation_id for each in cached}
    data = VisitorData(
        visitor_id, anonymous_id, consent, dict(context), {**history, **given}, cached
    )
    return VisitorCacheDTO(1, data)


def _cached(campaign: CampaignFlags, activated: Collection[str]) -> CachedCampaign:
    return CachedCampaign(
        campaign.campaign_id,
        campaign.variation_group_id,
        campaign.variation_id,
        campaign.type,
        campaign.is_reference,
        campaign.variation_group_id in activated,
        campaign.flags,
        campaign.campaign_name,
        campaign.slug,
        campaign.variation_group_name,
        campaign.variation_name,
    )


def read_visitor(stored: object, visitor_ids: Collection[str] = ()) -> VisitorCacheDTO | Note:
    """A visitor as a cache gave it back: bytes of JSON, decoded JSON, or the struct.

    Another version or shape is an ERROR note with the tag `CACHE`, and so is, when `visitor_ids`
    names those who are meant, somebody else's data (FS-179).
    """
    try:
        found = _read(stored, VisitorCacheDTO)
    except _UNFIT as error:
        return _note(Tag.CACHE, f"the visitor in the cache does not fit version 1: {error}")
    if visitor_ids and found.data.visitor_id not in visitor_ids:
        return _note(Tag.CACHE, "the visitor in the cache is another one")
    return found


def campaigns_of(stored: VisitorCacheDTO) -> tuple[CampaignFlags, ...]:
    """The campaigns of a cached visitor, with their flags (FS-174)."""
    return tuple(
        CampaignFlags(
            each.campaign_id,
            each.variation_group_id,
            each.variation_id,
            each.name or "",
            each.slug,
            each.type,
            each.variation_group_name or "",
            each.variation_name or "",
            bool(each.is_reference),
            each.flags or {},
        )
        for each in stored.data.campaigns or ()
    )


def hit_dto(
    visitor_id: str,
    anonymous_id: str | None,
    hit_type: str,
    content: Mapping[str, object],
    time_ms: int,
) -> HitCacheDTO:
    """What is kept of a hit that was made at `time_ms`, milliseconds since 1970."""
    data = HitData(
        visitor_id=visitor_id,
        anonymous_id=anonymous_id,
        type=hit_type,
        time=time_ms,
        content=dict(content),
    )
    return HitCacheDTO(1, data)


def read_hit(stored: object, now_ms: int) -> HitCacheDTO | Note:
    """A hit as a cache gave it back: bytes of JSON, decoded JSON, or the struct.

    Another version or shape, or a hit older than 4 hours, is an ERROR note with the tag
    `LOOKUP HIT`; its key should then be flushed (FS-191, spec flags 5).
    """
    try:
        found = _read(stored, HitCacheDTO)
    except _UNFIT as error:
        return _note(Tag.LOOKUP_HIT, f"a hit in the cache does not fit version 1: {error}")
    if now_ms - found.data.time <= HIT_AGE_MS_MAX:
        return found
    return _note(Tag.LOOKUP_HIT, "a hit in the cache is older than 4 hours")


_UNFIT = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def _read(stored: object, wanted: type[Stored]) -> Stored:
    if isinstance(stored, bytes):
        return msgspec.json.decode(stored, type=wanted)
    return msgspec.convert(stored, wanted)


def _note(tag: Tag, text: str) -> Note:
    return Note(LogLevel.ERROR, tag, text)
