"""Contexts: what is kept, what is skipped and how that is said."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from actors.flags import names
from actors.flags.contexts import (
    KEY_CHARACTERS_MAX,
    NOTES_MAX,
    VALUE_CHARACTERS_MAX,
    digest,
    has_good,
    is_unicode,
    judge,
    updated,
    with_reserved,
)
from actors.flags.names import PREDEFINED, RESERVED, LogLevel, Tag

GOOD = {"text": "", "yes": True, "no": False, "whole": -3, "part": 1.5, "Ünïcode 😀": "é"}
SECRET = "a secret value"


def kept(entries, **options):
    return judge(entries, Tag.UPDATE_CONTEXT, **options)[0]


def notes(entries, **options):
    return judge(entries, Tag.UPDATE_CONTEXT, **options)[1]


@pytest.mark.covers("FS-109")
def test_good_entries_are_kept():
    """Strings, booleans and finite numbers are kept as they are, without a note."""
    assert judge(GOOD, Tag.UPDATE_CONTEXT) == (GOOD, ())
    assert kept({"yes": True})["yes"] is True


BAD = [
    {"k": None},
    {"k": [SECRET]},
    {"k": {SECRET: 1}},
    {"k": math.nan},
    {"k": -math.inf},
    {"k": 10**400},
    {"k": SECRET * VALUE_CHARACTERS_MAX},
    {"k": "\ud800" + SECRET},
    {"": SECRET},
    {5: SECRET},
    {None: SECRET},
    {"\udfff": SECRET},
    {"k" * (KEY_CHARACTERS_MAX + 1): SECRET},
]


@pytest.mark.covers("FS-109")
@pytest.mark.parametrize("entry", BAD, ids=range(len(BAD)))
def test_bad_entries_are_skipped_alone(entry):
    """A bad entry is skipped with an ERROR note that never shows a value; the others are kept."""
    found, said = judge({**entry, **GOOD}, Tag.UPDATE_CONTEXT)
    assert found == GOOD
    [note] = said
    assert (note.level, note.tag) == (LogLevel.ERROR, "UPDATE CONTEXT")
    assert SECRET not in note.text
    assert note.text.isascii()
    assert ("'k" in note.text) == ("k" in str(next(iter(entry))))


def test_limits_of_one_entry_are_reached():
    """The longest key, the longest text and the highest number are just good."""
    entry = {"k" * KEY_CHARACTERS_MAX: "v" * VALUE_CHARACTERS_MAX, "n": 1.7976931348623157e308}
    assert judge(entry, Tag.NEW_VISITOR) == (entry, ())
    [note] = notes({"k" * (KEY_CHARACTERS_MAX + 1): 1})
    assert "k" * 64 in note.text
    assert "k" * 65 not in note.text


def test_what_is_no_object_changes_nothing():
    """A context that is no object is one note."""
    for given_ in (None, "text", [1], 5):
        found, [note] = judge(given_, Tag.NEW_VISITOR)
        assert (found, note.tag) == ({}, "NEW VISITOR")


@pytest.mark.covers("FS-195")
def test_reserved_keys_are_ignored_in_silence():
    """What the SDK sets itself cannot be set, and nobody is told."""
    assert judge(dict.fromkeys(RESERVED, "mine"), Tag.UPDATE_CONTEXT) == ({}, ())


def test_too_many_keys():
    """New keys beyond the limit are skipped; replacing one that is there needs no room."""
    old = {"a": 1, "b": 2}
    given_ = {"c": 3, "a": 5, "d": 4, "b": 6}
    found, [note] = judge(given_, Tag.UPDATE_CONTEXT, old=old, keys_max=3)
    assert found == {"c": 3, "a": 5, "b": 6}
    assert "'d'" in note.text
    assert "3 keys" in note.text
    assert len(kept({str(number): 1 for number in range(1_001)})) == 1_000


def test_many_notes_become_one():
    """Noise does not fill a log: beyond twenty, notes are counted."""
    said = notes({f"k{number}": None for number in range(NOTES_MAX + 5)})
    assert len(said) == NOTES_MAX + 1
    assert said[-1].text == "5 more entries are skipped"
    assert len(notes({f"k{number}": None for number in range(NOTES_MAX)})) == NOTES_MAX


EXAMPLES = {
    names.DEVICE_LOCALE: "fr",
    names.DEVICE_TYPE: "Mobile",
    names.DEVICE_MODEL: "samsung E1200",
    names.LOCATION_CITY: "toulouse",
    names.LOCATION_REGION: "occitanie",
    names.LOCATION_COUNTRY: "France",
    names.LOCATION_LAT: 43.623647,
    names.LOCATION_LONG: 1.445397,
    names.IP: "127.0.0.1",
    names.OS_NAME: "ubuntu / centos",
    names.OS_VERSION_NAME: "9.0.0",
    names.OS_VERSION_CODE: 24,
    names.CARRIER_NAME: "free",
    names.INTERNET_CONNECTION: "5g",
    names.APP_VERSION_NAME: "1.1.2-beta",
    names.APP_VERSION_CODE: 40,
    names.INTERFACE_NAME: "ProductPage",
}


@pytest.mark.covers("FS-111", "FS-196", "FS-197", "FS-199", "FS-200", "FS-201")
def test_predefined_keys_take_the_documented_values():
    """Each predefined key takes the example that the documentation gives."""
    assert set(EXAMPLES) == set(PREDEFINED)
    assert judge(EXAMPLES, Tag.UPDATE_CONTEXT) == (EXAMPLES, ())
    assert EXAMPLES["sdk_deviceLanguage"] == "fr"


@pytest.mark.parametrize("key", PREDEFINED)
def test_predefined_keys_refuse_other_types(key):
    """A predefined key refuses a boolean, and a text or number that it is not meant for."""
    codes = (names.OS_VERSION_CODE, names.APP_VERSION_CODE)
    assert "string" in notes({key: True})[0].text or "number" in notes({key: True})[0].text
    for value in ("24", 24):
        fits = key in codes or type(value) is type(EXAMPLES[key])
        assert bool(kept({key: value})) == (
            fits or (key in ("sdk_lat", "sdk_long") and value == 24)
        )
    assert "string or a number" in notes({codes[0]: None})[0].text


@pytest.mark.covers("FS-107", "FS-110")
def test_an_update_merges():
    """Given keys replace or join, the others stay, and letter case tells keys apart."""
    old = {"age": 31, "vip": False}
    assert updated(old, {"AGE": 1, "vip": True}) == {"age": 31, "vip": True, "AGE": 1}
    assert old == {"age": 31, "vip": False}


@pytest.mark.covers("FS-202", "FS-203", "FS-204")
def test_the_three_keys_of_the_sdk():
    """Client, version and visitor id stand in every context, whatever stood there."""
    found = with_reserved({"age": 31, "fs_users": "other"}, "visitor_1", "Python", "0.1.0")
    assert found == {
        "age": 31,
        "fs_client": "Python",
        "fs_version": "0.1.0",
        "fs_users": "visitor_1",
    }


CONTEXTS = st.dictionaries(st.text(max_size=5), st.text() | st.booleans() | st.integers())


@pytest.mark.slow
@given(CONTEXTS, CONTEXTS)
def test_digests_tell_contexts_apart(one, other):
    """The order of keys does not count; values, and the types of equal values, do."""
    assert digest(one) == digest(dict(reversed(one.items())))
    typed = [{key: (type(value), value) for key, value in each.items()} for each in (one, other)]
    assert (digest(one) == digest(other)) == (typed[0] == typed[1])


def test_a_boolean_is_no_number():
    """`1` and `True` are equal to Python, and are not the same context."""
    assert digest({"k": 1}) != digest({"k": True})


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
ANY_KEY = (
    st.text(max_size=300) | st.none() | st.integers() | st.sampled_from([*PREDEFINED, *RESERVED])
)


def is_good(key, value):
    """The rules once more, said differently."""
    if not isinstance(key, str) or not 0 < len(key) <= KEY_CHARACTERS_MAX or key in RESERVED:
        return False
    if key in EXAMPLES:
        numbers, texts = (int, float), (str,)
        types = numbers if "_l" in key else numbers + texts if "Code" in key else texts
        if type(value) not in types:
            return False
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, str | bool | int)


@pytest.mark.slow
@given(st.dictionaries(ANY_KEY, ANY, max_size=30))
def test_no_bad_entry_is_ever_kept(entries):
    """What is kept is good and unchanged; what is not is told, up to the limit, or reserved."""
    found, said = judge(entries, Tag.UPDATE_CONTEXT)
    assert all(is_good(key, value) for key, value in found.items())
    assert all(entries[key] is value for key, value in found.items())
    skipped = [key for key in entries if key not in found and key not in RESERVED]
    assert len(said) == min(len(skipped), NOTES_MAX + 1)


@given(st.dictionaries(ANY_KEY, ANY, max_size=5))
def test_something_good_is_found_without_judging_all(entries):
    """`has_good` says whether anything would be kept."""
    assert has_good(entries) == bool(judge(entries, Tag.UPDATE_CONTEXT)[0])


@given(st.text(st.characters(codec=None), max_size=10))
@example("\ud800")
@example("é\udfff")
def test_unicode_is_what_can_be_written(text):
    """A text is valid when UTF-8 can write it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        assert not is_unicode(text)
    else:
        assert is_unicode(text)
