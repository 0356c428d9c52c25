"""A seeded small world: doors, tickets, impatient callers, slow listeners, a disk that fails.

A world has several lives; each ends with a crash of the whole process that keeps only the shelf.
The last life is a quiet one, after which everything must have come right. One seed decides all:
what is asked, what fails, when, and in which order trio runs its tasks.
"""

from __future__ import annotations

import random
from collections import deque

import trio
import trio.testing
from hypothesis.internal.entropy import deterministic_PRNG
from sim.checker import KINDS, Checker
from stage import PROJECT, Stage, open_stage
from toy import Break, Chime, Copy, Hang, Open, SetCode, Shut
from toy_box import Buy, Fill

from engine.errors import EngineError
from engine.hub import Said, Told, Topic
from engine.limits import Limits
from engine.messages import Address, Command, Erase
from storage.shelf import Shelf

DOORS = tuple(Address(PROJECT, "door", f"door-{number}") for number in range(4))
BOXES = tuple(Address(PROJECT, "box", name) for name in "ab")
BUYERS = tuple(Address(PROJECT, "buyer", name) for name in "xyz")
LEAVER = BUYERS[-1]
"""Is erased now and then, and so orders nothing under a key: the kept answers go as well."""
EVERYBODY = (*DOORS, *BOXES, *BUYERS)
LIVES = 3
LIFE_SECONDS = 20.0
QUIET_SECONDS = 30.0
CALLERS = 5
PAUSES = (0.0, 0.0, 0.05, 0.1, 0.25, 0.5)
LIMITS = Limits(idle_seconds_max=1.0, awake_actors_max=3, sweep_seconds=0.05)


class Listener:
    """Hears one door and reads at its own pace; beyond `room` it is told so and looks anew."""

    def __init__(self, address: Address, checker: Checker, room: int) -> None:
        self.address = address
        self.room = room
        self.queue: deque[Told] = deque()
        self.heard_version = self.read_version = 0
        self._began_at = 0
        self._checker = checker
        self._is_lost = False
        self._something = trio.Event()

    @property
    def is_full(self) -> bool:
        """True if nothing more fits in."""
        return len(self.queue) >= self.room

    def hear(self, _topic: Topic, told: Told) -> None:
        """A fact; one too many, and all that waits is given up for a snapshot."""
        self._checker.heard(told)
        self._check_order(told)
        if self.is_full:
            self.queue.clear()
            self._is_lost = True
            self._checker.count("overflow")
        elif not self._is_lost:
            self.queue.append(told)
        self._something.set()

    def _check_order(self, told: Told) -> None:
        """What is told is dense and told once; an erasure takes what was before it along."""
        version, wanted = told.fact.version, self.heard_version + 1
        fits = version == wanted or (version > wanted and told.fact.name == "Erased")
        fits |= version <= self._began_at  # seen in the snapshot already
        what = f"{self.address} version {version} told after {self.heard_version}"
        self._checker.require(fits, what)
        self.heard_version = max(self.heard_version, version)

    def hear_ephemeral(self, said: Said) -> None:
        """Nobody says anything here."""

    async def read(self, stage: Stage, dice: random.Random) -> None:
        """Read what comes, for a whole life."""
        stage.hub.subscribe((PROJECT, self.address.topic), self)
        await self._look(stage)
        self.heard_version = self._began_at = max(self.heard_version, self.read_version)
        while True:
            while self.queue:
                self._take(self.queue.popleft())
                if self.room < 100:
                    await trio.sleep(8.0 if dice.random() < 0.1 else dice.choice(PAUSES))
            if self._is_lost:
                await self._look(stage)
            self._something = trio.Event()
            await self._something.wait()

    async def _look(self, stage: Stage) -> None:
        """A snapshot: everything up to its version is known."""
        self._is_lost = False
        snapshot = await stage.directory.peek(self.address)
        self._checker.peeked(snapshot)
        self.read_version = snapshot.version

    def _take(self, told: Told) -> None:
        if told.fact.version > self.read_version:
            self.read_version = told.fact.version


class World:
    """One seed's world."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.shelf = Shelf()
        self.checker = Checker(seed, self.shelf)
        self.keys: list[tuple[str, Address, Command]] = []
        self.listeners: list[Listener] = []

    async def run(self) -> None:
        """All lives, then the last judgement."""
        for _ in range(LIVES):
            await self._live(LIFE_SECONDS * self.dice.random(), quiet=False)
        await self._live(QUIET_SECONDS, quiet=True)
        self.checker.settled()

    async def _live(self, seconds: float, *, quiet: bool) -> None:
        self.checker.note("a life begins")
        async with (
            open_stage(LIMITS, shelf=self.shelf, kinds=KINDS.values()) as stage,
            trio.open_nursery() as nursery,
        ):
            self.checker.troubled = False
            self._listen(stage, nursery)
            nursery.start_soon(self._watch, stage)
            if quiet:
                await trio.sleep(seconds)
                self._judge_listeners()
            else:
                nursery.start_soon(self._trouble, stage)
                for number in range(CALLERS):
                    nursery.start_soon(self._call, stage, number)
                await trio.sleep(seconds)
            nursery.cancel_scope.cancel()

    # --- who takes part

    def _listen(self, stage: Stage, nursery: trio.Nursery) -> None:
        self.listeners = [
            Listener(address, self.checker, room) for address in EVERYBODY for room in (1_000, 3)
        ]
        for listener in self.listeners:
            nursery.start_soon(listener.read, stage, self.dice)

    def _judge_listeners(self) -> None:
        for listener in self.listeners:
            version = self.checker.version(listener.address)
            self.checker.require(
                listener.read_version == version,
                f"{listener.address}: a listener ends at {listener.read_version}, not {version}",
            )

    async def _watch(self, stage: Stage) -> None:
        """Look at the time, and for alarms that should have rung."""
        failed: dict[Address, float] = {}
        stage.notes.when_failed = lambda address, what: (
            failed.update({address: trio.current_time()}) if what == "alarm" else None
        )
        not_before = trio.current_time() + 1.5  # what was due before needs a moment
        while True:
            now = trio.current_time()
            self.checker.now_ms = stage.clock.now_ms()
            excused = {address for address, at in failed.items() if now - at < 10.0}
            if not stage.store.is_writable:
                not_before = now + 2.5
            if now > not_before:
                self.checker.overdue(excused)
            self.checker.conserved()
            self.checker.raise_first()
            await trio.sleep(0.05)

    async def _trouble(self, stage: Stage) -> None:
        """The disk fails or is slow, and everybody is put to sleep, at random."""
        dice, faults = self.dice, stage.store.faults
        while True:
            await trio.sleep(dice.choice((0.05, 0.1, 0.25, 1.0)))
            match dice.randrange(8):
                case 0:
                    self.checker.troubled = True
                    faults.fail_next(kind="lost")
                case 1:
                    self.checker.troubled = True
                    faults.fail_next(kind="kept")
                case 2:
                    faults.delay_seconds = dice.choice((0.0, 0.0, 0.05, 0.3))
                case _:
                    self.checker.count("sleeps")
                    stage.directory.put_idle_to_sleep(trio.current_time() + 1_000)

    # --- callers

    async def _call(self, stage: Stage, number: int) -> None:
        """Ask again and again, sometimes without patience, sometimes twice."""
        dice = self.dice
        while True:
            await trio.sleep(dice.choice(PAUSES))
            key, address, command = self._choose()
            with trio.move_on_after(dice.choice((0.0, 0.05)) if dice.random() < 0.1 else 60.0):
                await self._ask(stage, address, command, key)
            if dice.random() < 0.1:
                self.checker.peeked(await stage.directory.peek(dice.choice(EVERYBODY)))

    async def _ask(self, stage: Stage, address: Address, command: Command, key: str | None) -> None:
        try:
            answer = await stage.directory.ask(address, command, principal="p", key=key)
        except EngineError as error:
            self.checker.answered(address, command, key, error)
        else:
            self.checker.answered(address, command, key, answer)

    def _choose(self) -> tuple[str | None, Address, Command]:
        dice = self.dice
        if self.keys and dice.random() < 0.15:
            return dice.choice(self.keys[-5:])
        if dice.random() < 0.45:
            return self._trade()
        address = dice.choice(DOORS)
        if dice.random() < 0.25 and address is not DOORS[0]:  # door 0 is the one that is erased
            number = len(self.keys)
            self.keys.append((f"key-{number}", address, Hang(text=f"sign {number}")))
            return self.keys[-1]
        number = dice.randrange(1_000)
        commands: tuple[Command, ...] = (
            SetCode(code=str(number)),
            SetCode(code="1234"),
            Open(code="1234"),
            Shut(),
            Chime(in_ms=number * 3),
            Copy(other=dice.choice(DOORS).id),
            Break() if number < 200 else Shut(),
            Erase() if address is DOORS[0] and number < 300 else Open(code="1234"),
        )
        return None, address, dice.choice(commands)

    def _trade(self) -> tuple[str | None, Address, Command]:
        """Somebody buys tickets, out of one box or several, or leaves; or a box is filled."""
        dice = self.dice
        if dice.random() < 0.5:
            return None, dice.choice(BOXES), Fill(tickets=dice.randrange(1, 4))
        boxes = tuple(dice.choice("ab") for _ in range(dice.randrange(1, 4)))
        buy = (dice.choice(BUYERS), Buy(boxes=boxes))
        if buy[0] is LEAVER:
            return None, LEAVER, Erase() if dice.random() < 0.3 else buy[1]
        if dice.random() < 0.5:
            self.keys.append((f"key-{len(self.keys)}", *buy))
            return self.keys[-1]
        return None, *buy


def run_world(seed: int) -> Checker:
    """Live through one seed's world; raises `Violation`."""
    with deterministic_PRNG(seed):
        world = World(seed)
        trio.run(world.run, clock=trio.testing.MockClock(autojump_threshold=0))
    return world.checker
