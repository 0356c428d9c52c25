"""Forms: which members of a condition, and of an operation, belong together.

A struct has all the members that any form has; here stands which of them make one. The checks and
the JSON Schema read the same tables. Source: spec timelines 8 (cond, op) and 5.12.9.
"""

from __future__ import annotations

from collections.abc import Mapping

from actors.timelines.document import Condition, Operation

FORMS: tuple[tuple[str, ...], ...] = (
    ("all",),
    ("any",),
    ("not",),
    ("var", "op", "value"),
    ("event", "state"),
    ("link", "followed"),
    ("link", "followed_by_all"),
    ("time",),
    ("elapsed",),
    ("daily",),
)
"""The members of each form of condition; all of a form must be there, and no others."""

BOUNDS: Mapping[str, tuple[str, ...]] = {
    "Count": ("at_least", "at_most"),
    "CountOfAll": ("at_least",),
    "Time": ("after", "before"),
    "Elapsed": ("at_least", "at_most"),
}
"""By struct: its bounds, of which one must be given."""

WITH_VALUE = ("set", "add", "sub", "mul", "min", "max", "append")
"""Operations that need `value`. Of the others, `set_now` may take `plus`."""

_MEMBERS = tuple(zip(Condition.__struct_encode_fields__, Condition.__struct_fields__, strict=True))
_KNOWN = {frozenset(form): form for form in FORMS}


def form_of(condition: Condition) -> tuple[str, ...] | None:
    """The form of a condition, or None if its members are those of none."""
    return _KNOWN.get(frozenset(given(condition)))


def given(condition: Condition) -> list[str]:
    """The names of the members that a condition has."""
    return [name for name, field in _MEMBERS if getattr(condition, field) is not None]


def misfit(operation: Operation) -> str:
    """What is wrong with the members of an operation; "" if they belong together."""
    if operation.op in WITH_VALUE and operation.value is None:
        return f"`{operation.op}` needs `value`"
    if operation.op not in WITH_VALUE and operation.value is not None:
        return f"`{operation.op}` takes no `value`"
    if operation.op != "set_now" and operation.plus is not None:
        return f"`{operation.op}` takes no `plus`"
    return ""
