"""Input that cannot be meant: 422, with everything that is wrong and where.

`loc` says where: `body`, `header`, `path` or `query`, then names and positions. Messages and types
are those of FastAPI's first version where it has them. Rules: spec timelines 6, 5.12.18; ledger
TL-046, TL-133.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from api.http import Problem

VALUE_ERROR = "value_error"
USER_HEADER = ("header", "fictioneers-user-id")
CLOCK_HEADER = ("header", "callboard-now")
Place = Sequence[str | int]
Detail = Mapping[str, object]


class Invalid(Problem):
    """422; `errors` are the objects of the answer's `detail`."""

    def __init__(self, errors: Sequence[Detail]) -> None:
        super().__init__(422, "invalid", "; ".join(str(each["msg"]) for each in errors))
        self.errors = errors


def detail(loc: Place, msg: str, type_: str = VALUE_ERROR) -> Detail:
    """One thing that is wrong (TL-133)."""
    return {"loc": loc, "msg": msg, "type": type_}


def missing(loc: Place) -> Detail:
    """What was needed and did not come."""
    return detail(loc, "field required", "value_error.missing")


def invalid(loc: Place, msg: str, type_: str = VALUE_ERROR) -> Invalid:
    """The problem of one wrong thing, to be raised."""
    return Invalid((detail(loc, msg, type_),))


def invalid_all(errors: Iterable[Detail]) -> Invalid:
    """The problem of several wrong things; they may have members beside those of `detail`."""
    return Invalid(tuple(errors))


def earlier() -> Invalid:
    """A test clock that is behind the user's last instant (spec 5.12.18)."""
    return invalid(CLOCK_HEADER, "earlier than the last instant of this user")
