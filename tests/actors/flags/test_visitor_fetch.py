"""A visitor's fetch: how it ends, what comes in between, and which calls are no new fetch.

Every line of spec flags 4.2 and 4.3 that is about fetching.
"""

from __future__ import annotations

import msgspec
import pytest
from flag_visitor import HANDLE, RED, SHAPE, START_MS, Case, lists_of, remarks
from hypothesis import given
from hypothesis import strategies as st

from actors.flags.caches import campaigns_of, read_visitor
from actors.flags.flag_values import CampaignFlags, flags_of, status_of
from actors.flags.names import LogLevel, SdkStatus, Tag
from actors.flags.settings import Settings
from actors.flags.visitor_words import (
    Authenticate,
    ClearContext,
    EndFetch,
    FetchFlags,
    Outcome,
    SetConsent,
    Unauthenticate,
    UpdateContext,
)
from engine.errors import Refused
from engine.messages import AlarmDue, Command

FETCHING = ("FETCHING", "NONE")
FETCHED = ("FETCHED", "NONE")
PANIC = ("PANIC", "NONE")
FAILED = ("FETCH_REQUIRED", "FETCH_ERROR")
CACHED = ("FETCH_REQUIRED", "READ_FROM_CACHE")
UPDATED = ("FETCH_REQUIRED", "UPDATE_CONTEXT")
LOGGED_IN = ("FETCH_REQUIRED", "AUTHENTICATE")
LOGGED_OUT = ("FETCH_REQUIRED", "UNAUTHENTICATE")
CUT_OFF_MS = 3_000  # the timeout of two seconds, and one more


def opened(**settings: object) -> Case:
    """A visitor who consented and was heard to be created."""
    case = Case(**settings)  # type: ignore[arg-type]
    case.open(context={"age": 3})
    case.steps.clear()
    return case


def fetching(**settings: object) -> Case:
    """One whose fetch is under way, with flags of an earlier one."""
    case = opened(fetch_flags_buffering_time=0.0, **settings)
    case.fetch(RED)
    case.tell(FetchFlags())
    case.steps.clear()
    return case


def keys(case: Case) -> set[str]:
    """The flags that are there."""
    return set(flags_of(case.visitor.person.campaigns))


# --- how a fetch ends


@pytest.mark.covers("FS-028", "FS-034", "FS-112", "FS-128", "FS-129")
def test_a_fetch_that_succeeds() -> None:
    """FETCHING, then FETCHED, both without a reason; while it runs a flag is FETCH_REQUIRED."""
    case = opened()
    case.tell(FetchFlags())
    assert status_of(case.visitor.status, exists=True) == "FETCH_REQUIRED"
    case.end(campaigns=(RED,))
    assert case.statuses == [FETCHING, FETCHED]
    assert status_of(case.visitor.status, exists=True) == "FETCHED"
    assert keys(case) == {"colour"}


@pytest.mark.covers("FS-030", "FS-131")
def test_a_fetch_that_finds_panic() -> None:
    """PANIC, and no flags."""
    case = fetching()
    case.end(Outcome.PANIC)
    assert (case.statuses, keys(case)) == ([PANIC], set())
    assert status_of(case.visitor.status, exists=False) == "PANIC"


@pytest.mark.covers("FS-033")
def test_a_fetch_that_fails() -> None:
    """FETCH_REQUIRED / FETCH_ERROR, the flags are emptied, and an ERROR says why."""
    case = fetching()
    step = case.end(Outcome.ERROR, error="it is gone")
    assert (case.statuses, keys(case)) == ([FAILED], set())
    assert remarks(step) == [(LogLevel.ERROR, Tag.FETCH_FLAGS)]
    assert step.notes[0].text == "it is gone"


@pytest.mark.covers("FS-029", "FS-035")
def test_a_fetch_that_fails_with_a_cache() -> None:
    """First the error, then READ_FROM_CACHE with the flags of the cache: two statuses."""
    case = fetching()
    case.end(Outcome.ERROR, cached=(SHAPE,))
    assert (case.statuses, keys(case)) == ([FAILED, CACHED], {"shape", "empty"})


@pytest.mark.parametrize(("cached", "left"), [((), set()), ((SHAPE,), {"shape", "empty"})])
def test_an_answer_without_campaigns(cached: tuple[CampaignFlags, ...], left: set[str]) -> None:
    """FETCHED with the cache's flags, or none; what was there before goes (spec 4.2)."""
    case = fetching()
    step = case.end(Outcome.NOTHING, cached=cached)
    assert (case.statuses, keys(case)) == ([FETCHED], left)
    assert lists_of(step) == []


@pytest.mark.covers("FS-112")
def test_the_end_of_panic() -> None:
    """A fetch with another answer leads out of it (spec 4.2)."""
    case = fetching()
    case.end(Outcome.PANIC)
    case.status = SdkStatus.SDK_PANIC
    case.fetch(RED)
    assert (case.statuses, keys(case)) == ([PANIC, FETCHING, FETCHED], {"colour"})


def test_segments_of_third_parties_join_the_context() -> None:
    """And the fetch ends as FETCHED: that it never did is a bug upstream (spec 4.9)."""
    case = fetching()
    case.end(campaigns=(RED,), segments={"partner::segment": "loyal", "age": 3})
    assert case.visitor.person.context["partner::segment"] == "loyal"
    assert case.statuses == [FETCHED]


def test_only_segments_that_are_news_are_told() -> None:
    """The fact says what joined; a truth is not a one."""
    case = fetching()
    case.end(campaigns=(RED,), segments={"age": 3.0, "a": True})
    assert case.steps[-1].events[0].segments == {"a": True}
    case.tell(FetchFlags())
    case.end(campaigns=(RED,), segments={"age": 3, "a": 1})
    assert case.visitor.person.context["a"] is not True


def test_the_same_flags_are_not_written_again() -> None:
    """A fact is small when nothing is new; but a truth is not a one."""
    case = fetching()
    assert case.end(campaigns=(RED,)).events[0].campaigns is None
    truth = msgspec.structs.replace(RED, flags={"colour": True})
    assert case.fetch(truth).events[0].campaigns == (truth,)
    assert flags_of(case.visitor.person.campaigns)["colour"].value is True


@pytest.mark.covers("FS-028")
@pytest.mark.parametrize("outcome", Outcome)
def test_no_fetch_is_under_way_after_its_end(outcome: Outcome) -> None:
    """However it ends; and no alarm is left."""
    case = fetching()
    assert case.snapshot.alarm_at_ms is not None
    case.end(outcome)
    assert (case.visitor.fetch, case.snapshot.alarm_at_ms) == (None, None)


# --- what comes in between

CHANGES = {
    "updateContext": (UpdateContext(context={"age": 4}), UPDATED),
    "clearContext": (ClearContext(), UPDATED),
    "authenticate": (Authenticate(visitor_id="bob"), LOGGED_IN),
}


@pytest.mark.covers("FS-029", "FS-117")
@pytest.mark.parametrize(("change", "then"), CHANGES.values(), ids=CHANGES)
def test_a_change_during_a_fetch_is_kept(change: Command, then: tuple[str, str]) -> None:
    """The answer brings its flags, and the status stays what the change made of it."""
    case = fetching()
    case.tell(change)
    case.end(campaigns=(SHAPE,))
    assert (case.statuses, case.flags_status) == ([then], then)
    assert keys(case) == {"shape", "empty"}


@pytest.mark.covers("FS-119")
def test_logging_out_during_a_fetch_is_kept() -> None:
    """As logging in is."""
    case = opened()
    case.tell(Authenticate(visitor_id="bob"))
    case.tell(FetchFlags())
    case.tell(Unauthenticate())
    case.end(campaigns=(RED,))
    assert case.flags_status == LOGGED_OUT


@pytest.mark.parametrize(
    ("outcome", "cached", "left"),
    [
        (Outcome.ERROR, (), set()),
        (Outcome.ERROR, (SHAPE,), {"shape", "empty"}),
        (Outcome.NOTHING, (SHAPE,), {"shape", "empty"}),
    ],
)
def test_a_change_outlives_a_fetch_without_answer(
    outcome: Outcome, cached: tuple[CampaignFlags, ...], left: set[str]
) -> None:
    """Flags go as ever, the status stays."""
    case = fetching()
    case.tell(UpdateContext(context={"age": 4}))
    case.end(outcome, cached=cached)
    assert (case.statuses, keys(case)) == ([UPDATED], left)


def test_panic_is_stronger_than_a_change() -> None:
    """Whatever was asked for: there are no flags."""
    case = fetching()
    case.tell(UpdateContext(context={"age": 4}))
    case.end(Outcome.PANIC)
    assert case.statuses == [UPDATED, PANIC]


def test_nothing_that_changes_nothing_touches_a_fetch() -> None:
    """The same context, and consent either way."""
    case = fetching()
    for command in (UpdateContext(context={"age": 3}), SetConsent(has_consented=False)):
        case.tell(command)
        assert case.flags_status == FETCHING
    case.end(campaigns=(RED,))
    assert case.statuses == [FETCHED]


# --- which calls are a fetch


@pytest.mark.covers("FS-065")
@pytest.mark.parametrize(("age_ms", "fetches"), [(0, False), (1_999, False), (2_000, True)])
def test_a_young_fetch_is_not_repeated(age_ms: int, fetches: bool) -> None:
    """For two seconds nothing happens, with an INFO; then it does, exactly."""
    case = opened()
    case.fetch(RED)
    step = case.tell(FetchFlags(), after_ms=age_ms)
    assert bool(step.events) is fetches
    assert remarks(step) == ([] if fetches else [(LogLevel.INFO, Tag.FETCH_FLAGS)])


@pytest.mark.covers("FS-064")
def test_two_seconds_are_the_default_and_may_be_changed() -> None:
    """A setting of the environment, in seconds."""
    case = opened(fetch_flags_buffering_time=0.5)
    case.fetch(RED)
    assert not case.tell(FetchFlags(), after_ms=499).events
    assert case.tell(FetchFlags(), after_ms=1).events
    assert Settings().fetch_flags_buffering_time == 2.0


@pytest.mark.covers("FS-066")
def test_without_buffering_each_call_fetches() -> None:
    """Even in the same millisecond."""
    case = opened(fetch_flags_buffering_time=0.0)
    for _ in range(3):
        case.fetch(RED)
    assert case.statuses == [FETCHING, FETCHED] * 3


@pytest.mark.covers("FS-067", "FS-117")
@pytest.mark.parametrize(("change", "then"), CHANGES.values(), ids=CHANGES)
def test_a_changed_visitor_fetches_at_once(change: Command, then: tuple[str, str]) -> None:
    """However young the last fetch is."""
    case = opened()
    case.fetch(RED)
    case.tell(change)
    case.tell(FetchFlags())
    assert case.statuses == [FETCHING, FETCHED, then, FETCHING]


@pytest.mark.parametrize("outcome", [Outcome.ERROR, Outcome.PANIC])
def test_only_flags_are_given_again(outcome: Outcome) -> None:
    """A failure or a panic is asked about again at once: only FETCHED is buffered."""
    case = opened()
    case.fetch(outcome=outcome)
    case.tell(FetchFlags())
    assert case.flags_status == FETCHING


def test_calls_join_the_fetch_under_way() -> None:
    """One fetch for all of them (spec 4.3), which is no news to anybody."""
    case = opened()
    case.tell(FetchFlags())
    fetch = case.visitor.fetch
    assert case.tell(FetchFlags()).events == case.tell(FetchFlags(), after_ms=100).events == ()
    assert case.visitor.fetch == fetch
    case.end(campaigns=(RED,))
    assert case.statuses == [FETCHING, FETCHED]


# --- answers that come too late, and fetches that nobody ends


def test_the_answer_to_another_fetch_is_nothing() -> None:
    """A change wants another fetch; the first one's answer is stale then, the second's is not."""
    case = fetching()
    first = case.visitor.fetch
    case.tell(UpdateContext(context={"age": 4}))
    case.tell(FetchFlags())
    assert first is not None
    stale = EndFetch(fetch=first.id, outcome=Outcome.OK, campaigns=(SHAPE,))
    assert case.tell(stale).events == ()
    assert case.flags_status == FETCHING
    case.end(campaigns=(RED,))
    assert case.tell(stale).events == ()
    assert (case.flags_status, keys(case)) == (FETCHED, {"colour"})


def test_a_fetch_that_nobody_ends_is_cut_off() -> None:
    """A second after the timeout it counts as failed; its answer is stale then."""
    case = fetching()
    fetch = case.visitor.fetch
    assert fetch is not None
    assert case.snapshot.alarm_at_ms == fetch.until_ms == START_MS + CUT_OFF_MS
    case.ring()
    assert (case.statuses, keys(case)) == ([FAILED], set())
    late = EndFetch(fetch=fetch.id, outcome=Outcome.OK, campaigns=(SHAPE,))
    assert case.tell(late).events == ()


def test_a_cut_off_fetch_leaves_a_change_alone() -> None:
    """The status is the change's, the flags are gone."""
    case = fetching(timeout=0.5)
    case.tell(UpdateContext(context={"age": 4}))
    case.ring()
    assert case.now_ms == START_MS + 1_500
    assert (case.statuses, case.flags_status, keys(case)) == ([UPDATED], UPDATED, set())


def test_no_alarm_rings_early() -> None:
    """Before its time a fetch is not cut off."""
    case = fetching()
    with pytest.raises(Refused):
        case.tell(AlarmDue(at_ms=START_MS + CUT_OFF_MS - 1))


# --- what is kept of an answer


@pytest.mark.covers("FS-182", "FS-183")
def test_a_good_answer_is_kept_in_the_cache() -> None:
    """One row with a VisitorCacheDTO, version 1; only the seed's and our own members."""
    case = fetching()
    step = case.end(campaigns=(RED, SHAPE), segments={"p::s": "x"})
    ((env, visitor_id, text, handle),) = [each.row for each in step.appends]
    assert lists_of(step) == ["flag_visitor_cache"]
    assert (env, visitor_id, handle) == ("env_1", HANDLE, HANDLE)
    found = read_visitor(text.encode(), (HANDLE,))
    assert found.version == 1
    assert campaigns_of(found) == (RED, SHAPE)
    assert found.data.context == case.visitor.person.context
    assert found.data.assignments_history == {"vg1": "v1", "vg2": "v2"}


def test_a_cache_turned_off_keeps_nothing() -> None:
    """The setting holds for every answer."""
    assert lists_of(fetching(disable_cache=True).end(campaigns=(RED,))) == []


@pytest.mark.covers("FS-012")
@pytest.mark.parametrize("outcome", Outcome)
def test_without_consent_no_answer_is_kept(outcome: Outcome) -> None:
    """Not even if consent was withdrawn while the fetch ran."""
    case = fetching()
    case.tell(SetConsent(has_consented=False))
    assert lists_of(case.end(outcome, campaigns=(RED,), is_local=True)) == []


WORDS = ("change", "fetch", "good", "bad", "panic", "alarm", "stale")


@given(st.lists(st.sampled_from(WORDS), max_size=8))
def test_a_fetch_is_under_way_exactly_while_one_may_end(words: list[str]) -> None:
    """In FETCHING always, in FETCHED and PANIC never; and the alarm is the fetch's."""
    case = opened(fetch_flags_buffering_time=0.0)
    for number, word in enumerate(words):
        do(case, word, number)
        visitor, status = case.visitor, str(case.visitor.status)
        assert (visitor.fetch is not None) or status != "FETCHING"
        assert visitor.fetch is None or status in ("FETCHING", "FETCH_REQUIRED")
        assert case.snapshot.alarm_at_ms == (visitor.fetch.until_ms if visitor.fetch else None)


def do(case: Case, word: str, number: int) -> None:
    """One step of a walk; what makes no sense now is left out."""
    match word:
        case "change":
            case.tell(UpdateContext(context={"age": number}))
        case "fetch":
            case.tell(FetchFlags())
        case "stale":
            case.tell(EndFetch(fetch="stale", outcome=Outcome.OK))
        case "alarm" if case.snapshot.alarm_at_ms is not None:
            case.ring()
        case _ if case.visitor.fetch is not None:
            outcome = {"good": Outcome.OK, "bad": Outcome.ERROR, "panic": Outcome.PANIC}
            case.end(outcome.get(word, Outcome.NOTHING))
