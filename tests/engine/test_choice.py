"""Choices: a row that may lead to several phases, of which only its consequence finds out which.

The table promises a set of phases, the fold delivers one of them, and pictures draw a diamond from
which an arrow leads to each. Machines of things inside an actor are shown and drawn beside its own.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import golden
import msgspec
import pytest
import toy_walk
from cells import MOMENT, check_cell, every_cell, unfired
from houses import open_caller
from hypothesis import given
from hypothesis import strategies as st
from toy_walk import BOOTS, POST, WALK, WALKER, Stumble, Tie, Walk, Walker, Way, read_map

from api.domain import Domain
from engine.diagram import describe, describe_kind, graph, mermaid, table
from engine.drawing import svg
from engine.errors import Refused
from engine.kind import Kind, TableBroken
from engine.layout import lay_out
from engine.machine import After, BadTable, Machine, Moment, Row
from engine.messages import Address, Command, Event, Snapshot

ADDRESS = Address("project", "walker", "1")
NOBODY = WALKER.blank(ADDRESS)
EXAMPLES = {"walk": [Walk(), Walk(leap=9)]}
MAP = msgspec.structs.replace(MOMENT, documents={"map": ("bridge", "stones", "home")})


class Rest(Command, frozen=True):
    """A command that leads nowhere by itself."""


def uphill(_state: object, _command: object, _moment: Moment) -> bool:
    """A guard."""
    return True


AWAY = ("going", "resting")
RAMBLE = Machine[str](
    "ramble",
    ("new", "ready", *AWAY, "over"),
    (
        Row("new", Walk, ("ready", *AWAY, "over")),
        Row("ready", Walk, ("ready", *AWAY, "over")),
        Row("ready", Rest, "ready"),
        Row(AWAY, Walk, (*AWAY, "over")),
        Row(AWAY, Rest, ("over", *AWAY), when=uphill),
        Row(AWAY, After(9), (*AWAY, "over")),
    ),
)


def walk_with(*rows: Row, phases: tuple[str, ...] = tuple(Way)) -> Kind[Walker]:
    """A walker with another table."""
    machine = Machine[Walker]("walk", phases, rows, phase=lambda walker: walker.way)
    return replace(WALKER, machines=(machine,))


def moved(*places: str, leap: int = 0) -> str:
    """The phase after one walk on this map."""
    moment = Moment(0, documents={"map": places})
    return WALKER.decide(NOBODY, Walk(leap=leap), moment).phase


# --- promised and delivered


def test_a_choice_leads_where_the_fold_says():
    """One row, one command, three ways to end."""
    assert moved("bridge") == "walking"
    assert moved("home") == "home"
    assert moved("bridge", leap=1) == "lost"
    row = WALK.fire(Walker(), Walk(), Moment(0))
    assert row.targets == (Way.WALKING, Way.HOME, Way.LOST)
    assert Row("a", Walk, "b").targets == ("b",)


@given(st.lists(st.sampled_from(("bridge", "stones", "home", "inn")), max_size=5))
def test_any_walk_keeps_its_promise(places):
    """On whatever map: a walk goes on until it ends in one of the last phases, and there it is."""
    moment = Moment(0, documents={"map": tuple(places)})
    before = NOBODY
    for _ in range(len(places) + 1):
        step = WALKER.decide(before, Walk(), moment)
        assert step.phase in WALK.rows[0].targets
        before = Snapshot(ADDRESS, before.version + 1, 0, step.state, step.phase, step.since_ms)
        if step.phase != "walking":
            break
    assert before.phase == ("home" if "home" in places else "lost")
    with pytest.raises(Refused, match=f"not permitted while walk is {before.phase}"):
        WALKER.decide(before, Walk(), moment)


def test_a_broken_promise_names_all_that_was_promised():
    """A phase that is none of the choice never becomes a fact."""
    row = Row("walking", Walk, ("walking", "home"), WALK.rows[0].then)
    kind = walk_with(row, Row("walking", Rest, "lost"))
    assert kind.decide(NOBODY, Walk(), Moment(0, documents={"map": ("home",)})).phase == "home"
    with pytest.raises(
        TableBroken, match=r"^walk: promised walking or home, folded \['Walked'\] to lost$"
    ):
        kind.decide(NOBODY, Walk(), Moment(0))


def test_a_choice_may_leave_everything_as_it_is_only_if_it_says_so():
    """Without an event the machine stays, and staying must be among what is promised."""
    stays = walk_with(Row("walking", Rest, tuple(Way)))
    assert stays.decide(NOBODY, Rest(), Moment(0)).events == ()
    leaves = walk_with(Row("walking", Rest, ("home", "lost")))
    with pytest.raises(TableBroken, match=r"promised home or lost, folded \[\] to walking"):
        leaves.decide(NOBODY, Rest(), Moment(0))


# --- tables


BAD = {
    "an unknown phase in a choice": (Row("a", Walk, ("b", "z")), "'z' is not a phase"),
    "no phase to go to": (Row("a", Walk, ()), "named once, and there is at least one"),
    "no phase to come from": (Row((), Walk, ("a", "b")), "there is at least one"),
    "a phase twice in a choice": (Row("a", Walk, ("b", "a", "b")), "phases are named once"),
    "a phase no choice holds": (Row("a", Walk, ("a",)), "nothing leads to ['b']"),
    "choices that nobody reaches": (Row("b", Walk, ("a", "b")), "nothing leads to ['b']"),
}


@pytest.mark.parametrize(("row", "why"), BAD.values(), ids=BAD.keys())
def test_a_bad_choice_is_found_when_built(row, why):
    """As with any table, and the message names the flaw."""
    with pytest.raises(BadTable) as caught:
        Machine("bad", ("a", "b"), (row,))
    assert why in str(caught.value)


def test_phases_are_reached_through_any_arm_of_a_choice():
    """Far ones as well, by rows that stand in another order."""
    rows = (Row("d", Rest, "e"), Row("b", Walk, ("a", "d")), Row("a", Walk, ("a", "b", "c")))
    assert describe(Machine("m", "abcde", rows)).final == ("c", "e")


def test_a_time_limit_may_be_a_choice():
    """Where the actor goes when time is up may be found out then."""
    shown = describe(Machine("m", "ab", (Row("a", After(2), ("a", "b")),)))
    assert [(row.target, row.after_seconds) for row in shown.rows] == [("a", 2.0), ("b", 2.0)]
    assert shown.final == ("b",)


# --- every cell


@pytest.mark.parametrize("cell", every_cell(WALKER, EXAMPLES, MAP))
def test_every_cell_of_a_walker(cell):
    """A walk is refused at its end and goes to one of the promised phases before."""
    check_cell(cell)


def test_every_row_fires():
    """The examples set off every row and reach every phase of the choice."""
    assert unfired(WALKER, EXAMPLES, MAP) == []
    reached = {param.values[0].phase for param in every_cell(WALKER, EXAMPLES, MAP)}
    assert reached == {"walking", "home", "lost"}


def test_cells_find_a_choice_that_holds_too_little():
    """The engine's own assertion fails the cell."""
    row = Row("walking", Walk, ("walking", "home"), WALK.rows[0].then)
    kind = walk_with(row, Row("walking", Rest, "lost"))
    (cell,) = [
        param.values[0]
        for param in every_cell(kind, {"walk": [Walk(leap=9)]}, MAP)
        if param.values[0].phase == "walking" and isinstance(param.values[0].command, Walk)
    ]
    with pytest.raises(AssertionError, match="promised walking or home"):
        check_cell(cell)


# --- pictures


def arrows(machine: Machine) -> list[tuple[str, str, list[str]]]:
    """From, to, and the triggers written at each arrow."""
    return [
        (edge.source, edge.target, [label.on for label in edge.labels])
        for edge in graph(machine).edges
    ]


def test_a_choice_is_drawn_as_one():
    """The words stand before it, and from it an arrow without words leads to each phase."""
    into = ("walking", "choice 1", ["walk"])
    assert arrows(WALK) == [into, *(("choice 1", way, []) for way in ("walking", "home", "lost"))]
    drawn = graph(WALK)
    assert [node.name for node in drawn.nodes if node.choice] == ["choice 1"]
    assert [node.name for node in drawn.nodes if node.final] == ["home", "lost"]
    assert [node.name for node in drawn.nodes if node.initial] == ["walking"]


def test_rows_with_the_same_targets_share_a_choice():
    """In whatever order they name them; one arrow from each phase, and what reads the same once."""
    rows = (
        Row(("a", "b"), Walk, ("b", "c"), when=uphill, why="who knows"),
        Row("b", Rest, ("c", "b")),
        Row("b", Walk, ("b", "c"), when=uphill, why="who knows"),
        Row("c", Rest, ("b", "c", "a")),
        Row("c", Walk, "b"),
    )
    assert arrows(Machine("m", "abc", rows)) == [
        ("a", "choice 1", ["walk"]),
        ("b", "choice 1", ["walk", "rest"]),
        ("choice 1", "b", []),
        ("choice 1", "c", []),
        ("c", "choice 2", ["rest"]),
        ("choice 2", "b", []),
        ("choice 2", "c", []),
        ("choice 2", "a", []),
        ("c", "b", ["walk"]),
    ]


def test_no_choice_is_called_like_a_phase():
    """Arrows know their ends by name, so the names of choices are free ones."""
    rows = (Row("choice 1", Walk, ("choice 1", "choice 3")), Row("choice 1", Rest, "choice 3"))
    drawn = graph(Machine("m", ("choice 1", "choice 3"), rows))
    assert [node.name for node in drawn.nodes] == ["choice 1", "choice 3", "choice 2"]
    assert [(edge.source, edge.target) for edge in drawn.edges] == [
        ("choice 1", "choice 2"),
        ("choice 2", "choice 1"),
        ("choice 2", "choice 3"),
        ("choice 1", "choice 3"),
    ]


def test_a_choice_in_words():
    """One line of the table; as data a row for each target, and each names them all."""
    lines = table(WALK).splitlines()[2:]
    assert lines == ["| walking | `walk` | walking or home or lost |  | the map knows | yes |"]
    ways = ("walking", "home", "lost")
    rows = describe(WALK).rows
    assert [(row.target, row.targets) for row in rows] == [(way, ways) for way in ways]
    assert {row.targets for row in describe(BOOTS).rows} == {("loose",), ("laced",)}


def test_a_choice_in_mermaid():
    """It is declared as one; arrows from it have no words."""
    lines = [line.strip() for line in mermaid(WALK).splitlines()]
    assert "state p3 <<choice>>" in lines
    arrows_ = [line for line in lines if "-->" in line and "[*]" not in line]
    assert arrows_ == ["p0 --> p3: walk", "p3 --> p0", "p3 --> p1", "p3 --> p2"]


def shapes(picture: str, name: str) -> list[ElementTree.Element]:
    """The elements of an SVG with this name, in the order of the page."""
    return list(ElementTree.fromstring(picture).iter(f"{{http://www.w3.org/2000/svg}}{name}"))


def corners(polygon: ElementTree.Element) -> list[tuple[float, float]]:
    """The corners of a polygon; a tip's first one is its point."""
    pairs = [pair.split(",") for pair in polygon.attrib["points"].split()]
    return [(float(x), float(y)) for x, y in pairs]


def test_a_choice_is_a_diamond_without_words():
    """Each row is written once for each of its sources, and no name is made up."""
    picture = svg(RAMBLE, now="choice 1")
    texts = ["".join(text.itertext()) for text in shapes(picture, "text")]
    going = ["walk", "rest[uphill]", "after 9 s"]
    assert sorted(texts) == sorted([*RAMBLE.phases, "walk", "rest", "walk", *going, *going])
    diamonds = [one for one in shapes(picture, "polygon") if one.attrib["class"] == "phase"]
    assert [len(corners(diamond)) for diamond in diamonds] == [4, 4]


def test_arrows_touch_the_rim_of_a_diamond():
    """Tips at a choice end on its slanting sides, not in the air and not inside."""
    polygons = shapes(svg(RAMBLE), "polygon")
    points = [corners(one)[0] for one in polygons if one.attrib["class"] == "tip"]
    for diamond in (corners(one) for one in polygons if one.attrib["class"] == "phase"):
        (left, y), (x, top), (right, _), _ = diamond
        distances = [
            abs(tip_x - x) / (right - x) + abs(tip_y - y) / (y - top)
            for tip_x, tip_y in points
            if left <= tip_x <= right and abs(tip_y - y) <= y - top
        ]
        assert len(distances) == 2  # new and ready; going and resting
        assert distances == pytest.approx([1, 1], abs=0.02)


def layers_of(machine: Machine) -> list[list[str]]:
    """The names of the nodes of each layer, from the top, without the layers of words."""
    page = lay_out(graph(machine))
    return [sorted(one.node.name for one in layer if one.node) for layer in page.layers[::2]]


def test_phases_that_lead_to_a_choice_stand_above_it():
    """Also where the choice leads back to them: what comes of it otherwise stands below."""
    assert layers_of(RAMBLE) == [
        ["new", "ready"],
        ["choice 1"],
        ["going", "resting"],
        ["choice 2"],
        ["over"],
    ]


def test_actors_begin_at_the_top_and_phases_stand_near_their_choice():
    """A phase that only a choice leads to and that leads to it stands just above, not at the top.

    The first phase stays first, even where such a phase leads to it.
    """
    rows = (Row("a", Walk, "b"), Row(("b", "c"), Walk, ("c", "d")), Row("c", Rest, "a"))
    assert layers_of(Machine("m", "abcd", rows)) == [["a"], ["b", "c"], ["choice 1"], ["d"]]
    back = (Row(("a", "b"), Walk, ("b", "c")), Row("b", Rest, "a"), Row("b", Tie, "b"))
    assert layers_of(Machine("m", "abc", back)) == [["a"], ["b"], ["choice 1"], ["c"]]


def test_golden_pictures_are_current():
    """If this fails, run `make golden`, look at the change, and commit it."""
    golden.check_machines(WALKER)


# --- parts


def test_parts_are_shown_and_not_fired():
    """A part is described beside the machines; its commands are not the actor's."""
    assert [machine.name for machine in describe_kind(WALKER).machines] == ["walk", "boots"]
    assert (list(WALKER.commands), describe_kind(WALKER).commands) == (["walk"], ("walk",))
    assert WALKER.permits(Walker(), public_only=False) == ("walk",)
    with pytest.raises(Refused, match="stumble is not permitted for walker"):
        WALKER.decide(NOBODY, Stumble(), Moment(0))


def test_a_rule_fires_a_part():
    """Where the map has stones, the walker's rule asks the table of the boots."""
    step = WALKER.decide(NOBODY, Walk(), Moment(0, documents={"map": ("stones",)}))
    assert (step.state.boots, [event.wire_name() for event in step.events]) == (
        "loose",
        ["Walked", "Laced"],
    )
    assert BOOTS.fire("loose", toy_walk.Tie(), Moment(0)).target == "laced"
    assert len(step.since_ms) == len(WALKER.machines) == 1


def test_parts_have_golden_pictures(tmp_path, monkeypatch):
    """They are written and compared with those of the machines."""
    monkeypatch.setenv("GOLDEN", "1")
    golden.check_machines(WALKER, tmp_path)
    names = sorted(path.name for path in (tmp_path / "machines/walker").iterdir())
    assert names == [
        f"{name}.{form}" for name in ("boots", "walk") for form in ("md", "mmd", "svg")
    ]


async def test_parts_are_listed_by_the_daemon(tmp_path: Path):
    """`GET /v1/machines` lists them, and each has its forms."""
    domains = (Domain("toy", (POST, WALKER), None, ()),)
    async with open_caller(tmp_path, domains=domains) as admin:
        listed = (await admin("GET", "/v1/machines")).json()
        assert [one["name"] for one in listed][-3:] == ["post", "walk", "boots"]
        (walk,) = [one for one in listed if one["name"] == "walk"]
        assert [row["target"] for row in walk["rows"]] == ["walking", "home", "lost"]
        assert (await admin("GET", "/v1/machines/boots")).json()["phases"] == ["laced", "loose"]
        assert (await admin("GET", "/v1/machines/boots.svg")).body.startswith(b"<svg")


def test_the_toy_reads_its_maps():
    """A torn map is a failure, any other a list of places; a fold fails on no event."""
    assert read_map(b"bridge home") == ("bridge", "home")
    with pytest.raises(ValueError, match="torn"):
        read_map(b"torn")
    assert WALKER.evolve(Walker(), Event()) == Walker()
    assert POST.evolve(POST.initial("p"), Event()) == toy_walk.Post()
