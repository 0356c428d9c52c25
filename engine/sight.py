"""What a decision sees beside the actor's own state.

The moment hands a rule the time, chance, who asks, and what its kind says that it needs: committed
states of other actors of the project (nobody is woken for it) and documents by their hash. What was
seen is part of the fence: if it has changed until the commit, the decision is made again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from engine.effects import Needs, no_needs
from engine.envelope import Envelope
from engine.errors import Overloaded
from engine.kind import Kind
from engine.machine import Moment
from engine.messages import Address, Snapshot

if TYPE_CHECKING:
    from engine.directory import Directory

NOTHING_SEEN: Mapping[Address, Snapshot] = {}
NO_DOCUMENTS: Mapping[str, Any] = {}


async def moment_for(
    directory: Directory, kind: Kind[Any], own: Snapshot, envelope: Envelope, *, fresh: bool
) -> Moment:
    """The moment in which `own` decides the command. `fresh`: a fence was missed, read the store.

    Raises `Overloaded` beyond `needs_max`, `NoDocument`, `UnknownKind`.
    """
    seen, documents = NOTHING_SEEN, NO_DOCUMENTS
    if kind.needs is not no_needs:
        state = kind.initial(own.address.id) if own.state is None else own.state
        needs = kind.needs(state, envelope.command)
        if needs.actors or needs.documents:
            project, wanted = own.address.project, needs.documents
            _check_many(directory, len(needs.actors) + len(wanted))
            seen = await _actors(directory, project, needs, fresh=fresh)
            if needs.then is not None:
                wanted += needs.then(seen)
                _check_many(directory, len(needs.actors) + len(wanted))
            documents = await _documents(directory, project, wanted, kind)
    now_ms = directory.clock.now_ms()
    return Moment(now_ms, envelope.by, directory.new_id, directory.chance, seen, documents, own)


def _check_many(directory: Directory, many: int) -> None:
    if many > directory.limits.needs_max:
        raise Overloaded("needs_max")


async def _actors(
    directory: Directory, project: str, needs: Needs, *, fresh: bool
) -> dict[Address, Snapshot]:
    addresses = [Address(project, needed.kind, needed.id) for needed in needs.actors]
    if fresh:
        return {address: await directory.read(address) for address in addresses}
    return {address: await directory.sightings.look(directory, address) for address in addresses}


class Sightings:
    """Actors seen a moment ago: what a crowd of decisions needs is read once.

    A sighting is forgotten when a fact of its actor is told. One that is stale all the same costs a
    decision made again, never a wrong commit: the fence has the last word.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: OrderedDict[Address, Snapshot] = OrderedDict()
        self._reading: dict[Address, object] = {}

    async def look(self, directory: Directory, address: Address) -> Snapshot:
        """The committed state of an actor, as it was seen last."""
        found = self._seen.get(address)
        if found is not None:
            self._seen.move_to_end(address)
            return found
        mine = self._reading[address] = object()
        try:
            found = await directory.peek(address)
        finally:
            is_quiet = self._reading.get(address) is mine  # nothing was told of it while we read
            if is_quiet:
                del self._reading[address]
        if is_quiet:
            self._seen[address] = found
            if len(self._seen) > self._most:
                self._seen.popitem(last=False)
        return found

    def clear(self) -> None:
        """Forget everybody."""
        self._seen.clear()

    def forget(self, address: Address) -> None:
        """It has changed."""
        self._reading.pop(address, None)
        self._seen.pop(address, None)


async def _documents(
    directory: Directory, project: str, hashes: Sequence[str], kind: Kind[Any]
) -> dict[str, Any]:
    return {hash_: await directory.document(kind, project, hash_) for hash_ in hashes}
