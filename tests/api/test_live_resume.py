"""However often a listener is cut off: every version once, or a snapshot that says so."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from live_world import DOOR_KEY, World, open_world
from trio.testing import MockClock, wait_all_tasks_blocked

from api.patch import apply
from engine.limits import Limits

STEPS = st.lists(
    st.sampled_from(["fact", "facts", "many", "cut", "stall", "flow", "settle"]), max_size=40
)
LIMITS = Limits(listener_frames_max=20, joined_frames_max=8)


class Follower:
    """A client that resumes where it was, folds patches, and checks every frame."""

    def __init__(self, world: World, sub: dict[str, Any]) -> None:
        self.world = world
        self.sub = sub
        self.at: dict[str, Any] | None = None
        self.state: Any = None
        self.has_state = False
        self.recovered: list[bool] = []

    def hear(self, frame: dict[str, Any]) -> None:
        """Take one frame in."""
        match frame["t"]:
            case "subd":
                self._subscribed(frame)
            case "ev":
                self._told(frame)
            case "lag":
                assert self.at is not None
                assert frame["from"] == self.at["version"] + 1

    def _subscribed(self, frame: dict[str, Any]) -> None:
        self.recovered.append(frame["recovered"])
        if frame["recovered"]:
            assert self.at == {"epoch": frame["epoch"], "version": frame["version"]}
        else:
            self.state, self.has_state = frame.get("state"), "state" in frame
        self.at = {"epoch": frame["epoch"], "version": frame["version"]}

    def _told(self, frame: dict[str, Any]) -> None:
        assert self.at is not None
        if self.sub.get("mode") == "latest":
            assert frame["version"] > self.at["version"]
        else:
            assert frame["version"] == self.at["version"] + 1
        if "patch" in frame:
            assert frame["base"] == self.at["version"]
            self.state = apply(self.state, frame["patch"])
        elif "state" in frame:
            self.state = frame["state"]
        elif self.has_state and self.state is not None:
            self.state = {**self.state, **frame["data"]}
        self.at = {"epoch": frame["epoch"], "version": frame["version"]}


async def follow(world: World, follower: Follower, steps: list[str]) -> None:
    """Walk through the steps, one socket after the other."""
    count, waiting = 1, list(steps)
    await world.set_code("code 0")
    while True:
        async with world.socket(DOOR_KEY) as wire:
            at = {} if follower.at is None else {"at": follower.at}
            wire.say({"t": "sub", "topic": "door/1", **follower.sub, **at})
            is_cut = False
            while waiting and not is_cut:
                step = waiting.pop(0)
                facts = {"fact": 1, "facts": 3, "many": 30}.get(step, 0)
                await world.set_codes(count, count + facts - 1)
                count += facts
                if step == "settle":
                    await wait_all_tasks_blocked()
                for frame in wire.waiting():
                    follower.hear(frame)
                is_cut = step == "cut"
                {"stall": wire.stall, "flow": wire.flow}.get(step, lambda: None)()
            if not is_cut:
                wire.flow()
                await wait_all_tasks_blocked()
                for frame in wire.waiting():
                    follower.hear(frame)
                return


MODES: list[dict[str, Any]] = [
    {},
    {"mode": "events"},
    {"mode": "latest"},
    {"delta": ["jsonpatch"]},
]


@pytest.mark.parametrize("sub", MODES, ids=["snapshot", "events", "latest", "delta"])
@pytest.mark.slow
@given(steps=STEPS)
def test_any_interleaving_of_cuts_loses_nothing(sub: dict[str, Any], steps: list[str]) -> None:
    """Versions are dense from snapshot to snapshot, and what was folded equals the truth."""

    async def main() -> None:
        async with open_world(limits=LIMITS) as world:
            follower = Follower(world, sub)
            await follow(world, follower, steps)
            snapshot = await world.directory.peek(world.address("1"))
            assert follower.at == {"epoch": "memory.0", "version": snapshot.version}
            if follower.has_state:
                assert follower.state["code"] == snapshot.state.code
            if sub in ({}, {"mode": "events"}):
                assert all(follower.recovered[1:])

    trio.run(main, clock=MockClock(autojump_threshold=0))
