"""What a visitor sends: hits, the consent hit, segments; and what is not sent twice."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from flag_visitor import ENV, HANDLE, RED, START_MS, Case, hits_of, lists_of, ready, remarks
from hypothesis import given
from hypothesis import strategies as st

from actors.flags.caches import HIT_AGE_MS_MAX
from actors.flags.names import CacheStrategy, DecisionMode, LogLevel, SdkStatus, Tag
from actors.flags.visitor_events import HitsPooled
from actors.flags.visitor_shown import present_event
from actors.flags.visitor_tracking import (
    HITS,
    HITS_MAX,
)
from actors.flags.visitor_words import (
    Authenticate,
    EndFetch,
    FetchFlags,
    Open,
    Outcome,
    SendHit,
    SendHits,
    SetConsent,
    UpdateContext,
    VisitorExposed,
)
from engine.errors import Refused
from engine.kind import Step
from engine.messages import Forgotten

HOME = {"type": "SCREENVIEW", "documentLocation": "home"}
CART = {"type": "SCREENVIEW", "documentLocation": "cart"}
WINDOW_MS = 2_500


# --- hits


@pytest.mark.covers("FS-121")
def test_a_hit_is_a_row_of_the_environments_pool() -> None:
    """Who, what and when, with a key of its own; due with the environment's next batch."""
    case = ready()
    step = case.tell(SendHit(hit={**HOME, "locale": "fr"}))
    (effect,) = step.effects
    assert (effect.sender, effect.subscription, effect.subject) == (HITS, HITS, ENV)
    assert (effect.about, effect.due_in_ms) == (f"{ENV}:{HANDLE}", 10_000)
    (hit,) = hits_of(step)
    assert (hit.visitor_id, hit.anonymous_id, hit.type) == (HANDLE, None, "SCREENVIEW")
    assert (hit.content, hit.time) == ({"dl": "home", "ul": "fr"}, case.now_ms)
    assert hit.key.startswith(f"{HANDLE}:")
    assert present_event(step.events) == {"types": ("SCREENVIEW",)}


def test_a_hit_of_one_who_is_logged_in_names_both_ids() -> None:
    """The sender makes `vid` and `cuid` of them."""
    case = ready()
    case.tell(Authenticate(visitor_id="bob"))
    (hit,) = hits_of(case.tell(SendHit(hit=HOME)))
    assert (hit.visitor_id, hit.anonymous_id) == ("bob", HANDLE)


@pytest.mark.covers("FS-122")
def test_of_several_hits_the_wrong_ones_are_left_out() -> None:
    """The others are sent, with keys of their own, and one event says so."""
    case = ready()
    step = case.tell(SendHits(hits=(HOME, {"type": "NOSUCH"}, 3, {**CART, "locale": 4})))
    assert [hit.content for hit in hits_of(step)] == [{"dl": "home"}, {"dl": "cart"}]
    assert len({hit.key for hit in hits_of(step)}) == 2
    assert remarks(step) == [(LogLevel.ERROR, Tag.ADD_HIT)] * 3
    assert [event.types for event in step.events] == [("SCREENVIEW", "SCREENVIEW")]


def test_a_wrong_hit_changes_nothing() -> None:
    """It is an ERROR, and no fact."""
    step = ready().tell(SendHit(hit={"type": "PAGEVIEW"}))
    assert (step.events, step.effects) == ((), ())
    assert remarks(step) == [(LogLevel.ERROR, Tag.ADD_HIT)]


def test_a_thousand_hits_at_once_and_no_more() -> None:
    """Whoever has more sends them in parts."""
    case = ready()
    many = tuple({**HOME, "documentLocation": str(number)} for number in range(HITS_MAX + 1))
    with pytest.raises(Refused):
        case.tell(SendHits(hits=many))
    assert len(hits_of(case.tell(SendHits(hits=many[1:])))) == HITS_MAX


@pytest.mark.covers("FS-050", "FS-049")
def test_the_same_hit_waits_for_its_window_to_end() -> None:
    """Blocked for two and a half seconds, exactly, with a DEBUG; another hit is not."""
    case = ready()
    case.tell(SendHit(hit=HOME))
    step = case.tell(SendHit(hit=HOME), after_ms=WINDOW_MS - 1)
    assert (step.events, step.effects) == ((), ())
    assert remarks(step) == [(LogLevel.DEBUG, Tag.ADD_HIT)]
    assert hits_of(case.tell(SendHit(hit=CART)))
    assert hits_of(case.tell(SendHit(hit=HOME), after_ms=1))
    assert not hits_of(case.tell(SendHit(hit=HOME), after_ms=WINDOW_MS - 1))


@pytest.mark.covers("FS-050")
def test_the_same_hit_is_sent_once_in_one_call() -> None:
    """Within `sendHits` too; another visitor id is another hit."""
    case = ready()
    assert len(hits_of(case.tell(SendHits(hits=(HOME, CART, HOME))))) == 2
    case.tell(Authenticate(visitor_id="bob"))
    assert hits_of(case.tell(SendHit(hit=HOME)))


def test_a_client_that_pooled_hits_says_when_they_were_made() -> None:
    """Nothing is taken for a repetition, and each keeps its time, at most four hours old."""
    case = ready()
    case.tell(SendHit(hit=HOME))
    times = (case.now_ms - 3_000, case.now_ms + 60_000, case.now_ms - 20_000_000)
    step = case.tell(SendHits(hits=(HOME,) * 4, times=times, deduplicated=True))
    made = [hit.time - case.now_ms for hit in hits_of(step)]
    assert made == [-3_000, 0, -14_400_000, 0]
    assert not remarks(step)


@pytest.mark.covers("FS-051")
def test_without_de_duplication_everything_is_sent() -> None:
    """Zero seconds: in one call, and one after the other; nothing is remembered."""
    case = ready(hit_deduplication_time=0.0)
    assert len(hits_of(case.tell(SendHits(hits=(HOME, HOME))))) == 2
    assert hits_of(case.tell(SendHit(hit=HOME)))
    assert case.visitor.recent == {}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3_000)), max_size=12))
def test_two_equal_hits_are_never_closer_than_the_window(sent: list[tuple[str, int]]) -> None:
    """And none is blocked that is not; the memory holds no more than what may still count."""
    case = ready()
    last: dict[str, int] = {}
    for name, after_ms in sent:
        step = case.tell(SendHit(hit={**HOME, "documentLocation": name}), after_ms=after_ms)
        is_due = case.now_ms - last.get(name, 0) >= WINDOW_MS
        assert bool(hits_of(step)) is is_due
        if is_due:
            last[name] = case.now_ms
            young = [at_ms for at_ms in last.values() if at_ms > case.now_ms - WINDOW_MS]
            assert sorted(case.visitor.recent.values()) == sorted(young)


@pytest.mark.parametrize(
    ("settings", "due_in_ms"),
    [
        ({}, 10_000),
        ({"batch_intervals": 1.5}, 1_500),
        ({"batch_intervals": 0.0}, 10_000),
        ({"cache_strategy": CacheStrategy.CONTINUOUS_CACHING}, 10_000),
        ({"cache_strategy": CacheStrategy.NO_BATCHING}, 0),
        ({"decision_mode": DecisionMode.BUCKETING}, 10_000),
        ({"decision_mode": DecisionMode.BUCKETING_EDGE}, HIT_AGE_MS_MAX),
    ],
)
def test_when_a_hit_is_due(settings: dict[str, Any], due_in_ms: int) -> None:
    """By the interval, at once without batching, and at the edge not before `close` (spec 5)."""
    (effect,) = ready(**settings).tell(SendHit(hit=HOME)).effects
    assert effect.due_in_ms == due_in_ms


# --- consent


def test_flags_of_who_one_was_are_not_cached_for_who_one_is() -> None:
    """Logging in meanwhile: the answer is about the anonymous visitor, the cache by visitor id."""
    case = ready(fetch_flags_buffering_time=0.0)
    case.tell(FetchFlags())
    case.tell(Authenticate(visitor_id="somebody"))
    assert "flag_visitor_cache" not in lists_of(case.end(campaigns=(RED,)))
    assert "flag_visitor_cache" in lists_of(case.fetch(RED))


@pytest.mark.covers("FS-104")
@pytest.mark.parametrize("consented", [True, False])
def test_consent_is_told(consented: bool) -> None:
    """An EVENT `fs_consent` of the visitor, whichever way."""
    case = ready(consented=not consented)
    (hit,) = hits_of(case.tell(SetConsent(has_consented=consented)))
    label = f"Python:{str(consented).lower()}"
    assert hit.type == "EVENT"
    assert hit.content == {"ec": "User Engagement", "ea": "fs_consent", "el": label}
    assert case.visitor.consented is consented


@pytest.mark.covers("FS-105", "FS-106")
def test_withdrawal_lets_the_past_go_but_for_the_consent_hit() -> None:
    """The store drops pending rows about the visitor before it writes the one of this commit."""
    case = ready()
    case.tell(SendHit(hit=HOME))
    step = case.tell(SetConsent(has_consented=False))
    assert [type(event).__name__ for event in step.events] == [
        "ConsentSet",
        "Forgotten",
        "HitsPooled",
    ]
    assert step.privacy
    assert [hit.content["el"] for hit in hits_of(step)] == ["Python:false"]
    assert step.appends == ()
    for command in (SendHit(hit=CART), SendHits(hits=(CART,)), VisitorExposed(key="colour")):
        assert case.refuses(command)


@pytest.mark.covers("FS-181")
@pytest.mark.parametrize("consented", [True, False])
def test_a_consent_hit_is_cached_only_where_consent_is_given(consented: bool) -> None:
    """The hit cache holds nothing of one who withdrew, not even the hit that says so."""
    case = ready(consented=not consented, cache_strategy=CacheStrategy.CONTINUOUS_CACHING)
    step = case.tell(SetConsent(has_consented=consented))
    assert ("flag_hit_cache" in lists_of(step)) is consented
    again = Case(cache_strategy=CacheStrategy.CONTINUOUS_CACHING).open(consented=consented)
    assert ("flag_hit_cache" in lists_of(again)) is consented


def test_each_withdrawal_flushes_the_cache() -> None:
    """Also where consent was withheld already; then nothing else is there to go."""
    case = ready(consented=False)
    for _ in range(2):
        step = case.tell(SetConsent(has_consented=False), after_ms=WINDOW_MS)
        assert [each.row for each in step.appends] == [(ENV, HANDLE, "")]
        assert lists_of(step) == ["flag_visitor_flush"]
        assert not any(isinstance(event, Forgotten) for event in step.events)
        assert len(hits_of(step)) == 1


@pytest.mark.parametrize("own_only", [True, False])
@pytest.mark.parametrize(
    "command", [partial(SetConsent, has_consented=False), partial(Open, has_consented=False)]
)
def test_a_withdrawal_says_for_whom_it_speaks(command: Any, own_only: bool) -> None:
    """The store hears whether it may take what others brought under the same ids."""
    case = ready()
    case.tell(Authenticate(visitor_id="somebody"))
    step = case.tell(command(own_only=own_only))
    assert (step.privacy, step.own_only) == (True, own_only)
    assert Forgotten(own_only=own_only) in step.events
    step = case.tell(command(own_only=own_only), after_ms=WINDOW_MS)
    ((_, _, handle),) = [each.row for each in step.appends]
    assert handle == (HANDLE if own_only else "")


@pytest.mark.covers("FS-050")
@pytest.mark.parametrize("consented", [True, False])
def test_the_same_consent_is_told_once_in_its_window(consented: bool) -> None:
    """Whether it is said again or the visitor is opened again; moved consent is always told."""
    case = Case()
    told = [len(hits_of(case.open(consented=consented))) for _ in range(3)]
    told.append(len(hits_of(case.tell(SetConsent(has_consented=consented)))))
    assert told == [1, 0, 0, 0]
    for moved in (not consented, consented, not consented):
        assert len(hits_of(case.tell(SetConsent(has_consented=moved)))) == 1
    assert len(hits_of(case.open(consented=consented))) == 1


def test_consent_is_only_kept_while_nothing_can_be_sent() -> None:
    """In panic and before the start: no hit (spec 4.6)."""
    for status in (SdkStatus.SDK_PANIC, SdkStatus.SDK_NOT_INITIALIZED):
        case = ready(consented=False)
        case.status = status
        assert hits_of(case.tell(SetConsent(has_consented=True))) == []
        assert case.visitor.consented


# --- segments


def told_segments(step: Step) -> list[object]:
    """The contexts that a step reports."""
    return [hit.content["s"] for hit in hits_of(step) if hit.type == "SEGMENT"]


@pytest.mark.covers("FS-015")
def test_a_context_that_is_evaluated_here_is_reported_when_it_changed() -> None:
    """Once for each context, with values as text; where others decide, they see it anyway."""
    case = ready(fetch_flags_buffering_time=0.0)
    context = {"age": "3", "fs_client": "Python", "fs_version": "4.0.5", "fs_users": HANDLE}
    assert told_segments(case.fetch(RED)) == []
    assert told_segments(case.fetch(RED, is_local=True)) == [context]
    case.now_ms += 60_000
    assert told_segments(case.fetch(RED, is_local=True)) == []
    case.tell(UpdateContext(context={"vip": True}))
    segments = told_segments(case.fetch(RED, is_local=True, segments={"p::s": "x"}))
    assert segments == [{**context, "vip": "true", "p::s": "x"}]


@pytest.mark.parametrize("outcome", [Outcome.NOTHING, Outcome.ERROR, Outcome.PANIC])
def test_only_an_answer_reports_the_context(outcome: Outcome) -> None:
    """What was not evaluated is not reported."""
    assert told_segments(ready().fetch(outcome=outcome, is_local=True)) == []


def test_without_consent_no_context_is_reported() -> None:
    """Once consent is there, the next fetch does."""
    case = ready(consented=False, fetch_flags_buffering_time=0.0)
    assert hits_of(case.fetch(RED, is_local=True)) == []
    case.tell(SetConsent(has_consented=True))
    assert len(told_segments(case.fetch(RED, is_local=True))) == 1


def test_a_context_is_reported_again_to_those_who_forgot_it() -> None:
    """Withdrawal takes the first report along, so consent given again brings another."""
    case = ready(fetch_flags_buffering_time=0.0)
    assert len(told_segments(case.fetch(RED, is_local=True))) == 1
    for consented in (False, True):
        case.tell(SetConsent(has_consented=consented), after_ms=60_000)
    assert len(told_segments(case.fetch(RED, is_local=True))) == 1


def test_a_report_is_as_old_as_the_visitor() -> None:
    """Times are the daemon's, in milliseconds."""
    case = Case()
    (hit,) = hits_of(case.open())
    assert hit.time == START_MS
    assert isinstance(case.steps[-1].events[-1], HitsPooled)
    case.tell(FetchFlags())
    assert case.visitor.fetch is not None
    assert case.tell(EndFetch(fetch="stale", outcome=Outcome.OK, is_local=True)).effects == ()
