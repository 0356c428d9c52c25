"""A domain, as its door shows it.

A domain is one noun in four rooms. Here it shows its door: the kinds of its actors, the view with
its lists, its routes, its host names, and who may listen to or command which of its actors.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from actors.projects import Key
from api.auth import Principal
from api.carrying import CarryOut
from api.http import Answer, Problem, Route, present_problem
from api.seals import Seal
from engine.kind import Kind
from engine.messages import Command
from storage.store import Query, View

if TYPE_CHECKING:
    from api.house import House


Order = tuple[str, str, Command]
"""Kind, id, command."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing a project file declares: applied only when its value differs from last time.

    `name` like `flags.env_1.bucketing`; `value` the bytes that are compared (by hash); `commands`
    are (kind, id, command) to carry out; `keys`, where not None, replace those that this item
    gave before. `sealed` makes the commands of an item that holds a secret we must present again.
    """

    name: str
    value: bytes
    commands: tuple[Order, ...] = ()
    keys: tuple[Key, ...] | None = None
    sealed: Callable[[Seal], tuple[Order, ...]] | None = None


def _nobody(_principal: Principal, _kind: str, _actor_id: str) -> bool:
    return False


def _no_items(_project: str, _table: Mapping[str, Any]) -> Iterable[Item]:
    return ()


@dataclass(frozen=True, slots=True)
class Domain:
    """One door.

    `name` is the URL prefix without its slash and the project file's table; `hosts` are mapped to
    the prefix; `may_listen` and `may_command` judge callers that are not admins; `items` reads the
    door's table of a project file and raises `ValueError` with a sentence. `files` names the keys
    of the table's subtables that hold paths of JSON files: `items` is given their text, or a JSON
    value where somebody sent a document with the value in its place. `carry_out`, by kind, does
    what its commands need besides being asked; `private` kinds have ids that may be a person's,
    which the log does not show; `sweeps` are its lists of actors that a sweep may go over;
    `new_key` makes a key of a kind, where keys have a form of their own (`ValueError`: there is no
    such kind); `furnish` puts the door's long-lived things on the house's shelves; `work` is what
    the door does for as long as the daemon serves, `leave` what it does last, when nobody is let in
    any more and what it stored is still sent on.
    """

    name: str
    kinds: tuple[Kind[Any], ...]
    view: Callable[[], View] | None
    routes: tuple[Route, ...]
    hosts: tuple[str, ...] = ()
    may_listen: Callable[[Principal, str, str], bool] = _nobody
    may_command: Callable[[Principal, str, str], bool] = _nobody
    items: Callable[[str, Mapping[str, Any]], Iterable[Item]] = _no_items
    files: tuple[str, ...] = ()
    present: Callable[[Problem, Any], Answer] = present_problem
    carry_out: Mapping[str, CarryOut] = field(default_factory=dict)
    private: frozenset[str] = frozenset()
    sweeps: Mapping[str, Query] = field(default_factory=dict)
    new_key: Callable[[str], str] | None = None
    furnish: Callable[[House], object] | None = None
    work: Callable[[House], Awaitable[None]] | None = None
    leave: Callable[[House], Awaitable[None]] | None = None
