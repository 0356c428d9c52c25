"""A bucketing file made ready to decide with: targeting as functions, choices already written.

Compiling happens once per version of a file; the result never changes and holds no trace of the
visitors it was asked about, so it may be shared by every request. Which group of a campaign a
visitor belongs to is answered here too: the first that matches, without falling through to the
next when it gives no variation. Rules: spec flags 2, 3.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from actors.flags import allocation
from actors.flags.bucketing import BucketingFile, Campaign, VariationGroup
from actors.flags.choices import Choice, choices_of
from actors.flags.targeting import EVERYONE, Match, Profile, compile_targeting


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks. `context` is any JSON object; `campaign` narrows to one id or slug.

    `decision_group` takes the visitor id's place in the hash. Without `consent` or with an empty
    `visitor_id` nothing is kept. `trigger_hit` marks new assignments as activated.
    """

    visitor_id: str = ""
    context: Mapping[str, object] = field(default_factory=dict)
    anonymous_id: str = ""
    decision_group: str = ""
    consent: bool = True
    trigger_hit: bool = False
    campaign: str | None = None
    integrations: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


class Group(NamedTuple):
    """A compiled variation group: its test, the bytes its hashes start with, its choices.

    `by_bucket` has, for each of the hundred buckets, the choice that its visitors get, or None.
    """

    campaign: Campaign
    group: VariationGroup
    match: Match
    prefix: bytes
    choices: tuple[Choice, ...]
    by_bucket: tuple[Choice | None, ...]
    by_id: dict[str, Choice]
    certain: Choice | None


@dataclass(frozen=True, slots=True)
class Compiled:
    """A file ready to decide with. `campaigns` are their groups, `keys` all flag keys in order.

    `panic` is the file's or the operator's; `by_name` finds a campaign by id or slug.
    """

    file: BucketingFile
    profile: Profile
    panic: bool
    campaigns: tuple[tuple[Group, ...], ...]
    by_name: dict[str, int]
    keys: tuple[str, ...]


class Matched(NamedTuple):
    """The targeted groups, one per campaign, and whether kept assignments matter for them.

    `failed`: this SDK's targeting throws for the visitor (profile `sdk`); nothing is decided.
    """

    groups: tuple[Group, ...]
    reads_kept: bool
    failed: bool = False


def compile_file(file: BucketingFile, profile: Profile, panic: bool = False) -> Compiled:
    """Prepare a file for one profile. Of campaigns with one id the server takes the first."""
    campaigns = _first_of_each(file.campaigns) if profile == "server" else file.campaigns
    by_name: dict[str, int] = {}
    for position, each in enumerate(campaigns):
        for name in (each.id, each.slug):
            if name is not None:
                by_name.setdefault(name, position)
    groups = tuple(
        tuple(_compile_group(each, group, profile) for group in each.groups) for each in campaigns
    )
    return Compiled(file, profile, panic or file.panic, groups, by_name, _keys(campaigns))


def with_panic(compiled: Compiled, panic: bool) -> Compiled:
    """The same file while the operator's panic is on or off; a file's own panic stays."""
    return replace(compiled, panic=panic or compiled.file.panic)


def _first_of_each(campaigns: tuple[Campaign, ...]) -> tuple[Campaign, ...]:
    seen: dict[str, Campaign] = {}
    for each in campaigns:
        seen.setdefault(each.id, each)
    return tuple(seen.values())


def _keys(campaigns: tuple[Campaign, ...]) -> tuple[str, ...]:
    keys: dict[str, None] = {}
    for campaign in campaigns:
        for group in campaign.groups:
            for variation in group.variations:
                keys.update(dict.fromkeys(variation.modifications))
    return tuple(keys)


def _compile_group(campaign: Campaign, group: VariationGroup, profile: Profile) -> Group:
    choices = choices_of(campaign, group)
    certain = profile == "server" and allocation.is_certain(group.variations)
    return Group(
        campaign,
        group,
        compile_targeting(group.targeting, profile),
        allocation.encoded(group.id),
        choices,
        _by_bucket(group, choices),
        {each.variation.id: each for each in reversed(choices)},
        choices[0] if certain else None,
    )


def _by_bucket(group: VariationGroup, choices: tuple[Choice, ...]) -> tuple[Choice | None, ...]:
    limits = allocation.thresholds(group.variations)
    positions = (allocation.position_of(each, limits) for each in range(allocation.BUCKETS))
    return tuple(None if position is None else choices[position] for position in positions)


def matching(compiled: Compiled, request: Request) -> Matched:
    """The first matching group of each campaign; an unknown named campaign gives none."""
    values, found = visible_values(compiled, request), []
    for groups in () if compiled.panic else _candidates(compiled, request):
        for group in groups:
            answer = group.match(values, request.integrations)
            if answer is None:
                return Matched((), False, failed=True)
            if answer:
                found.append(group)
                break
    return Matched(tuple(found), _reads_kept(compiled, request, found))


def _candidates(compiled: Compiled, request: Request) -> tuple[tuple[Group, ...], ...]:
    if request.campaign is None:
        return compiled.campaigns
    position = compiled.by_name.get(request.campaign)
    return () if position is None else (compiled.campaigns[position],)


def visible_values(compiled: Compiled, request: Request) -> dict[str, object]:
    """The context as targeting sees it: a new dict with the two keys that are always there.

    The SDK's contexts hold strings, numbers and booleans only; the server's any JSON.
    """
    values = dict(request.context)
    if compiled.profile == "sdk":
        kinds = (str, int, float)
        values = {key: value for key, value in values.items() if isinstance(value, kinds)}
    values["fs_users"] = request.visitor_id
    values.setdefault(EVERYONE, "")
    return values


def _reads_kept(compiled: Compiled, request: Request, found: list[Group]) -> bool:
    """Only with consent, for a named visitor, and if something could be kept (spec 3.2).

    The SDK keeps whatever it assigned: a group of one variation may take part of its visitors only.
    """
    if compiled.panic or not request.consent or not request.visitor_id:
        return False
    if compiled.profile == "sdk":
        return bool(found)
    if compiled.file.xpc or compiled.file.one_visitor_one_test:
        return True
    return any(len(each.choices) > 1 for each in found)
