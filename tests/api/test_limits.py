"""How often strangers may ask: buckets by door, key and address."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import limits
from api.limits import Buckets, TooMany, buckets_of
from engine.limits import Limits

HERE, THERE = "10.0.0.1", "10.0.0.2"


class Clock:
    """A monotonic clock that stands."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """What it shows."""
        return self.now


def is_let_in(buckets: Buckets, *place: str) -> bool:
    """Whether one more request is."""
    try:
        buckets.take(*place)
    except TooMany:
        return False
    return True


def test_buckets_fill_at_their_rate() -> None:
    """A burst, then so many a second, for each door, key and address."""
    clock = Clock()
    buckets = Buckets(clock, rate=2.0, burst=3.0)
    assert [is_let_in(buckets, "a", "k", HERE) for _ in range(4)] == [True, True, True, False]
    for other in (("a", "k", THERE), ("a", "l", HERE), ("b", "k", HERE)):
        assert is_let_in(buckets, *other)
    clock.now = 0.5
    assert is_let_in(buckets, "a", "k", HERE)
    assert not is_let_in(buckets, "a", "k", HERE)


@pytest.mark.parametrize(("rate", "hint"), [(0.1, "10"), (0.4, "3"), (200.0, "1")])
def test_a_refusal_says_when_to_come_back(rate: float, hint: str) -> None:
    """429 with the whole seconds until the next request, at least one; then it is let in."""
    clock = Clock()
    buckets = Buckets(clock, rate, burst=1.0)
    buckets.take("a", "k", HERE)
    with pytest.raises(TooMany) as refused:
        buckets.take("a", "k", HERE)
    assert (refused.value.status, refused.value.code) == (429, "too_many_requests")
    assert refused.value.headers == (("Retry-After", hint),)
    clock.now = float(hint)
    assert is_let_in(buckets, "a", "k", HERE)


@given(st.lists(st.floats(0.0, 3.0), max_size=60))
def test_nobody_gets_more_than_burst_and_rate(pauses: list[float]) -> None:
    """However the requests come: at most the burst, and the rate times the time gone."""
    clock, let_in = Clock(), 0
    buckets = Buckets(clock, rate=2.0, burst=3.0)
    for pause in pauses:
        clock.now += pause
        let_in += is_let_in(buckets, "a", "k", HERE)
        assert let_in <= 3.0 + 2.0 * clock.now + 1e-6


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the room the bucket that was unused for longest goes, and is full when it is back."""
    monkeypatch.setattr(limits, "BUCKETS_MAX", 2)
    buckets = Buckets(Clock(), rate=1.0, burst=1.0)
    assert is_let_in(buckets, "a", "k", "first")
    assert is_let_in(buckets, "b", "k", "second")
    assert not is_let_in(buckets, "a", "k", "first")  # used again: now the second is the oldest
    assert is_let_in(buckets, "a", "k", "third")
    assert not is_let_in(buckets, "a", "k", "first")
    assert (buckets.statistics("a")["buckets"], buckets.statistics("b")["buckets"]) == (2, 0)
    assert is_let_in(buckets, "b", "k", "second")
    assert (buckets.statistics("a")["buckets"], buckets.statistics("b")["buckets"]) == (1, 1)


def test_each_door_has_its_figures() -> None:
    """Buckets held and requests refused, of one door; a door that nobody asked has none."""
    buckets = Buckets(Clock(), rate=1.0, burst=1.0)
    for place in (("a", "k", HERE), ("a", "k", HERE), ("a", "k", THERE), ("b", "k", HERE)):
        is_let_in(buckets, *place)
    assert buckets.statistics("a") == {"buckets": 2, "refused": 1}
    assert buckets.statistics("b") == {"buckets": 1, "refused": 0}
    assert buckets.statistics("c") == {"buckets": 0, "refused": 0}


def test_a_house_has_one_room_for_buckets() -> None:
    """All doors share it; rate and burst are the house's settings."""
    few = Limits(stranger_requests_per_second=0.001, stranger_requests_burst=2)
    house: Any = SimpleNamespace(shelves={}, settings=SimpleNamespace(limits=few))
    buckets = buckets_of(house)
    assert buckets_of(house) is buckets
    assert [is_let_in(buckets, "a", "k", HERE) for _ in range(3)] == [True, True, False]
