"""What a visitor was given: campaigns with their flags, and how a flag is read.

Flags come from a decision's answer, from our own choices, from a cache or from their serialised
form; all become the same small structs. A key that two campaigns give belongs to the last one.
A value is given out if its type is that of the default, else the default is.
Rules: spec flags 1.2, 4.4, 4.5; ledger FS-124 to FS-138, FS-149 to FS-154.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from actors.flags.choices import Choice
from actors.flags.names import FetchStatus, FlagStatus, LogLevel, Tag
from engine.effects import Note

Wanted = TypeVar("Wanted")


class FlagsInvalid(Exception):
    """What should hold flags does not; the text says what is wrong and where."""


class CampaignFlags(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, gc=False):
    """A campaign that a visitor is in: its variation, and the flags that it gives (any JSON).

    `type` is the campaign's (`ab`, `toggle`, ...). A flag whose value is None is there and empty.
    """

    campaign_id: str
    variation_group_id: str
    variation_id: str
    campaign_name: str = ""
    slug: str | None = None
    type: str = ""
    variation_group_name: str = ""
    variation_name: str = ""
    is_reference: bool = False
    flags: dict[str, object] = {}


class Flag(msgspec.Struct, frozen=True, gc=False):
    """One flag of a visitor, and the campaign that it comes from."""

    key: str
    value: object
    campaign: CampaignFlags

    @property
    def exists(self) -> bool:
        """Whether the flag counts as there: its campaign has all three ids (spec flags 4.4)."""
        campaign = self.campaign
        return bool(campaign.campaign_id and campaign.variation_group_id and campaign.variation_id)


def flags_of(campaigns: Iterable[CampaignFlags]) -> dict[str, Flag]:
    """The flags by key; of two campaigns with one key, the last wins."""
    return {key: Flag(key, value, each) for each in campaigns for key, value in each.flags.items()}


NO_CAMPAIGN = CampaignFlags("", "", "")


def metadata_of(flag: Flag | None) -> dict[str, object]:
    """The nine members of a flag's metadata; of no flag all are empty (FS-126, FS-151)."""
    campaign = flag.campaign if flag else NO_CAMPAIGN
    return {
        "campaignId": campaign.campaign_id,
        "campaignName": campaign.campaign_name,
        "variationGroupId": campaign.variation_group_id,
        "variationGroupName": campaign.variation_group_name,
        "variationId": campaign.variation_id,
        "variationName": campaign.variation_name,
        "isReference": campaign.is_reference,
        "campaignType": campaign.type,
        "slug": campaign.slug,
    }


def status_of(fetch_status: str, exists: bool) -> FlagStatus:
    """Where one flag is, by where the visitor's flags are (spec flags 4.4)."""
    if fetch_status == FetchStatus.PANIC:
        return FlagStatus.PANIC
    if not exists:
        return FlagStatus.NOT_FOUND
    if fetch_status in (FetchStatus.FETCH_REQUIRED, FetchStatus.FETCHING):
        return FlagStatus.FETCH_REQUIRED
    return FlagStatus.FETCHED


def value_of(flag: Flag | None, default: object, key: str = "") -> tuple[object, Note | None]:
    """The flag's value, or the default if there is no flag, its value is null, or the types differ.

    Types are JSON's: text, number, boolean, list, object. A default of None takes any. A WARNING
    with the tag `FLAG_VALUE` says that there is no flag or that the types differ; `key` names the
    flag that was asked for. Rules: spec flags 4.5, ledger FS-132 to FS-138.
    """
    if flag is None:
        return default, _warning(f"there is no flag `{key[:64]}`, so the default is given")
    if flag.value is None:
        return default, None
    if default is not None and _kind(flag.value) is not _kind(default):
        return default, _warning(
            f"the flag `{flag.key[:64]}` has another type than the default, so the default is given"
        )
    return flag.value, None


def _warning(text: str) -> Note:
    return Note(LogLevel.WARNING, Tag.FLAG_VALUE, text)


def _kind(value: object) -> type:
    """The JSON type of a value; what is none is its own."""
    for kind, types in ((bool, bool), (float, int | float), (str, str), (list, list | tuple)):
        if isinstance(value, types):
            return kind
    return dict if isinstance(value, Mapping) else type(value)


# --- the serialised form (FS-149, FS-153, FS-154)


class _Serialized(msgspec.Struct, rename="camel"):
    """One flag as `toJSON` writes it."""

    key: str
    campaign_id: str
    variation_group_id: str
    variation_id: str
    hex: str
    campaign_name: str | None = None
    slug: str | None = None
    campaign_type: str | None = None
    variation_group_name: str | None = None
    variation_name: str | None = None
    is_reference: bool | None = None


_Head = tuple[str, str, str, str, str | None, str, str, str, bool]
"""The members of `CampaignFlags` before `flags`."""


def serialized(campaigns: Iterable[CampaignFlags]) -> list[dict[str, object]]:
    """Each flag with its key, its metadata and `hex`, its value as JSON in hexadecimal.

    Characters that are not ASCII are escaped first, so every value survives two digits each.
    """
    return [
        {"key": key, **metadata_of(flag), "hex": _hex(flag.value)}
        for key, flag in flags_of(campaigns).items()
    ]


def from_serialized(given: object) -> tuple[CampaignFlags, ...]:
    """The campaigns of flags that `serialized`, or an SDK, wrote; raises `FlagsInvalid`.

    Flags of one variation are one campaign again; of two with one key the last one counts.
    """
    last = {each.key: each for each in _converted(given, list[_Serialized])}
    found: dict[_Head, dict[str, object]] = {}
    for each in last.values():
        found.setdefault(_head(each), {})[each.key] = _value(each)
    return tuple(CampaignFlags(*head, flags) for head, flags in found.items())


def _head(flag: _Serialized) -> _Head:
    return (
        flag.campaign_id,
        flag.variation_group_id,
        flag.variation_id,
        flag.campaign_name or "",
        flag.slug,
        flag.campaign_type or "",
        flag.variation_group_name or "",
        flag.variation_name or "",
        bool(flag.is_reference),
    )


def _hex(value: object) -> str:
    return json.dumps({"v": value}, separators=(",", ":")).encode("ascii").hex()


def _value(flag: _Serialized) -> object:
    """The value back from `hex`: two digits are one character up to U+00FF."""
    try:
        held: object = msgspec.json.decode(bytes.fromhex(flag.hex).decode("latin-1"))
    except (ValueError, msgspec.DecodeError, RecursionError):
        raise FlagsInvalid(f"`hex` of the flag `{flag.key[:64]}` is not JSON in hex") from None
    if not isinstance(held, dict) or "v" not in held:
        raise FlagsInvalid(f"`hex` of the flag `{flag.key[:64]}` holds no value")
    return held["v"]


# --- a decision's answer and our own choices


class _Modifications(msgspec.Struct):
    value: dict[str, object] | None = None


class _Variation(msgspec.Struct):
    id: str
    name: str | None = None
    reference: bool | None = None
    modifications: _Modifications | None = None


class _Campaign(msgspec.Struct, rename="camel"):
    """One campaign of an answer; only what no flag can be without is required."""

    id: str
    variation_group_id: str
    variation: _Variation
    name: str | None = None
    slug: str | None = None
    type: str | None = None
    variation_group_name: str | None = None


class _Answer(msgspec.Struct):
    campaigns: list[_Campaign]


def from_campaigns(given: object) -> tuple[CampaignFlags, ...]:
    """The campaigns of a decision's answer, in order (spec flags 1.2).

    `given` is the decoded answer, or its `campaigns` list. Names, slug, type, reference and
    modifications may be missing or null. Raises `FlagsInvalid` for anything else, also for an
    answer without `campaigns`: it means something of its own, so callers look for it first.
    """
    if isinstance(given, list):
        listed = _converted(given, list[_Campaign])
    else:
        listed = _converted(given, _Answer).campaigns
    return tuple(_flags(each) for each in listed)


def _flags(campaign: _Campaign) -> CampaignFlags:
    variation = campaign.variation
    modifications = variation.modifications
    return CampaignFlags(
        campaign.id,
        campaign.variation_group_id,
        variation.id,
        campaign.name or "",
        campaign.slug,
        campaign.type or "",
        campaign.variation_group_name or "",
        variation.name or "",
        bool(variation.reference),
        (modifications.value if modifications else None) or {},
    )


def from_choice(choice: Choice) -> CampaignFlags:
    """The flags of a choice; keys that only its siblings have are there with the value None.

    So a decision of our own gives the same flags as its answer with `exposeAllKeys=true`.
    """
    campaign, group, variation = choice.campaign, choice.group, choice.variation
    return CampaignFlags(
        campaign.id,
        group.id,
        variation.id,
        campaign.name,
        campaign.slug,
        campaign.type,
        group.name,
        variation.name,
        variation.reference,
        {key: variation.modifications.get(key) for key in choice.exposed.flags},
    )


def _converted(given: object, wanted: type[Wanted]) -> Wanted:
    try:
        return msgspec.convert(given, wanted)
    except (msgspec.ValidationError, RecursionError) as error:
        raise FlagsInvalid(str(error)) from None
