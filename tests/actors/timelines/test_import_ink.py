"""Ink: knots and stitches, weaves, conditions, sums, and what is listed because it has no form."""

from __future__ import annotations

from typing import Any

import pytest
from timeline_stories import Reading, notes_of, plain_of

from actors.timelines.importing import Imported
from actors.timelines.importing.ink import read_ink

ENDS = "\n=== a\nA\n=== b\nB\n=== c\nC\n"
GO = "-> k\n=== k\n"


def read(text: str) -> Imported:
    """Import a story."""
    return read_ink(text, id_="tale")


def events(text: str) -> dict[str, dict[str, Any]]:
    """The events of a story that leaves nothing out but knots that nothing leads to."""
    found = read(text)
    assert [what for _, what in notes_of(found) if "nothing leads here" not in what] == []
    return {event["id"]: event for event in plain_of(found)["events"]}


def links(text: str) -> list[dict[str, Any]]:
    """The links of the first event."""
    found: list[dict[str, Any]] = next(iter(events(text + ENDS).values())).get("links", [])
    return found


def texts(text: str) -> dict[str, str | None]:
    """The text of each event."""
    return {id_: event["narrative_event"].get("description") for id_, event in events(text).items()}


def once(link: str) -> dict[str, Any]:
    """The condition of a choice that may be made one time."""
    return {"not": {"link": link, "followed": {"at_least": 1}}}


# --- knots, text, diverts


def test_knots_and_stitches_become_events() -> None:
    """Named by their places; a knot that begins with a stitch is that stitch."""
    found = texts("One.\n-> k\n== k ==\n= s\nTwo.\n-> t\n= t\nThree.\n-> k.u\n=u\n-> END\n")
    assert found == {"start": "One.", "k": "Two.", "k-t": "Three.", "k-u": None}


def test_names_are_looked_up_from_the_inside() -> None:
    """A stitch of the same knot comes before a knot; a full name means just that."""
    found = events(
        "-> k\n=== k\nK\n-> s\n= s\nS\n-> t.s\n=== s\nother\n=== t\nT\n= s\nTS\n+ [x] -> s\n"
    )
    assert found["k"]["links"] == [{"to": "k-s"}]
    assert found["k-s"]["links"] == [{"to": "t-s"}]
    assert found["t-s"]["links"] == [{"to": "t-s", "label": "x"}]


def test_the_story_begins_at_the_top_or_with_the_first_knot() -> None:
    """A divert alone at the top needs no event."""
    assert list(texts("-> b\n" + ENDS)) == ["b"]
    assert list(texts("=== a\nA\n")) == ["a"]
    assert list(texts("Text\n" + ENDS)) == ["start"]


def test_text_is_kept_by_lines() -> None:
    """Comments go, glue joins, backslashes protect."""
    found = texts("One // no\n/* no\nno */Two <>\n  three. \\# \\{4\\}\nTODO: later\n")
    assert found == {"start": "One\nTwo three. # {4}"}


def test_tags_come_along() -> None:
    """Of the story its title; of a scene all, and those of a choice with what it leads to."""
    found = read("# title: A Tale\nText # dark # sound: rain\n* [x] # loud\nBody # sound: wind\n")
    plain = plain_of(found)
    assert plain["title"] == "A Tale"
    data = [event["narrative_event"].get("custom_data") for event in plain["events"]]
    assert data == [{"tags": "dark", "sound": "rain"}, {"tags": "loud", "sound": "wind"}]


# --- choices and weaves


@pytest.mark.parametrize(
    ("written", "label", "text"),
    [
        ("Hello.", "Hello.", "Hello.\nBody"),
        ("[Hello.]", "Hello.", "Body"),
        ("Hello[ you]!", "Hello you", "Hello!\nBody"),
        ('"I am[."]," you say.', '"I am."', '"I am," you say.\nBody'),
        ("[]Hello.", None, "Hello.\nBody"),
    ],
)
def test_choices_say_one_thing_and_tell_another(written: str, label: str, text: str) -> None:
    """What is in brackets is only offered, what is behind them is only told."""
    found = read(f"Start\n* {written}\nBody\n")
    first, second = plain_of(found)["events"]
    assert first["links"][0].get("label") == label
    assert second["narrative_event"]["description"] == text


def test_once_only_and_sticky_choices() -> None:
    """A star may be taken one time by each user, a plus again and again."""
    assert links("Start\n* [one] -> a\n+ [two] -> b\n") == [
        {"to": "a", "label": "one", "when": once("start:a")},
        {"to": "b", "label": "two"},
    ]


def test_choices_to_the_same_place_are_told_apart() -> None:
    """By a scene on the way, so that each is counted by itself."""
    found = links("Start\n* one -> a\n* two -> a\n* three -> END\n* four -> END\n")
    assert len({link["to"] for link in found}) == 4
    assert [link["when"] for link in found] == [once(f"start:{link['to']}") for link in found]


def test_a_choice_without_words_is_taken_when_nothing_else_is_left() -> None:
    """Those that may be taken are asked for, with their conditions."""
    found = links("VAR x = 1\nStart\n* [one] -> a\n* {x > 1} [two] -> b\n* -> c\n")
    over = {"var": "x", "op": ">", "value": "1"}
    assert found[2] == {
        "to": "c",
        "when": {
            "all": [
                once("start:c"),
                {"link": "start:a", "followed": {"at_least": 1}},
                {"not": {"all": [over, once("start:b")]}},
            ]
        },
    }


def test_gathers_bring_choices_together() -> None:
    """By level; a label can be led to, and what it gathers needs no divert."""
    reading = Reading(
        read(
            "Top\n* a\n * * aa\n * * ab\n   text\n - - inner\n* b\n- (all) outer\n"
            "+ again -> all\n+ on\n- last\n"
        )
    )
    assert reading.read("a", "aa") == "all"
    assert reading.read("again", "again", "on") == reading.at.id
    assert reading.at.narrative_event.description == "on\nlast"


def test_labels_of_choices_are_places() -> None:
    """They can be asked for, counted and led to."""
    found = events(
        "Top\n+ (l) [x] -> back\n+ {l} [y] -> l\n+ {l > 2} [z] -> back\n=== back\n+ [w] -> l\n"
    )
    assert found["start"]["links"][1]["when"] == {"not": {"event": "l", "state": "UNVISITED"}}
    assert found["start"]["links"][2]["when"] == {"var": "visits-l", "op": ">", "value": "2"}
    assert found["l"]["on"]["ACTIVE"] == [{"op": "add", "var": "visits-l", "value": "1"}]


# --- logic

NUMBER = {"var": "n", "op": "=="}
CONDITIONS = [
    ("n == 1", {**NUMBER, "value": "1"}),
    ("n==F", {**NUMBER, "value": "7"}),
    ("2 <= n", {"var": "n", "op": ">=", "value": "2"}),
    ("n", {"var": "n", "op": "!=", "value": "0"}),
    ("! n", {"not": {"var": "n", "op": "!=", "value": "0"}}),
    ("not f", {"not": {"var": "f", "op": "==", "value": "true"}}),
    ("f == 1", {"var": "f", "op": "==", "value": "true"}),
    ("n == true", {**NUMBER, "value": "1"}),
    ('w != "x"', {"not": {"var": "w", "op": "==", "value": "x"}}),
    ('w == ""', {"not": {"any": [
        {"var": "w", "op": "==", "value": "-"}, {"var": "w", "op": "!=", "value": "-"},
    ]}}),
    ("n > m", {"var": "n", "op": ">", "value": {"var": "m"}}),
    ("w == v", {"any": [
        {"var": "w", "op": "==", "value": {"var": "v"}},
        {"all": [
            {"not": {"any": [
                {"var": name, "op": "==", "value": "-"}, {"var": name, "op": "!=", "value": "-"},
            ]}}
            for name in "wv"
        ]},
    ]}),
    ("true", {"all": []}),
    ("G == n", {**NUMBER, "value": "7"}),
    ("a", {"not": {"event": "a", "state": "UNVISITED"}}),
    ("not a", {"event": "a", "state": "UNVISITED"}),
    ("a >= 1", {"not": {"event": "a", "state": "UNVISITED"}}),
    ("0 == a", {"event": "a", "state": "UNVISITED"}),
    ("a > 1", {"var": "visits-a", "op": ">", "value": "1"}),
    ("n && (f || m)", {"all": [
        {"var": "n", "op": "!=", "value": "0"},
        {"any": [
            {"var": "f", "op": "==", "value": "true"}, {"var": "m", "op": "!=", "value": "0"},
        ]},
    ]}),
    ("b", {"any": []}),
    ("b < 1", {"all": []}),
]  # fmt: skip


@pytest.mark.parametrize(("written", "expected"), CONDITIONS)
def test_conditions_of_choices_become_theirs(written: str, expected: dict[str, Any]) -> None:
    """Variables, constants, visits; a place that nothing leads to is never visited."""
    head = (
        'VAR n = 0\nVAR m = 1\nVAR f = false\nVAR w = "y"\nVAR v = ""\nCONST F = 7\nCONST G = F\n'
    )
    (link,) = links(f"{head}{GO}+ {{{written}}} [go] -> a\n")
    assert link["when"] == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("n = 3", [("set", "3")]),
        ("n++", [("add", "1")]),
        ("n--", [("sub", "1")]),
        ("n += m", [("add", {"var": "m"})]),
        ("n = n * 2 + 1", [("mul", "2"), ("add", "1")]),
        ("n = m + n", [("add", {"var": "m"})]),
        ("n = 10 - n", [("mul", "-1"), ("add", "10")]),
        ("n = -m", [("set", {"var": "m"}), ("mul", "-1")]),
        ("n = (m + 1) * F", [("set", {"var": "m"}), ("add", "1"), ("mul", "7")]),
        ("n = true", [("set", "1")]),
        ("n = k", [("set", {"var": "visits-k"})]),
        ("f = not f", [("toggle", None)]),
        ("f = not g", [("set", {"var": "g"}), ("toggle", None)]),
        ('w = w + "!"', [("append", "!")]),
        ("n = n", []),
        ("temp t = n", [("set", {"var": "n"})]),
    ],
)
def test_assignments_become_operations(written: str, expected: list[Any]) -> None:
    """On arrival where text is, and on the link where a choice goes straight on."""
    head = 'VAR n = 0\nVAR m = 1\nVAR f = false\nVAR g = true\nVAR w = ""\nCONST F = 7\n'
    first = events(f"{head}{GO}~ {written}\n-> END\n")["k"]
    made = [one for one in first.get("on", {"ACTIVE": []})["ACTIVE"] if one["var"] != "visits-k"]
    assert [(one["op"], one.get("value")) for one in made] == expected
    (link,) = links(f"{head}{GO}+ [go]\n~ {written}\n-> a\n")
    assert [(one["op"], one.get("value")) for one in link.get("do", [])] == expected


BRANCHING = [
    "{ n > 1: -> a }\n-> b",
    "{ n > 1: -> a | -> b }",
    "{ n > 1:\n -> a\n- else:\n -> b\n}",
    "{\n- n > 1: -> a\n- else: -> b\n}",
    "{\n- n > 1:\n -> a\n}\n-> b",
]


@pytest.mark.parametrize("written", BRANCHING)
def test_conditionals_lead_to_places(written: str) -> None:
    """However they are written: two links, of which one is open."""
    over = {"var": "n", "op": ">", "value": "1"}
    expected = [{"to": "a", "when": over}, {"to": "b", "when": {"not": over}}]
    assert links(f"VAR n = 1\n{GO}{written}\n") == expected


def test_a_choice_by_value() -> None:
    """Each branch names a value; the last is for all others."""
    found = links(f"VAR n = 1\n{GO}{{ n:\n- 0: -> a\n- 1: -> b\n- else: -> c\n}}\n")
    zero, one = ({**NUMBER, "value": value} for value in "01")
    whens = [link["when"] for link in found]
    assert whens == [zero, {"all": [{"not": zero}, one]}, {"all": [{"not": zero}, {"not": one}]}]


def test_conditionals_that_only_set_or_tell_go_on_behind() -> None:
    """The branch that is taken is seen, and the text behind it follows."""
    text = f"VAR n = 1\n{GO}Before.\n{{ n == 1:\n ~ n = 5\n Inside.\n}}\nBehind. -> END\n"
    reading = Reading(read(text))
    shown = [reading.at.narrative_event.description]
    while reading.choose(0):
        shown.append(reading.at.narrative_event.description)
    assert shown == ["Before.", "Inside.", "Behind."]
    assert reading.values("n") == ["5"]


def test_conditionals_hold_back_choices() -> None:
    """Those inside belong to the others around; conditionals nest."""
    body = "{ n > 1:\n { m:\n  + [x] -> a\n }\n + [y] -> b\n}\n+ [z] -> c\n"
    found = links(f"VAR n = 1\nVAR m = 1\n{GO}{body}")
    assert [link["label"] for link in found] == ["x", "y", "z"]
    assert len(found[0]["when"]["all"]) == 2
    assert found[1]["when"] == found[0]["when"]["all"][0]
    assert "when" not in found[2]


# --- what is listed

UNSAID = [
    ("INCLUDE x.ink", "`INCLUDE x.ink` is left out: the other file is not read"),
    ("EXTERNAL f()", "`EXTERNAL f()` is left out"),
    ("LIST l = a, b", "`LIST l = a, b` is left out"),
    ("VAR d = -> a", "`VAR d = -> a` is left out"),
    ("VAR n = 1\nVAR n = 2", "`n` is declared already"),
    ("CONST c = (1 + 2)", "`CONST c = (1 + 2)` is left out"),
    ("~ f(1)", "`~ f(1)` is left out: it is no assignment"),
    ("~ x = 1", "`x = 1` is left out: there is no variable `x`"),
    ("VAR n = 4\n~ n = n / 2", "`n = n / 2` is left out: `/` has no form"),
    ("VAR n = 4\n~ n = n % 2", "`n = n % 2` is left out"),
    ("VAR n = 4\n~ n = n * (n + 1)", "`n = n * (n + 1)` is left out: the sum takes more"),
    ('VAR n = 4\n~ n = "x"', '`n = "x"` is left out: a string stands where a number'),
    ('VAR w = "x"\n~ w = "a" + w', '`w = "a" + w` is left out: text is put before itself'),
    (
        "VAR n = 1\n+ {n + 1} [x] -> a",
        "the condition `n + 1` is left out, what it held back is open",
    ),
    ("+ {1 > 0} [x] -> a", "the condition `1 > 0` is left out, what it held back is open: it comp"),
    ('VAR w = "x"\n+ {w > "a"} [x] -> a', 'the condition `w > "a"` is left out, what it held'),
    (f"VAR n = 1\n+ {{n > {'9' * 65}}} [x] -> a", "the condition `n > 999"),
    ("+ {(1} [x] -> a", "the condition `(1` is left out, what it held back is open: a bracket is"),
    ("+ {1 +} [x] -> a", "the condition `1 +` is left out, what it held back is open: something"),
    ("+ {a * = 2} [x] -> a", "the condition `a * = 2` is left out, what it held back is open: `="),
    ("+ {a b} [x] -> a", "the condition `a b` is left out, what it held back is open: `b` is not"),
    ("+ {a ~ b} [x] -> a", "the condition `a ~ b` is left out, what it held back is open: `~ b`"),
    (f"+ {{{'(' * 17}a{')' * 17}}} [x] -> a", "the condition `((((((((((((((((("),
    ("{ a:\n- 1: x\n- two\n}", "text that varies stays as it was written"),
    ("{ stopping:\n- one\n- two\n}", "text that varies stays as it was written"),
    ("-> t -> a", "the tunnel through `t` is left out"),
    ("->->", "`->->` is left out"),
    ("<- t", "the thread `<- t` is left out"),
    ("-> a(1)", "the values in `a(1)` are left out"),
    ("-> nowhere", "there is no knot `nowhere`: the link is left out"),
    ("{RANDOM(1, 2) == 1: -> a}", "the condition `RANDOM(1, 2) == 1` is left out"),
    ("+ {f(1)} [x] -> a", "the condition `f(1)` is left out, what it held back is open"),
    ("{one|two|three}", "text that varies stays as it was written: `{one|two|three}`"),
    ("You have {n}.", "text that varies stays as it was written"),
    ("+ [Ask {who}] -> a", "a label that varies stays as it was written"),
    ("Well {n: -> a}", "a divert inside of text is left out"),
    ("{ n", "a brace is not closed"),
    ("=== function f(x)\n~ return x", "the function `f` is left out"),
    ("=== p(x)", "`p` is handed values (x): they are left out"),
    ("=== a", "the name `a` is at line"),
    ("=== not a name at all", "the head of this knot is not understood"),
    ("=== lost\nText", "`lost`: nothing leads here from the start: it is left out"),
]


@pytest.mark.parametrize(("written", "note"), UNSAID)
def test_what_has_no_form_is_listed(written: str, note: str) -> None:
    """One plain sentence at its line; the story is there all the same."""
    found = read(f"Start\n{written}\n{ENDS}")
    lines = [line for line, what in notes_of(found) if what.startswith(note)]
    assert lines, notes_of(found)
    assert all(2 <= line <= 3 + written.count("\n") or "name" in note for line in lines)
    assert plain_of(found)["events"]


def test_more_than_a_document_takes_is_left_out() -> None:
    """Fifty operations at one place, and a thousand conditions of one link."""
    found = read("VAR n = 0\n" + "~ n++\n" * 60 + "Text\n")
    (event,) = plain_of(found)["events"]
    assert len(event["on"]["ACTIVE"]) == 49
    assert found.note_count == 11
    many = " || ".join(f"n == {at}" for at in range(40))
    branches = "".join(f"- {many}: -> a\n" for _ in range(45))
    found = read(f"VAR n = 0\n{GO}{{\n{branches}}}\n{ENDS}")
    assert plain_of(found)["events"]
    what = "the link without words is open: its conditions are left out, they are too many"
    assert what in [each for _, each in notes_of(found)]


@pytest.mark.parametrize("text", ["", "\n \n", "// nothing\n", "VAR x = 1\n"])
def test_without_a_knot_there_is_nothing(text: str) -> None:
    """An empty story, and one of declarations only."""
    found = read(text)
    assert found.document is None
    assert notes_of(found) == [(0, "there is no knot in it")]
