"""What webhooks are told of a commit, as effects that ride in it.

Pure: the same fact tells the same with the same ids. Where nobody subscribes nothing is made. One
effect is one event, kept in order for each subscription and user; a walk that leads to hundreds is
told in packs, arrays of bodies, so that no command is refused for what it leads to. Rules: spec
timelines 7, 5.12.16, 5.12.22; ledger TL-136 to TL-138.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from actors.timelines import hook_words as words
from actors.timelines import times
from actors.timelines.hook_happenings import Happened, happenings
from actors.timelines.hook_words import EventType, Naming, StateChanged, Webhook
from actors.timelines.joining import contributes
from actors.timelines.revision import Revision
from actors.timelines.settings import ID, KIND, Settings
from actors.timelines.timeline_words import Timeline
from actors.timelines.user_fold import evolve
from actors.timelines.user_words import KIND as USER
from actors.timelines.user_words import (
    LinkFollowed,
    Migrated,
    Progressed,
    Settled,
    User,
    UserCreated,
)
from engine.effects import Also, Effect
from engine.machine import Moment
from engine.messages import Address, Erase, Event

Stated = UserCreated | Progressed | LinkFollowed | Settled | Migrated
SETTINGS = Address("", KIND, ID)
"""What a decision must see to know whom to tell."""
APART_MAX = 512
"""Effects of one command; what is more is told in packs."""
ID_DIGITS = 24


# --- who yields them


def stated(user: User, moment: Moment, *events: Stated) -> Iterator[Event | Effect | Also]:
    """A user's fact with all that rides in its commit; `user` is the user before it."""
    yield from events
    yield from told(user, events, moment)
    for event in events:
        timeline = event.timeline if isinstance(event, UserCreated) else user.timeline
        yield from contributes(timeline, event.walk)


def told(user: User, events: Sequence[Stated], moment: Moment) -> Iterator[Effect]:
    """What is told of a user's fact."""
    settings = settings_in(moment)
    if settings is None or moment.asked is None:
        return
    happened: list[Happened] = []
    for event in events:
        after = evolve(user, event)
        before = User(variables=event.variables) if isinstance(event, UserCreated) else user
        revision: Revision = moment.documents[after.revision]
        happened += happenings(before, after, event.walk, revision, moment.asked.address.id)
        user = after
    yield from _Teller(settings, moment, user.timeline).effects(happened)


def deleted(user: User, command: Erase, moment: Moment) -> Iterator[Effect]:
    """The last that is told of a user; nothing of one who is to be forgotten (engine spec 2.4)."""
    settings = settings_in(moment)
    if settings is None or moment.asked is None or command.privacy:
        return
    gone = words.UserDeleted(id=moment.asked.address.id, active_timeline_id=user.timeline)
    at_ms = max(moment.now_ms, user.settled_ms)
    happened = [Happened(EventType.USER_DELETED, at_ms, gone)]
    yield from _Teller(settings, moment, user.timeline).effects(happened)


def shared_changed(
    timeline: Timeline, values: Mapping[str, str], at_ms: int, moment: Moment
) -> Iterator[Effect]:
    """What is told where an operator, or a user's walk, gives shared variables new values."""
    settings = settings_in(moment)
    if settings is None or moment.asked is None:
        return
    happened = []
    for name, value in values.items():
        timed = timeline.shared.get(name)
        previous = "" if timed is None else timed.value
        if value != previous:
            changed = words.VariableChanged(
                name=name, scope="shared", value=value, previous_value=previous
            )
            happened.append(Happened(EventType.VARIABLE_CHANGED, at_ms, changed))
    yield from _Teller(settings, moment, timeline.id, mark="s").effects(happened)


def settings_in(moment: Moment) -> Settings | None:
    """The project's settings, if it has webhooks."""
    for address, snapshot in moment.seen.items():
        if address.kind == KIND:
            return snapshot.state if snapshot.exists and snapshot.state.webhooks else None
    return None


# --- effects


class _Teller:
    """Writes what one fact tells. `mark` keeps ids apart where two actors state one fact each."""

    def __init__(self, settings: Settings, moment: Moment, timeline: str, mark: str = "") -> None:
        assert moment.asked is not None
        self._settings = settings
        self._address = moment.asked.address
        self._timeline = timeline
        self._user = self._address.id if self._address.kind == USER else None
        fact = "\n".join((*self._address, str(moment.asked.version + 1)))
        self._id = hashlib.sha256(fact.encode()).hexdigest()[:ID_DIGITS] + f"-{mark}"
        self._bodies: dict[tuple[int, bool], bytes] = {}

    def effects(self, happened: Sequence[Happened]) -> Iterator[Effect]:
        """One for each event and subscription that wants it, in order of happening."""
        webhooks = self._settings.webhooks
        many = -(-len(happened) * len(webhooks) // APART_MAX) or 1
        for webhook in webhooks:
            bodies = [
                self._body(number, one, is_old=webhook.state_naming is Naming.LEGACY)
                for number, one in enumerate(happened)
                if webhook.wants(one.type)
            ]
            for first in range(0, len(bodies), many):
                yield self._effect(webhook, bodies[first : first + many])

    def _effect(self, webhook: Webhook, bodies: list[bytes]) -> Effect:
        """In the user's order; what an operator does to shared values is in the timeline's."""
        return Effect(
            sender=words.SENDER,
            subscription=webhook.subscription,
            subject=self._timeline if self._user is None else self._user,
            about=self._user or "",
            body=bodies[0] if len(bodies) == 1 else b"[" + b",".join(bodies) + b"]",
        )

    def _body(self, number: int, one: Happened, *, is_old: bool) -> bytes:
        """The body, written once for all who read the same names."""
        is_old = is_old and isinstance(one.object, StateChanged)
        body = self._bodies.get((number, is_old))
        if body is None:
            body = self._bodies[number, is_old] = msgspec.json.encode(
                words.Told(
                    event_id=f"{self._id}{number}",
                    event_type=one.type,
                    created_at=times.write_instant(one.at_ms, self._settings.naive_datetimes),
                    project_id=self._address.project,
                    timeline_id=self._timeline,
                    user_id=self._user,
                    event_object=one.object.in_old_names() if is_old else one.object,
                )
            )
        return body
