"""A decision: which variation of which campaign a visitor gets.

Three steps, all pure, so the same arguments give the same answer whatever was asked before:
`matching` finds the targeted groups and says whether kept assignments must be read, the caller
reads them, `settle` gives the choices and the assignments to keep. `decide` is all at once.
Rules: spec flags 3.1 (allocation) and 3.2: a kept variation survives changes of traffic; XPC
carries it from the anonymous visitor to the one who logged in; 1V1T allows one test a visitor.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from actors.flags.allocation import BUCKETS, encoded, hash_of, is_in_ranges
from actors.flags.choices import Choice
from actors.flags.compiled import Compiled, Group, Matched, Request, compile_file, matching

__all__ = [
    "Assignment",
    "Compiled",
    "Decision",
    "Kept",
    "KeptFor",
    "Matched",
    "Request",
    "Subjects",
    "compile_file",
    "decide",
    "matching",
    "settle",
    "subjects",
]


class Kept(NamedTuple):
    """An assignment kept from before: the variation, and whether the visitor was exposed."""

    variation_id: str
    activated: bool = False


class KeptFor(NamedTuple):
    """What is kept, by variation group id, for each subject of a request."""

    visitor: Mapping[str, Kept] = {}
    anonymous: Mapping[str, Kept] = {}
    decision_group: Mapping[str, Kept] = {}


class Subjects(NamedTuple):
    """Whose kept assignments a request concerns; "" is nobody."""

    visitor: str
    anonymous: str
    decision_group: str


class Assignment(NamedTuple):
    """An assignment to keep. The first writer wins; `activated` is added to a known one."""

    subject: str
    group_id: str
    variation_id: str
    activated: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided on a request: choices in file order, and the assignments to write.

    `untracked`: the named campaign is targeted and gives no variation. `unknown`: it is not in
    the file. `failed`: this SDK's targeting throws. `reads_kept`: kept assignments mattered.
    """

    request: Request
    choices: tuple[Choice, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    panic: bool = False
    untracked: bool = False
    unknown: bool = False
    failed: bool = False
    reads_kept: bool = False


Source = Literal["known", "carried", "new"]
"""Kept for the visitor, kept for the anonymous visitor only, or allocated now."""

NOTHING_KEPT = KeptFor()
NOTHING: Mapping[str, Kept] = {}


def subjects(compiled: Compiled, request: Request) -> Subjects:
    """Whose kept assignments to read when `reads_kept`, and whose may be written (spec 3.2)."""
    carries = compiled.profile == "server" and compiled.file.xpc
    group = request.decision_group
    return Subjects(
        request.visitor_id,
        request.anonymous_id if carries else "",
        f"decisionGroup:{_group_text(group)}" if group else "",
    )


def decide(compiled: Compiled, request: Request, kept: KeptFor = NOTHING_KEPT) -> Decision:
    """The whole decision at once, for callers who have the kept assignments at hand."""
    return settle(compiled, request, matching(compiled, request), kept)


def settle(
    compiled: Compiled, request: Request, matched: Matched, kept: KeptFor = NOTHING_KEPT
) -> Decision:
    """The choices for those groups. `kept` is ignored unless `matched.reads_kept`."""
    if compiled.panic:
        return Decision(request, panic=True)
    if request.campaign is not None and request.campaign not in compiled.by_name:
        return Decision(request, unknown=True)
    if matched.failed:
        return Decision(request, failed=True)
    whose = subjects(compiled, request)
    seen = _seen(kept, whose) if matched.reads_kept else NOTHING_KEPT
    taken: list[tuple[Choice, Source]] = []
    untracked = _take_all(compiled, request, matched, seen, taken)
    return Decision(
        request,
        tuple(choice for choice, _ in taken),
        tuple(_assignments(compiled, request, whose, seen, taken)) if matched.reads_kept else (),
        untracked=untracked and request.campaign is not None,
        reads_kept=matched.reads_kept,
    )


def _seen(kept: KeptFor, whose: Subjects) -> KeptFor:
    """Only the subjects that count; a decision group's entries come before the visitor's own."""
    if not whose.anonymous and not whose.decision_group:
        return KeptFor(kept.visitor)
    group = kept.decision_group if whose.decision_group else NOTHING
    return KeptFor({**kept.visitor, **group}, kept.anonymous if whose.anonymous else NOTHING, group)


def _take_all(
    compiled: Compiled,
    request: Request,
    matched: Matched,
    seen: KeptFor,
    taken: list[tuple[Choice, Source]],
) -> bool:
    """Fill `taken`, group by group; true if one that is open gave no variation."""
    one_test = compiled.profile == "server" and compiled.file.one_visitor_one_test
    activated = _activated_tests(matched, seen) if one_test else frozenset()
    visitor = encoded(request.visitor_id)
    bucket = hash_of(visitor) % BUCKETS if compiled.profile == "server" else -1
    hashed = _group_text(request.decision_group).encode() if request.decision_group else visitor
    is_known = bool(seen.visitor or seen.anonymous)
    has_test = untracked = False
    for group in matched.groups:
        is_test = one_test and group.campaign.type == "ab"
        if is_test and (group.group.id not in activated if activated else has_test):
            continue
        found = _kept_choice(group, seen) if is_known else None
        if found is None and (bucket < 0 or is_in_ranges(bucket, group.campaign.bucket_ranges)):
            choice = _allocated(group, hashed)
            untracked = untracked or choice is None
            found = (choice, "new")
        if found is not None and found[0] is not None:
            taken.append((found[0], found[1]))
            has_test = has_test or is_test
    return untracked


def _activated_tests(matched: Matched, seen: KeptFor) -> frozenset[str]:
    return frozenset(
        each.group.id
        for each in matched.groups
        if each.campaign.type == "ab"
        and (kept := seen.visitor.get(each.group.id)) is not None
        and kept.activated
    )


def _kept_choice(group: Group, seen: KeptFor) -> tuple[Choice | None, Source] | None:
    """The kept variation; (None, ...) if it was deleted from the file; None if nothing is kept."""
    own = seen.visitor.get(group.group.id)
    other = seen.anonymous.get(group.group.id)
    if own is None and other is None:
        return None
    if own is not None and (choice := group.by_id.get(own.variation_id)) is not None:
        return choice, "known"
    return (group.by_id.get(other.variation_id) if other is not None else None), "carried"


def _allocated(group: Group, hashed: bytes) -> Choice | None:
    if group.certain is not None:
        return group.certain
    return group.by_bucket[hash_of(group.prefix + hashed) % BUCKETS]


def _assignments(
    compiled: Compiled,
    request: Request,
    whose: Subjects,
    seen: KeptFor,
    taken: list[tuple[Choice, Source]],
) -> Iterator[Assignment]:
    """What is new for each subject; under 1V1T a hit also activates what was known."""
    marks = request.trigger_hit and compiled.file.one_visitor_one_test
    for choice, source in taken:
        entry = (choice.group.id, choice.variation.id, request.trigger_hit)
        if source != "known" or (marks and not seen.visitor[entry[0]].activated):
            yield Assignment(whose.visitor, *entry)
        if whose.anonymous and _is_due(seen.anonymous.get(entry[0]), source, marks):
            yield Assignment(whose.anonymous, *entry)
        if whose.decision_group and entry[0] not in seen.decision_group:
            yield Assignment(whose.decision_group, *entry)


def _is_due(kept: Kept | None, source: Source, marks: bool) -> bool:
    """Whether the anonymous visitor gets the assignment too."""
    if kept is None:
        return source == "new"
    return marks and not kept.activated


def _group_text(decision_group: str) -> str:
    return b64encode(encoded(decision_group)).decode()
