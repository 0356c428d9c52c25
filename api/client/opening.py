"""Opening a visitor: what was given is judged here at once, and what is good is sent.

The visitor works from the moment that it is made: its context and its initial flags are there
before the daemon has answered, and without a daemon too. Rules: spec flags 4.7; ledger FS-004,
FS-009 to FS-024.
"""

from __future__ import annotations

import uuid
from typing import Any, NamedTuple

import msgspec

from actors.flags import contexts
from actors.flags.flag_values import CampaignFlags, FlagsInvalid, from_campaigns, from_serialized
from actors.flags.names import LogLevel, Tag
from actors.flags.visitor_world import CLIENT, VERSION
from api.client.core import Core
from api.client.mirror import Known
from api.client.visitor import OnStatus, Visitor

INITIAL_BYTES_MAX = 24_000
"""Of initial flags that the daemon is told: half of what one command may hold."""


class Given(NamedTuple):
    """What `Flagship.new_visitor` was given."""

    visitor_id: str | None
    has_consented: bool | None
    is_authenticated: bool
    context: Any
    initial_campaigns: Any
    initial_flags_data: Any


def open_visitor(core: Core, given: Given, on_flags_status_changed: OnStatus | None) -> Visitor:
    """The visitor, with `open` on its way. Nothing is raised; what is wrong is a line of log."""
    logs = core.logs
    if not core.is_started:
        logs.error(Tag.NEW_VISITOR, "the SDK has not started")
    if given.has_consented is None:
        text = "consent was not said, so it counts as withheld"
        logs.say(LogLevel.WARNING, Tag.NEW_VISITOR, text)
    handle = _handle(core, given.visitor_id)
    kept, notes = contexts.judge(given.context or {}, Tag.UPDATE_CONTEXT)
    for note in notes:
        logs.say(note.level, note.tag, note.text)
    known = Known(
        visitor_id=handle,
        anonymous_id=None if core.is_started or not given.is_authenticated else str(uuid.uuid4()),
        has_consented=bool(given.has_consented),
        is_authenticated=bool(given.is_authenticated),
        context=contexts.with_reserved(kept, handle, CLIENT, VERSION),
    )
    initial, campaigns = _initial(core, given)
    visitor = Visitor(core, handle, known, campaigns, on_flags_status_changed)
    if not known.has_consented:
        core.visitors.flush(handle)
    visitor.open({
        "hasConsented": known.has_consented,
        "isAuthenticated": known.is_authenticated,
        "context": kept,
        "fetchNow": core.config.fetches_now,
        **initial,
    })  # fmt: skip
    return visitor


def _handle(core: Core, visitor_id: str | None) -> str:
    """The visitor's handle: the id that was given, if it can be sent, else a new UUID4."""
    if visitor_id and contexts.is_unicode(visitor_id):
        return visitor_id
    if visitor_id:
        core.logs.error(Tag.VISITOR_ID, "a visitor id is valid Unicode: another one was made")
    return str(uuid.uuid4())


def _initial(core: Core, given: Given) -> tuple[dict[str, Any], tuple[CampaignFlags, ...]]:
    """What `open` is told of the initial flags, and the flags; nothing where they are unusable."""
    told: dict[str, Any] = {}
    campaigns: tuple[CampaignFlags, ...] = ()
    try:
        if given.initial_flags_data is not None:
            campaigns = from_serialized(given.initial_flags_data)
            told = {"initialFlagsData": given.initial_flags_data}
        elif given.initial_campaigns is not None:
            campaigns = from_campaigns(given.initial_campaigns)
            told = {"initialCampaigns": given.initial_campaigns}
        size = len(msgspec.json.encode(told))
    except (FlagsInvalid, TypeError, ValueError, OverflowError, RecursionError) as error:
        core.logs.error(Tag.NEW_VISITOR, f"the initial flags are not used: {error}")
        return {}, ()
    if size > INITIAL_BYTES_MAX:
        text = "the initial flags are too big for the daemon, and are known here only"
        core.logs.say(LogLevel.WARNING, Tag.NEW_VISITOR, text)
        told = {}
    return told, campaigns
