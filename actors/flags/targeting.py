"""Targeting: whom a variation group is for.

A group's rules are compiled once, because they are asked for every visitor of every decision.
Two profiles answer differently on purpose: `server` is what a self-hosted decision server
answers (letter case ignored, a wrong type spoils the whole group), `sdk` is what the JavaScript
SDK 4.0.5 computes by itself. Alternatives are OR-ed, the rules of one are AND-ed, no rule means
no match. Rules: spec flags 2 and 2.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from actors.flags import targeting_sdk, targeting_server
from actors.flags.bucketing import Rule

Profile = Literal["server", "sdk"]
"""Whose behaviour: the decision server's, or the JavaScript SDK's."""

Values = Mapping[str, object]
"""A visitor's context. `fs_users` (the visitor id) must be in it."""

Integrations = Mapping[str, Values]
"""Context of other providers, by provider name; only rules that name one look here."""

Match = Callable[[Values, Integrations], bool | None]
"""Whether a visitor is targeted. None: this SDK throws here (profile `sdk` only)."""

EVERYONE = "fs_all_users"
"""The key of a rule that is always true, whatever its operator and target."""


def compile_targeting(alternatives: tuple[tuple[Rule, ...], ...], profile: Profile) -> Match:
    """One function that answers for a variation group (spec flags 2.1)."""
    chosen = [rules for rules in alternatives if rules]
    if profile == "server":
        return _server(chosen)
    return _sdk(chosen)


def is_for_everyone(alternatives: tuple[tuple[Rule, ...], ...]) -> bool:
    """Whether one alternative consists of `fs_all_users` only, so that nobody is left out."""
    return any(rules and all(rule.key == EVERYONE for rule in rules) for rules in alternatives)


def _server(chosen: list[tuple[Rule, ...]]) -> Match:
    compiled = tuple(
        tuple(targeting_server.compile_rule(rule) for rule in rules if rule.key != EVERYONE)
        for rules in chosen
    )
    if compiled and not any(compiled):
        return _always

    def match(values: Values, integrations: Integrations) -> bool:
        matched = False
        for tests in compiled:
            every = True
            for test in tests:
                answer = test(values, integrations)
                if answer is None:  # a wrong type: nothing after or before it counts
                    return False
                every = every and answer
            matched = matched or every
        return matched

    return match


def _sdk(chosen: list[tuple[Rule, ...]]) -> Match:
    compiled = tuple(
        tuple(targeting_sdk.compile_rule(rule) for rule in rules if rule.key != EVERYONE)
        for rules in chosen
    )

    def match(values: Values, integrations: Integrations) -> bool | None:
        for tests in compiled:
            answer: bool | None = True
            for test in tests:
                answer = test(values)
                if not answer:
                    break
            if answer is None or answer:
                return answer
        return False

    return match


def _always(values: Values, integrations: Integrations) -> bool:
    return True
