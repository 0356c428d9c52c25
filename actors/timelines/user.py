"""A user on a timeline, an actor: its progression, and what its commands lead to.

A command is one fact: the walk that it led to. Where a walk ends only the walk knows, so the rows
are choices. The user sees its definition, a document, and its timeline; where its walk writes
shared values or is counted, the timeline takes part in the same commit.
Rules: spec timelines 5, 5.12.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from actors.timelines import times, values
from actors.timelines.moves import EVENT
from actors.timelines.revision import Revision, compile_revision
from actors.timelines.timeline_words import KIND as TIMELINE
from actors.timelines.timeline_words import Contribute, Published, Timeline
from actors.timelines.user_fold import evolve
from actors.timelines.user_shown import present, present_events
from actors.timelines.user_words import (
    BETWEEN,
    BETWEEN_OR_ENDED,
    EVENTS,
    KIND,
    ON_THE_WAY,
    CreateUser,
    FollowLink,
    LinkFollowed,
    Progress,
    Progressed,
    ProgressStep,
    Settle,
    Settled,
    User,
    UserCreated,
    Walk,
)
from actors.timelines.walker import Walker
from actors.timelines.walking import begin, follow, is_news, progress, walk_of
from engine.effects import Also, Needs
from engine.errors import Refused
from engine.kind import Kind
from engine.machine import Machine, Moment, Row
from engine.messages import Address, AlarmDue, Command, Erase, Event, Snapshot

OVERFLOW = "variable_overflow"
"""What a refusal says where an operation leads beyond what a variable may hold (5.12.9)."""
Asked = CreateUser | ProgressStep | FollowLink | Settle | AlarmDue


# --- what a decision sees


def needs(user: User, command: Command) -> Needs:
    """The definition; the timeline where one begins, or where the definition looks at it."""
    if isinstance(command, CreateUser):
        timeline = Address("", TIMELINE, command.published_timeline_id)
        return Needs(actors=(timeline,), then=_newest)
    timeline = Address("", TIMELINE, user.timeline)
    if isinstance(command, Erase):
        return Needs(actors=(timeline,)) if user.counted else Needs()
    if not user.revision:
        return Needs()
    looks = user.shares or isinstance(command, Settle)
    return Needs((timeline,) if looks else (), (user.revision,))


def _newest(seen: Mapping[Address, Snapshot]) -> tuple[str, ...]:
    return tuple(
        snapshot.state.revision
        for snapshot in seen.values()
        if snapshot.exists and snapshot.state.published is Published.PUBLISHED
    )


def _timeline(moment: Moment) -> tuple[Timeline, int]:
    """The timeline and its version; an empty one where the definition does not look at it."""
    for address, snapshot in moment.seen.items():
        if address.kind == TIMELINE and snapshot.exists:
            return snapshot.state, snapshot.version
    return Timeline(), 0


def _revision(user: User, moment: Moment) -> Revision:
    revision: Revision = moment.documents[user.revision]
    return revision


def instant(user: User, at_ms: int | None, now_ms: int) -> int:
    """When a command is decided: a test clock's instant, else now; never before the last one."""
    return max(now_ms, user.settled_ms) if at_ms is None else at_ms


def _walker(user: User, command: Asked, moment: Moment) -> Walker:
    timeline, version = _timeline(moment)
    at_ms = None if isinstance(command, AlarmDue) else command.at_ms
    now_ms = instant(user, at_ms, moment.now_ms)
    changed = version != user.seen
    try:
        return begin(_revision(user, moment), user, timeline, now_ms, is_news=changed)
    except values.Overflow:
        raise Refused(OVERFLOW) from None


# --- judging


def _is_later(user: User, command: Asked) -> bool:
    return (
        isinstance(command, AlarmDue) or command.at_ms is None or (command.at_ms >= user.settled_ms)
    )


def may_begin(_user: User, command: CreateUser, moment: Moment) -> bool:
    """The timeline is published, the zone is one, variables are user ones and of their type."""
    timeline, _ = _timeline(moment)
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


def is_later(user: User, command: Asked, _moment: Moment) -> bool:
    """No instant before the last one."""
    return _is_later(user, command)


def can_follow(user: User, command: FollowLink, moment: Moment) -> bool:
    """The event has that link, and it is followable once the user has caught up."""
    revision = _revision(user, moment)
    way = revision.ways.get(command.link_id)
    if way is None or way.source != command.user_timeline_event_id:
        return False
    return _is_later(user, command) and _walker(user, command, moment).is_followable(way)


# --- consequences


def created(user: User, command: CreateUser, moment: Moment) -> Iterator[Event | Also]:
    """Place the user before the first column and progress."""
    timeline, version = _timeline(moment)
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
    walk = _walk(walker, version, command)
    yield UserCreated(
        timeline=begun.timeline,
        revision=begun.revision,
        zone=begun.zone,
        times_disabled=begun.times_disabled,
        pauses=begun.pauses,
        shares=revision.shares,
        variables=begun.variables,
        walk=walk,
    )
    yield from _contributes(begun.timeline, walk)


def progressed(user: User, command: ProgressStep, moment: Moment) -> Iterator[Event | Also]:
    """Go on; nothing is stated where nothing changed."""
    walker = _walker(user, command, moment)
    pause = user.pauses if command.pause_at_beats is None else command.pause_at_beats
    try:
        progress(walker, command.max_steps, pause=pause)
    except values.Overflow:
        raise Refused(OVERFLOW) from None
    walk = _walk(walker, _timeline(moment)[1], command)
    if is_news(user, walk):
        yield Progressed(walk=walk)
        yield from _contributes(user.timeline, walk)


def followed(user: User, command: FollowLink, moment: Moment) -> Iterator[Event | Also]:
    """Follow a link that the guard found followable."""
    walker = _walker(user, command, moment)
    way = walker.revision.ways[command.link_id]
    try:
        follow(walker, walker.revision.by_id[way.source], way)
    except values.Overflow:
        raise Refused(OVERFLOW) from None
    walk = _walk(walker, _timeline(moment)[1], command)
    yield LinkFollowed(link=way.id, source=way.source, target=way.target, walk=walk)
    yield from _contributes(user.timeline, walk)


def settled(user: User, command: Settle | AlarmDue, moment: Moment) -> Iterator[Event | Also]:
    """Catch up, and no more."""
    walker = _walker(user, command, moment)
    walk = _walk(walker, _timeline(moment)[1], command, by_others=True)
    if is_news(user, walk):
        yield Settled(walk=walk)
        yield from _contributes(user.timeline, walk)


def _walk(walker: Walker, version: int, command: Asked, *, by_others: bool = False) -> Walk:
    is_virtual = not isinstance(command, AlarmDue) and command.at_ms is not None
    return walk_of(walker, version, is_virtual=is_virtual, by_others=by_others)


def _contributes(timeline: str, walk: Walk) -> Iterator[Also]:
    if walk.shared or walk.counted:
        order = Contribute(shared=walk.shared, follows=walk.counted, at_ms=walk.at_ms)
        yield Also(Address("", TIMELINE, timeline), order)


def parting(user: User, _command: Erase, _moment: Moment) -> Iterator[Also]:
    """Who goes takes along what it added to counts (spec 5.12.16)."""
    if user.counted:
        taken = {link: -number for link, number in user.counted.items()}
        yield Also(Address("", TIMELINE, user.timeline), Contribute(follows=taken))


# --- the table

EARLIER = "no instant before the last one"
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
    evolve=evolve,
    events=EVENTS,
    deadline=_deadline,
    needs=needs,
    present=present,
    present_events=present_events,
    decode_document=compile_revision,
    state_every=16,
    parting=parting,
)
