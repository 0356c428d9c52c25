"""Reports: which counters a hit or an exposure adds to.

Counts are raw, by UTC day of when the thing happened at the client (received minus queued, at
most four hours), and the campaign is the one that had the variation group when it arrived. A
rollup key names one counter row; the store adds to it in the commit of the hit. Without consent
these counters are all that is kept. Rules: spec flags 10.2, 10.8, 10.10.
"""

from __future__ import annotations

from typing import NamedTuple

from actors.flags.bucketing import BucketingFile
from actors.flags.hits import QUEUE_MS_MAX, Hit

DAY_MS = 86_400_000
NAME_CHARACTERS_MAX = 128  # a counter row per name: names are short or cut
EXPOSURE = "EXPOSURE"


class RollupKey(NamedTuple):
    """One counter: `metric` is EXPOSURE or a hit type; `name` an action or an affiliation."""

    day: str
    metric: str
    campaign_id: str = ""
    group_id: str = ""
    variation_id: str = ""
    name: str = ""


class Rollup(NamedTuple):
    """What to add: one to the count of that key, and `value` (revenue, event value) to its sum."""

    key: RollupKey
    value: float = 0.0


def day_of(received_ms: int, queued_ms: int = 0) -> str:
    """The UTC day `YYYY-MM-DD` of (received - queued, at most four hours) (spec flags 10.10)."""
    return day_text((received_ms - min(max(0, queued_ms), QUEUE_MS_MAX)) // DAY_MS)


def day_text(days: int) -> str:
    """The date that many days after 1970-01-01, in the Gregorian calendar.

    Years are counted from March, so that the leap day is a year's last; an era is 400 years.
    """
    era, day_of_era = divmod(days + 719_468, 146_097)
    year = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * shifted + 2) // 5 + 1
    month = shifted + 3 if shifted < 10 else shifted - 9
    return f"{era * 400 + year + (month <= 2):04d}-{month:02d}-{day:02d}"


def campaigns_by_group(file: BucketingFile) -> dict[str, str]:
    """Campaign id by variation group id, to resolve exposures as they arrive."""
    found: dict[str, str] = {}
    for campaign in file.campaigns:
        for group in campaign.groups:
            found.setdefault(group.id, campaign.id)
    return found


def exposure(day: str, campaign_id: str, group_id: str, variation_id: str) -> Rollup:
    """An activation, or a CAMPAIGN hit of a `trigger_hit` decision."""
    return Rollup(RollupKey(day, EXPOSURE, campaign_id, group_id, variation_id))


def hit(kept: Hit, day: str, by_group: dict[str, str]) -> Rollup:
    """What a hit counts for: a CAMPAIGN hit is an exposure, others count by type and name."""
    fields = kept.fields
    if kept.type == "CAMPAIGN":
        group_id = _name(fields.get("caid"))
        return exposure(day, by_group.get(group_id, ""), group_id, _name(fields.get("vaid")))
    name = {"EVENT": "ea", "TRANSACTION": "ta"}.get(kept.type)
    amount = fields.get({"EVENT": "ev", "TRANSACTION": "tr"}.get(kept.type, ""))
    key = RollupKey(day, kept.type, name="" if name is None else _name(fields.get(name)))
    return Rollup(key, float(amount) if isinstance(amount, int | float) else 0.0)


def _name(value: object) -> str:
    return value[:NAME_CHARACTERS_MAX] if isinstance(value, str) else ""
