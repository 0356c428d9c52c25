"""A user on a timeline, an actor: its progression, and what its commands lead to.

A command is one fact: the walk that it led to. Where a walk ends only the walk knows, so the rows
are choices. The user sees its definition, a document, and its timeline; where its walk writes
shared values or is counted, the timeline takes part in the same commit.
Rules: spec timelines 5, 5.12.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from actors.timelines import legacy, legacy_words, times, values
from actors.timelines.deciding import (
    OVERFLOW,
    instant,
    is_later,
    revision_of,
    walk_made,
    walker_of,
)
from actors.timelines.hooks import SETTINGS, deleted, stated
from actors.timelines.joining import newest, timeline_of
from actors.timelines.migrating import Passage, is_meant, is_of_timeline, migrate
from actors.timelines.migrating.shown import present_events
from actors.timelines.moves import EVENT
from actors.timelines.revision import Revision, compile_revision
from actors.timelines.timeline_words import KIND as TIMELINE
from actors.timelines.timeline_words import Contribute, Published
from actors.timelines.user_shown import present
from actors.timelines.user_words import (
    BETWEEN,
    BETWEEN_OR_ENDED,
    EVENTS,
    KIND,
    ON_THE_WAY,
    CreateUser,
    FollowLink,
    LinkFollowed,
    Migrate,
    Progress,
    Progressed,
    ProgressStep,
    Settle,
    Settled,
    User,
    UserCreated,
)
from actors.timelines.walker import Walker
from actors.timelines.walking import follow, is_news, progress
from engine.effects import Also, Effect, Needs, Yielded
from engine.errors import Refused
from engine.kind import Kind
from engine.machine import Machine, Moment, Row
from engine.messages import Address, AlarmDue, Command, Erase

__all__ = ["OVERFLOW", "PROGRESSION", "USER", "instant", "misfits", "needs"]


# --- what a decision sees


def needs(user: User, command: Command) -> Needs:
    """The definition; the timeline where one begins or the definition looks at it; who is told."""
    if isinstance(command, CreateUser):
        timeline = Address("", TIMELINE, command.published_timeline_id)
        return Needs(actors=(timeline, SETTINGS), then=newest)
    timeline = Address("", TIMELINE, user.timeline)
    if isinstance(command, Erase):
        return Needs((timeline, SETTINGS) if user.counted else (SETTINGS,))
    if not user.revision:
        return Needs()
    if isinstance(command, Migrate):
        return Needs((timeline, SETTINGS), (user.revision, command.revision))
    looks = user.shares or isinstance(command, Settle)
    return Needs((timeline, SETTINGS) if looks else (SETTINGS,), (user.revision,))


# --- judging


def may_begin(_user: User, command: CreateUser, moment: Moment) -> bool:
    """The timeline is published, the zone is one, variables are user ones and of their type."""
    timeline, _ = timeline_of(moment)
    if timeline.published is not Published.PUBLISHED:
        return False
    revision: Revision = moment.documents[timeline.revision]
    return not misfits(revision, command.variables) and times.is_zone(command.timezone)


def misfits(revision: Revision, given: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with given variables, in words by name (spec 5.7)."""
    wrong = {}
    for name, value in given.items():
        if name in revision.shared:
            wrong[name] = "only variables of the user can be given"
        elif name not in revision.defaults:
            wrong[name] = "there is no such variable"
        else:
            try:
                values.check(revision.types[name], value)
            except values.BadValue as error:
                wrong[name] = str(error)
    return wrong


def can_follow(user: User, command: FollowLink, moment: Moment) -> bool:
    """The event has that link, and it is followable once the user has caught up."""
    revision = revision_of(user, moment)
    way = revision.ways.get(command.link_id)
    if way is None or way.source != command.user_timeline_event_id:
        return False
    return is_later(user, command, moment) and walker_of(user, command, moment).is_followable(way)


# --- consequences


def created(user: User, command: CreateUser, moment: Moment) -> Iterator[Yielded]:
    """Place the user before the first column and progress."""
    timeline, version = timeline_of(moment)
    revision: Revision = moment.documents[timeline.revision]
    given = {
        name: values.check(revision.types[name], value) for name, value in command.variables.items()
    }
    now_ms = instant(user, command.at_ms, moment.now_ms)
    begun = User(
        timeline=revision.id,
        revision=timeline.revision,
        zone=command.timezone,
        times_disabled=command.disable_time_guards,
        pauses=command.pause_at_beats,
        created_ms=now_ms,
        variables={**revision.defaults, **given},
    )
    walker = Walker(revision, begun, timeline, now_ms)
    try:
        progress(walker, command.max_steps, pause=command.pause_at_beats)
    except values.Overflow:
        raise Refused(OVERFLOW) from None
    walk = walk_made(walker, version, command)
    event = UserCreated(
        timeline=begun.timeline,
        revision=begun.revision,
        zone=begun.zone,
        times_disabled=begun.times_disabled,
        pauses=begun.pauses,
        shares=revision.shares,
        variables=begun.variables,
        walk=walk,
        max_steps=command.max_steps,
    )
    yield from stated(user, moment, event)


def progressed(user: User, command: ProgressStep, moment: Moment) -> Iterator[Yielded]:
    """Go on; nothing is stated where nothing changed."""
    walker = walker_of(user, command, moment)
    pause = user.pauses if command.pause_at_beats is None else command.pause_at_beats
    try:
        progress(walker, command.max_steps, pause=pause)
    except values.Overflow:
        raise Refused(OVERFLOW) from None
    walk = walk_made(walker, timeline_of(moment)[1], command)
    if is_news(user, walk):
        event = Progressed(walk=walk, max_steps=command.max_steps, pauses=pause)
        yield from stated(user, moment, event)


def followed(user: User, command: FollowLink, moment: Moment) -> Iterator[Yielded]:
    """Follow a link that the guard found followable."""
    walker = walker_of(user, command, moment)
    way = walker.revision.ways[command.link_id]
    try:
        follow(walker, walker.revision.by_id[way.source], way)
    except values.Overflow:
        raise Refused(OVERFLOW) from None
    walk = walk_made(walker, timeline_of(moment)[1], command)
    event = LinkFollowed(link=way.id, source=way.source, target=way.target, walk=walk)
    yield from stated(user, moment, event)


def settled(user: User, command: Settle | AlarmDue, moment: Moment) -> Iterator[Yielded]:
    """Catch up, and no more."""
    walker = walker_of(user, command, moment)
    walk = walk_made(walker, timeline_of(moment)[1], command, by_others=True)
    if is_news(user, walk):
        yield from stated(user, moment, Settled(walk=walk))


def migrated(user: User, command: Migrate, moment: Moment) -> Iterator[Yielded]:
    """Walk on by another definition; nothing is stated for whom the order does not mean."""
    if not is_meant(user, command):
        return
    timeline, version = timeline_of(moment)
    new: Revision = moment.documents[command.revision]
    passage = Passage(revision_of(user, moment), new, command.revision, moment.now_ms)
    try:
        events = tuple(migrate(passage, user, timeline, version))
    except values.Overflow:
        raise Refused(OVERFLOW) from None
    yield from stated(user, moment, *events)


def parting(user: User, command: Erase, moment: Moment) -> Iterator[Also | Effect]:
    """Who goes takes along what it added to counts (spec 5.12.16), and webhooks are told."""
    yield from deleted(user, command, moment)
    if user.counted:
        taken = {link: -number for link, number in user.counted.items()}
        yield Also(Address("", TIMELINE, user.timeline), Contribute(follows=taken))


# --- the table

EARLIER = "no instant before the last one"
FOREIGN = "the definition is one of the user's timeline"
NOT_FOLLOWABLE = "the event has this link, and it is followable"
PROGRESSION = Machine[User](
    "progression",
    tuple(Progress),
    (
        Row(Progress.ABSENT, CreateUser, ON_THE_WAY, created, may_begin,
            "the timeline is published and the variables are of it"),
        Row(Progress.NOT_STARTED, ProgressStep, ON_THE_WAY, progressed, is_later, EARLIER),
        Row(BETWEEN, ProgressStep, BETWEEN_OR_ENDED, progressed, is_later, EARLIER),
        Row(BETWEEN, FollowLink, BETWEEN_OR_ENDED, followed, can_follow, NOT_FOLLOWABLE),
        Row(BETWEEN, Settle, BETWEEN_OR_ENDED, settled, is_later, EARLIER),
        Row(BETWEEN, AlarmDue, BETWEEN_OR_ENDED, settled),
        Row(Progress.ENDED, ProgressStep, Progress.ENDED, progressed, is_later, EARLIER),
        Row(Progress.ENDED, FollowLink, Progress.ENDED, followed, can_follow, NOT_FOLLOWABLE),
        Row(Progress.ENDED, Settle, Progress.ENDED, settled, is_later, EARLIER),
        Row(Progress.ENDED, AlarmDue, Progress.ENDED, settled),
        Row(Progress.NOT_STARTED, Settle, Progress.NOT_STARTED, settled, is_later, EARLIER),
        Row(Progress.NOT_STARTED, Migrate, Progress.NOT_STARTED, migrated, is_of_timeline, FOREIGN),
        Row(BETWEEN_OR_ENDED, Migrate, BETWEEN_OR_ENDED, migrated, is_of_timeline, FOREIGN),
        *legacy.ROWS,
    ),
    lambda user: user.standing.progress,
)  # fmt: skip


def _deadline(user: User) -> int | None:
    """When time may change something; nobody rings for a test clock (spec 5.12.17, 5.12.18)."""
    return None if user.is_virtual else user.standing.due_ms


USER = Kind[User](
    name=KIND,
    state=User,
    initial=lambda _id: User(),
    machines=(PROGRESSION,),
    parts=(EVENT,),
    evolve=legacy.evolve,
    events=(*EVENTS, *legacy_words.EVENTS),
    deadline=_deadline,
    needs=needs,
    present=present,
    present_events=present_events,
    decode_document=compile_revision,
    state_every=16,
    parting=parting,
)
