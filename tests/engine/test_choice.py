"""Choices: a row that may lead to several phases, of which only its consequence finds out which.

The table promises a set of phases, the fold delivers one of them, and pictures draw an arrow to
each. Machines of things inside an actor are shown and drawn beside its own.
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
from toy_walk import BOOTS, POST, WALK, WALKER, Stumble, Walk, Walker, Way, read_map

from api.domain import Domain
from engine.diagram import describe, describe_kind, graph, mermaid, table
from engine.drawing import svg
from engine.errors import Refused
from engine.kind import Kind, TableBroken
from engine.machine import After, BadTable, Machine, Moment, Row
from engine.messages import Address, Command, Event, Snapshot

ADDRESS = Address("project", "walker", "1")
NOBODY = WALKER.blank(ADDRESS)
EXAMPLES = {"walk": [Walk(), Walk(leap=9)]}
MAP = msgspec.structs.replace(MOMENT, documents={"map": ("bridge", "stones", "home")})


class Rest(Command, frozen=True):
    """A command that leads nowhere by itself."""


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


def test_a_choice_has_an_arrow_to_each_phase():
    """Each with the label of the row; phases that nothing leaves are final."""
    drawn = graph(WALK)
    ends = [(edge.source, edge.target, [one.on for one in edge.labels]) for edge in drawn.edges]
    assert ends == [("walking", way, ["walk"]) for way in ("walking", "home", "lost")]
    assert [node.name for node in drawn.nodes if node.final] == ["home", "lost"]
    assert [row.target for row in describe(WALK).rows] == ["walking", "home", "lost"]


def test_a_choice_of_several_sources_is_drawn_whole():
    """Every source has every arm."""
    machine = Machine("m", "abc", (Row(("a", "b"), Walk, ("b", "c"), why="who knows"),))
    arrows = {(edge.source, edge.target) for edge in graph(machine).edges}
    assert arrows == {("a", "b"), ("a", "c"), ("b", "b"), ("b", "c")}


def test_a_choice_in_every_form():
    """A line of the table and an arrow of Mermaid for each phase, a label of the drawing too."""
    lines = table(WALK).splitlines()[2:]
    assert lines == [
        f"| walking | `walk` | {way} |  | the map knows | yes |"
        for way in ("walking", "home", "lost")
    ]
    arrows = [line.strip() for line in mermaid(WALK).splitlines() if line.endswith(": walk")]
    assert arrows == ["p0 --> p0: walk", "p0 --> p1: walk", "p0 --> p2: walk"]
    tree = ElementTree.fromstring(svg(WALK))
    texts = ["".join(t.itertext()) for t in tree.iter("{http://www.w3.org/2000/svg}text")]
    labels = ["the map knowswalk"] * 3  # a label holds its reason as a title
    assert sorted(texts) == ["home", "lost", *labels, "walking"]


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
