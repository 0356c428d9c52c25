"""The visitor's three tables, cell by cell, and the table of strategies (spec flags 4.6)."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest
from cells import MOMENT, Cell, check_cell, every_cell, unfired
from flag_visitor import ENV, HANDLE, RED, SHAPE, Case, environment, remarks

from actors.flags.names import LogLevel, SdkStatus
from actors.flags.visitor import VISITOR
from actors.flags.visitor_words import (
    Authenticate,
    ClearContext,
    EndFetch,
    ExposeAll,
    FetchFlags,
    GetFlags,
    GetValue,
    Open,
    Outcome,
    SendHit,
    SendHits,
    SetConsent,
    Unauthenticate,
    UpdateContext,
    VisitorExposed,
)
from engine.errors import Refused
from engine.machine import Moment
from engine.messages import Command

SCREEN = {"type": "SCREENVIEW", "documentLocation": "home"}
ID = MOMENT.new_id()  # of every fetch: cells hand out the same id again and again
ACTOR_ID = f"{ENV}:{HANDLE}"
EXAMPLES: dict[str, list[Command]] = {
    "open": [
        Open(),
        Open(has_consented=True),
        Open(has_consented=True, is_authenticated=True, context={"age": 3}, fetch_now=False),
    ],
    "updateContext": [UpdateContext(context={"age": 4}), UpdateContext(context={})],
    "clearContext": [ClearContext()],
    "authenticate": [Authenticate(visitor_id="bob"), Authenticate(visitor_id="")],
    "unauthenticate": [Unauthenticate()],
    "setConsent": [SetConsent(has_consented=True), SetConsent(has_consented=False)],
    "fetchFlags": [FetchFlags()],
    "getFlags": [GetFlags()],
    "getValue": [GetValue(key="colour", default_value=0)],
    "visitorExposed": [VisitorExposed(key="colour")],
    "exposeAll": [ExposeAll()],
    "sendHit": [SendHit(hit=SCREEN)],
    "sendHits": [SendHits(hits=(SCREEN,))],
    "endFetch": [
        EndFetch(fetch=ID, outcome=Outcome.OK, campaigns=(RED,), is_local=True),
        EndFetch(fetch=ID, outcome=Outcome.PANIC),
        EndFetch(fetch=ID, outcome=Outcome.ERROR, cached=(RED,)),
        EndFetch(fetch="another", outcome=Outcome.OK),
    ],
}


def moment_in(status: SdkStatus) -> Moment:
    """A moment with an environment of that status in sight; no exposure is ever a repetition."""
    seen = environment(status, hit_deduplication_time=0.0)
    return msgspec.structs.replace(MOMENT, seen={seen.address: seen})


MOMENTS = {status.name: moment_in(status) for status in SdkStatus}
STARTED = MOMENTS["SDK_INITIALIZED"]


CELLS = every_cell(VISITOR, EXAMPLES, STARTED, actor_id=ACTOR_ID)


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell_moves_or_refuses(cell: Cell) -> None:
    """A permitted command moves as the tables say; any other changes nothing."""
    check_cell(cell)


@pytest.mark.parametrize("name", [name for name in MOMENTS if name != "SDK_INITIALIZED"])
def test_every_cell_holds_whatever_the_environment_is(name: str) -> None:
    """Visitors outlive what their environment goes through: no cell breaks in panic."""
    for each in CELLS:
        (cell,) = each.values
        check_cell(dataclasses.replace(cell, moment=MOMENTS[name]))


def test_every_row_can_fire() -> None:
    """No row of the tables is idle."""
    assert unfired(VISITOR, EXAMPLES, STARTED, actor_id=ACTOR_ID) == []


def test_only_the_end_of_a_fetch_is_the_doors_own() -> None:
    """Everything else is a method of the SDK's visitor."""
    own = [name for name, command in VISITOR.commands.items() if not command.public]
    assert own == ["endFetch"]


def test_nobody_is_there_before_opening() -> None:
    """Whoever was not opened hears nothing else, and says so."""
    case = Case()
    for examples in EXAMPLES.values():
        for command in examples:
            if not isinstance(command, Open):
                with pytest.raises(Refused) as refused:
                    case.tell(command)
                assert refused.value.may == ("open",)


# --- the strategies of spec 4.6

STRATEGIES = {
    "Default": (SdkStatus.SDK_INITIALIZED, True),
    "Default while initializing": (SdkStatus.SDK_INITIALIZING, True),
    "NoConsent": (SdkStatus.SDK_INITIALIZED, False),
    "Panic": (SdkStatus.SDK_PANIC, True),
    "NotReady": (SdkStatus.SDK_NOT_INITIALIZED, True),
}
METHODS: dict[str, Command] = {
    "fetchFlags": FetchFlags(),
    "getValue": GetValue(key="colour", default_value=0),
    "visitorExposed": VisitorExposed(key="colour"),
    "exposeAll": ExposeAll(keys=("colour",)),
    "sendHit": SendHit(hit=SCREEN),
    "sendHits": SendHits(hits=(SCREEN,)),
    "updateContext": UpdateContext(context={"age": 4}),
    "clearContext": ClearContext(),
    "authenticate": Authenticate(visitor_id="bob"),
    "unauthenticate": Unauthenticate(),
    "setConsent": SetConsent(has_consented=True),
    "withdraw": SetConsent(has_consented=False),
    "endFetch": EndFetch(fetch="", outcome=Outcome.OK, campaigns=(SHAPE,), is_local=True),
}
NO = "refused"
SEEN = "Exposed flag_activation"
HIT = "HitsPooled flags.hits"
LEFT = f"ConsentSet Forgotten {HIT}"
FETCH = "FetchStarted"
CONTEXT = "ContextUpdated"
VALUE_INFO, VALUE_ERROR = "INFO:Flag.value", "ERROR:Flag.value"
EXPECTED: dict[str, tuple[str, str, str, str]] = {
    # each in Default, NoConsent, Panic and NotReady
    "fetchFlags": (FETCH, FETCH, FETCH, NO),
    "getValue": (SEEN, "", VALUE_INFO, VALUE_ERROR),
    "visitorExposed": (SEEN, NO, NO, NO),
    "exposeAll": (SEEN, NO, NO, NO),
    "sendHit": (HIT, NO, NO, NO),
    "sendHits": (HIT, NO, NO, NO),
    "updateContext": (CONTEXT, CONTEXT, NO, CONTEXT),
    "clearContext": (CONTEXT, CONTEXT, NO, CONTEXT),
    "authenticate": ("Authenticated",) * 4,
    "unauthenticate": ("Unauthenticated",) * 4,
    "setConsent": (HIT, f"ConsentSet {HIT}", "", ""),
    "withdraw": (LEFT, f"{HIT} flag_visitor_flush", "ConsentSet Forgotten", "ConsentSet Forgotten"),
    "endFetch": (
        f"Fetched {HIT} flag_visitor_cache",
        "Fetched",
        "Fetched flag_visitor_cache",
        "Fetched flag_visitor_cache",
    ),
}
COLUMNS = (0, 0, 1, 2, 3)


@pytest.mark.covers("FS-004", "FS-085", "FS-105")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("strategy", "column"), list(zip(STRATEGIES, COLUMNS, strict=True)))
def test_a_strategy_decides_what_a_method_does(method: str, strategy: str, column: int) -> None:
    """The table of spec 4.6: what each method leads to, by SDK status and consent."""
    case, command = in_strategy(*STRATEGIES[strategy], METHODS[method])
    assert what(case, command) == EXPECTED[method][column]


def in_strategy(status: SdkStatus, consented: bool, command: Command) -> tuple[Case, Command]:
    """A visitor with flags and a context, one second after the last fetch or while one runs."""
    case = Case(fetch_flags_buffering_time=0.0, hit_deduplication_time=0.0)
    logged_in = isinstance(command, Unauthenticate)
    case.open(consented=consented, context={"age": 3}, is_authenticated=logged_in)
    case.fetch(RED)
    case.now_ms += 1_000
    if isinstance(command, EndFetch):
        case.tell(FetchFlags())
        assert case.visitor.fetch is not None
        command = msgspec.structs.replace(command, fetch=case.visitor.fetch.id)
    case.status = status
    return case, command


def what(case: Case, command: Command) -> str:
    """What a command leads to, in words: events, senders, lists, remarks; or that it is refused."""
    if case.refuses(command):
        return NO
    step = case.tell(command)
    found = [event.wire_name() for event in step.events]
    found += [effect.sender for effect in step.effects] + [each.list for each in step.appends]
    found += [f"{LogLevel(level).name}:{tag}" for level, tag in remarks(step)]
    return " ".join(found)


@pytest.mark.covers("FS-085")
def test_logging_in_leaves_the_panic_of_a_visitor() -> None:
    """Only the status goes back to FETCH_REQUIRED; the environment is still in panic."""
    case = Case()
    case.open()
    case.fetch(outcome=Outcome.PANIC)
    case.status = SdkStatus.SDK_PANIC
    case.tell(Authenticate(visitor_id="bob"))
    assert case.flags_status == ("FETCH_REQUIRED", "AUTHENTICATE")
    assert case.refuses(UpdateContext(context={"age": 9}))


@pytest.mark.covers("FS-004")
def test_not_even_a_young_fetch_counts_before_the_start() -> None:
    """A start that failed later stops fetches, buffered and joining ones too."""
    case = Case()
    case.open()
    case.fetch(RED)
    case.status = SdkStatus.SDK_NOT_INITIALIZED
    assert case.refuses(FetchFlags())
    case.status = SdkStatus.SDK_INITIALIZED
    assert not case.refuses(FetchFlags())
    case.tell(UpdateContext(context={"age": 1}))
    case.tell(FetchFlags())
    case.status = SdkStatus.SDK_NOT_INITIALIZED
    assert case.refuses(FetchFlags())
