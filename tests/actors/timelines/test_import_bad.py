"""Stories as they must not be: huge, broken, hostile, or none at all."""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from timeline_stories import Reading, notes_of, plain_of

from actors.timelines import document, importing, publishing
from actors.timelines.importing import Imported
from actors.timelines.importing.ink import read_ink
from actors.timelines.importing.twee import read_twee

Reader = Callable[..., Imported]
READERS = pytest.mark.parametrize("read", [read_twee, read_ink])
NODES = 50_000


def judged(found: Imported) -> None:
    """Whatever came out may be published, and its notes are plain lines."""
    if found.document is None:
        assert found.notes
    else:
        again = document.read(document.write(found.document))
        assert publishing.check(again).problems == ()
    for note in found.notes:
        assert note.line >= 0
        assert note.what
        assert len(note.what) < 400
    assert [note.line for note in found.notes] == sorted(note.line for note in found.notes)


# --- any text at all

TWEE = [
    *(":: ", "\n:: Start\n", "\n:: A [x] {}\n", "[[A]]", "[[a->A]]", "[[", "]]", "[", "]", "->"),
    *(
        "(if: $x)",
        "(else:)",
        "(set: $x to 1)",
        "(set: $x to it + $y)",
        '(goto: "A")',
        "(link: 'a')",
    ),
    *("<<if $x>>", "<<elseif not $y>>", "<<else>>", "<</if>>", "<<set $y to true>>", "<<", ">>"),
    *('<<link "a" "A">>', "<</link>>", "<!--", "-->", "/*", "*/", "(", ")", '"', "'", "\n", "a"),
    *(":: StoryInit\n", ":: StoryData\n{}", ":: StoryTitle\n", "visited()", "\0", "\ud800", "é"),
]
INK = [
    *(
        "\n=== a ===\n",
        "\n== function f(x)\n",
        "\n= s\n",
        "\n* ",
        "\n+ ",
        "\n** ",
        "\n- ",
        "\n- - ",
    ),
    *("-> a", "-> s", "-> END", "->->", "-> ", "<- a", "\n~ x = x + 1", "\n~ y = not y", "\n~ "),
    *("\nVAR x = 1", "\nVAR y = true\n", '\nCONST c = "d"\n', "{x > 1:", "{y:", "|", "}", "{", ":"),
    *("\n- else:", "\n- 1:", "[", "]", "(l) ", "{x} ", "{a > 2} ", "# tag", "//", "/*", "*/", "\\"),
    *("<>", "text", "\n", " ", "a.s", "\ud800", "\0", "é", "\nINCLUDE x", "\nLIST l = a", '"', "x"),
]


@READERS
@given(text=st.text())
def test_any_text_yields_a_document_or_none(read: Reader, text: str) -> None:
    """Readers never raise, and what they make may be published."""
    judged(read(text, id_=text))


@given(parts=st.lists(st.sampled_from(TWEE), max_size=40))
def test_any_marks_of_twee_yield_a_document_or_none(parts: list[str]) -> None:
    """Marks in every order, closed or not."""
    judged(read_twee(":: Start\n" + "".join(parts), id_="x"))


@given(parts=st.lists(st.sampled_from(INK), max_size=40))
def test_any_marks_of_ink_yield_a_document_or_none(parts: list[str]) -> None:
    """Marks in every order, closed or not."""
    judged(read_ink("".join(parts), id_="x"))


TREES = st.lists(st.lists(st.integers(0, 30), max_size=4), min_size=1, max_size=30)


@pytest.mark.slow  # every example reads two stories and walks them
@given(tree=TREES, choices=st.lists(st.integers(0, 3), max_size=8))
def test_both_formats_tell_the_same_story(tree: list[list[int]], choices: list[int]) -> None:
    """A story of any shape, written in Twee and in Ink: a reader sees the same."""
    ways = [list(dict.fromkeys(target % len(tree) for target in targets)) for targets in tree]
    twee = [
        f":: p{at}\n" + "".join(f"[[to {to}->p{to}]]\n" for to in targets)
        for at, targets in enumerate(ways)
    ]
    ink = [
        f"=== p{at}\n" + "".join(f"+ [to {to}] -> p{to}\n" for to in targets)
        for at, targets in enumerate(ways)
    ]
    head = ':: StoryData\n{"start": "p0"}\n'
    found = [read_twee(head + "".join(twee), id_="x"), read_ink("-> p0\n" + "".join(ink), id_="x")]
    one, two = (Reading(each) for each in found)
    for number in choices:
        assert (one.at.id, one.labels) == (two.at.id, two.labels)
        assert one.choose(number) == two.choose(number)


# --- size


def big(read: Reader, count: int) -> str:
    """A story of so many nodes, each leading to the next and to another."""
    if read is read_twee:
        node = ":: p{at}\n(set: $n to it + 1)Text. [[on->p{to}]] [[far->p{far}]]\n"
        text = ":: Start\n[[p0]]\n"
    else:
        node = "=== p{at}\n~ n = n + 1\nText.\n* [on] -> p{to}\n+ {{n > 2}} [far] -> p{far}\n"
        text = "VAR n = 0\n-> p0\n"
    numbers = range(count)
    return text + "".join(
        node.format(at=at, to=min(at + 1, count - 1), far=at * 7 % count) for at in numbers
    )


@pytest.mark.slow  # a story of 50,000 nodes is read twice
@READERS
def test_fifty_thousand_nodes_are_one_clear_problem(read: Reader) -> None:
    """No half of it is made, whatever the time that reading takes."""
    mark = ":: {at}\n[[{to}]]\n" if read is read_twee else "=== k{at}\n-> k{to}\n"
    found = read("".join(mark.format(at=at, to=at + 1) for at in range(NODES)), id_="x")
    assert found.document is None
    whole = [what for line, what in notes_of(found) if line == 0]
    assert whole[-1] == "the story needs 50,000 events, at most 20,000 are allowed"


@pytest.mark.slow  # two stories of some thousand nodes are read for their times
@READERS
def test_the_time_grows_with_the_length(read: Reader) -> None:
    """Ten times the nodes take about ten times the time, not a hundred."""
    seconds = []
    for count in (200, 2_000):
        text = big(read, count)
        began = process_time()
        assert read(text, id_="x").document is not None
        seconds.append(process_time() - began)
    assert seconds[1] < 35 * seconds[0] + 0.1


HOSTILE = [
    (read_twee, ":: a\n" + mark * 5_000)
    for mark in (
        "[[",
        "(if: $x)[",
        "(if: ((",
        "<<if $x>>",
        "<<set $x",
        "\n[[",
        "[[a]]",
        "<!--",
        "]",
    )
] + [
    (read_ink, mark * 5_000)
    for mark in ("{x:\n", "{", "{x: -> a}\n", "*", "- ", "/*", "* c\n ** d\n", "{|", "\\", "-> a\n")
]


@pytest.mark.parametrize(("read", "text"), HOSTILE)
def test_no_mark_repeated_takes_long(read: Reader, text: str) -> None:
    """Nothing is searched for again and again, and nothing recurses with the length."""
    began = process_time()
    judged(read(text, id_="x"))
    assert process_time() - began < 3


def test_notes_are_kept_up_to_a_thousand() -> None:
    """More are only counted."""
    found = read_twee(":: Start\n" + "[[Nowhere]]\n" * 1_500, id_="x")
    assert (len(found.notes), found.note_count) == (1_000, 1_500)


def test_too_many_links_of_one_passage_are_left_out() -> None:
    """A document takes two hundred of an event."""
    passages = "".join(f":: p{at}\n" for at in range(300))
    found = read_twee(":: Start\n" + "".join(f"[[p{at}]]" for at in range(300)) + "\n" + passages,
                      id_="x")  # fmt: skip
    assert len(plain_of(found)["events"]) == 201
    what = "`Start` has 300 links, at most 200 are allowed: the others are left out"
    assert (1, what) in notes_of(found)


def test_too_many_variables_are_one_clear_problem() -> None:
    """A document takes a thousand."""
    found = read_ink("".join(f"VAR v{at} = 1\n" for at in range(1_001)) + "Text", id_="x")
    assert found.document is None
    assert notes_of(found) == [(0, "the story needs 1,001 variables, at most 1,000 are allowed")]


@pytest.mark.slow  # ten MiB are made to be refused
def test_a_document_that_is_too_large_is_one_clear_problem() -> None:
    """Ten MiB of JSON, as at the door; quotes take two bytes there."""
    found = read_ink('"' * 6_000_000, id_="x")
    assert found.document is None
    assert [what for _, what in notes_of(found) if "bytes, at most 10,485,760 are" in what]


# --- bytes


def test_text_is_utf8_with_or_without_a_mark() -> None:
    """A byte order mark is no part of the story; line ends are of any system."""
    assert importing.text_of(b"\xef\xbb\xbf:: A") == ":: A"
    found = [read_ink(f"One{end}Two{end}=== k{end}", id_="x") for end in ("\n", "\r\n", "\r")]
    assert found[0] == found[1] == found[2]
    assert read_twee("\ufeff:: Start\n", id_="x") == read_twee(":: Start\n", id_="x")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b":: A\n\xe9", "line 2: byte 0xe9 is not UTF-8; save the file as UTF-8"),
        ("Grüße".encode("latin-1"), "line 1: byte 0xfc is not UTF-8"),
        (":: A".encode("utf-16"), "line 1: byte 0xff is not UTF-8"),
    ],
)
def test_other_bytes_are_refused_with_their_line(body: bytes, message: str) -> None:
    """Never guessed, never replaced."""
    with pytest.raises(importing.BadText) as caught:
        importing.text_of(body)
    assert str(caught.value).startswith(message)


# --- names


def test_names_become_ids_once_each() -> None:
    """Whatever letters they have; the whole name stays the title."""
    names = ["Über uns", "Uber-uns", "../../etc", "\x1b[2J", "日本語", "漢字", "a" * 300, "x:y"]
    links = "".join(f"[[go {at}->{name}]]\n" for at, name in enumerate(names))
    passages = "".join(f"\n:: {name.replace('[', chr(92) + '[')}\nText" for name in names)
    plain = plain_of(read_twee(f":: Start\n{links}{passages}", id_="../x y"))
    assert plain["id"] == "x-y"
    ids = [event["id"] for event in plain["events"]][1:]
    allowed = set(string.ascii_letters + string.digits + "_-")
    assert all(set(id_) <= allowed for id_ in ids)
    assert ids[:3] == ["Uber-uns", "Uber-uns-2", "etc"]
    assert ids[4:6] == ["event", "event-2"]
    assert len(set(ids)) == len(names)
    assert [event["narrative_event"]["title"] for event in plain["events"]][1:] == names


def test_hostile_text_stays_text() -> None:
    """Markup and control characters are carried as they are; JSON escapes what must be."""
    hostile = '<script>alert("x")</script> \x1b[2J \u202e {{7*7}}'
    found = read_twee(f":: Start\n{hostile}\n", id_="x")
    assert found.document is not None
    (event,) = json.loads(document.write(found.document))["events"]
    assert event["narrative_event"]["description"] == hostile


# --- rounds

ROUNDS = [
    (read_ink, "-> a\n=== a\n-> a\n", 2),
    (read_ink, "-> a\n=== a\n-> b\n=== b\n-> c\n=== c\n-> b\n", 4),
    (read_twee, ':: Start\n(goto: "B")\n:: B\n(goto: "Start")\n', 1),
]


@pytest.mark.parametrize(("read", "text", "line"), ROUNDS)
def test_rounds_without_a_choice_are_listed(read: Reader, text: str, line: int) -> None:
    """They may be published, since a reader goes on by hand; but nobody comes out."""
    found = read(text, id_="x")
    notes = [note for note in notes_of(found) if "leads back to itself" in note[1]]
    assert [each[0] for each in notes] == [line]
    reading = Reading(found)
    assert all(reading.choose(0) for _ in range(20))
