"""What can go wrong, and whose fault it is.

Yours: `Refused`, `KeyReused`. Everybody's: `Overloaded`, `Busy`, `Unavailable`. Ours:
`ActorFailed`. Each carries its facts as data; doors translate them to an answer in exactly one
place. Nothing here is caught to be logged and forgotten.
"""

from __future__ import annotations


class EngineError(Exception):
    """The base of everything the engine raises on purpose.

    `code` is a stable word for programs; `retry_ms` hints when another try may help (None: never).
    """

    code = "engine_error"
    retry_ms: int | None = None


class Refused(EngineError):
    """The table does not permit this command now; nothing was changed.

    `why` says the reason in words, `may` names the commands that are permitted now.
    """

    code = "refused"

    def __init__(self, why: str, may: tuple[str, ...] = ()) -> None:
        super().__init__(why)
        self.why = why
        self.may = may


class UnknownCommand(EngineError):
    """The kind has no public command of that name; `may` names those permitted now."""

    code = "unknown_command"

    def __init__(self, name: str, may: tuple[str, ...] = ()) -> None:
        super().__init__(f"there is no command {name!r}")
        self.may = may


class UnknownKind(EngineError):
    """No kind of actor has that name."""

    code = "unknown_kind"


class KeyReused(EngineError):
    """An idempotency key came again with another address, command or body (promise 9)."""

    code = "key_reused"


class ClaimTaken(EngineError):
    """A claim that must be unique in its project is held by somebody else."""

    code = "taken"

    def __init__(self, space: str, key: str) -> None:
        super().__init__(f"{space} is taken")
        self.space = space
        self.key = key


class Busy(EngineError):
    """Others kept committing first; the decision was tried again and gave up."""

    code = "busy"
    retry_ms = 100


class Overloaded(EngineError):
    """A limit was reached: come back later. `limit` names the limit."""

    code = "overloaded"
    retry_ms = 1_000

    def __init__(self, limit: str) -> None:
        super().__init__(f"the limit {limit} is reached")
        self.limit = limit


class Unavailable(EngineError):
    """The store cannot commit now (disk full, closing); nothing was told."""

    code = "unavailable"
    retry_ms = 1_000


class ActorFailed(EngineError):
    """A handler broke. One command is lost; the actor reread its state."""

    code = "actor_failed"


class DeliveryGone(EngineError):
    """Rows were to be appended for deliveries of which one is not there any more.

    It was settled before, or a privacy erasure took it: nothing of the entry is stored, and whoever
    delivers looks again at what is left.
    """

    code = "delivery_gone"


class Later(Exception):
    """A sender cannot deliver now: try again in `seconds`, as often as it takes.

    A word between a sender and the outbox, an answer to nobody, and so no `EngineError`. Attempts
    are counted and the words are kept; the delivery is never parked for it.
    """

    def __init__(self, seconds: float, why: str = "") -> None:
        super().__init__(why)
        self.seconds = seconds


class More(Exception):
    """A sender has done a part of an order: go on at once, and remember how far it is.

    `done` rows from the head on are delivered; the next one keeps `cursor`, durably, until its next
    attempt. It is no failure and counts as no attempt.
    """

    def __init__(self, cursor: str, done: int = 0) -> None:
        super().__init__(cursor)
        self.cursor = cursor
        self.done = done
