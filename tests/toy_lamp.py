"""A second toy domain: a lamp with two independent axes, light and mood.

It shows what one machine cannot: a command that both axes hear, alarms of either axis, a time
limit with a guard, and history that is written every eight facts only.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from engine.effects import Claim, Release
from engine.kind import Kind
from engine.machine import After, Machine, Moment, Row
from engine.messages import AlarmDue, Command, Event

GLOW_SECONDS = 60.0


class Lamp(msgspec.Struct, frozen=True, rename="camel"):
    """A lamp. `calm_at_ms`: when the party ends."""

    light: str = "off"
    mood: str = "calm"
    calm_at_ms: int | None = None
    locked_on: bool = False


class SwitchOn(Command, frozen=True):
    """Give light."""

    public = True
    locked_on: bool = False


class SwitchOff(Command, frozen=True):
    """Go dark."""

    public = True


class Celebrate(Command, frozen=True):
    """Begin a party until a time."""

    public = True
    until_ms: int


class Smash(Command, frozen=True):
    """The end of both axes."""


class Rest(Command, frozen=True):
    """Give the name back; changes nothing else."""


class SwitchedOn(Event, frozen=True):
    """It gives light."""

    locked_on: bool = False


class SwitchedOff(Event, frozen=True):
    """It is dark."""


class Celebrated(Event, frozen=True):
    """The party goes on until then."""

    until_ms: int


class Calmed(Event, frozen=True):
    """The party is over."""


class Smashed(Event, frozen=True):
    """No light and no mood any more."""


def switched_on(_lamp: Lamp, command: SwitchOn, _moment: Moment) -> Iterator[Event]:
    """Light."""
    yield SwitchedOn(locked_on=command.locked_on)


def switched_off(_lamp: Lamp, _command: Command, _moment: Moment) -> Iterator[Event]:
    """Dark."""
    yield SwitchedOff()


def celebrated(_lamp: Lamp, command: Celebrate, _moment: Moment) -> Iterator[Event]:
    """Party."""
    yield Celebrated(until_ms=command.until_ms)


def calmed(_lamp: Lamp, _command: Command, _moment: Moment) -> Iterator[Event]:
    """Quiet."""
    yield Calmed()


def smashed(_lamp: Lamp, _command: Smash, _moment: Moment) -> Iterator[Event | Claim | Release]:
    """One of the two machines states the event for both."""
    yield Release("name", "lamp")
    yield Smashed()


def rested(_lamp: Lamp, _command: Rest, _moment: Moment) -> Iterator[Release]:
    """Something that rides in the commit without a fact."""
    yield Release("name", "lamp")


def may_go_dark(lamp: Lamp, _command: Command, _moment: Moment) -> bool:
    """Nobody locked it."""
    return not lamp.locked_on


def party_is_over(lamp: Lamp, command: AlarmDue, _moment: Moment) -> bool:
    """The time has come."""
    return lamp.calm_at_ms is not None and lamp.calm_at_ms <= command.at_ms


def evolve(lamp: Lamp, event: Event) -> Lamp:
    """The fold."""
    match event:
        case SwitchedOn(locked_on=locked_on):
            return msgspec.structs.replace(lamp, light="on", locked_on=locked_on)
        case SwitchedOff():
            return msgspec.structs.replace(lamp, light="off")
        case Celebrated(until_ms=until_ms):
            return msgspec.structs.replace(lamp, mood="party", calm_at_ms=until_ms)
        case Calmed():
            return msgspec.structs.replace(lamp, mood="calm", calm_at_ms=None)
        case Smashed():
            return Lamp(light="broken", mood="none")
    return lamp


LIGHT = Machine[Lamp](
    "light",
    ("off", "on", "broken"),
    (
        Row("off", SwitchOn, "on", switched_on),
        Row("on", SwitchOff, "off", switched_off, may_go_dark, "nobody locked it"),
        Row("on", After(GLOW_SECONDS), "off", switched_off, may_go_dark, "it saves power"),
        Row(("off", "on"), Smash, "broken", smashed),
    ),
    phase=lambda lamp: lamp.light,
)

MOOD = Machine[Lamp](
    "mood",
    ("calm", "party", "none"),
    (
        Row("calm", Celebrate, "party", celebrated),
        Row("party", AlarmDue, "calm", calmed, party_is_over, "parties end"),
        Row(("calm", "party"), Smash, "none"),
        Row("calm", Rest, "calm", rested),
    ),
    phase=lambda lamp: lamp.mood,
)

LAMP = Kind[Lamp](
    name="lamp",
    state=Lamp,
    initial=lambda _id: Lamp(),
    machines=(LIGHT, MOOD),
    evolve=evolve,
    events=(SwitchedOn, SwitchedOff, Celebrated, Calmed, Smashed),
    deadline=lambda lamp: lamp.calm_at_ms,
    state_every=8,
)
