"""How an actor is shown to callers: one shape for HTTP, the live socket and listings.

A kind's `present` says what may be seen of its state; nothing else of it leaves the house.
"""

from __future__ import annotations

from typing import Any

from api.http import Problem, encode
from engine.kind import Kind
from engine.messages import Reply, Snapshot


def present_actor(kind: Kind[Any], seen: Snapshot | Reply) -> dict[str, Any]:
    """The HTTP body of an actor, and of a command's answer; `state` None: there is no actor."""
    state = seen.state
    if state is None:
        phase = "erased" if seen.version else ""
        permitted = kind.permits(kind.initial(seen.address.id), public_only=True)
    else:
        phase = kind.phase(state)
        permitted = kind.permits(state, public_only=True)
    return {
        "kind": kind.name,
        "id": seen.address.id,
        "version": seen.version,
        "phase": phase,
        "state": present_state(kind, state),
        "permitted": permitted,
    }


def present_state(kind: Kind[Any], state: Any) -> Any:
    """What may be seen of a state; None stays None."""
    return None if state is None else kind.present(state)


def encode_state(kind: Kind[Any], state: Any, bytes_max: int) -> bytes:
    """The JSON of what may be seen; 413 beyond the limit (big things are documents)."""
    body = encode(present_state(kind, state))
    if len(body) > bytes_max:
        raise Problem(413, "too_big_to_show", f"this actor shows more than {bytes_max} bytes")
    return body
