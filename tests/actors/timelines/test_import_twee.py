"""Twee 3: the container, the links of every format, and what is read of Harlowe and SugarCube."""

from __future__ import annotations

from typing import Any

import pytest
from timeline_stories import notes_of, plain_of

from actors.timelines.importing import Imported
from actors.timelines.importing.twee import read_twee

HARLOWE = ':: StoryData\n{"format": "Harlowe"}\n'
SUGARCUBE = ':: StoryData\n{"format": "SugarCube"}\n'
TARGETS = "".join(f"\n:: {name}\n{name}" for name in ("A", "B", "C"))


def read(text: str) -> Imported:
    """Import a story."""
    return read_twee(text, id_="tale")


def start(body: str, head: str = "") -> tuple[dict[str, Any], list[str]]:
    """The event of a first passage with this text, and what was noted about the story."""
    found = read(f"{head}:: Start\n{body}\n{TARGETS}")
    event = next(event for event in plain_of(found)["events"] if event["id"] == "Start")
    notes = [what for _, what in notes_of(found) if "nothing leads here" not in what]
    return event, notes


def links(body: str, head: str = "") -> list[dict[str, Any]]:
    """The links of a first passage that leaves nothing out."""
    event, notes = start(body, head)
    assert notes == []
    found: list[dict[str, Any]] = event.get("links", [])
    return found


# --- the container


def test_special_passages_say_what_the_story_is() -> None:
    """Its title, where it begins; other metadata is of no matter."""
    found = read(
        ":: StoryTitle\nA  Tale\nof two\n\n"
        ':: StoryData\n{"ifid": "X", "start": "Cave", "zoom": 0.5, "tag-colors": {"a": "red"}}\n\n'
        ":: Other\n[[Cave]]\n:: Cave\n[[Other]]\n"
    )
    plain = plain_of(found)
    assert (plain["id"], plain["title"]) == ("tale", "A Tale of two")
    assert [event["id"] for event in plain["events"]] == ["start", "Other", "Cave"]
    assert plain["events"][0]["links"] == [{"to": "Cave"}]
    assert found.notes == ()


def test_a_passage_becomes_an_event() -> None:
    """Its name, text, tags and metadata come along."""
    found = read(':: An old \\[iron\\] gate [dark cold] {"position":"6,4"}\n\nRust.\n\nMore.\n\n')
    (event,) = plain_of(found)["events"]
    assert event == {
        "id": "An-old-iron-gate",
        "row": "story",
        "step": 0,
        "narrative_event": {
            "id": "An-old-iron-gate",
            "title": "An old [iron] gate",
            "description": "Rust.\n\nMore.",
            "content": [
                {
                    "content_id": "An old [iron] gate",
                    "content_type": "passage",
                    "provider_id": "twee",
                }
            ],
            "custom_data": {"tags": "dark cold", "twee_position": "6,4"},
        },
    }


def test_a_start_that_is_led_back_to_gets_a_page_before_it() -> None:
    """An event that something links to would never open by itself."""
    plain = plain_of(read(":: StoryTitle\nT\n:: Start\n[[A]]\n:: A\n[[Start]]\n"))
    assert [event["id"] for event in plain["events"]] == ["start", "Start", "A"]
    assert plain["events"][0]["narrative_event"]["title"] == "T"


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("x\n:: Start\n", (1, "text before the first passage is left out")),
        (":: Start\n[[A]]\n:: A\n:: A\n", (4, "a passage `A` is at line 3 already: this one is")),
        (":: Start\n\n[[Nowhere]]\n", (3, "there is no passage `Nowhere`: the link is left out")),
        (":: Start\n:: Lost\n", (2, "`Lost`: nothing leads here from the start: it is left out")),
        (":: Start\n:: CSS [stylesheet]\n", (2, "`CSS` is no scene of the story: left out")),
        (":: Start\n:: PassageHeader\n", (2, "`PassageHeader` is no scene of the story")),
        (":: Start {bad}\n", (1, "the metadata of this passage is not understood")),
        (":: Start [open\n", (1, "the header of this passage is not understood")),
        (":: StoryData\n{\n:: Start\n", (1, "StoryData is not understood")),
        (":: Begin\n", (0, "there is no passage `Start` to begin with: it begins with `Begin`")),
        (':: StoryData\n{"format":"Snowman"}\n:: Start\n', (1, "of the format `Snowman` only")),
    ],
)
def test_what_is_wrong_with_a_container_is_noted(text: str, note: tuple[int, str]) -> None:
    """The line, and what became of it; the rest of the story is there."""
    found = read(text)
    line, what = note
    assert [each for each in notes_of(found) if each[0] == line and each[1].startswith(what)]
    assert plain_of(found)["events"]


@pytest.mark.parametrize("text", ["", "\n\n", ":: StoryTitle\nT", ":: X [script]\n", "no passage"])
def test_without_a_passage_there_is_nothing(text: str) -> None:
    """An empty story, and one of special passages only."""
    found = read(text)
    assert found.document is None
    assert (0, "there is no passage in it") in notes_of(found)


# --- links


@pytest.mark.parametrize(
    ("written", "label", "target"),
    [
        ("[[A]]", "A", "A"),
        ("[[go on->A]]", "go on", "A"),
        ("[[A<-go on]]", "go on", "A"),
        ("[[go on|A]]", "go on", "A"),
        ("[[ go on -> A ]]", "go on", "A"),
        ("[[a->b->A]]", "a->b", "A"),
        ("[[A<-b<-a]]", "b<-a", "A"),
    ],
)
def test_links_have_four_forms(written: str, label: str, target: str) -> None:
    """In every format, with blanks around; the outermost arrow counts."""
    for head in ("", HARLOWE, SUGARCUBE):
        assert links(written, head) == [{"to": target, "label": label}]


def test_text_keeps_the_words_of_links_inside_of_sentences() -> None:
    """Lines that were only links go."""
    event, _ = start("You [[go->A]] or [[stay->B]].\n\n* [[A thing->C]]\n\nEnd.")
    assert event["narrative_event"]["description"] == "You go or stay.\n\nEnd."


def test_a_second_link_to_a_passage_goes_by_a_scene_of_its_own() -> None:
    """A document has one link from event to event."""
    found = read(":: Start\n[[a->A]] [[b->A]] [[c->A]]\n:: A\n")
    events = {event["id"]: event for event in plain_of(found)["events"]}
    targets = [link["to"] for link in events["Start"]["links"]]
    assert targets[0] == "A"
    assert len(set(targets)) == 3
    for id_, label in zip(targets[1:], "bc", strict=True):
        assert events[id_]["links"] == [{"to": "A"}]
        assert events[id_]["narrative_event"]["title"] == label


@pytest.mark.parametrize(
    ("written", "note"),
    [
        ("[[x->https://example.org]]", "the link `x` leads out of the story"),
        ("[[x->$where]]", "the link `x` leads to no fixed passage"),
        ("[[x->]]", "the link `x` leads to no fixed passage"),
        ("[img[a.png][A]]", "an image stays in the text"),
    ],
)
def test_links_that_lead_nowhere_are_left_out(written: str, note: str) -> None:
    """Addresses, passages that a variable names, images."""
    event, notes = start(written)
    assert "links" not in event
    assert [what for what in notes if what.startswith(note)]


# --- macros

SETS = [
    (HARLOWE, "(set: $n to 1)", [("set", "1")]),
    (HARLOWE, "(set: $n to it + 1)", [("add", "1")]),
    (HARLOWE, "(set: $n to $n * 2 - 3)", [("mul", "2"), ("sub", "3")]),
    (HARLOWE, "(set: $n to 5 - it)", [("mul", "-1"), ("add", "5")]),
    (HARLOWE, "(put: 3 into $n)", [("set", "3")]),
    (HARLOWE, "(set: $n to 1, $n to it + 2)", [("set", "1"), ("add", "2")]),
    (HARLOWE, "(set: $n to -1.50)", [("set", "-1.5")]),
    (SUGARCUBE, "<<set $n to 1>>", [("set", "1")]),
    (SUGARCUBE, "<<set $n += 2; $n -= 1>>", [("add", "2"), ("sub", "1")]),
    (SUGARCUBE, "<<set $n++>>", [("add", "1")]),
    (SUGARCUBE, "<<set $n = 2 * ($n + 1)>>", [("add", "1"), ("mul", "2")]),
    (SUGARCUBE, "<<set $n to $n>><<set $n to 0>>", [("set", "0")]),
]


@pytest.mark.parametrize(("head", "written", "expected"), SETS)
def test_assignments_become_operations(
    head: str, written: str, expected: list[tuple[str, str]]
) -> None:
    """On arrival, in order, done in the variable itself."""
    event, notes = start(f"{written}[[A]]", head)
    assert notes == []
    assert [(one["op"], one["value"]) for one in event["on"]["ACTIVE"]] == expected


def test_what_is_set_before_the_story_is_a_default() -> None:
    """The last value of each; what is no fixed value, and links, are noted."""
    first = ":: StoryInit\n<<set $n to 1, $n to 2, $t to 'x'>><<set $m to $n>>[[A]]\n"
    found = read(f"{SUGARCUBE}{first}:: Start\n<<set $m to 1>>[[A]]\n:: A\n")
    variables = [(one["name"], one["default"]) for one in plain_of(found)["variables"]]
    assert variables == [("n", "2"), ("t", "x"), ("m", "0")]
    assert [what for _, what in notes_of(found)] == [
        "a link in a startup passage is left out",
        "`$m to $n` before the story is left out: it is no fixed value",
    ]


def test_a_variable_takes_the_type_of_what_is_set_first() -> None:
    """Text, truth, or a number; what is copied has the type of its source."""
    found = read(f'{HARLOWE}:: Start\n(set: $t to "x", $b to true, $c to $t, $d to $c, $n to $n)\n')
    variables = {one["name"]: (one["type"], one["default"]) for one in plain_of(found)["variables"]}
    assert variables == {
        "t": ("string", ""),
        "b": ("boolean", "false"),
        "c": ("string", ""),
        "d": ("string", ""),
        "n": ("number", "0"),
    }


NUMBER = {"var": "n", "value": "1"}
CONDITIONS = [
    ("$n is 1", {**NUMBER, "op": "=="}),
    ("$n is not 1", {**NUMBER, "op": "!="}),
    ("$n isnot 1", {**NUMBER, "op": "!="}),
    ("$n gte 1", {**NUMBER, "op": ">="}),
    ("1 lt $n", {**NUMBER, "op": ">"}),
    ("$n", {"var": "n", "op": "!=", "value": "0"}),
    ("not $n", {"not": {"var": "n", "op": "!=", "value": "0"}}),
    ("$n > $m", {"var": "n", "op": ">", "value": {"var": "m"}}),
    ("$b", {"var": "b", "op": "==", "value": "true"}),
    ("$b is false", {"var": "b", "op": "==", "value": "false"}),
    ("$b neq true", {"not": {"var": "b", "op": "==", "value": "true"}}),
    ('$t == "x"', {"var": "t", "op": "==", "value": "x"}),
    ("$n and ($b or $n < 1)", {"all": [
        {"var": "n", "op": "!=", "value": "0"},
        {"any": [{"var": "b", "op": "==", "value": "true"}, {**NUMBER, "op": "<"}]},
    ]}),
    ("visited('A')", {"not": {"event": "A", "state": "UNVISITED"}}),
    ('visited("A") == 0', {"event": "A", "state": "UNVISITED"}),
    ('visited("A") gt 2', {"var": "visits-A", "op": ">", "value": "2"}),
    ("visited() > 1", {"var": "visits-Start", "op": ">", "value": "1"}),
]  # fmt: skip


@pytest.mark.parametrize(("written", "expected"), CONDITIONS)
def test_conditions_around_links_become_theirs(written: str, expected: dict[str, Any]) -> None:
    """In both languages."""
    first = ":: StoryInit\n<<set $n to 0, $m to 0, $b to false, $t to 'y'>>\n"
    body = f"<<if {written}>>[[go->A]]<</if>>"
    (link,) = links(body, SUGARCUBE + first)
    assert link == {"to": "A", "label": "go", "when": expected}
    startup = ":: First [startup]\n(set: $n to 0, $m to 0, $b to false, $t to 'y')\n"
    (link,) = links(f"(if: {written})[[[go->A]]]", HARLOWE + startup)
    assert link["when"] == expected


def test_chains_of_conditions_exclude_those_before() -> None:
    """`if`, `else if`, `else`: each holds only when those before it do not."""
    bodies = {
        SUGARCUBE: "<<set $n to 1>><<if $n is 1>>[[A]]<<elseif $n is 2>>[[B]]<<else>>[[C]]<</if>>",
        HARLOWE: "(set: $n to 1)(if: $n is 1)[[[A]]]\n(else-if: $n is 2)[ [[B]] ](else:)[[[C]]]",
    }
    one, two = ({"var": "n", "op": "==", "value": value} for value in "12")
    for head, body in bodies.items():
        whens = [link["when"] for link in links(body, head)]
        assert whens == [one, {"all": [{"not": one}, two]}, {"all": [{"not": one}, {"not": two}]}]


def test_links_may_set_and_go() -> None:
    """Setters, blocks of links, links that lead where a `goto` inside says."""
    written = [
        (SUGARCUBE, "[[go|A][$n to 2]]"),
        (SUGARCUBE, '<<link "go" "A">><<set $n to 2>><</link>>'),
        (SUGARCUBE, "<<button [[go->A]]>><<set $n to 2>><</button>>"),
        (SUGARCUBE, '<<link "go">><<set $n to 2>><<goto "A">><</link>>'),
        (HARLOWE, '(link: "go")[(set: $n to 2)(goto: "A")]'),
        (HARLOWE, '(link-reveal-goto: "go", "A")[(set: $n to 2)]'),
    ]
    expected = {"to": "A", "label": "go", "do": [{"op": "set", "var": "n", "value": "2"}]}
    for head, body in written:
        assert links(body, head) == [expected], body
    assert links('(link-goto: "go", "A")', HARLOWE) == [{"to": "A", "label": "go"}]
    assert links('(goto: "A")', HARLOWE) == [{"to": "A"}]
    assert links('<<goto "A">>', SUGARCUBE) == [{"to": "A"}]


UNSAID = [
    (HARLOWE, "(set: $a to (a: 1, 2))", "the assignment `$a to (a: 1, 2)` is left out: `:"),
    (HARLOWE, "(set: $a to $b / 2)", "`$a to $b / 2` is left out: `/` has no form"),
    (HARLOWE, "(if: (random: 1, 2) is 1)[[[A]]]", "the condition `(random: 1, 2) is 1` is left"),
    (HARLOWE, "(if: $none)[[[A]]]", "the condition `$none` is left out, what it held back is open"),
    (HARLOWE, '(if: visited("Z"))[[[A]]]', "the condition `visited(\"Z\")` is left out"),
    (HARLOWE, "(live: 1s)[x]", "`(live:)` stays in the text"),
    (HARLOWE, "(click: ?a)[(set: $n to 1)]", "the assignment `$n to 1` is left out: it hangs on"),
    (HARLOWE, "(if: 1 is 1", "`(if:` is not closed"),
    (HARLOWE, "(if: true)[text]", "text inside of `if` stays as it was written"),
    (HARLOWE, "(if: true)[(set: $n to 1)]", "the assignment `$n to 1` is left out: it hangs on"),
    (HARLOWE, "(if: true)[ [[A]]", "`if` is not closed in `Start`"),
    (SUGARCUBE, "<<run f()>>", "`<<run>>` stays in the text"),
    (SUGARCUBE, "<<else>>", "`<<else>>` belongs to no `if`"),
    (SUGARCUBE, "<</if>>", "`<</if>>` closes nothing"),
    (SUGARCUBE, "<<set $n to 1", "`<<set` is not closed"),
    (SUGARCUBE, "<<set $n to 1>>You have $n.", "`Start` shows the name `$n` where its value was"),
    (SUGARCUBE, "<<timed 2s>><<set $n to 1>><</timed>>", "the assignment `$n to 1` is left out"),
]  # fmt: skip


@pytest.mark.parametrize(("head", "body", "note"), UNSAID)
def test_what_has_no_form_is_noted(head: str, body: str, note: str) -> None:
    """One plain sentence for each; the passage is there all the same."""
    _, notes = start(body, head)
    assert [what for what in notes if what.startswith(note)], notes


def test_what_is_not_carried_over_stays_in_the_text() -> None:
    """Whole, so that an author finds it; comments go."""
    body = "a (live: 1s)[b] <!-- no --> (if: true)[c]"
    event, _ = start(body, HARLOWE)
    text = event["narrative_event"]["description"]
    assert text == "a (live: 1s)[b]  (if: true)[c]"
    event, _ = start("/* no */a /% no %/<<if true>>b<</if>>", SUGARCUBE)
    assert event["narrative_event"]["description"] == "a <<if true>>b<</if>>"


def test_the_macros_of_another_format_are_text() -> None:
    """Brackets mean nothing where the format does not use them."""
    assert start("(set: $n to 1) [x]", SUGARCUBE)[0].get("on") is None
    assert start("<<set $n to 1>>", HARLOWE)[0].get("on") is None
