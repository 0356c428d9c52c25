"""A choice: one variation of one group of one campaign, with its answers already written.

A visitor's decision is a list of choices, and there are only as many of them as variations in
the file. So every choice is made once, with the pieces of JSON that an answer needs; a hot answer
joins ready bytes. With *exposed* keys a choice also names, as null, the keys that only its
siblings have; otherwise null values are left out. Nothing is ever changed in place.
Rules: spec flags 1.2, 1.12, 8.1.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from actors.flags.bucketing import Campaign, Variation, VariationGroup
from actors.flags.targeting import is_for_everyone

json = msgspec.json.encode


class FlagText(NamedTuple):
    """One key of a variation as JSON: `"key"`, its value, and whether the value is null."""

    key: bytes
    value: bytes
    is_null: bool


class Written(NamedTuple):
    """A choice in JSON, for one way of exposing keys.

    `campaign` is the object of `/campaigns`, `flags` the keys by name in file order.
    """

    campaign: bytes
    flags: dict[str, FlagText]


class Choice(msgspec.Struct, frozen=True, eq=False):
    """A variation with all that answers and reports say about it. Compared by identity."""

    campaign: Campaign
    group: VariationGroup
    variation: Variation
    reason: str
    hidden: Written
    exposed: Written
    pair: bytes
    flag_metadata: bytes
    evaluation_tail: bytes

    def written(self, expose_all_keys: bool) -> Written:
        """The JSON for that way of exposing keys."""
        return self.exposed if expose_all_keys else self.hidden


def choices_of(campaign: Campaign, group: VariationGroup) -> tuple[Choice, ...]:
    """The choices of a variation group, in file order."""
    siblings: dict[str, object] = {}
    for each in group.variations:
        siblings.update(dict.fromkeys(each.modifications))
    reason = reason_of(group)
    return tuple(_choice(campaign, group, each, siblings, reason) for each in group.variations)


def reason_of(group: VariationGroup) -> str:
    """Why a visitor of that group gets its variation, in OFREP's words (spec flags 8.1)."""
    if len(group.variations) > 1:
        return "SPLIT"
    return "STATIC" if is_for_everyone(group.targeting) else "TARGETING_MATCH"


def _choice(
    campaign: Campaign,
    group: VariationGroup,
    variation: Variation,
    siblings: dict[str, object],
    reason: str,
) -> Choice:
    own = variation.modifications
    present = {key: value for key, value in own.items() if value is not None}
    return Choice(
        campaign,
        group,
        variation,
        reason,
        hidden=_written(campaign, group, variation, present),
        exposed=_written(campaign, group, variation, {**own, **_absent(siblings, own)}),
        pair=json({"campaignId": campaign.id, "variationId": variation.id}),
        flag_metadata=json(_flag_metadata(campaign, group, variation)),
        evaluation_tail=_evaluation_tail(campaign, group, variation, reason),
    )


def _absent(siblings: dict[str, object], own: dict[str, object]) -> dict[str, object]:
    return {key: None for key in siblings if key not in own}


def _written(
    campaign: Campaign, group: VariationGroup, variation: Variation, values: dict[str, object]
) -> Written:
    modifications = {"type": variation.modifications_type, "value": values}
    answer = {
        "id": campaign.id,
        "name": campaign.name,
        "slug": campaign.slug,
        "type": campaign.type,
        "variationGroupId": group.id,
        "variationGroupName": group.name,
        "variation": {
            "id": variation.id,
            "name": variation.name,
            "reference": variation.reference,
            "modifications": modifications,
        },
    }
    flags = {key: FlagText(json(key), json(value), value is None) for key, value in values.items()}
    return Written(json(answer), flags)


def _flag_metadata(
    campaign: Campaign, group: VariationGroup, variation: Variation
) -> dict[str, object]:
    return {
        "campaignId": campaign.id,
        "campaignName": campaign.name,
        "slug": campaign.slug,
        "type": campaign.type,
        "variationGroupId": group.id,
        "variationGroupName": group.name,
        "variationId": variation.id,
        "variationName": variation.name,
        "reference": variation.reference,
    }


def _evaluation_tail(
    campaign: Campaign, group: VariationGroup, variation: Variation, reason: str
) -> bytes:
    """What ends an OFREP evaluation; metadata may hold no null, so no slug is no member."""
    metadata: dict[str, object] = {
        "campaignId": campaign.id,
        "campaignName": campaign.name,
        "variationGroupId": group.id,
        "variationId": variation.id,
        "campaignType": campaign.type,
        "isReference": variation.reference,
    }
    if campaign.slug is not None:
        metadata["slug"] = campaign.slug
    ending = {"reason": reason, "variant": variation.id, "metadata": metadata}
    return b"," + json(ending)[1:]
