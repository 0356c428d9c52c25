"""What a visitor's rules see of their environment: its settings, and the strategy in force.

The strategy follows the environment's SDK status: before it has started little works, in panic
almost nothing. It holds for all visitors of the environment. Rules: spec flags 4.6, 4.8.
"""

from __future__ import annotations

from typing import Any

from actors.flags.environment import KIND as ENVIRONMENT
from actors.flags.environment_words import Environment
from actors.flags.names import SdkStatus
from actors.flags.settings import Settings
from actors.flags.visitor_words import Visitor
from engine.effects import Needs
from engine.machine import Moment
from engine.messages import Address, Command

NO_ENVIRONMENT = Environment()
CLIENT = "Python"
VERSION = "4.0.5"
"""What visitors are told is their SDK: the version whose rules they follow (FS-202, FS-203)."""


def needs(visitor: Visitor, _command: Command) -> Needs:
    """Every decision looks at the visitor's environment."""
    return Needs(actors=(Address("", ENVIRONMENT, visitor.env),))


def environment_of(moment: Moment) -> Environment:
    """The environment as it is now; one that nobody declared has not started."""
    for snapshot in moment.seen.values():
        return snapshot.state if snapshot.exists else NO_ENVIRONMENT
    return NO_ENVIRONMENT


def settings_of(moment: Moment) -> Settings:
    """The environment's settings."""
    return environment_of(moment).settings


def is_panicking(_visitor: Visitor, _command: Any, moment: Moment) -> bool:
    """The Panic strategy is in force."""
    return environment_of(moment).sdk_status == SdkStatus.SDK_PANIC


def is_calm(_visitor: Visitor, _command: Any, moment: Moment) -> bool:
    """Any other strategy is in force: contexts may change."""
    return environment_of(moment).sdk_status != SdkStatus.SDK_PANIC


def is_started(_visitor: Visitor, _command: Any, moment: Moment) -> bool:
    """The SDK has started, so flags can be fetched."""
    return environment_of(moment).sdk_status != SdkStatus.SDK_NOT_INITIALIZED


def is_tracking(visitor: Visitor, command: Any, moment: Moment) -> bool:
    """Started and calm: hits and exposures may be sent."""
    return is_started(visitor, command, moment) and is_calm(visitor, command, moment)
