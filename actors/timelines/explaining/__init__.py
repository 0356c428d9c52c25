"""Explanations: why a condition holds or not, part by part, for one user at an instant.

A condition is explained as the tree that it was compiled to, in which `not` stands at the leaves.
Every part says whether it holds; those that `blocks` are why the whole fails: with all of them
turned it passes, and without them it fails whatever the others say. A leaf shows what it looks at,
and what would have to change. Nothing here changes anything.
Rules: spec timelines 5.4, 5.5, 5.12.6, 5.12.7, 12 (row 3).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from actors.timelines import times
from actors.timelines.answers.shapes import DateTime
from actors.timelines.conditions import Test
from actors.timelines.conditions.time_leaves import Timed
from actors.timelines.conditions.trees import Every, Node, Some
from actors.timelines.explaining import leaves as explaining_leaves
from actors.timelines.explaining.leaves import ExplainedOperand, Leaf
from actors.timelines.looker import Looker

PARTS_MAX = 5_000
"""Parts of conditions that one answer explains; what is beyond is counted."""


class ExplainedCondition(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a condition, for one user.

    `form`: `all` and `any` have `parts`, the others are leaves: `variable`, `event`, `followed`,
    `followed_by_all`, `time`, `elapsed`, `daily`. `holds` is as the part stands, with the `not`
    that `negated` tells of. `blocks`: it is a reason why the whole fails. `condition_datetime` is
    when time alone turns the leaf, `changes` names what else could: `variable size`, `event evParty
    VISITED`, `others' follows of link a:b`. `parts_left_out` counts parts too many to show.
    """

    form: str
    holds: bool
    blocks: bool
    negated: bool = False
    words: str | None = None
    operands: tuple[ExplainedOperand, ...] = ()
    condition_datetime: DateTime | None = None
    changes: tuple[str, ...] = ()
    parts: tuple[ExplainedCondition, ...] = ()
    parts_left_out: int = 0


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """A whole condition, for one user.

    `condition_datetime` is when time alone changes its truth; `failing` are the leaves that make it
    fail, in words, at most twenty; `tree` is all of it.
    """

    holds: bool
    condition_datetime: DateTime | None = None
    failing: tuple[str, ...] = ()
    tree: ExplainedCondition


class Explainer:
    """Explains conditions as a looker sees them, for one answer.

    `naive` leaves the `Z` of instants away (TL-135).
    """

    def __init__(self, looker: Looker, *, naive: bool = False) -> None:
        self.looker = looker
        self._naive = naive
        self._left = PARTS_MAX

    def explain(self, test: Test) -> Explanation:
        """A condition with all its parts."""
        holds = test.holds(self.looker)
        return Explanation(
            holds=holds,
            condition_datetime=self.time(test.next_change(self.looker)),
            failing=tuple(test.why(self.looker)),
            tree=self._part(test.root, blocks=not holds),
        )

    def time(self, at_ms: int | None) -> str | None:
        """An instant as the API writes it."""
        return None if at_ms is None else times.write_instant(at_ms, self._naive)

    def _part(self, node: Node, *, blocks: bool) -> ExplainedCondition:
        self._left -= 1
        if isinstance(node, Every):
            return self._group("all", node, node.parts, blocks=blocks)
        if isinstance(node, Some):
            return self._group("any", node, node.parts, blocks=blocks)
        assert isinstance(node, Leaf)
        return self._leaf(node, blocks=blocks)

    def _group(
        self, form: str, node: Node, parts: Sequence[Node], *, blocks: bool
    ) -> ExplainedCondition:
        """All or any of several; where not all can be shown, those that fail go first."""
        judged = [(part, part.holds(self.looker)) for part in parts]
        if len(judged) > self._left:
            judged.sort(key=lambda one: one[1])
        shown = []
        for part, holds in judged:
            if self._left <= 0:
                break
            shown.append(self._part(part, blocks=blocks and not holds))
        return ExplainedCondition(
            form=form,
            holds=node.holds(self.looker),
            blocks=blocks,
            parts=tuple(shown),
            parts_left_out=len(judged) - len(shown),
        )

    def _leaf(self, leaf: Leaf, *, blocks: bool) -> ExplainedCondition:
        looker = self.looker
        flips_ms = None
        if isinstance(leaf, Timed) and not looker.times_disabled:
            flips_ms = leaf.flip_after(looker, looker.now_ms)
        told = explaining_leaves.told(leaf, looker, self.time)
        return ExplainedCondition(
            form=told.form,
            holds=leaf.holds(looker),
            blocks=blocks,
            negated=not leaf.wanted,
            words=leaf.words if leaf.wanted else f"not {leaf.words}",
            operands=told.operands,
            condition_datetime=self.time(flips_ms),
            changes=told.changes,
        )
