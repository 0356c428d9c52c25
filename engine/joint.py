"""A joint step: one command, several actors, one commit.

The actor that was asked says who else carries out what. Each of them decides by its own tables on
its committed state, which must be among what the decision needed, so the commit is fenced on it.
If one of them refuses, all is refused. Rules: DESIGN 2; engine spec 1.4, 1.5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.effects import Also
from engine.errors import Overloaded, Refused
from engine.kind import Kind, Step
from engine.limits import Limits
from engine.machine import Moment
from engine.messages import Address
from engine.part import Part
from engine.step import TableBroken


def decide_others(
    own: Part,
    also: Sequence[Also],
    moment: Moment,
    kinds: Mapping[str, Kind[Any]],
    limits: Limits,
) -> list[tuple[Part, Step]]:
    """What the others commit, in the order in which they were asked; several may be one actor's.

    Raises `Refused` with the reason of whoever refused, `Overloaded` beyond `actors_per_entry_max`.
    """
    project, parts = own.after.address.project, dict[Address, Part]()
    decided = []
    for one in also:
        address = Address(project, one.address.kind, one.address.id)
        if address == own.after.address or address not in moment.seen:
            raise TableBroken(f"{address} takes part and was not needed")
        part = parts.setdefault(address, Part(kinds[address.kind], moment.seen[address]))
        if len(parts) >= limits.actors_per_entry_max:
            raise Overloaded("actors_per_entry_max")
        step = _decide(own, part, one, moment)
        part.accept(step, moment.now_ms)
        decided.append((part, step))
    return decided


def _decide(own: Part, part: Part, also: Also, moment: Moment) -> Step:
    try:
        step = part.kind.decide(part.after, also.command, moment)
    except Refused as refusal:
        may = own.kind.permits(own.after.state, public_only=True) if own.after.state else ()
        raise Refused(refusal.why, may) from None
    if step.also or step.erases or step.privacy:
        raise TableBroken(f"{also.command.wire_name()} may not be part of a joint step")
    return step
