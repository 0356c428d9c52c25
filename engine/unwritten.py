"""What an actor knows and may not write down.

Some of what a person tells may be used while they are here and not be kept. Such a kind says which
part of its state, and of its events, is written. The rest lives in memory only: no fact, no row, no
push and no kept reply holds it, and sleep ends it. Folding what was written must give what would
have been written: `state(fold(s, fact)) == fold(state(s), events(s', fact))`, where `s'` is the
state that the fact led to. A fact with `Forgotten` is excepted: its commit writes the row anew, as
does every commit of an actor that hid something before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from engine.messages import Event

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Unwritten(Generic[S]):
    """How a kind hides a part of itself from the store.

    `state` gives what is written of a state; `events` what is written of the events that led to a
    state; `woken` makes of a state read from the store one to go on with.
    """

    state: Callable[[S], S]
    events: Callable[[S, tuple[Event, ...]], tuple[Event, ...]]
    woken: Callable[[S], S]
