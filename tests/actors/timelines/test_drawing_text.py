"""Text in drawings: it fits where it stands, and nothing in it acts; conditions in words."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import unescape

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from timeline_document import alice
from timeline_small import condition, operations
from timeline_world import World, ms

from actors.timelines.document import Condition, Operation
from actors.timelines.drawing.text import (
    ELLIPSIS,
    MARKS_MAX,
    attribute,
    clean,
    cut,
    measure,
    shown,
    wrapped,
)
from actors.timelines.drawing.words import PIECES_MAX, condition_words, operation_words
from actors.timelines.looker import Looker

SIZES = st.sampled_from([11, 12, 13, 20])
WIDTHS = st.integers(40, 400)


@given(st.text(max_size=80), WIDTHS, SIZES, st.booleans())
def test_text_fits_or_is_cut(text, width, size, bold):
    """What stands in a box is no wider than the box; all of it stands there if it has room."""
    line = unescape(cut(text, width, size, bold=bold))
    assert measure(line, size, bold=bold) <= width
    if line != clean(text):
        assert line.endswith(ELLIPSIS)
        assert clean(text).startswith(line.removesuffix(ELLIPSIS))


@given(st.text(max_size=120), WIDTHS, SIZES, st.integers(1, 3))
def test_wrapped_text_fits_or_is_cut(text, width, size, lines_max):
    """Lines are few and fit; together they are the text, but for spaces between and the end."""
    lines = [unescape(line) for line in wrapped(text, width, size, lines_max)]
    assert len(lines) <= lines_max
    assert all(measure(line, size) <= width for line in lines)
    together = "".join(lines).replace(" ", "")
    whole = clean(text).replace(" ", "")
    assert together == whole or whole.startswith(together.removesuffix(ELLIPSIS))


def test_lines_break_at_spaces():
    """A word is torn only where it has no line to itself."""
    assert wrapped("one two three", 60, 13, 3) == ("one two", "three")
    assert wrapped("aaaaaaaaaaaaaaa", 60, 13, 2) == ("aaaaaaa", "aaaaa…")
    assert wrapped("", 60, 13, 2) == ()


def test_bold_is_wider():
    """Titles are cut sooner than labels."""
    assert measure("Alice", 13, bold=True) > measure("Alice", 13)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (" a\n\tb\u2028c ", "a b c"),
        ("a\u0000\u001b[1m", "a\ufffd\ufffd[1m"),
        ("\u202eabc\u2066", "\ufffdabc\ufffd"),
        ("\ufeff\ue000\uffff", "\ufffd\ufffd\ufffd"),
        ("\ud800", "\ufffd"),
        ("👩\u200d🚀 é 漢", "👩\u200d🚀 é 漢"),
    ],
)
def test_harmful_characters_are_replaced(text, line):
    """One line, nothing that XML cannot hold or that turns other text round; scripts stay whole."""
    assert clean(text) == line


def test_text_is_escaped():
    """In elements and in attributes."""
    assert shown("<a & b>") == "&lt;a &amp; b&gt;"
    assert attribute("<\"'&") == '"&lt;&quot;\'&amp;"'
    assert cut("<<<<<<<<", 50, 13) == "&lt;&lt;&lt;…"


def test_signs_upon_signs_are_cut():
    """A letter carries a few signs; a tower of them would cover its neighbours."""
    assert cut("a" + "\u0301" * MARKS_MAX, 100, 13) == "a" + "\u0301" * MARKS_MAX
    assert cut("a" + "\u0301" * 99, 100, 13) == "a" + "\u0301" * MARKS_MAX + ELLIPSIS


# --- words


def words(plain: Any) -> str:
    """A condition as JSON has it, in words."""
    return condition_words(msgspec.convert(plain, Condition))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("n >= 1", "n >= 1"),
        ("n >= $m", "n >= m"),
        ("not a VISITED", "not a is VISITED"),
        ("a:b followed_by_all 2", "a:b followed by all at least 2"),
        ("since beat:b0 at_least PT5M", "since beat:b0 at least PT5M"),
        ("n >= 1 and a ACTIVE", "n >= 1 and a is ACTIVE"),
    ],
)
def test_conditions_are_worded(text, said):
    """Leaves as refusals say them."""
    assert words(condition(text)) == said


def test_conditions_inside_conditions_are_worded():
    """Brackets stand where leaving them out would say something else, and only there."""
    one, two, three = ({"event": id_, "state": "ACTIVE"} for id_ in "abc")
    a, b, c = (f"{id_} is ACTIVE" for id_ in "abc")
    assert words({"all": [one, {"any": [two, three]}]}) == f"{a} and ({b} or {c})"
    assert words({"any": [{"all": [one, two]}, three]}) == f"({a} and {b}) or {c}"
    assert words({"all": [one, {"all": [two, three]}]}) == f"{a} and {b} and {c}"
    assert words({"not": {"any": [two, three]}}) == f"not ({b} or {c})"
    assert words({"not": {"any": [two]}}) == f"not {b}"
    assert words({"all": [{"any": [{"all": [one, two]}]}, three]}) == f"{a} and {b} and {c}"
    assert words({"all": []}) == "always"
    assert words({"not": {"any": []}}) == "not never"


def test_times_and_counts_are_worded():
    """Every bound that is there."""
    assert words({"time": {"after": {"var": "d"}, "before": "2023"}}) == "time from d before 2023"
    daily = {"from": "22:00", "to": "06:00"}
    assert words({"daily": daily}) == "daily 22:00 to 06:00"
    assert words({"daily": daily | {"days": ["mon", "sat"]}}) == "daily 22:00 to 06:00 (mon, sat)"
    followed = {"link": "a:b", "followed": {"at_least": 1, "at_most": 3}}
    assert words(followed) == "a:b followed at least 1 at most 3"
    assert words({"var": "w", "op": "==", "value": ""}) == 'w == ""'


def test_long_and_deep_conditions_end_somewhere():
    """No condition makes words without end, however it is built."""
    leaf: dict[str, Any] = {"event": "a", "state": "ACTIVE"}
    text = words({"any": [leaf] * 50_000})
    assert text.endswith(" …")
    assert text.count("a is ACTIVE") < PIECES_MAX
    deep = leaf
    for _ in range(63):
        deep = {"not": deep}
    assert words(deep) == "not " * 63 + "a is ACTIVE"


def test_operations_are_worded():
    """In order, each with what belongs to it."""
    plain = operations("add n 1; set_now d PT30S; set n $m; toggle f")
    said = operation_words(msgspec.convert(plain, tuple[Operation, ...]))
    assert said == "add n 1; set_now d plus PT30S; set n m; toggle f"


def test_words_of_a_drawing_are_those_of_refusals():
    """What a guard says in the picture is what it says when it stops somebody."""
    world = World(alice(), ms("08:00"))
    world.create()
    looker = Looker(world.revision, world.user(), world.shared, world.now_ms)
    for guard in world.revision.document.guards:
        test = world.revision.by_gate[guard.id].test
        assert test.why(looker) == [condition_words(guard.when)]
