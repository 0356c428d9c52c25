"""Conditions and operations in words, short enough to stand in a drawing.

Leaves are worded as refusals word them. A condition may have thousands of leaves and lie sixty-four
deep: words end where there is no room for more. Rules: spec timelines 8.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from actors.timelines.document import Condition, Daily, Operand, Operation

PIECES_MAX = 200
"""Words and brackets of one condition; a tooltip with more helps nobody."""


def condition_words(condition: Condition) -> str:
    """A condition in words, as `size <= 10 and keys >= 1`."""
    pieces: list[str] = []
    for piece in _pieces(condition, ""):
        if len(pieces) == PIECES_MAX:
            return "".join(pieces) + " …"
        pieces.append(piece)
    return "".join(pieces)


def operation_words(operations: Iterable[Operation]) -> str:
    """Operations in words, in order, as `sub size 90; toggle lit`."""
    return "; ".join(map(_operation, operations))


def _operation(one: Operation) -> str:
    value = "" if one.value is None else f" {_operand(one.value)}"
    return f"{one.op} {one.var}{value}" + (f" plus {one.plus}" if one.plus else "")


def _pieces(condition: Condition, inside: str) -> Iterator[str]:
    """`inside` is the word between the parts that this is one of, or `not`."""
    if condition.not_ is not None:
        yield "not "
        yield from _pieces(condition.not_, "not")
        return
    parts = condition.all_ if condition.any_ is None else condition.any_
    if parts is None:
        yield _leaf(condition)
        return
    word = "and" if condition.any_ is None else "or"
    if not parts:
        yield "always" if word == "and" else "never"
        return
    with_brackets = len(parts) > 1 and inside not in ("", word)
    yield "(" if with_brackets else ""
    for at, part in enumerate(parts):
        yield f" {word} " if at else ""
        yield from _pieces(part, word if len(parts) > 1 else inside)
    yield ")" if with_brackets else ""


def _leaf(condition: Condition) -> str:
    if condition.var is not None:
        value = "" if condition.value is None else condition.value
        return f"{condition.var} {condition.op} {_operand(value)}"
    if condition.event is not None:
        return f"{condition.event} is {condition.state}"
    if condition.link is not None:
        return _follows(condition)
    if (time := condition.time) is not None:
        after = "" if time.after is None else f" from {_operand(time.after)}"
        return f"time{after}" + ("" if time.before is None else f" before {_operand(time.before)}")
    if (elapsed := condition.elapsed) is not None:
        return f"since {elapsed.since}{_bounds(elapsed.at_least, elapsed.at_most)}"
    return "" if condition.daily is None else _daily(condition.daily)


def _follows(condition: Condition) -> str:
    if (own := condition.followed) is not None:
        return f"{condition.link} followed{_bounds(own.at_least, own.at_most)}"
    votes = condition.followed_by_all
    return f"{condition.link} followed by all{_bounds(votes and votes.at_least, None)}"


def _daily(daily: Daily) -> str:
    days = f" ({', '.join(daily.days)})" if daily.days else ""
    return f"daily {daily.from_} to {daily.to}{days}"


def _operand(given: str | Operand) -> str:
    if isinstance(given, Operand):
        return given.var
    return given or '""'


def _bounds(at_least: object, at_most: object) -> str:
    low = "" if at_least is None else f" at least {at_least}"
    return low + ("" if at_most is None else f" at most {at_most}")
