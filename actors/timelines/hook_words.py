"""Webhooks: who subscribes to what, and what is told.

A subscription names a URL, a secret with which bodies are signed, the events that it wants and the
names of states that it knows. What is told of an event is one object; integrators of 2022 wait for
the old state names and for a second name of the event's id. Rules: spec timelines 5.2, 7; ledger
TL-136 to TL-138; engine spec 5.5.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from actors.secrets import Secret
from actors.timelines.answers.shapes import Beat, Contents

SENDER = "webhook"
"""The name under which the outbox finds who delivers."""
SUBSCRIPTION = "webhook:"
"""Before the id of a webhook it is the subscription of an effect."""
WEBHOOKS_MAX = 10
"""Of one project: each of them is told in the commit of what happened."""


class EventType(StrEnum):
    """What a webhook may be told (TL-136, TL-137)."""

    USER_CREATED = "user.created"
    USER_DELETED = "user.deleted"
    USER_PROGRESSED = "user.progressed"
    STATE_CHANGED = "state.changed"
    BEAT_ENTERED = "beat.entered"
    END_REACHED = "timeline.end_reached"
    LINK_FOLLOWED = "link.followed"
    VARIABLE_CHANGED = "variable.changed"
    CONDITION_PASSED = "condition.passed"


class Naming(StrEnum):
    """Which names of states a webhook knows: those of today, or those of 2022."""

    NEW = "new"
    LEGACY = "legacy"


LEGACY_STATES = {"UNVISITED": "UNAVAILABLE", "ACTIVE": "AVAILABLE", "VISITED": "COMPLETED"}
"""The old names of states (spec 5.2)."""


class Webhook(msgspec.Struct, frozen=True, omit_defaults=True):
    """A subscription: `events` empty is all of them; `declared` by a project file."""

    id: str
    url: str
    secret: Secret
    events: tuple[EventType, ...] = ()
    state_naming: Naming = Naming.NEW
    declared: bool = False

    @property
    def subscription(self) -> str:
        """What effects for it are kept under."""
        return f"{SUBSCRIPTION}{self.id}"

    def wants(self, event_type: EventType) -> bool:
        """Whether it is to be told of such events."""
        return not self.events or event_type in self.events


class WebhookShown(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription as it may be shown: its secret never is."""

    id: str
    url: str
    events: tuple[EventType, ...] = ()
    state_naming: Naming = Naming.NEW
    declared: bool = False


def shown(webhook: Webhook) -> WebhookShown:
    """A subscription without its secret."""
    return WebhookShown(
        id=webhook.id,
        url=webhook.url,
        events=webhook.events,
        state_naming=webhook.state_naming,
        declared=webhook.declared,
    )


# --- what is told


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a webhook (spec 7); instants are ISO 8601 text.

    `event_id` is the same on every attempt and for every subscription. `user_id` is null where an
    operator changed a shared variable.
    """

    event_id: str
    event_type: EventType
    created_at: str
    project_id: str
    timeline_id: str
    user_id: str | None
    event_object: Any


class StateChanged(msgspec.Struct, frozen=True, kw_only=True):
    """An event changed its state; `link_id` is the link that did it, if one did just now."""

    user_timeline_event_state: str
    previous_state: str
    timeline_event_id: str
    user_timeline_event_id: str
    narrative_event_id: str
    narrative_event_title: str | None
    row_id: str
    thread_id: str | None
    content: Contents
    custom_data: dict[str, str]
    link_id: str | None

    def in_old_names(self) -> StateChanged:
        """The same, for those who know the states of 2022."""
        return msgspec.structs.replace(
            self,
            user_timeline_event_state=LEGACY_STATES[self.user_timeline_event_state],
            previous_state=LEGACY_STATES[self.previous_state],
        )


class LinkTold(msgspec.Struct, frozen=True, kw_only=True):
    """A link was followed, by the user or by itself (`auto`)."""

    link_id: str
    from_event_id: str
    to_event_id: str
    label: str | None
    auto: bool


class VariableChanged(msgspec.Struct, frozen=True, kw_only=True):
    """A variable has another value; `scope` user or shared."""

    name: str
    scope: str
    value: str
    previous_value: str


class ConditionPassed(msgspec.Struct, frozen=True, kw_only=True):
    """The guard that the user waited for lets it pass."""

    condition_id: str


class EndReached(msgspec.Struct, frozen=True, kw_only=True):
    """The user is on the last column."""

    current_step: int
    current_beat: Beat | None


class UserDeleted(msgspec.Struct, frozen=True, kw_only=True):
    """The user is gone."""

    id: str
    active_timeline_id: str
