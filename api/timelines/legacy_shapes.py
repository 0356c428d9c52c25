"""What the door answers, in the names of 2022: plain objects from plain objects.

Everything that is said today stays; old names of states take the place of the new ones, and what
only clients of then read comes on top: `narrative_state`, `narrative_event_type`,
`available_states`. So clients of both times read these answers, but for the states. What an answer
does not say itself comes from a `Memory`. Rules: spec timelines 5.2, 11.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from actors.timelines.answers import shapes
from actors.timelines.legacy import may_become, old_state, old_type
from actors.timelines.revision import Revision
from actors.timelines.user_words import User

Json = dict[str, Any]
STORY = (
    "current_step",
    "current_beat",
    "new_beat_available",
    "waiting_for_condition_id",
    "waiting_for_condition_datetime",
    "end_of_timeline_reached",
    "datetime_guards_disabled",
    "pause_at_beats",
    "active_timeline_id",
)
"""Members of today's user that were the story state of then."""


class Memory(NamedTuple):
    """What is known beside an answer: the definition it is about, and its users' states by id."""

    revision: Revision | None
    users: Mapping[str, User]

    def type_of(self, event: str) -> str:
        """The old type of an event."""
        assert self.revision is not None, "an answer with events is about a definition"
        return old_type(self.revision, event)


class Told(NamedTuple):
    """How one form of answers is told: the ids of users that it is about, and the telling.

    `has_events`: it is about a definition too.
    """

    users: Callable[[Any], list[str]]
    tell: Callable[[Any, Memory], Any]
    has_events: bool = True


# --- users


def story_state(user: Json, memory: Memory) -> Json:
    """How far a user is, and where its reader said to be."""
    state = memory.users.get(user["id"])
    bookmarks = () if state is None else state.bookmarks
    return {
        **{name: user[name] for name in STORY},
        "current_timeline_event_id": bookmarks[-1] if bookmarks else None,
        "timeline_event_id_history": list(bookmarks[:-1]),
    }


def old_user(user: Json, memory: Memory) -> Json:
    """A user with its `narrative_state`."""
    return {**user, "narrative_state": story_state(user, memory)}


# --- events


def old_event(event: Json, memory: Memory, skipped: frozenset[str]) -> Json:
    """An event of a user; `skipped` are the events that this user left by skipping them."""
    state = event["state"]
    return {
        **event,
        "state": old_state(state, is_skipped=event["id"] in skipped),
        "available_states": may_become(state),
        "narrative_event_type": memory.type_of(event["id"]),
        "narrative_event_state_changes_content": _by_old_state(
            event["narrative_event_state_changes_content"]
        ),
    }


def old_changes(changes: list[Json], memory: Memory, skipped: frozenset[str]) -> list[Json]:
    """Entries of a user's log, ascending; only the last time that an event was left can be a skip.

    Of earlier times it is not remembered.
    """
    left, told = set(skipped), []
    for change in reversed(changes):
        event, state = change["timeline_event_id"], change["state"]
        named = old_state(state, is_skipped=event in left)
        if state == shapes.NewUserTimelineEventState.VISITED:
            left.discard(event)
        told.append({**change, "state": named, "narrative_event_type": memory.type_of(event)})
    return told[::-1]


def _by_old_state(content: Json) -> Json:
    return {old_state(state): refs for state, refs in content.items()}


def old_timeline_event(event: Json, memory: Memory) -> Json:
    """An event of the grid, as administrators see it."""
    return {
        **event,
        "type": memory.type_of(event["id"]),
        "content_integrations": _by_old_state(event["content_integrations"]),
    }


def old_event_state_change(change: Json, memory: Memory) -> Json:
    """An entry of everybody's log; a skip is a completion there."""
    type_ = memory.type_of(change["timeline_event_id"])
    return {**change, "esc_type": old_state(change["esc_type"]), "event_type": type_}


# --- the envelope


def _enveloped(data: Callable[[Any, Memory, frozenset[str]], Any]) -> Callable[[Any, Memory], Any]:
    """The telling of an envelope whose data is told like that."""

    def tell(body: Json, memory: Memory) -> Json:
        skipped = frozenset(one for user in memory.users.values() for one in user.skipped)
        told = {**body, "meta": _meta(body["meta"], memory, skipped)}
        if body["data"] is not None:
            told["data"] = data(body["data"], memory, skipped)
        return told

    return tell


def _meta(meta: Json | None, memory: Memory, skipped: frozenset[str]) -> Json | None:
    if meta is None:
        return None
    user, events = meta["user"], meta["changed_timeline_events"]
    changes = meta["changed_timeline_event_states"]
    return {
        **meta,
        "user": None if user is None else old_user(user, memory),
        "changed_timeline_events": [old_event(one, memory, skipped) for one in events],
        "changed_timeline_event_states": old_changes(changes, memory, skipped),
    }


def _of_meta(body: Json) -> list[str]:
    user = (body["meta"] or {}).get("user")
    return [] if user is None else [user["id"]]


def _events(events: list[Json], memory: Memory, skipped: frozenset[str]) -> list[Json]:
    return [old_event(one, memory, skipped) for one in events]


def _each(tell: Callable[[Json, Memory], Json]) -> Callable[[Any, Memory], Any]:
    return lambda body, memory: [tell(one, memory) for one in body]


def _nobody(_body: Any) -> list[str]:
    return []


STORY_TOLD = Told(_of_meta, _enveloped(lambda user, memory, _skipped: story_state(user, memory)))
"""A `UserResponse` whose data is the story state."""
TOLD: Mapping[Any, Told] = {
    shapes.UserResponse: Told(
        _of_meta, _enveloped(lambda user, memory, _skipped: old_user(user, memory))
    ),
    shapes.UserTimelineEventDetailResponse: Told(_of_meta, _enveloped(old_event)),
    shapes.UserTimelineEventListResponse: Told(_of_meta, _enveloped(_events)),
    shapes.UserTimelineEventStateChangeListResponse: Told(_of_meta, _enveloped(old_changes)),
    shapes.User: Told(lambda user: [user["id"]], old_user, has_events=False),
    list[shapes.User]: Told(
        lambda users: [one["id"] for one in users], _each(old_user), has_events=False
    ),
    list[shapes.TimelineEvent]: Told(_nobody, _each(old_timeline_event)),
    list[shapes.EventStateChange]: Told(_nobody, _each(old_event_state_change)),
}
"""By the form that a route's documents give: how it is told in old names."""
