"""What the SDK would log, said: in the house's log, on the visitor's topic, in the answer.

A command that is refused is a remark too, with the level and the tag that the SDK has for its
method: nothing when there is panic or no consent is INFO, before the start it is ERROR. Remarks
name keys and reasons, never values. Rules: spec flags 4.6, 4.7; ledger FS-044, FS-077, FS-081.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from actors.flags.names import LogLevel, SdkStatus, Tag
from actors.flags.visitor_words import (
    Authenticate,
    ClearContext,
    ExposeAll,
    FetchFlags,
    GetFlags,
    GetValue,
    Open,
    SendHit,
    SendHits,
    SetConsent,
    Unauthenticate,
    UpdateContext,
    VisitorExposed,
)
from api.flags.showing import LogLine, lines_of
from engine.effects import Note
from engine.messages import Address, Command

if TYPE_CHECKING:
    from api.house import House

TAGS: Mapping[type[Command], Tag] = {
    Open: Tag.NEW_VISITOR,
    UpdateContext: Tag.UPDATE_CONTEXT,
    ClearContext: Tag.CLEAR_CONTEXT,
    Authenticate: Tag.AUTHENTICATE,
    Unauthenticate: Tag.UNAUTHENTICATE,
    SetConsent: Tag.SET_CONSENT,
    FetchFlags: Tag.FETCH_FLAGS_METHOD,
    GetFlags: Tag.GET_FLAG,
    GetValue: Tag.FLAG_VALUE_METHOD,
    VisitorExposed: Tag.FLAG_VISITOR_EXPOSED,
    ExposeAll: Tag.FLAG_VISITOR_EXPOSED,
    SendHit: Tag.SEND_HIT_METHOD,
    SendHits: Tag.SEND_HITS_METHOD,
}
IDENTITY: Mapping[type[Command], LogLevel] = {
    Authenticate: LogLevel.WARNING,
    Unauthenticate: LogLevel.ERROR,
}
"""Logging in and out work in every strategy: what refuses them is who the visitor is (spec 4.7)."""
QUIET: Mapping[SdkStatus, LogLevel] = {
    SdkStatus.SDK_PANIC: LogLevel.INFO,
    SdkStatus.SDK_NOT_INITIALIZED: LogLevel.ERROR,
}


def tag_of(command: Command) -> Tag:
    """The tag of the SDK's method that this command is."""
    return TAGS.get(type(command), Tag.VISITOR_ID)


def refusal(command: Command, status: SdkStatus, has_consented: bool, why: str) -> Note:
    """The remark about a command that its tables refuse (spec 4.6, 4.7)."""
    level = IDENTITY.get(type(command)) or QUIET.get(status)
    if level is None:
        level = LogLevel.ERROR if has_consented else LogLevel.INFO
        why = why if has_consented else f"the visitor did not consent: {why}"
    return Note(level, tag_of(command), why)


def tell(
    house: House, address: Address, notes: Iterable[Note], level_max: int
) -> tuple[LogLine, ...]:
    """Say remarks about a visitor in the log and on its topic (`eph`, name `log`). Plain.

    Only those that the environment's log level lets pass (`Settings.log_level`); they are returned
    for the answer.
    """
    lines = lines_of(notes, level_max)
    for line in lines:
        house.log.say(
            "visitor",
            address=house.log.shown(address),
            sdk_level=LogLevel(line.level).name,
            tag=line.tag,
            message=line.message,
        )
        house.hub.say((address.project, address.topic), "log", line)
    return lines
