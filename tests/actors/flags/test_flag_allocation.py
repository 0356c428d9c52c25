"""Allocation: the worked examples of hashes, buckets and variations, and its laws."""

from __future__ import annotations

import pytest
from flag_files import campaign, file, group
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.flags import allocation
from actors.flags.bucketing import Variation
from actors.flags.decision import Request, compile_file, decide

SPLITS = ([50, 50], [33, 33, 34], [10, 25, 25, 40])

# group, visitor, hash, bucket, variation of 50/50, of 33/33/34, of 10/25/25/40 (spec flags 3.3)
EXAMPLES = [
    ("9273BKSDJtoto", "123456", 2207745127, 27, 1, 1, 2),
    ("123", "visitor_1", 3635969351, 51, 2, 2, 3),
    ("vgid", "flagship@abtast.com", 1551214225, 25, 1, 1, 2),
    ("vg1", "visitor_1", 254947131, 31, 1, 1, 2),
    ("vg1", "visitor_2", 2890368686, 86, 2, 3, 4),
    ("vg1", "toto", 3162245298, 98, 2, 3, 4),
    ("vg1", "1", 2313292583, 83, 2, 3, 4),
    ("bs8qvmo4nlr01fl9bbbb", "visitor_1", 296422598, 98, 2, 3, 4),
    ("bs8qvmo4nlr01fl9bbbb", "visitor_2", 973449325, 25, 1, 1, 2),
    ("bs8qvmo4nlr01fl9bbbb", "toto", 2088159975, 75, 2, 3, 4),
    ("bs8qvmo4nlr01fl9bbbb", "1", 3428020532, 32, 1, 1, 2),
    ("vg1", "é", 2308800018, 18, 1, 1, 2),
]


def variations(*allocations: float | None) -> tuple[Variation, ...]:
    return tuple(Variation(f"{at}", allocation=each) for at, each in enumerate(allocations))


def position(bucket: int, *allocations: float | None) -> int | None:
    return allocation.position_of(bucket, allocation.thresholds(variations(*allocations)))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: f"{each[0]}+{each[1]}")
@pytest.mark.parametrize("profile", ["server", "sdk"])
def test_worked_examples(profile, example):
    """Hash, bucket and chosen variation are those that the published implementations give."""
    group_id, visitor_id, hashed, bucket, *numbers = example
    assert allocation.hash_of((group_id + visitor_id).encode()) == hashed
    assert allocation.bucket_of(group_id, visitor_id) == bucket
    for split, number in zip(SPLITS, numbers, strict=True):
        compiled = compile_file(file(campaign("c", group(group_id, split))), profile)
        [choice] = decide(compiled, Request(visitor_id)).choices
        assert choice.variation.id == f"{group_id}-{number}"


def test_characters_outside_the_basic_plane_are_hashed_as_utf8():
    """The thirteenth example: an emoji goes in as its four bytes."""
    assert allocation.bucket_of("vg1", "😀visitor") == 87
    assert 0 <= allocation.bucket_of("vg1", "\ud83d") < 100


def test_the_range_gate_hashes_the_visitor_alone():
    """The bucket of the gate is that of the visitor id without a group."""
    assert allocation.bucket_of("", "123") == 71
    assert allocation.is_in_ranges(71, [(0, 10), (71, 72)])
    assert not allocation.is_in_ranges(71, [(0, 71), (72, 100)])
    assert not allocation.is_in_ranges(71, [])


def test_the_walk_skips_variations_that_take_nobody():
    """Variations without allocation, or with 0, are passed over; sums go on behind them."""
    assert position(0, None, 0, 30, None, 30) == 2
    assert position(29, None, 0, 30, None, 30) == 2
    assert position(30, None, 0, 30, None, 30) == 4
    assert position(60, None, 0, 30, None, 30) is None
    assert position(0) is None


def test_sums_may_pass_a_hundred():
    """Allocations need not sum to 100: what is beyond is out of reach."""
    assert [position(bucket, 60, 60, 60) for bucket in (59, 60, 99)] == [0, 1, 1]


def test_a_single_full_variation_needs_no_hash():
    """One variation of 100 is certain; 99 or two variations are not."""
    assert allocation.is_certain(variations(100))
    assert not allocation.is_certain(variations(99))
    assert not allocation.is_certain(variations(100, 0))


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 100), min_size=1, max_size=6), st.integers(0, 99))
def test_the_walk_is_the_running_sum(allocations, bucket):
    """The variation taken is the first whose running sum is above the bucket."""
    sums = [sum(allocations[: at + 1]) for at in range(len(allocations))]
    expected = next((at for at, total in enumerate(sums) if total > bucket), None)
    assert position(bucket, *allocations) == expected


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.text(max_size=20), st.text(max_size=20))
def test_a_bucket_is_a_function_of_both_ids(group_id, visitor_id):
    """The bucket is stable and between 0 and 99, whatever the characters."""
    bucket = allocation.bucket_of(group_id, visitor_id)
    assert bucket == allocation.bucket_of(group_id, visitor_id)
    assert 0 <= bucket < allocation.BUCKETS


@pytest.mark.parametrize("split", SPLITS, ids=str)
def test_shares_are_what_the_file_says(split):
    """Over many visitors each variation gets its share, within two points of a hundred."""
    limits = allocation.thresholds(variations(*split))
    taken = [0] * len(split)
    for number in range(6_000):
        chosen = allocation.position_of(allocation.bucket_of("vg1", f"visitor_{number}"), limits)
        assert chosen is not None
        taken[chosen] += 1
    for count, share in zip(taken, split, strict=True):
        assert abs(count / 60 - share) < 2
