"""The outbox of the house: who sends what stays in it. Doors add their own senders.

A sweep reads its list a page at a time, in a thread, from the tables of the door that has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from api.domain import Domain
from engine.directory import Directory
from engine.errands import CommandSender, Concerned, SweepSender
from engine.outbox import Outbox
from engine.senders import PoolSender, Sender
from storage.sqlite import SqliteStore
from storage.store import Query


def open_outbox(directory: Directory, domains: Iterable[Domain], store: SqliteStore) -> Outbox:
    """The outbox, with the senders of commands and sweeps."""
    sweeps = {name: _pages(store, query) for each in domains for name, query in each.sweeps.items()}
    inside: dict[str, Sender | PoolSender] = {
        "command": CommandSender(directory),
        "sweep": SweepSender(directory, sweeps),
    }
    return Outbox(directory, inside)


def _pages(store: SqliteStore, query: Query) -> Concerned:
    """A door's list of actors, read in a thread."""

    async def page(project: str, key: str, after: str, limit: int) -> Sequence[str]:
        return await store.read(lambda connection: query(connection, project, key, after, limit))

    return page
