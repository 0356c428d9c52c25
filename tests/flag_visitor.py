"""A visitor under decision, without a house: its snapshot, its environment, and a clock by hand.

Not a test: `Case` decides commands as the daemon would, folds their facts, and keeps every step.
"""

from __future__ import annotations

from itertools import count
from typing import Any

import msgspec

from actors.flags.environment_words import Environment
from actors.flags.flag_values import CampaignFlags
from actors.flags.names import SdkStatus
from actors.flags.settings import Settings
from actors.flags.visitor import VISITOR
from actors.flags.visitor_shown import present_event
from actors.flags.visitor_tracking import HITS, PooledHit
from actors.flags.visitor_words import EndFetch, FetchFlags, Open, Outcome, Visitor
from engine.errors import Refused
from engine.kind import Step
from engine.machine import Moment
from engine.messages import Address, AlarmDue, Command, Event, Fact, Snapshot

ENV = "env_1"
HANDLE = "ann"
ADDRESS = Address("demo", "visitor", f"{ENV}:{HANDLE}")
START_MS = 1_700_000_000_000

RED = CampaignFlags("c1", "vg1", "v1", "colours", None, "ab", "group", "red", False, {"colour": 1})
SHAPE = CampaignFlags("c2", "vg2", "v2", type="toggle", flags={"shape": "round", "empty": None})


def environment(status: SdkStatus = SdkStatus.SDK_INITIALIZED, **settings: Any) -> Snapshot:
    """The environment as visitors see it."""
    state = Environment(settings=Settings(**settings), sdk_status=status)
    return Snapshot(Address("demo", "environment", ENV), 1, 0, state, "ready", (START_MS,))


class Case:
    """One visitor; `status` and `settings` are its environment's, and may be changed on the way."""

    def __init__(
        self, status: SdkStatus = SdkStatus.SDK_INITIALIZED, handle: str = HANDLE, **settings: Any
    ) -> None:
        self.snapshot = VISITOR.blank(Address("demo", "visitor", f"{ENV}:{handle}"))
        self.status, self.settings = status, settings
        self.now_ms = START_MS
        self.steps: list[Step] = []
        self._ids = count(1)

    @property
    def visitor(self) -> Visitor:
        """The visitor as it is now."""
        state: Visitor = self.snapshot.state
        return state

    @property
    def moment(self) -> Moment:
        """Now."""
        seen = environment(self.status, **self.settings)
        return Moment(
            self.now_ms, "tester", lambda: f"id-{next(self._ids)}", seen={seen.address: seen}
        )

    def tell(self, command: Command, *, after_ms: int = 0) -> Step:
        """Decide a command, `after_ms` later; raises `Refused`."""
        self.now_ms += after_ms
        step = VISITOR.decide(self.snapshot, command, self.moment)
        if step.events:
            fact = Fact(self.snapshot.version + 1, self.now_ms, step.events)
            self.snapshot = VISITOR.fold(self.snapshot, [fact])
        self.steps.append(step)
        return step

    def refuses(self, command: Command) -> str:
        """Why that command is refused; "" if it is not."""
        try:
            VISITOR.decide(self.snapshot, command, self.moment)
        except Refused as refusal:
            return refusal.why
        return ""

    # --- what visitors do often

    def open(self, *, consented: bool | None = True, **more: Any) -> Step:
        """`newVisitor`, without a fetch unless one is asked for."""
        return self.tell(Open(has_consented=consented, **{"fetch_now": False, **more}))

    def end(self, outcome: Outcome = Outcome.OK, **more: Any) -> Step:
        """The fetch under way ends."""
        fetch = self.visitor.fetch
        assert fetch is not None
        return self.tell(EndFetch(fetch=fetch.id, outcome=outcome, **more))

    def fetch(self, *campaigns: CampaignFlags, outcome: Outcome = Outcome.OK, **more: Any) -> Step:
        """A whole fetch, which gives those campaigns."""
        self.tell(FetchFlags())
        return self.end(outcome, campaigns=campaigns, **more)

    def ring(self) -> Step:
        """The alarm rings when it is due."""
        at_ms = self.snapshot.alarm_at_ms
        assert at_ms is not None
        self.now_ms = max(self.now_ms, at_ms)
        return self.tell(AlarmDue(at_ms=at_ms))

    # --- what others see

    @property
    def flags_status(self) -> tuple[str, str]:
        """The status and its reason, as names."""
        return str(self.visitor.status), str(self.visitor.reason)

    @property
    def statuses(self) -> list[tuple[str, str]]:
        """What `onFlagsStatusChanged` would have heard so far."""
        return [heard for step in self.steps for heard in statuses_in(step.events)]


def ready(*, consented: bool = True, carries: bool = False, **settings: Any) -> Case:
    """A visitor with flags, a minute after whatever was sent."""
    case = Case(**settings)
    case.open(consented=consented, context={"age": 3})
    case.fetch(RED, SHAPE, carries=carries)
    case.now_ms += 60_000
    case.steps.clear()
    return case


def statuses_in(events: tuple[Event, ...]) -> list[tuple[str, str]]:
    """The statuses that the push of a fact tells, in order."""
    if not events:
        return []
    shown = present_event(events)
    told = [each.get("flagsStatus") for each in shown.get("transitions", [shown])]
    return [(str(each["status"]), str(each["reason"])) for each in told if each]


def hits_of(step: Step) -> list[PooledHit]:
    """The hits that a step puts into the pool."""
    bodies = [effect.body for effect in step.effects if effect.sender == HITS]
    return [msgspec.json.decode(body, type=PooledHit) for body in bodies]


def remarks(step: Step) -> list[tuple[int, str]]:
    """Level and tag of what a step remarked."""
    return [(int(note.level), str(note.tag)) for note in step.notes]


def lists_of(step: Step) -> list[str]:
    """The lists that a step appends to."""
    return [append.list for append in step.appends]
