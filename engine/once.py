"""Commands with a key are carried out once (promise 9).

A key belongs to a caller in a project. While its command is under way, another one with the same
key waits for the same answer; later the store keeps the answer for a day. The key with another
address, command or body is refused.
"""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from engine.envelope import Envelope
from engine.errors import EngineError, KeyReused, Unavailable
from engine.messages import Address, Command, Erased, Reply, Snapshot, Stored
from engine.ports import REDACTED, Kept

if TYPE_CHECKING:
    from engine.directory import Directory

FlightKey = tuple[str, str, str]


class Once:
    """Keys in flight. One per directory."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._in_flight: dict[FlightKey, Envelope] = {}

    async def ask(self, address: Address, envelope: Envelope, principal: str, key: str) -> Reply:
        """Carry the command out, or answer as the first time."""
        envelope.principal, envelope.key = principal, key
        envelope.fingerprint = fingerprint(address, envelope.command)
        flight: FlightKey = (address.project, principal, key)
        first = self._in_flight.get(flight)
        if first is not None:
            _same(first.fingerprint, envelope.fingerprint)
            return _again(await self._directory.wait(first))
        self._in_flight[flight] = envelope
        envelope.when_answered = partial(self._land, flight)
        await self._begin(address, envelope, flight)
        return await self._directory.wait(envelope)

    def _land(self, flight: FlightKey) -> None:
        self._in_flight.pop(flight, None)

    async def _begin(self, address: Address, envelope: Envelope, flight: FlightKey) -> None:
        """Answer from what is kept, or deliver; an asker who leaves meanwhile delivered nothing."""
        try:
            kept = await self._directory.store.kept(*flight)
            if kept is None:
                self._directory.deliver(address, envelope)
                return
            _same(kept.fingerprint, envelope.fingerprint)
            state = await self._state(kept)
        except BaseException as error:
            envelope.answer(
                error if isinstance(error, EngineError) else Unavailable("the asker left")
            )
            raise
        reply = Reply(kept.address, kept.version, kept.generation, state, repeated=True)
        self._directory.answer(address, envelope, reply)

    async def _state(self, kept: Kept) -> Any:
        """The state the first answer showed: as kept, else folded anew from the facts."""
        kind = self._directory.kind_of(kept.address)
        if kept.state is not None:
            return kind.decode_state(kept.state) if kept.state else None
        snapshot, page = kind.blank(kept.address), self._directory.limits.facts_page_max
        while snapshot.version < kept.version:
            stored = await self._directory.store.facts(kept.address, snapshot.version, page)
            if not stored or not _follows(snapshot, stored[0]):  # history was cut: as it is now
                return (await self._directory.peek(kept.address)).state
            facts = [kind.fact(one) for one in stored if one.version <= kept.version]
            snapshot = kind.fold(snapshot, facts)
        return snapshot.state


def fingerprint(address: Address, command: Command) -> bytes:
    """What a key stands for: address, command and body."""
    body = msgspec.json.encode([list(address), command.wire_name(), command])
    return hashlib.sha256(body).digest()


def _follows(snapshot: Snapshot, stored: Stored) -> bool:
    is_whole = stored.version == snapshot.version + 1 or stored.name == Erased.__name__
    return is_whole and stored.name != REDACTED


def _same(first: bytes, second: bytes) -> None:
    if first != second:
        raise KeyReused("this key came with another command")


def _again(reply: Reply) -> Reply:
    return msgspec.structs.replace(reply, repeated=True, fact=None)
