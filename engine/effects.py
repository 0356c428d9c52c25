"""Values that a rule may yield beside its events: what should be done, not the doing.

All of them ride in the same commit as the fact: an effect becomes an outbox row, an append a row
of a list, a claim a unique key of the project. One place each carries them out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import msgspec

from engine.messages import Address, Command, Event, Snapshot


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """Something that leaves the house after the commit, at least once.

    `sender` names a registered sender; deliveries with equal (`subscription`, `subject`) keep
    their order. `body` is the finished JSON. `about` names the person or thing it speaks of, so
    that a privacy erasure finds it.
    """

    sender: str
    subject: str
    body: bytes
    subscription: str = ""
    about: str = ""
    due_in_ms: int = 0


class SweepBody(msgspec.Struct, frozen=True):
    """The body of a `sweep` effect: actors of `kind` that stand in `list` under `key` are asked."""

    list: str
    key: str
    kind: str
    command: str
    data: msgspec.Raw = msgspec.Raw(b"{}")


def sweep(list_: str, key: str, kind: str, command: Command) -> Effect:
    """Ask all actors of `kind` that a list has under `key`, after the commit (DESIGN 2, Sweeps).

    The command must be nothing the second time. Sweeps with equal list and key are joined while
    they wait, so a crowd of changes costs few passes.
    """
    data = msgspec.Raw(msgspec.json.encode(command))
    body = SweepBody(list_, key, kind, command.wire_name(), data)
    return Effect(
        sender="sweep", subscription=f"sweep:{list_}", subject=key, body=msgspec.json.encode(body)
    )


class Append(msgspec.Struct, frozen=True):
    """A row for a list that belongs to no actor's state (a hit, an activation, a sample)."""

    list: str
    row: tuple[Any, ...]


class Claim(msgspec.Struct, frozen=True):
    """Hold `key` in `space`, unique in the project (a login, an external id, one vote)."""

    space: str
    key: str


class Release(msgspec.Struct, frozen=True):
    """Give a claim back."""

    space: str
    key: str


class Document(msgspec.Struct, frozen=True, dict=True):
    """An immutable blob that states and facts name by its hash (a published file)."""

    body: bytes

    @cached_property
    def hash(self) -> str:
        """Hex of the SHA-256 of the body."""
        return hashlib.sha256(self.body).hexdigest()


class Also(msgspec.Struct, frozen=True):
    """A joint step: another actor of the project carries out `command` in the same commit.

    It is decided by that actor's own tables on its committed state, which the decision must have
    needed; if they refuse it, the whole step is refused. Nothing of it is stored unless all is.
    """

    address: Address
    command: Command


class Note(msgspec.Struct, frozen=True):
    """A remark for whoever asked, and for the log: nothing is stored of it.

    `level` and `tag` are the kind's own words; `text` is a sentence.
    """

    level: int
    tag: str
    text: str


Caused = tuple[Address, int, Effect]
"""An effect with the actor and the version whose fact it rode with."""

Yielded = Event | Effect | Append | Claim | Release | Document | Also | Note


class Needs(msgspec.Struct, frozen=True):
    """What a decision must see beside its own state: other actors, and documents by hash.

    `then` names documents that only the actors seen can name.
    """

    actors: tuple[Address, ...] = ()
    documents: tuple[str, ...] = ()
    then: Callable[[Mapping[Address, Snapshot]], tuple[str, ...]] | None = None


NO_NEEDS = Needs()


def no_needs(_state: object, _command: object) -> Needs:
    """The needs of a kind whose rules look at nothing but their own state."""
    return NO_NEEDS
