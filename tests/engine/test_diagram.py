"""Diagrams come from the table: nothing is left out, nothing overlaps, all text is escaped."""

from __future__ import annotations

from itertools import combinations
from xml.etree import ElementTree

import golden
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy import DOOR, LOCK, Jam, Open, Shut
from toy_lamp import LAMP, LIGHT, MOOD
from toy_walk import BOOTS, WALK

from engine.diagram import Graph, describe, describe_kind, graph, mermaid, permitted, table
from engine.drawing import svg
from engine.layout import Layout, lay_out, words
from engine.machine import After, Machine, Moment, Row
from engine.messages import AlarmDue, Command

MACHINES = {machine.name: machine for machine in (LOCK, LIGHT, MOOD, WALK, BOOTS)}


def odd(_state: object, _command: object, _moment: Moment) -> bool:
    """A guard with a short name."""
    return True


def a_guard_with_a_rather_long_name(_state: object, _command: object, _moment: Moment) -> bool:
    """A guard whose name does not fit beside its command."""
    return True


NASTY = 'a <b> & "c": #1; |d|'


def nasty() -> Machine:
    """A machine whose words mean something in every language we write."""
    return Machine("<nasty>", (NASTY, "z"), (Row(NASTY, Open, "z", why="<x> & |y|\nline"),))


# --- as data


def test_a_description_says_all_of_the_table():
    """Every row is there in order, with its guard and reason in words."""
    shown = describe(LOCK)
    assert (shown.name, shown.initial, shown.final) == ("lock", "locked", ("jammed",))
    assert len(shown.rows) == len(LOCK.rows)
    first, limit = shown.rows[0], shown.rows[2]
    assert (first.on, first.guard, first.why) == ("open", "right code", "the code is right")
    assert (limit.on, limit.after_seconds, limit.public) == ("after 5 s", 5.0, False)
    assert [row.public for row in shown.rows if row.on in ("jam", "alarmDue")] == [False] * 3
    assert shown.rows[4].source == ("locked", "open")


def test_a_description_travels_as_json():
    """Plain data with camelCase names: a console can draw from it."""
    sent = msgspec.json.decode(msgspec.json.encode(describe(LOCK)))
    assert sent["rows"][2]["afterSeconds"] == 5.0
    assert sent["permits"] == {phase: list(names) for phase, names in permitted(LOCK).items()}


def test_permitted_commands_by_phase():
    """What may be sent in each phase, guards aside; strangers see public commands only."""
    assert permitted(LOCK)["open"] == ("shut", "jam")
    assert permitted(LOCK, public_only=True)["open"] == ("shut",)
    assert permitted(LOCK)["jammed"] == ()


def test_a_kind_is_its_machines_commands_and_events():
    """Everything that can be asked of an actor and everything it may remember."""
    shown = describe_kind(LAMP)
    assert [machine.name for machine in shown.machines] == ["light", "mood"]
    assert "smash" in shown.commands
    assert "smash" not in shown.public
    assert shown.events == ("SwitchedOn", "SwitchedOff", "Celebrated", "Calmed", "Smashed")


def test_parallel_rows_share_an_arrow():
    """A graph has one arrow between two phases, with a label for each row."""
    drawn = graph(LOCK)
    between = {(edge.source, edge.target): edge for edge in drawn.edges}
    assert [label.on for label in between["locked", "open"].labels] == ["open", "break"]
    assert ("open", "jammed") in between
    assert [node.name for node in drawn.nodes if node.initial] == ["locked"]
    assert [node.name for node in drawn.nodes if node.final] == ["jammed"]
    total = sum(len(edge.labels) for edge in drawn.edges)
    assert total == sum(len(row.sources) for row in LOCK.rows)


def test_a_long_guard_takes_a_line_of_its_own():
    """A label is one line, or two where trigger and guard together are long."""
    rows = (
        Row("a", Open, "a", when=odd),
        Row("a", Shut, "a", when=a_guard_with_a_rather_long_name),
    )
    (edge,) = graph(Machine("m", ("a",), rows)).edges
    assert words(edge) == ("open [odd]", "shut", "[a guard with a rather long name]")


# --- as text


@pytest.mark.parametrize("kind", [DOOR, LAMP], ids=lambda kind: kind.name)
def test_golden_pictures_are_current(kind):
    """If this fails, run `make golden`, look at the change, and commit it."""
    golden.check_machines(kind)


def test_mermaid_words_are_escaped():
    """A phase or reason cannot end the line it is written in."""
    text = mermaid(nasty())
    assert 'state "a <b> & #quot;c#quot;#58; #35;1#59; |d|" as p0' in text
    assert text.splitlines()[0] == "stateDiagram-v2"
    assert len(text.splitlines()) == 6


def test_table_cells_are_escaped():
    """A bar or a line break in a reason stays inside its cell."""
    line = table(nasty()).splitlines()[2]
    assert line.count(" | ") == 5
    assert "<x> & \\|y\\| line" in line


# --- the page


def drawn_texts(picture: str) -> list[str]:
    """All text of an SVG, in the order of the page."""
    tree = ElementTree.fromstring(picture)
    name = "{http://www.w3.org/2000/svg}"
    return ["".join(t.itertext()) for t in tree.iter(f"{name}text")]


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES.keys())
def test_every_phase_and_label_is_drawn(machine):
    """A picture leaves nothing out: each phase once, each row once for each of its sources."""
    texts = drawn_texts(svg(machine))
    assert all(texts.count(phase) >= 1 for phase in machine.phases)
    labels = [label for edge in graph(machine).edges for label in edge.labels]
    assert len(texts) == len(machine.phases) + len(labels)


def test_text_in_a_picture_is_escaped():
    """Names are text, never markup."""
    picture = svg(nasty())
    assert NASTY in drawn_texts(picture)
    assert "<b>" not in picture


def test_the_phase_of_an_actor_can_be_marked():
    """One picture serves a type and, with its phase marked, a single actor."""
    assert "phase now" not in svg(LOCK)
    assert svg(LOCK, now="open").count('class="phase now"') == 1
    assert svg(LOCK, now="nowhere") == svg(LOCK)


def test_a_picture_fetches_nothing():
    """No script, no address but the name of the language."""
    picture = svg(LOCK).replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "http" not in picture
    assert "script" not in picture
    assert "url(" not in picture


def box(place):
    """The reach of a place: left, top, right, bottom."""
    half = place.height / 2
    return (place.x - place.left, place.y - half, place.x + place.right, place.y + half)


def overlap(one, other) -> bool:
    """True if two places share room."""
    a, b = box(one), box(other)
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def check_page(drawn: Graph, page: Layout) -> None:
    """Nothing overlaps, everything is on the page, every arrow goes from layer to layer.

    Actors begin at the top.
    """
    places = list(page.places())
    assert [place.node.initial for place in page.layers[0] if place.node].count(True) == 1
    assert not [pair for pair in combinations(places, 2) if overlap(*pair)]
    for place in places:
        left, top, right, bottom = box(place)
        assert 0 <= left <= right <= page.width
        assert 0 <= top <= bottom <= page.height
    for route in page.routes:
        ends = (route.places[0].node, route.places[-1].node)
        names = tuple(node.name for node in ends if node)
        wanted = (route.edge.source, route.edge.target)
        assert names == (wanted[::-1] if route.up else wanted)
        layers = [place.layer for place in route.places]
        assert layers == list(range(layers[0], layers[-1] + 1))
        worded = sum(place.edge is route.edge for place in route.places)
        assert worded == bool(route.edge.labels)
    loops = [place.loop for place in places if place.loop]
    assert len(loops) + len(page.routes) == len(drawn.edges)


PHASES = tuple("abcdefgh")
COMMANDS = [type(name, (Command,), {"__module__": __name__}, frozen=True) for name in ("Go", "ComeBack", "BeginAllOverAgain")]  # fmt: skip  # noqa: E501


@st.composite
def machines(draw) -> Machine:
    """Any machine of up to eight phases in which each is reached, choices among its rows."""
    phases = PHASES[: draw(st.integers(1, 8))]
    on = st.sampled_from([*COMMANDS, After(3600), AlarmDue])
    rows = [
        Row(phases[draw(st.integers(0, number - 1))], draw(on), phase, when=odd)
        for number, phase in enumerate(phases)
        if number
    ]
    guards = st.sampled_from([odd, a_guard_with_a_rather_long_name])
    phase = st.sampled_from(phases)
    several = st.lists(phase, min_size=1, max_size=4, unique=True).map(tuple)
    rows += [
        Row(draw(several), draw(on), draw(phase | several), when=draw(guards))
        for _ in range(draw(st.integers(0, 12)))
    ]
    return Machine("any", phases, rows)


@pytest.mark.slow
@given(machines())
def test_any_machine_finds_its_page(machine):
    """Places of phases, choices, words and passing arrows never overlap, whatever the table."""
    drawn = graph(machine)
    check_page(drawn, lay_out(drawn))
    labels = [label for edge in drawn.edges for label in edge.labels]
    assert len(drawn_texts(svg(machine))) == len(machine.phases) + len(labels)


def test_the_check_of_a_page_can_fail():
    """A page with two phases on one spot is found out."""
    drawn = graph(LOCK)
    page = lay_out(drawn)
    first, second = [place for place in page.places() if place.node][:2]
    first.x, first.y = second.x, second.y
    with pytest.raises(AssertionError):
        check_page(drawn, page)


def test_a_machine_of_one_phase():
    """The smallest machine: a phase and nothing else."""
    page = lay_out(graph(Machine("m", ("only",), ())))
    assert len(page.layers) == 1
    assert drawn_texts(svg(Machine("m", ("only",), ()))) == ["only"]
    assert Jam.wire_name() in drawn_texts(svg(Machine("m", ("only",), (Row("only", Jam, "only"),))))
