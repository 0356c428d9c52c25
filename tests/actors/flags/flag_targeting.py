"""Shorthands of the tests of targeting: one rule or some alternatives, and some values."""

from __future__ import annotations

from actors.flags.bucketing import Rule
from actors.flags.targeting import compile_targeting

MISSING = object()
SERVER, SDK = "server", "sdk"


def answer(profile, operator, target, value=MISSING, key="k", integrations=None, provider=""):
    """What one rule says about one value."""
    values = {"fs_users": "visitor_1", "fs_all_users": ""}
    if value is not MISSING:
        values[key] = value
    match = compile_targeting(((Rule(operator, key, target, provider),),), profile)
    return match(values, integrations or {})


def matches(profile, alternatives, **values):
    """Whether alternatives of (operator, key, target) hold for those values."""
    rules = tuple(tuple(Rule(*each) for each in every) for every in alternatives)
    return compile_targeting(rules, profile)({"fs_users": "visitor_1", **values}, {})
