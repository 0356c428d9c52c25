"""Explained conditions: what each leaf shows, and which leaves are why the whole fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from timeline_dice import PLAYS, start_ms, timelines
from timeline_journeys import Play, Told
from timeline_small import Small, condition, instant, small

from actors.timelines import conditions, document, explaining, times
from actors.timelines.explaining import ExplainedCondition, Explainer, Explanation
from actors.timelines.looker import Looker

TYPES = {"n": "number", "m": "number", "s": "number", "d": "datetime", "sd": "datetime"}
EIGHT = "2023-02-03T08:00:00Z"
UNTIMED = [
    ("n >= 1", "variable", "variable n=0", "variable n"),
    ("n == $m", "variable", "variable n=0, variable m=7", "variable n, variable m"),
    ("s >= 1", "variable", "shared_variable s=0", "shared variable s"),
    (
        "d > $sd", "variable", "variable d=None, shared_variable sd=None",
        "variable d, shared variable sd",
    ),
    ("a ACTIVE", "event", "event a=ACTIVE", "event a ACTIVE"),
    ("not b VISITED", "event", "event b=UNVISITED", "event b not VISITED"),
    ("a:b followed at_least 1", "followed", "follows a:b=0", "follows of link a:b"),
    (
        "a:b followed_by_all 2", "followed_by_all", "follows_by_all a:b=0",
        "others' follows of link a:b",
    ),
]  # fmt: skip
TIMED = [
    ("after 09:00", "time", "", "", "09:00"),
    ("not after 09:00", "time", "", "", "09:00"),
    ("before $d", "time", "variable d=None", "variable d", None),
    ("daily 09:00 17:00", "daily", "", "", "09:00"),
    ("since user.created at_least PT1H", "elapsed", f"user_since None={EIGHT}", "", "09:00"),
    (
        "since event:a.ACTIVE at_most PT1H", "elapsed", f"event_since a.ACTIVE={EIGHT}",
        "event a ACTIVE", "09:00:00.001",
    ),
    (
        "since event:b.VISITED at_least PT1H", "elapsed", "event_since b.VISITED=None",
        "event b VISITED", None,
    ),
    (
        "since beat:b0 at_least PT5M", "elapsed", f"beat_since b0={EIGHT}", "beat b0 entered",
        "08:05",
    ),
]  # fmt: skip
"""A condition; its form, its operands, what could turn it, and when time does."""
LEAVES = [(*leaf, None) for leaf in UNTIMED] + TIMED
USES = "n == $m and s == 0 and d == $sd"


def world(**given: Any) -> Small:
    """A user at eight with `a` open; every variable is declared."""
    return Small(small("a | b", "a:b", when={"a:b": USES}), **given)


def looker_at(on: Small) -> Looker:
    """Who looks at the user now."""
    return Looker(on.revision, on.user(), on.shared, on.now_ms)


def compiled(form: Any, types: dict[str, str] = TYPES) -> conditions.Test:
    """A condition as authors write it, compiled."""
    return conditions.compile_condition(msgspec.convert(form, document.Condition), types)


def explained(form: Any, on: Small) -> Explanation:
    """A condition explained to the user now."""
    return Explainer(looker_at(on)).explain(compiled(form))


def leaves(part: ExplainedCondition) -> Iterator[ExplainedCondition]:
    """The leaves of an explained condition."""
    if part.form not in ("all", "any"):
        yield part
    for inner in part.parts:
        yield from leaves(inner)


def passes(part: ExplainedCondition, *, turned: bool, others: bool) -> bool:
    """Whether the whole passes with those that block turned, or all the others true."""
    if part.form in ("all", "any"):
        inner = [passes(one, turned=turned, others=others) for one in part.parts]
        return all(inner) if part.form == "all" else any(inner)
    if part.blocks:
        return part.holds is not turned
    return others or part.holds


# --- leaves


@pytest.mark.parametrize(("words", "form", "operands", "changes", "at"), LEAVES)
def test_a_leaf_shows_what_it_looks_at(
    words: str, form: str, operands: str, changes: str, at: str | None
) -> None:
    """Its form, its operands with their values, what could turn it, and when time does."""
    tree = explained(condition(words), world()).tree
    assert tree.form == form
    assert ", ".join(f"{one.kind} {one.id}={one.value}" for one in tree.operands) == operands
    assert ", ".join(tree.changes) == changes
    expected = None if at is None else times.write_instant(instant(at))
    assert tree.condition_datetime == expected
    assert (tree.words or "").startswith("not ") is tree.negated is words.startswith("not ")


@pytest.mark.parametrize("words", [one[0] for one in TIMED])
def test_nothing_turns_disabled_times(words: str) -> None:
    """A user without time guards passes them, and waits for nothing that they hang on."""
    found = explained(condition(words), world(disable_time_guards=True))
    assert found.holds
    assert (found.tree.condition_datetime, found.tree.changes) == (None, ())


def test_values_are_those_of_now() -> None:
    """A variable that was set, an event that was left, a link that was followed."""
    on = Small(small("a b", "a:b", do={"a:b": "add n 3"}, when={"a:b": "m == 7"}))
    on.follow("a:b")
    words = ("n >= 1", "a ACTIVE", "a:b followed at_least 1")
    found = [explained(condition(one), on).tree for one in words]
    assert [one.operands[0].value for one in found] == ["3", "VISITED", "1"]
    assert [one.holds for one in found] == [True, False, True]


def test_instants_may_be_naive() -> None:
    """As the project is set."""
    on = world()
    naive = Explainer(looker_at(on), naive=True)
    assert naive.explain(compiled(condition("after 09:00"))).condition_datetime == (
        "2023-02-03T09:00:00"
    )


# --- the whole


def test_only_what_fails_blocks() -> None:
    """In `all` the parts that fail, in `any` all of them if none holds, else none."""
    words = "n == 0 and n == 1 or m == 0 and a ACTIVE or s == 9"
    found = explained(condition(words), world())
    assert [one.words for one in leaves(found.tree) if one.blocks] == ["n == 1", "m == 0", "s == 9"]
    assert found.failing == ("n == 1", "m == 0", "s == 9")
    assert not any(
        one.blocks for one in leaves(explained(condition("n == 0 or m == 0"), world()).tree)
    )


def test_too_many_parts_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that fail are shown first; the whole is judged by all of them."""
    monkeypatch.setattr(explaining, "PARTS_MAX", 3)
    found = explained({"all": [condition(f"n != {at % 4}") for at in range(8)]}, world())
    assert [one.words for one in found.tree.parts] == ["n != 0", "n != 0"]
    assert (found.tree.parts_left_out, found.holds) == (6, False)


@given(timelines(), PLAYS)
def test_failing_leaves_are_why_the_whole_fails(plain: dict[str, Any], plays: Play) -> None:
    """With all of them turned it passes; without, it fails even if all the others were true."""
    on = Told(plain, begin=False)
    on.now_ms = start_ms()
    on.play(plays)
    tests = [way.test for way in on.revision.ways.values()]
    tests += [gate.test for gate in on.revision.by_gate.values()]
    tests += [hold.test for hold in on.revision.holds.values()]
    for test in [one for one in tests if one is not None]:
        found = Explainer(looker_at(on)).explain(test)
        assert found.holds is found.tree.holds is test.holds(looker_at(on))
        assert found.holds is passes(found.tree, turned=False, others=False)
        assert found.holds is not any(leaf.blocks for leaf in leaves(found.tree))
        assert passes(found.tree, turned=True, others=False)
        if not found.holds:
            assert not passes(found.tree, turned=False, others=True)
        for leaf in leaves(found.tree):
            assert_turns(test, leaf, on)


def assert_turns(test: conditions.Test, leaf: ExplainedCondition, on: Small) -> None:
    """A leaf's instant is the next at which it turns."""
    if leaf.condition_datetime is None:
        return
    at_ms = times.read_instant(leaf.condition_datetime)
    assert isinstance(at_ms, int)
    assert at_ms > on.now_ms
    for now_ms, is_so in ((at_ms - 1, leaf.holds), (at_ms, not leaf.holds)):
        seen = Looker(on.revision, on.user(), on.shared, now_ms)
        then = Explainer(seen).explain(test)
        assert is_so in {one.holds for one in leaves(then.tree) if one.words == leaf.words}


@given(st.recursive(
    st.integers(0, 9),
    lambda inner: st.tuples(st.sampled_from(["all", "any", "not"]), st.lists(inner, max_size=3)),
    max_leaves=9,
))  # fmt: skip
def test_turning_what_blocks_lets_it_pass(shape: Any) -> None:
    """In the user's own variables: whatever blocks is set to what it asks for, and no more."""
    forms: list[str] = []
    form = numbered(shape, forms)
    test = compiled(form, dict.fromkeys(forms, "boolean"))
    seen = looker_at(world())
    seen.variables = {name: "false" if at % 3 else "true" for at, name in enumerate(forms)}
    found = Explainer(seen).explain(test)
    for leaf in leaves(found.tree):
        if leaf.blocks:
            name = str(leaf.operands[0].id)
            seen.variables[name] = "false" if leaf.negated else "true"
    assert test.holds(seen)


def numbered(shape: Any, names: list[str]) -> dict[str, Any]:
    """A condition in which every leaf has a boolean variable of its own."""
    if isinstance(shape, int):
        names.append(f"v{len(names)}")
        return {"var": names[-1], "op": "==", "value": "true"}
    form, inner = shape
    parts = [numbered(one, names) for one in inner] or [numbered(0, names)]
    return {"not": parts[0]} if form == "not" else {form: parts}
