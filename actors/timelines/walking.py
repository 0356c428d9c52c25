"""Walks: what a command leads to, from a user, a definition, shared values and an instant.

Each walk first catches up: for every instant since the last one at which time alone changed
something it settles there, in order, and then at its own. So an alarm in time, a read and a late
restart write the same history. Then it does what was asked. Pure: called twice, it leads to the
same. Rules: spec timelines 5.3 to 5.6, 5.12.
"""

from __future__ import annotations

import msgspec

from actors.timelines import values
from actors.timelines.looker import ACTIVE, Looker
from actors.timelines.revision import Cell, Gate, Revision, Way
from actors.timelines.settling import settle
from actors.timelines.timeline_words import Timeline
from actors.timelines.user_words import Progress, Stamp, Standing, User, Walk
from actors.timelines.walker import Walker

CATCH_UP_MAX = 10_000
"""Instants looked at between two settles; a daily window over 13 years."""


def begin(
    revision: Revision, user: User, timeline: Timeline, now_ms: int, *, is_news: bool = False
) -> Walker:
    """A walker that has caught up to `now_ms`. `is_news`: the timeline changed since `user.seen`.

    Raises `values.Overflow`.
    """
    walker = Walker(revision, user, timeline, now_ms)
    due_ms = user.standing.due_ms
    others_time_it = is_news and revision.others_time_it
    if others_time_it:
        walker.now_ms = user.settled_ms
        due_ms = _earliest(due_ms, _due(walker, blocking(walker)))
    for _ in range(CATCH_UP_MAX):
        if due_ms is None or due_ms >= now_ms:
            break
        walker.shared_ms = due_ms
        _settle_at(walker, due_ms, is_news=is_news)
        due_ms = _due(walker, blocking(walker))
        walker.shared_ms = None
        if others_time_it:  # a time that others have set since is a boundary as well
            due_ms = _earliest(due_ms, _due(walker, blocking(walker)))
    _make_up(walker)
    _settle_at(walker, now_ms, is_news=is_news)
    return walker


def _make_up(walker: Walker) -> None:
    """Follows that a newer revision counts, and that this user made before it did (5.12.10)."""
    for link in walker.timeline.counts:
        known = walker.user.counted.get(link, 0) + walker.counted.get(link, 0)
        if missing := walker.follows(link) - known:
            walker.add_count(link, missing)


def _settle_at(walker: Walker, at_ms: int, *, is_news: bool) -> None:
    walker.now_ms = at_ms
    due_ms = walker.user.standing.due_ms
    if is_news or (due_ms is not None and due_ms <= at_ms):
        walker.mark_timed()
    if is_news:
        walker.mark_shared()
    settle(walker)
    go_on(walker)


def go_on(walker: Walker) -> None:
    """Note that what the user waited for has come; with `auto_progress` the user goes on.

    What the user waits for is looked up at each instant: a guard may close again by time.
    """
    waiting = walker.waiting
    if waiting is not None and walker.revision.by_gate[waiting].test.holds(walker):
        walker.passed.append(Stamp(waiting, walker.now_ms))
        if walker.revision.auto_progress:
            progress(walker, None, pause=walker.user.pauses)
    gate = blocking(walker)
    walker.waiting = None if gate is None else gate.id


# --- what a user asks


def progress(walker: Walker, max_steps: int | None, *, pause: bool) -> None:
    """Move over columns until blocked (spec 5.3). A beat never stops the first step of a call."""
    settle(walker)
    taken = 0
    while max_steps is None or taken < max_steps:
        following = _following(walker)
        if following is None or _failing(walker, following) is not None:
            break
        if pause and taken > 0 and following in walker.revision.starts:
            break
        walker.enter(following)
        taken += 1
        settle(walker)


def follow(walker: Walker, source: Cell, way: Way) -> None:
    """Follow a link that is followable (spec 5.12.3)."""
    walker.count(way)
    walker.leave(source)
    target = walker.reach(way)
    if walker.may_open(target):
        walker.open(target)
    settle(walker)
    go_on(walker)


# --- how the user then stands


def _following(walker: Looker) -> int | None:
    """The column after this one; None at the end."""
    if walker.step is None:
        return 0
    return walker.step + 1 if walker.step < walker.revision.last else None


def _failing(walker: Looker, column: int) -> Gate | None:
    for gate in walker.revision.gates.get(column, ()):
        if not gate.test.holds(walker):
            return gate
    return None


def blocking(walker: Looker) -> Gate | None:
    """The first failing guard before the next column (spec 5.4)."""
    following = _following(walker)
    return None if following is None else _failing(walker, following)


def standing(walker: Looker) -> Standing:
    """How the user stands now; what a User object says (spec 5.4). Says nothing of `due_ms`."""
    return _standing(walker, blocking(walker))


def _standing(walker: Looker, gate: Gate | None) -> Standing:
    step, revision = walker.step, walker.revision
    if step is None:
        return Standing(Progress.NOT_STARTED)
    beat = revision.beat_at(step)
    if step >= revision.last:
        return Standing(Progress.ENDED, beat, ended=True)
    if gate is not None:
        return Standing(Progress.WAITING, beat, gate.id, gate.test.next_true(walker))
    starting = revision.starts.get(step + 1)
    new_beat = None if starting is None else revision.places[starting]
    state = Progress.WALKING if new_beat is None else Progress.PAUSED
    return Standing(state, beat, new_beat=new_beat)


def _due(walker: Walker, gate: Gate | None) -> int | None:
    """The earliest flip of a time leaf of what the user waits for (spec 5.12.17)."""
    if walker.times_disabled:
        return None
    holds = [hold for hold in walker.revision.timed_holds if walker.is_held(hold.cells)]
    autos = [way for way in walker.revision.timed_autos if walker.may_yet_fire(way)]
    tests = [waits.test for waits in (gate, *holds, *autos) if waits is not None and waits.test]
    return _earliest(*[test.next_boundary(walker, walker.now_ms) for test in tests])


def _earliest(*instants: int | None) -> int | None:
    return min((at_ms for at_ms in instants if at_ms is not None), default=None)


# --- what is remembered of it


def walk_of(
    walker: Walker, version: int, *, is_virtual: bool = False, by_others: bool = False
) -> Walk:
    """What happened, as the fact keeps it; `version` is the timeline's that was seen.

    `by_others`: links that others turned since the user's last decision count as turned too.
    """
    user, gate = walker.user, blocking(walker)
    pending = tuple(sorted(walker.pending))
    contributes = bool(walker.shared or walker.counted)
    interests = () if is_virtual else _interests(walker)
    return Walk(
        at_ms=walker.now_ms,
        standing=msgspec.structs.replace(_standing(walker, gate), due_ms=_due(walker, gate)),
        seen=version + contributes,
        is_virtual=is_virtual,
        shares=any(link in walker.revision.ways for link in walker.timeline.counts),
        step=walker.step,
        moves=tuple(walker.moves),
        follows=tuple(walker.followed),
        beats=tuple(walker.entries),
        passed=tuple(walker.passed),
        pending=None if pending == user.pending else pending,
        fired=tuple(sorted(walker.fired)) if walker.has_fired else None,
        variables=walker.written,
        shared=walker.shared,
        counted=walker.counted,
        flipped=_flipped(walker, user.settled_ms if by_others else None),
        interests=None if interests == user.interests else interests,
    )


def is_news(user: User, walk: Walk) -> bool:
    """Whether a walk leads anywhere else than where the user stands."""
    happened = walk.moves or walk.follows or walk.beats or walk.passed or walk.flipped
    is_elsewhere = walk.step != user.step or walk.standing != user.standing
    is_counted = bool(walk.counted) or (walk.shares and not user.shares)
    return bool(happened) or is_counted or is_elsewhere


def _interests(walker: Walker) -> tuple[str, ...]:
    """What others may change that the user sees or waits for (spec 5.12.14).

    The guards before the next column, open ones too (they may close), held threads, and links of
    ACTIVE events.
    """
    revision, following = walker.revision, _following(walker)
    if not revision.shares:
        return ()
    found: set[str] = set()
    for gate in () if following is None else revision.gates.get(following, ()):
        found |= revision.looks_at_others(gate.test)
    for hold in revision.holds.values():
        if walker.is_held(hold.cells):
            found |= revision.looks_at_others(hold.test)
    for way in revision.shared_ways:
        if walker.state_of(way.source) == ACTIVE:
            found |= revision.looks_at_others(way.test)
    return tuple(sorted(found))


def _flipped(walker: Walker, shared_ms: int | None) -> tuple[str, ...]:
    """ACTIVE events with a link that this walk made followable or not (spec 5.12.11).

    `shared_ms`: compared with the shared values of that instant; None: with those of today.
    """
    moved = {move.event for move in walker.moves}
    touched = [way for way in walker.touched.values() if walker.state_of(way.source) == ACTIVE]
    ways = [way for way in touched if way.source not in moved]
    if not ways:
        return ()
    before = Looker(walker.revision, walker.user, walker.timeline, walker.now_ms)
    before.shared_ms = shared_ms
    turned = {way.source for way in ways if before.is_followable(way) != walker.is_followable(way)}
    cells = sorted(walker.revision.by_id[id_].order for id_ in turned)
    return tuple(walker.revision.cells[order].id for order in cells)


def is_due(revision: Revision, user: User, timeline: Timeline, version: int, now_ms: int) -> bool:
    """Whether a settle at `now_ms` would change what the user sees (spec 5.12.13)."""
    due_ms = user.standing.due_ms
    changed = user.shares and version != user.seen
    if not changed and (due_ms is None or due_ms > now_ms):
        return False
    try:
        walker = begin(revision, user, timeline, now_ms, is_news=changed)
    except values.Overflow:
        return False
    return is_news(user, walk_of(walker, version, by_others=True))
