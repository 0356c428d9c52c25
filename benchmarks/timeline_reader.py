"""A timeline user in process: a command is decided and folded, and its answer is made.

This is what a command costs beside the engine and the store: the table and its guard, the walk, the
fold, the objects of the answer with all that changed, and their JSON as it goes out over HTTP. A
reader's command is carried out again and again from the same state.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from time import perf_counter

import msgspec

from actors.timelines.answers import View
from actors.timelines.answers.shapes import Meta, UserResponse, UserTimelineEventDetailResponse
from actors.timelines.user import USER
from actors.timelines.user_words import FollowLink, ProgressStep, Walk
from api import memory
from api.http import encode
from benchmarks.timeline_grid import BLOCK_EVENTS, FOLLOWED, Plain, grid, history
from engine.machine import Moment
from engine.messages import Snapshot
from engine.part import Part
from tests.timeline_world import World

BLOCKS = 100
EVENTS = BLOCKS * BLOCK_EVENTS
BEGIN_MS = 1_800_000_000_000
SAMPLE = 40
"""Follows timed as one: a single one is too short for the clock."""
WORST_SAMPLE = 4
Asked = ProgressStep | FollowLink
TO_THE_END = ProgressStep()
FOLLOW = FollowLink(user_timeline_event_id=FOLLOWED.partition(":")[0], link_id=FOLLOWED)


class Costs(msgspec.Struct, frozen=True):
    """What was measured: milliseconds of progressing, microseconds of following, turn by turn.

    `decided` is what of it decides and folds; `first` is the first answer, for which the revision
    makes its cards; `compiling` goes from the document's JSON to the revision.
    """

    compiling: float
    first: float
    progress: list[float]
    progress_decided: list[float]
    opened: int
    answer_bytes: int
    follow_big: list[float]
    follow_small: list[float]
    follow_decided: list[list[float]]
    follow_bytes: tuple[int, int]


class Reader:
    """A user who has not begun yet, at one instant."""

    def __init__(self, plain: Plain) -> None:
        started = perf_counter()
        self.world = World(plain, BEGIN_MS)
        self.compiling = perf_counter() - started
        self.world.create(max_steps=0)

    def read_on(self, links: list[str]) -> None:
        """Go to the end, then follow links."""
        self.world.progress()
        if not self.world.user().standing.ended:
            raise RuntimeError("the reader does not come to the end")
        for link in links:
            if self.world.follow(link) is None:
                raise RuntimeError(f"{link} cannot be followed")

    def carry_out(self, command: Asked) -> tuple[Walk, bytes]:
        """What a command leads to and its answer's body; the reader stays where it is."""
        after, walk = self.decide(command)
        return walk, self._body(command, after, walk)

    def decide(self, command: Asked) -> tuple[Snapshot, Walk]:
        """Decide and fold, without an answer."""
        world = self.world
        timeline, before = world.timeline, world.users["u"]
        moment = Moment(
            world.now_ms,
            seen={timeline.address: timeline},
            documents={timeline.state.revision: world.revision},
        )
        part = Part(USER, before)
        fact = part.accept(USER.decide(before, command, moment), world.now_ms)
        if fact is None:
            raise RuntimeError("the command changed nothing")
        walk: Walk = fact.events[0].walk  # type: ignore[attr-defined]
        return part.after, walk

    def _body(self, command: Asked, after: Snapshot, walk: Walk) -> bytes:
        world = self.world
        view = View(world.revision, after.state, world.shared, "u", walk.at_ms)
        user = view.user()
        first = command.link_id.split(":") if isinstance(command, FollowLink) else ()
        events, states = view.changed(walk, first)
        meta = Meta(user=user, changed_timeline_events=events, changed_timeline_event_states=states)
        if isinstance(command, FollowLink):
            event = view.event(command.user_timeline_event_id)
            return encode(UserTimelineEventDetailResponse(data=event, meta=meta))
        return encode(UserResponse(data=user, meta=meta))


def costs(turns: int, is_worst: bool) -> Costs:
    """Measure in this process: progressing, then following on the big and the small in turns."""
    big, small = (Reader(grid(blocks, is_worst=is_worst)) for blocks in (BLOCKS, 1))
    memory.settle_collector()
    first = _seconds(lambda: big.carry_out(TO_THE_END), 1)
    progress = [_seconds(lambda: big.carry_out(TO_THE_END), 1) for _ in range(turns)]
    deciding = [_seconds(lambda: big.decide(TO_THE_END), 1) for _ in range(turns)]
    walk, body = big.carry_out(TO_THE_END)
    if not walk.standing.ended:
        raise RuntimeError("the end is not reached")
    big.read_on(history(BLOCKS))
    small.read_on(history(1))
    sizes = _compare(big, small, is_worst)
    sample = WORST_SAMPLE if is_worst else SAMPLE
    follows = _in_turns(
        turns,
        sample,
        lambda: big.carry_out(FOLLOW),
        lambda: small.carry_out(FOLLOW),
        lambda: big.decide(FOLLOW),
        lambda: small.decide(FOLLOW),
    )
    return Costs(
        compiling=round(big.compiling * 1e3, 1),
        first=round(first * 1e3, 1),
        progress=[round(each * 1e3, 2) for each in progress],
        progress_decided=[round(each * 1e3, 2) for each in deciding],
        opened=len(walk.moves),
        answer_bytes=len(body),
        follow_big=follows[0],
        follow_small=follows[1],
        follow_decided=follows[2:],
        follow_bytes=sizes,
    )


def _in_turns(turns: int, sample: int, *contestants: Callable[[], object]) -> list[list[float]]:
    """Microseconds of each, turn by turn; who is first changes."""
    found: list[list[float]] = [[] for _ in contestants]
    for turn in range(turns):
        gc.collect()
        order = list(enumerate(contestants))
        for place, contestant in reversed(order) if turn % 2 else order:
            found[place].append(round(_seconds(contestant, sample) * 1e6, 1))
    return found


def _seconds(work: Callable[[], object], times: int) -> float:
    """Seconds of one, from many in a row."""
    started = perf_counter()
    for _ in range(times):
        work()
    return (perf_counter() - started) / times


def _compare(big: Reader, small: Reader, is_worst: bool) -> tuple[int, int]:
    """The same must happen on both, or nothing is measured; how long the answers are."""
    (one, body), (other, other_body) = big.carry_out(FOLLOW), small.carry_out(FOLLOW)
    moves = [[(move.event, move.state) for move in walk.moves] for walk in (one, other)]
    if moves[0] != moves[1] or len(moves[0]) != 2:
        raise RuntimeError(f"a follow leads to {moves}")
    if not is_worst and not one.flipped == other.flipped != ():
        raise RuntimeError(f"a follow turns {one.flipped} and {other.flipped}")
    return len(body), len(other_body)
