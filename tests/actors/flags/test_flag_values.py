"""Flags of a visitor: where they come from, how they are read, how they travel."""

from __future__ import annotations

import json

import pytest
from flag_files import WORLD, ask
from hypothesis import given
from hypothesis import strategies as st

from actors.flags import answers
from actors.flags.flag_values import (
    CampaignFlags,
    Flag,
    FlagsInvalid,
    flags_of,
    from_campaigns,
    from_choice,
    from_serialized,
    metadata_of,
    serialized,
    status_of,
    value_of,
)
from actors.flags.names import FetchStatus, FlagStatus, LogLevel

FULL = CampaignFlags("c1", "g1", "v1", "n1", "slug", "ab", "G1", "V1", True, {"k": "é€😀", "n": 1})
SECOND = CampaignFlags("c2", "g2", "v2", flags={"k": "second", "nul": None})
METADATA = {
    "campaignId": "c1",
    "campaignName": "n1",
    "variationGroupId": "g1",
    "variationGroupName": "G1",
    "variationId": "v1",
    "variationName": "V1",
    "isReference": True,
    "campaignType": "ab",
    "slug": "slug",
}
ANSWER = {
    "visitorId": "visitor_1",
    "campaigns": [
        {
            "id": "c1",
            "name": "n1",
            "slug": "slug",
            "type": "ab",
            "variationGroupId": "g1",
            "variationGroupName": "G1",
            "variation": {
                "id": "v1",
                "name": "V1",
                "reference": True,
                "modifications": {"type": "FLAG", "value": {"k": "é€😀", "n": 1}},
            },
        },
        {
            "id": "c2",
            "variationGroupId": "g2",
            "variation": {"id": "v2", "modifications": {"value": {"k": "second", "nul": None}}},
        },
    ],
}


def flag(value: object) -> Flag:
    return Flag("k", value, FULL)


def test_the_last_campaign_with_a_key_wins():
    """Two campaigns may give one key; the visitor has the last one's flag."""
    flags = flags_of([FULL, SECOND])
    assert list(flags) == ["k", "n", "nul"]
    assert flags["k"] == Flag("k", "second", SECOND)
    assert flags_of([SECOND, FULL])["k"].campaign is FULL
    assert flags_of([]) == {}


@pytest.mark.covers("FS-125", "FS-126", "FS-151", "FS-152")
def test_metadata():
    """Nine members tell of the campaign; those of no flag are empty, and its slug is null."""
    assert metadata_of(flag(1)) == METADATA
    empty = metadata_of(None)
    assert list(empty) == list(METADATA)
    assert empty == {**dict.fromkeys(METADATA, ""), "isReference": False, "slug": None}
    assert metadata_of(Flag("k", 1, SECOND))["slug"] is None


STATUSES = [
    (FetchStatus.PANIC, FlagStatus.PANIC, FlagStatus.PANIC),
    (FetchStatus.FETCH_REQUIRED, FlagStatus.FETCH_REQUIRED, FlagStatus.NOT_FOUND),
    (FetchStatus.FETCHING, FlagStatus.FETCH_REQUIRED, FlagStatus.NOT_FOUND),
    (FetchStatus.FETCHED, FlagStatus.FETCHED, FlagStatus.NOT_FOUND),
    ("INITIAL_DATA", FlagStatus.FETCHED, FlagStatus.NOT_FOUND),
]


@pytest.mark.covers("FS-127", "FS-128", "FS-129", "FS-130", "FS-131")
@pytest.mark.parametrize(("fetch_status", "present", "missing"), STATUSES)
def test_the_status_of_a_flag(fetch_status, present, missing):
    """Panic comes first, then whether the flag exists, then whether flags must be fetched."""
    assert status_of(fetch_status, exists=True) is present
    assert status_of(fetch_status, exists=False) is missing
    assert {each for each, _, _ in STATUSES} > set(FetchStatus)


@pytest.mark.covers("FS-140")
def test_a_flag_exists_when_all_three_ids_are_known():
    """Without the id of its campaign, group or variation a flag does not count as there."""
    assert flag(None).exists
    for ids in (("", "g", "v"), ("c", "", "v"), ("c", "g", "")):
        assert not Flag("k", 1, CampaignFlags(*ids)).exists


VALUES = {"text": "a", "number": 1, "boolean": False, "list": [1], "object": {"a": 1}}
DEFAULTS = {"text": "", "number": 2.5, "boolean": True, "list": [], "object": {}}


@pytest.mark.covers("FS-132", "FS-134", "FS-137")
@pytest.mark.parametrize("own", VALUES)
@pytest.mark.parametrize("other", DEFAULTS)
def test_the_type_decides(own, other):
    """The value is given if its type is the default's; else the default, with a WARNING."""
    value, note = value_of(flag(VALUES[own]), DEFAULTS[other])
    if own == other:
        assert (value, note) == (VALUES[own], None)
    else:
        assert value is DEFAULTS[other]
        assert (note.level, note.tag) == (LogLevel.WARNING, "FLAG_VALUE")
        assert "`k`" in note.text


@pytest.mark.covers("FS-138")
@pytest.mark.parametrize("value", VALUES.values())
def test_a_null_default_takes_any_type(value):
    """With a null default the value is given, whatever its type."""
    assert value_of(flag(value), None) == (value, None)


@pytest.mark.covers("FS-133")
def test_no_value():
    """Without a flag the default is given with a WARNING, for a null value without one."""
    value, note = value_of(None, 5, "gone")
    assert value == 5
    assert (note.level, note.tag) == (LogLevel.WARNING, "FLAG_VALUE")
    assert "`gone`" in note.text
    assert value_of(flag(None), 5) == (5, None)
    assert value_of(flag(None), None) == (None, None)


def test_types_of_python():
    """A float and a whole number are numbers, a tuple is a list; what JSON has not never fits."""
    assert value_of(flag(1.5), 3) == (1.5, None)
    assert value_of(flag([1]), ()) == ([1], None)
    odd = {1, 2}
    assert value_of(flag([1]), odd)[0] is odd


# --- where flags come from


def test_the_campaigns_of_an_answer():
    """An answer, or its list, becomes campaigns in order; what is missing is empty."""
    assert from_campaigns(ANSWER) == (FULL, SECOND)
    assert from_campaigns(ANSWER["campaigns"]) == (FULL, SECOND)
    assert from_campaigns({"campaigns": []}) == ()


def test_null_is_missing():
    """Optional members of an answer may be null, and a variation may give nothing."""
    null = dict.fromkeys(["name", "slug", "type", "variationGroupName"])
    for variation in (
        {"id": "v"},
        {"id": "v", "name": None, "reference": None, "modifications": None},
        {"id": "v", "modifications": {"value": None}},
    ):
        answer = [{"id": "c", "variationGroupId": "g", "variation": variation, **null}]
        assert from_campaigns(answer) == (CampaignFlags("c", "g", "v"),)


WRONG = [
    (None, "object"),
    ("text", "object"),
    ({}, "campaigns"),
    ({"campaigns": None}, r"\$\.campaigns"),
    ([1], r"\$\[0\]"),
    ([{"id": "c", "variationGroupId": "g"}], "variation"),
    ([{"id": 5, "variationGroupId": "g", "variation": {"id": "v"}}], r"\$\[0\]\.id"),
    ([{"id": "c", "variationGroupId": "g", "variation": {"id": "v", "modifications": 5}}], "modif"),
]


@pytest.mark.parametrize(("given_", "where"), WRONG, ids=range(len(WRONG)))
def test_what_is_no_answer(given_, where):
    """Anything else is refused, and the text says where it is wrong."""
    with pytest.raises(FlagsInvalid, match=where):
        from_campaigns(given_)


def test_our_own_choices_give_what_our_answer_gives():
    """A choice has the flags of its answer with all keys exposed, siblings' keys as None."""
    compiled, decision = ask(*WORLD)
    answer = json.loads(answers.campaigns(compiled, decision, expose_all_keys=True))
    chosen = tuple(from_choice(each) for each in decision.choices)
    assert chosen == from_campaigns(answer)
    assert chosen[0].flags == {"k": "v", "gone": None, "only-here": None}
    assert metadata_of(flags_of(chosen)["k"])["isReference"] is True


# --- the serialised form


@pytest.mark.covers("FS-149", "FS-153", "FS-154")
def test_the_serialised_form():
    """One object per flag: key, metadata, and the value as JSON in hex."""
    [text, number] = serialized([FULL])
    assert number == {"key": "n", **METADATA, "hex": "7b2276223a317d"}
    assert bytes.fromhex(text["hex"]) == b'{"v":"\\u00e9\\u20ac\\ud83d\\ude00"}'
    assert list(text) == ["key", *METADATA, "hex"]
    assert [each["hex"] for each in serialized([SECOND])][1] == "7b2276223a6e756c6c7d"


@pytest.mark.covers("FS-154")
def test_what_another_sdk_wrote_is_read():
    """Another SDK writes characters up to U+00FF as two digits, and may leave the slug out."""
    written = {"key": "k", "campaignId": "c", "variationGroupId": "g", "variationId": "v"}
    found = from_serialized([{**written, "hex": "7B2276223A22E9227D", "more": 1}])
    assert found == (CampaignFlags("c", "g", "v", flags={"k": "é"}),)


def test_flags_of_one_variation_are_one_campaign_again():
    """The campaigns come back; of two flags with one key the last one counts."""
    assert from_serialized(serialized([FULL])) == (FULL,)
    twice = serialized([FULL]) + serialized([SECOND])
    assert flags_of(from_serialized(twice))["k"].value == "second"
    assert from_serialized([]) == ()


GOOD = serialized([SECOND])[0]
BROKEN = [
    "zz",
    "7b",
    "7b7d",
    "5b5d",
    "7b2276223a4e614e7d",
    "7b2276223a31653939397d",
    "é",
    "5b" * 9_000,
]


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_value_is_refused(text):
    """A value that is not JSON in hex refuses the whole, and the flag is named."""
    with pytest.raises(FlagsInvalid, match="`k`"):
        from_serialized([{**GOOD, "hex": text}])


@pytest.mark.parametrize("missing", ["key", "campaignId", "variationGroupId", "variationId", "hex"])
def test_a_broken_element_is_refused(missing):
    """Key, ids and value cannot be missed, and what is no list of objects is refused."""
    with pytest.raises(FlagsInvalid, match=missing):
        from_serialized([{key: value for key, value in GOOD.items() if key != missing}])
    for given_ in (None, {}, [None], ["x"], [{**GOOD, missing: 5}]):
        with pytest.raises(FlagsInvalid):
            from_serialized(given_)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
CAMPAIGNS = st.builds(
    CampaignFlags,
    *[st.sampled_from(["", "a", "b"])] * 3,
    st.text(max_size=3),
    st.none() | st.text(max_size=3),
    *[st.text(max_size=3)] * 3,
    st.booleans(),
    st.dictionaries(st.text(max_size=2), JSON, max_size=4),
)


@pytest.mark.slow
@given(st.lists(CAMPAIGNS, max_size=4))
def test_flags_survive_the_serialised_form(campaigns):
    """Values of any JSON, and metadata, come back as they were, through JSON text too."""
    through = json.loads(json.dumps(serialized(campaigns)))
    back = from_serialized(through)
    before, after = flags_of(campaigns), flags_of(back)
    assert {key: each.value for key, each in after.items()} == {
        key: each.value for key, each in before.items()
    }
    assert {key: metadata_of(each) for key, each in after.items()} == {
        key: metadata_of(each) for key, each in before.items()
    }
    assert all(len(each["hex"]) % 2 == 0 for each in through)
