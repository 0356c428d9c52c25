"""Flags that a visitor reads and sees, and the activations that say so.

Into our own store an activation goes with the command itself; to a collector, or where hits wait to
be sent by hand, by a pool. The same exposure within the environment's de-duplication time is not
sent again. Rules: spec flags 1.3, 4.5, 4.6, 5; FS-061, FS-088, FS-089, FS-132 to FS-139, FS-147.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b

import msgspec

from actors.flags import reports, sdk_hits
from actors.flags.caches import HIT_AGE_MS_MAX
from actors.flags.flag_values import Flag, flags_of, metadata_of, value_of
from actors.flags.names import LogLevel, Tag
from actors.flags.settings import Settings
from actors.flags.visitor_events import Exposed
from actors.flags.visitor_tracking import effect_of, is_repeated, window
from actors.flags.visitor_words import ExposeAll, GetValue, Person, Visitor, VisitorExposed
from actors.flags.visitor_world import is_panicking, is_started, settings_of
from engine.effects import Append, Effect, Note, Yielded
from engine.machine import Moment

ACTIVATIONS = "flags.activations"
"""The sender, and its pool: one for an environment."""
ACTIVATION_LIST = "flag_activation"
DEFAULT_BYTES_MAX = 8_192
"""Of a default value in an exposure's fact."""


class PooledActivation(msgspec.Struct, frozen=True):
    """The body of an activation's outbox row; names of spec 1.3, `time` of creation in ms."""

    vid: str
    aid: str | None
    caid: str
    vaid: str
    campaign: str
    carries: bool
    time: int


def got_value(visitor: Visitor, command: GetValue, moment: Moment) -> Iterator[Yielded]:
    """Remarks about the value asked for, and the exposure (spec 4.5, 4.6)."""
    if is_panicking(visitor, command, moment):
        yield Note(LogLevel.INFO, Tag.FLAG_VALUE_METHOD, "panic: the default value is given")
        return
    if not is_started(visitor, command, moment):
        yield Note(LogLevel.ERROR, Tag.FLAG_VALUE_METHOD, "the SDK has not started")
        return
    flag = flags_of(visitor.person.campaigns).get(command.key)
    _, note = value_of(flag, command.default_value, command.key)
    if flag is not None and flag.exists and command.visitor_exposed and visitor.consented:
        yield from _exposed(visitor, [(flag, command.default_value)], moment)
    if note is not None:
        yield note


def value_for(visitor: Visitor, command: GetValue, *, is_ready: bool) -> object:
    """The value that `getValue` answers; the default while there is panic or no start."""
    if not is_ready:
        return command.default_value
    flag = flags_of(visitor.person.campaigns).get(command.key)
    return value_of(flag, command.default_value, command.key)[0]


def seen(
    visitor: Visitor, command: VisitorExposed | ExposeAll, moment: Moment
) -> Iterator[Yielded]:
    """The visitor saw one flag, some, or all (spec 4.5; FS-139, FS-147)."""
    flags = flags_of(visitor.person.campaigns)
    if isinstance(command, VisitorExposed):
        keys: Iterable[str] = (command.key,)
    else:
        keys = flags if command.keys is None else dict.fromkeys(command.keys)
    found: list[tuple[Flag, object]] = []
    for key in keys:
        flag = flags.get(key)
        if flag is not None and flag.exists:
            found.append((flag, None))
        else:
            text = f"there is no flag `{key[:64]}`, so no exposure is sent"
            yield Note(LogLevel.WARNING, Tag.FLAG_VISITOR_EXPOSED, text)
    yield from _exposed(visitor, found, moment)


def _exposed(
    visitor: Visitor, flags: Iterable[tuple[Flag, object]], moment: Moment
) -> Iterator[Yielded]:
    settings, now_ms, person = settings_of(moment), moment.now_ms, visitor.person
    since_ms = window(settings, now_ms)
    new: set[str] = set()
    for flag, default in flags:
        digest = _digest(person, flag, default)
        if digest in new or is_repeated(visitor, digest, since_ms):
            yield Note(LogLevel.DEBUG, Tag.ADD_ACTIVATE, "the same exposure was just sent")
            continue
        if settings.hit_deduplication_time > 0:
            new.add(digest)
        yield _activation(visitor, flag, settings, now_ms)
        yield Exposed(
            exposed_visitor={
                "id": person.visitor_id,
                "anonymousId": person.anonymous_id,
                "context": person.context,
            },
            from_flag={
                "key": flag.key,
                "value": flag.value,
                "defaultValue": _kept(default),
                "metadata": metadata_of(flag),
            },
            digest=digest if digest in new else "",
            at_ms=now_ms,
            since_ms=since_ms,
        )


def _kept(default: object) -> object:
    """The default as the fact keeps it; a big one is the caller's own, and is left out."""
    size = len(msgspec.json.encode(default))
    return default if size <= DEFAULT_BYTES_MAX else None


def _activation(visitor: Visitor, flag: Flag, settings: Settings, now_ms: int) -> Append | Effect:
    """Into our own store with the command itself; to a collector, or for `close`, by a pool.

    Flags that the caller gave when opening may name anything: before a fetch nothing is kept.
    """
    person, campaign = visitor.person, flag.campaign
    anonymous = person.anonymous_id
    if settings.activate_url is None and settings.sends_by_itself:
        subjects: tuple[str, ...] = ()
        if visitor.fetched_at_ms:
            carried = (anonymous,) if visitor.carries and anonymous else ()
            subjects = (person.visitor_id, *carried)
        ids = (campaign.campaign_id, campaign.variation_group_id, campaign.variation_id)
        return Append(
            ACTIVATION_LIST,
            (visitor.env, person.visitor_id, anonymous or "",
             *(id_[: reports.NAME_CHARACTERS_MAX] for id_ in ids), False, now_ms,
             reports.day_of(now_ms), subjects, visitor.handle),
        )  # fmt: skip
    body = PooledActivation(
        person.visitor_id,
        anonymous,
        campaign.variation_group_id,
        campaign.variation_id,
        campaign.campaign_id,
        visitor.carries,
        now_ms,
    )
    return effect_of(visitor, ACTIVATIONS, body, 0 if settings.sends_by_itself else HIT_AGE_MS_MAX)


def _digest(person: Person, flag: Flag, default: object) -> str:
    """The same visitor saw the same flag with the same value and default (spec 5)."""
    campaign = flag.campaign
    ids = (person.visitor_id, person.anonymous_id, campaign.variation_group_id)
    what = (campaign.variation_id, flag.key, flag.value, default)
    text = msgspec.json.encode(("ACTIVATE", ids, what), order="sorted")
    return blake2b(text, digest_size=sdk_hits.DIGEST_BYTES).hexdigest()
