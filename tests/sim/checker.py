"""What must hold in every small world, whatever happens to it.

The checker knows the shelf (what is on the disk at this moment), what callers were answered and
what listeners heard. It knows nothing about how the engine works inside.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from toy import DOOR, Chimed, Closed
from toy_box import BOX, BUYER, Rang

from engine.errors import ActorFailed, Busy, EngineError, Refused, Unavailable
from engine.hub import Told
from engine.messages import Address, Command, Erase, Erased, Fact, Reply, Snapshot
from storage.shelf import Shelf

KINDS = {kind.name: kind for kind in (DOOR, BOX, BUYER)}
SLACK_MS = 1_500
"""An alarm rings this soon after it is due: it may have to wait for four slow commits."""


class Violation(AssertionError):
    """A promise was broken."""


class Checker:
    """Watches one world over all its lives."""

    def __init__(self, seed: int, shelf: Shelf) -> None:
        self.seed = seed
        self.shelf = shelf
        self.now_ms = 0
        self.acknowledged: dict[Address, dict[int, Reply]] = {}
        self.by_key: dict[str, Reply] = {}
        self.trace: deque[str] = deque(maxlen=12)
        self.counts: dict[str, int] = {}
        self.troubled = False
        self._first: Violation | None = None

    def note(self, what: str) -> None:
        """Write a line of the trace."""
        self.trace.append(f"  {self.now_ms} {what}")

    def count(self, what: str) -> None:
        """Something interesting happened; so that a test can see that it does."""
        self.counts[what] = self.counts.get(what, 0) + 1

    def fail(self, what: str) -> None:
        """Say which seed it was, and what happened last."""
        trace = "\n".join(self.trace)
        violation = Violation(f"seed {self.seed}, {self.now_ms} ms: {what}\n{trace}")
        self._first = self._first or violation
        raise violation

    def raise_first(self) -> None:
        """Raise what was found where nobody let it through: a listener's error is its own."""
        if self._first is not None:
            raise self._first

    def require(self, holds: bool, what: str) -> None:
        """Fail unless it holds."""
        if not holds:
            self.fail(what)

    # --- what is stored now

    def version(self, address: Address) -> int:
        """The version on the disk."""
        row = self.shelf.actors.get(address)
        return row.version if row else 0

    def body(self, address: Address, version: int) -> bytes | None:
        """A fact's body on the disk."""
        for fact in reversed(self.shelf.facts.get(address, [])):
            if fact.version == version:
                return fact.body
        return None

    def is_stored(self, address: Address, fact: Fact) -> bool:
        """True if the disk holds this fact, or an erasure took it afterwards."""
        body = self.body(address, fact.version)
        if body is None:
            return bool(self._erasures(address, fact.version))
        return isinstance(fact.events[0], Erased) or body == fact.body

    def _erasures(self, address: Address, after: int) -> list[int]:
        facts = self.shelf.facts.get(address, [])
        return [fact.version for fact in facts if fact.name == "Erased" and fact.version > after]

    # --- while it runs

    def heard(self, told: Told) -> None:
        """A listener heard a fact."""
        address, fact = told.address, told.fact
        self.note(f"heard {address.id} {fact.version} {fact.name}")
        self.require(self.is_stored(address, fact), f"{address} {fact.version} told, not stored")
        self.require(told.before.version < fact.version == told.after.version, "a push is wrong")
        alone = (Chimed(), Closed(by_itself=True), Rang())
        rang = len(fact.events) == 1 and fact.events[0] in alone
        if rang:
            due = told.before.alarm_at_ms
            self.require(due is not None and due <= fact.at_ms, f"{address} rang early")
            self.count("rung")

    def answered(
        self, address: Address, command: Command, key: str | None, answer: Reply | EngineError
    ) -> None:
        """A caller got an answer."""
        self.note(f"answer {address.id} {command!r} {key} {_shown(answer)}")
        if isinstance(answer, Reply):
            self._replied(address, answer, key)
            if isinstance(command, Erase) and address.kind == "buyer":
                self.count("left")
            return
        self.count(answer.code)
        expected = isinstance(answer, Refused)
        expected |= isinstance(answer, Unavailable) and self.troubled
        expected |= isinstance(answer, ActorFailed) and command.wire_name() == "break"
        expected |= isinstance(answer, Busy) and address.kind in ("box", "buyer")
        self.require(expected, f"{command!r} was answered {_shown(answer)}")

    def _replied(self, address: Address, reply: Reply, key: str | None) -> None:
        self.count("repeated" if reply.repeated else "ok")
        self.require(reply.version <= self.version(address), f"{address} replied, not stored")
        if reply.fact is not None:
            self.require(self.is_stored(address, reply.fact), f"{address} replied, not stored")
        if not reply.repeated:
            self.acknowledged.setdefault(address, {})[reply.version] = reply
        if key is not None:
            first = self.by_key.setdefault(key, reply)
            same = (first.version, first.state) == (reply.version, reply.state)
            self.require(same, f"{key} was answered twice: {first!r}, {reply!r}")

    def peeked(self, snapshot: Snapshot) -> None:
        """Somebody looked: everything acknowledged is in what they see, and nothing more."""
        known = max(self.acknowledged.get(snapshot.address, ()), default=0)
        self.require(snapshot.version >= known, f"{snapshot.address} looks older than acknowledged")
        self.require(snapshot.version <= self.version(snapshot.address), "seen before stored")

    def overdue(self, excused: set[Address]) -> None:
        """No stored alarm waits longer than it may."""
        for address, row in self.shelf.actors.items():
            if row.alarm_at_ms is not None and address not in excused:
                late = self.now_ms - row.alarm_at_ms
                self.require(late <= SLACK_MS, f"{address}: the alarm is {late} ms late")

    def conserved(self) -> None:
        """At every moment buyers hold what boxes miss: a joint step is whole, an erasure as well.

        Who was erased holds nothing: the facts that said so are gone.
        """
        facts = [fact for facts in self.shelf.facts.values() for fact in facts]
        taken = sum(fact.name == "Taken" for fact in facts) - sum(
            event.tickets
            for fact in facts
            if fact.name == "GivenBack"
            for event in BOX.fact(fact).events
        )
        bought = sum(
            len(event.boxes)
            for fact in facts
            if fact.name == "Bought"
            for event in BUYER.fact(fact).events
        )
        self.require(taken == bought, f"{taken} tickets are out, {bought} are held")

    # --- in the end

    def settled(self) -> None:
        """Compare all that was acknowledged with all that is stored."""
        self.raise_first()
        for address, facts in self.shelf.facts.items():
            first = facts[0].version
            dense = list(range(first, first + len(facts)))
            self.require([fact.version for fact in facts] == dense, f"{address} is not dense")
            self.require(first == 1 or facts[0].name == "Erased", f"{address} lost its beginning")
            self.require(facts[-1].version == self.version(address), f"{address} lost its end")
            self._folds(address)
        self._acknowledged()
        self.conserved()
        signs = [
            one.body for facts in self.shelf.facts.values() for one in facts if one.name == "Hung"
        ]
        self.require(len(signs) == len(set(signs)), "a key was carried out twice")

    def _folds(self, address: Address) -> None:
        """Replies showed what the facts fold to, and so does the row."""
        kind = KINDS[address.kind]
        snapshot = kind.blank(address)
        replies = self.acknowledged.get(address, {})
        for stored in self.shelf.facts[address]:
            snapshot = kind.fold(snapshot, [kind.fact(stored)])
            reply = replies.get(snapshot.version)
            if reply is not None and stored.name != "Erased":
                self.require(reply.state == snapshot.state, f"{address} replied another state")
        row = self.shelf.actors[address]
        state = None if row.state is None else kind.decode_state(row.state)
        self.require(state == snapshot.state, f"{address}: row and facts differ")

    def _acknowledged(self) -> None:
        for address, replies in self.acknowledged.items():
            for reply in replies.values():
                kept = reply.fact is None or self.is_stored(address, reply.fact)
                self.require(kept, f"{address} {reply.version} was acknowledged and lost")


def _shown(answer: Any) -> str:
    return (
        f"v{answer.version}" if isinstance(answer, Reply) else f"{type(answer).__name__}: {answer}"
    )
