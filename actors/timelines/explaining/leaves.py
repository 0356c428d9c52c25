"""What a leaf of a condition looks at, with the values of now, and what could turn it.

Operands are variables, events, links and beats by name or id. A value that is not there yet is
None: a variable that nobody has set, an event that never came to that state. Where a user's times
are disabled, nothing turns a leaf about time. Rules: spec timelines 5.12.6, 5.12.7, 8, 12 (row 3).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from actors.timelines.conditions import leaves
from actors.timelines.conditions.time_leaves import During, EachDay
from actors.timelines.document import Condition, Elapsed
from actors.timelines.document import Operand as Other
from actors.timelines.looker import Looker

Leaf = leaves.Leaf | During | EachDay
Write = Callable[[int | None], str | None]
"""Writes an instant."""


class ExplainedOperand(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a leaf looks at, and what it finds.

    `kind` is `variable`, `shared_variable`, `event` (its state), `event_since`, `beat_since`,
    `user_since` (instants), `follows` or `follows_by_all` (counts); `id` is the name or id, with
    the state behind a dot for `event_since`. `value` is text, null where there is none yet.
    """

    kind: str
    id: str | None = None
    value: str | None = None


class Told(NamedTuple):
    """A leaf: its form, what it looks at, and what could turn it, in words."""

    form: str
    operands: tuple[ExplainedOperand, ...]
    changes: tuple[str, ...]


def told(leaf: Leaf, looker: Looker, write: Write) -> Told:
    """What a leaf looks at; `write` gives instants their text."""
    form = leaf.form
    if isinstance(leaf, During | EachDay):
        found = _timed(form, looker, write)
        return found._replace(changes=()) if looker.times_disabled else found
    if form.var is not None:
        other = (form.value,) if isinstance(form.value, Other) else ()
        return _variables("variable", (form.var, *(one.var for one in other)), looker)
    if form.event is not None:
        return _event(leaf, form.event, form.state or "", looker)
    return _link(form, form.link or "", looker)


def _variables(form: str, names: tuple[str, ...], looker: Looker) -> Told:
    operands, changes = [], []
    for name in names:
        is_shared = name in looker.revision.shared
        kind = "shared_variable" if is_shared else "variable"
        operands.append(ExplainedOperand(kind=kind, id=name, value=looker.value(name) or None))
        changes.append(f"{kind.replace('_', ' ')} {name}")
    return Told(form, tuple(operands), tuple(changes))


def _event(leaf: Leaf, event: str, state: str, looker: Looker) -> Told:
    operand = ExplainedOperand(kind="event", id=event, value=str(looker.state_of(event)))
    return Told("event", (operand,), (f"event {event}{'' if leaf.wanted else ' not'} {state}",))


def _link(form: Condition, link: str, looker: Looker) -> Told:
    if form.followed is not None:
        own = ExplainedOperand(kind="follows", id=link, value=str(looker.follows(link)))
        return Told("followed", (own,), (f"follows of link {link}",))
    count = str(looker.follows_by_all(link))
    votes = ExplainedOperand(kind="follows_by_all", id=link, value=count)
    return Told("followed_by_all", (votes,), (f"others' follows of link {link}",))


def _timed(form: Condition, looker: Looker, write: Write) -> Told:
    if (time := form.time) is not None:
        given = (time.after, time.before)
        return _variables("time", tuple(one.var for one in given if isinstance(one, Other)), looker)
    if (elapsed := form.elapsed) is not None:
        return _elapsed(elapsed, looker, write)
    return Told("daily", (), ())


def _elapsed(elapsed: Elapsed, looker: Looker, write: Write) -> Told:
    what, _, id_ = elapsed.since.partition(":")
    if what == "beat":
        at_ms, words = looker.entered(id_), f"beat {id_} entered"
    elif what == "event":
        event, _, state = id_.partition(".")
        at_ms, words = looker.since(event, state), f"event {event} {state}"
    else:
        user = ExplainedOperand(kind="user_since", value=write(looker.created_ms))
        return Told("elapsed", (user,), ())
    since = ExplainedOperand(kind=f"{what}_since", id=id_, value=write(at_ms))
    return Told("elapsed", (since,), (words,))
