"""The bucketing file: what an environment publishes, read once into values that never change.

A file is refused for four reasons only: malformed JSON, a wrong type of a member we read, a
missing identifier, or an unknown operator. Everything else is accepted: unknown members are
ignored here (the original bytes are kept elsewhere as a document), allocations need not sum to
100 and ids need not be unique. Every refusal says where, with list positions, so that whoever
wrote the file finds the line. Rules: spec flags 2 and 10.0.
"""

from __future__ import annotations

import msgspec

from actors.flags.members import Member, Problem

ORDER_OPERATORS = ("GREATER_THAN", "LOWER_THAN", "GREATER_THAN_OR_EQUALS", "LOWER_THAN_OR_EQUALS")
PART_OPERATORS = ("CONTAINS", "NOT_CONTAINS", "STARTS_WITH", "ENDS_WITH")
PLAIN_OPERATORS = frozenset(
    ("EQUALS", "NOT_EQUALS", *ORDER_OPERATORS, *PART_OPERATORS, "EXISTS", "NOT_EXISTS")
)
VERSION_OPERATORS = frozenset(
    "SEMVER_" + name for name in ("EQUALS", "NOT_EQUALS", *ORDER_OPERATORS)
)
OPERATORS = PLAIN_OPERATORS | VERSION_OPERATORS

EVERYBODY = ({"r": (0, 100)},)
"""What `bucketRanges` must be in campaigns we generate, or servers show nothing (spec 0.5)."""


class BucketingInvalid(Exception):
    """The file is refused. `path` and `reason` are the first problem, `problems` up to twenty."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        self.path, self.reason = problems[0]
        super().__init__("; ".join(f"{path}: {reason}" for path, reason in problems))


class Rule(msgspec.Struct, frozen=True):
    """One targeting rule. `target` is any JSON value; `provider` may name an integration."""

    operator: str
    key: str
    target: object = None
    provider: str = ""


class Variation(msgspec.Struct, frozen=True):
    """One variation. No allocation (or 0) means that it takes no new visitors."""

    id: str
    name: str = ""
    allocation: float | None = None
    reference: bool = False
    modifications_type: str = ""
    modifications: dict[str, object] = {}


class VariationGroup(msgspec.Struct, frozen=True):
    """One use case: whom it targets (alternatives OR-ed, rules AND-ed) and what it gives."""

    id: str
    name: str = ""
    targeting: tuple[tuple[Rule, ...], ...] = ()
    variations: tuple[Variation, ...] = ()


class Campaign(msgspec.Struct, frozen=True):
    """One campaign. `bucket_ranges` are half-open `[from, to)`; none means nobody (server only)."""

    id: str
    name: str = ""
    type: str = ""
    slug: str | None = None
    bucket_ranges: tuple[tuple[float, float], ...] = ()
    groups: tuple[VariationGroup, ...] = ()


class AccountSettings(msgspec.Struct, frozen=True):
    """The account's switches; `troubleshooting` is an object of the file, or None."""

    enabled_xpc: bool = False
    enabled_1v1t: bool = False
    eai_collect_enabled: bool = False
    eai_activation_enabled: bool = False
    troubleshooting: dict[str, object] | None = None


class BucketingFile(msgspec.Struct, frozen=True):
    """A parsed bucketing file. `xpc` is also true for the older `visitorConsolidation`."""

    panic: bool = False
    account_settings: AccountSettings = AccountSettings()
    xpc: bool = False
    campaigns: tuple[Campaign, ...] = ()

    @property
    def one_visitor_one_test(self) -> bool:
        """Whether a visitor takes part in at most one `ab` campaign (1V1T)."""
        return self.account_settings.enabled_1v1t


def parse(document: bytes) -> BucketingFile:
    """Read a bucketing file from its bytes; raises `BucketingInvalid` (spec flags 10.0)."""
    try:
        decoded: object = msgspec.json.decode(document)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise BucketingInvalid((Problem("$", str(error) or "malformed JSON"),)) from None
    root = Member("$", decoded)
    file = _file(root)
    if root.problems:
        raise BucketingInvalid(tuple(root.problems))
    return file


def _file(root: Member) -> BucketingFile:
    settings = _settings(root.member("accountSettings"))
    return BucketingFile(
        panic=root.member("panic").flag(),
        account_settings=settings,
        xpc=root.member("visitorConsolidation").flag() or settings.enabled_xpc,
        campaigns=tuple(_campaign(each) for each in root.member("campaigns").items()),
    )


def _settings(settings: Member) -> AccountSettings:
    return AccountSettings(
        enabled_xpc=settings.member("enabledXPC").flag(),
        enabled_1v1t=settings.member("enabled1V1T").flag(),
        eai_collect_enabled=settings.member("eaiCollectEnabled").flag(),
        eai_activation_enabled=settings.member("eaiActivationEnabled").flag(),
        troubleshooting=settings.member("troubleshooting").mapping(),
    )


def _campaign(campaign: Member) -> Campaign:
    return Campaign(
        id=campaign.member("id").identifier(),
        name=campaign.member("name").text() or "",
        type=campaign.member("type").text() or "",
        slug=campaign.member("slug").text(),
        bucket_ranges=tuple(
            each.member("r").pair() for each in campaign.member("bucketRanges").items()
        ),
        groups=tuple(_group(each) for each in campaign.member("variationGroups").items()),
    )


def _group(group: Member) -> VariationGroup:
    alternatives = group.member("targeting").member("targetingGroups").items()
    return VariationGroup(
        id=group.member("id").identifier(),
        name=group.member("name").text() or "",
        targeting=tuple(
            tuple(_rule(rule) for rule in each.member("targetings").items())
            for each in alternatives
        ),
        variations=tuple(_variation(each) for each in group.member("variations").items()),
    )


def _rule(rule: Member) -> Rule:
    return Rule(
        operator=rule.member("operator").one_of(OPERATORS),
        key=rule.member("key").identifier(),
        target=rule.member("value").value,
        provider=rule.member("provider").text() or "",
    )


def _variation(variation: Member) -> Variation:
    modifications = variation.member("modifications")
    return Variation(
        id=variation.member("id").identifier(),
        name=variation.member("name").text() or "",
        allocation=variation.member("allocation").number(),
        reference=variation.member("reference").flag(),
        modifications_type=modifications.member("type").text() or "",
        modifications=modifications.member("value").mapping() or {},
    )
