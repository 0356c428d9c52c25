"""Reading foreign JSON member by member, remembering where we are.

A `Member` is a decoded JSON value with its path. Each question (`text`, `flag`, `items`, ...)
answers with a value of the asked type and, when the JSON holds something else, notes a problem
with the full path instead of stopping: one look at a file finds all of its mistakes, up to a
limit. Absent and null members are answered with the empty value.
"""

from __future__ import annotations

from typing import NamedTuple

PROBLEMS_MAX = 20  # enough to mend a file in one go; a file of noise must not fill an answer


class Problem(NamedTuple):
    """What is wrong, and where: a JSON path such as `$.campaigns[0].id`."""

    path: str
    reason: str


class Member:
    """One decoded JSON value, where it stands, and the problems found in the whole document."""

    __slots__ = ("path", "problems", "value")

    def __init__(self, path: str, value: object, problems: list[Problem] | None = None) -> None:
        self.path = path
        self.value = value
        self.problems: list[Problem] = [] if problems is None else problems
        if problems is None and not isinstance(value, dict):
            self._wrong("an object")

    def note(self, reason: str) -> None:
        """Remember a problem at this place; beyond twenty they are dropped."""
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(Problem(self.path, reason))

    def member(self, name: str) -> Member:
        """The member of that name; absent is null. A parent of another type is a problem."""
        value = self.mapping()
        inner = None if value is None else value.get(name)
        if self.value is REFUSED:
            inner = REFUSED
        return Member(f"{self.path}.{name}", inner, self.problems)

    def mapping(self) -> dict[str, object] | None:
        """The object, or None when absent or null."""
        if self.value is None or isinstance(self.value, dict):
            return self.value
        self._wrong("an object")
        return None

    def items(self) -> list[Member]:
        """The members of a list, each with its position; empty when absent or null."""
        if isinstance(self.value, list):
            return [self._item(position, value) for position, value in enumerate(self.value)]
        if self.value is not None:
            self._wrong("a list")
        return []

    def _item(self, position: int, value: object) -> Member:
        item = Member(f"{self.path}[{position}]", value, self.problems)
        if not isinstance(value, dict):
            item._wrong("an object")
        return item

    def text(self) -> str | None:
        """The string, or None when absent or null."""
        if self.value is None or isinstance(self.value, str):
            return self.value
        self._wrong("a string")
        return None

    def identifier(self) -> str:
        """A string that must be there, because nothing works without it."""
        if isinstance(self.value, str):
            return self.value
        self._wrong("a string")
        return ""

    def one_of(self, names: frozenset[str]) -> str:
        """A string that must be one of those names."""
        name = self.identifier()
        if name not in names and isinstance(self.value, str):
            self.note(f"unknown name `{name[:64]}`")
        return name

    def flag(self) -> bool:
        """The boolean; false when absent or null."""
        if self.value is None or isinstance(self.value, bool):
            return bool(self.value)
        self._wrong("a boolean")
        return False

    def number(self) -> float | None:
        """The number, or None when absent or null."""
        if self.value is None or (
            isinstance(self.value, int | float) and not isinstance(self.value, bool)
        ):
            return self.value
        self._wrong("a number")
        return None

    def pair(self) -> tuple[float, float]:
        """A list of exactly two numbers."""
        value = self.value
        if isinstance(value, list) and len(value) == 2:
            low, high = (
                Member(f"{self.path}[{at}]", each, self.problems).number()
                for at, each in enumerate(value)
            )
            return (low or 0.0, high or 0.0)
        self._wrong("two numbers")
        return (0.0, 0.0)

    def _wrong(self, expected: str) -> None:
        if self.value is not REFUSED:
            self.note(f"expected {expected}, got {kind_of(self.value)}")
        self.value = REFUSED


REFUSED = object()
"""Stands in for a value already found wrong, so that it is reported once."""


def kind_of(value: object) -> str:
    """The JSON name of a value's type, for messages: object, list, string, number, ..."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "boolean"
    for kind, name in ((dict, "object"), (list, "list"), (str, "string")):
        if isinstance(value, kind):
            return name
    return "number"
