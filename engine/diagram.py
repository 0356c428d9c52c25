"""A machine, shown: as data, as a graph, as Mermaid, as a Markdown table.

All of it is read from the one table, so a picture cannot disagree with what is carried out.
`describe` is the neutral form; the others are made from it. `engine.drawing` draws the graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import msgspec

from engine.kind import Kind
from engine.machine import After, Machine, Row
from engine.messages import AlarmDue

LINE_LETTERS_MAX = 26


class RowShown(msgspec.Struct, frozen=True, rename="camel"):
    """One line of a table in words; a row that is a choice has a line for each of its `targets`.

    `on` is a command's wire name or a time; `public` says if a client may send it;
    `after_seconds` is set for time limits only.
    """

    source: tuple[str, ...]
    on: str
    target: str
    guard: str = ""
    why: str = ""
    public: bool = False
    after_seconds: float | None = None
    targets: tuple[str, ...] = ()


class MachineShown(msgspec.Struct, frozen=True, rename="camel"):
    """A machine as plain data: it travels as JSON. `permits` lists commands by phase."""

    name: str
    initial: str
    phases: tuple[str, ...]
    final: tuple[str, ...]
    rows: tuple[RowShown, ...]
    permits: dict[str, tuple[str, ...]]


class KindShown(msgspec.Struct, frozen=True, rename="camel"):
    """A kind as plain data: its machines, and the names of its commands and events."""

    name: str
    machines: tuple[MachineShown, ...]
    commands: tuple[str, ...]
    public: tuple[str, ...]
    events: tuple[str, ...]


class Label(msgspec.Struct, frozen=True):
    """What is written at an arrow: the trigger, its guard in words, and the reason."""

    on: str
    guard: str = ""
    why: str = ""
    public: bool = False

    @property
    def lines(self) -> tuple[str, ...]:
        """One line, or two where trigger and guard together are long."""
        if not self.guard:
            return (self.on,)
        whole = f"{self.on} [{self.guard}]"
        return (whole,) if len(whole) <= LINE_LETTERS_MAX else (self.on, f"[{self.guard}]")


class Node(msgspec.Struct, frozen=True):
    """A phase. `initial`: actors begin here; `final`: no row leads out of it.

    A `choice` is no phase but where arrows part: its name is shown nowhere and is no phase's.
    """

    name: str
    initial: bool = False
    final: bool = False
    choice: bool = False


class Edge(msgspec.Struct, frozen=True):
    """An arrow between two nodes, with a label for each row that takes it; none from a choice."""

    source: str
    target: str
    labels: tuple[Label, ...]


class Graph(msgspec.Struct, frozen=True):
    """Phases, choices and arrows; parallel rows share an arrow. Knows no picture yet."""

    name: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


# --- as data


def describe(machine: Machine[Any]) -> MachineShown:
    """Return a machine as plain data, in the order of its table; rows once for each target."""
    rows = tuple(shown for row in machine.rows for shown in _rows_shown(row))
    leaving = {source for row in rows for source in row.source if source != row.target}
    return MachineShown(
        machine.name,
        machine.initial,
        machine.phases,
        tuple(phase for phase in machine.phases if phase not in leaving),
        rows,
        permitted(machine),
    )


def describe_kind(kind: Kind[Any]) -> KindShown:
    """Return a kind as plain data."""
    return KindShown(
        kind.name,
        tuple(describe(machine) for machine in (*kind.machines, *kind.parts)),
        tuple(kind.commands),
        tuple(name for name, command in kind.commands.items() if command.public),
        tuple(event.wire_name() for event in kind.events),
    )


def permitted(machine: Machine[Any], *, public_only: bool = False) -> dict[str, tuple[str, ...]]:
    """List the commands that have a row, guards aside, by phase."""
    return {phase: machine.permits(phase, public_only=public_only) for phase in machine.phases}


def graph(machine: Machine[Any]) -> Graph:
    """Return nodes and arrows; rows between the same two share one, and a label is written once.

    Rows with the same several targets share a choice, as in UML: their labels stand at the arrows
    that lead to it, and from it one arrow without words leads to each target.
    """
    shown = describe(machine)
    choices = _choices(shown)
    labels: dict[tuple[str, str], dict[Label, None]] = {}
    for row in shown.rows:
        choice = choices.get(frozenset(row.targets))
        label = Label(row.on, row.guard, row.why, row.public)
        for source in row.source:
            labels.setdefault((source, choice or row.target), {})[label] = None
        if choice is not None:
            labels.setdefault((choice, row.target), {})
    phases = (Node(name, name == shown.initial, name in shown.final) for name in shown.phases)
    return Graph(
        shown.name,
        (*phases, *(Node(name, choice=True) for name in choices.values())),
        tuple(Edge(source, target, tuple(found)) for (source, target), found in labels.items()),
    )


def _choices(shown: MachineShown) -> dict[frozenset[str], str]:
    """A name for each set of several targets, in table order; no phase is called so."""
    several = dict.fromkeys(frozenset(row.targets) for row in shown.rows if len(row.targets) > 1)
    names = (name for number in count(1) if (name := f"choice {number}") not in shown.phases)
    return {targets: next(names) for targets in several}


def _rows_shown(row: Row) -> Iterator[RowShown]:
    """A line for each phase that it may lead to."""
    after = row.on if isinstance(row.on, After) else None
    for target in row.targets:
        yield RowShown(
            tuple(str(source) for source in row.sources),
            row.on.wire_name(),
            str(target),
            row.guard_name,
            row.why,
            after is None and row.on is not AlarmDue and row.on.public,  # type: ignore[union-attr]
            None if after is None else after.seconds,
            tuple(str(phase) for phase in row.targets),
        )


# --- as text


def mermaid(machine: Machine[Any]) -> str:
    """Write a Mermaid state diagram; nodes get short ids, so that any name is allowed."""
    drawn = graph(machine)
    ids = {node.name: f"p{number}" for number, node in enumerate(drawn.nodes)}
    lines = ["stateDiagram-v2"]
    lines += [f"    {_declared(node, ids[node.name])}" for node in drawn.nodes]
    lines += [f"    [*] --> {ids[node.name]}" for node in drawn.nodes if node.initial]
    for edge in drawn.edges:
        arrow = f"    {ids[edge.source]} --> {ids[edge.target]}"
        for label in edge.labels:
            words = f"{label.on} [{label.guard}]" if label.guard else label.on
            lines.append(f"{arrow}: {_quoted(words)}")
        if not edge.labels:
            lines.append(arrow)
    lines += [f"    {ids[node.name]} --> [*]" for node in drawn.nodes if node.final]
    return "\n".join(lines) + "\n"


def table(machine: Machine[Any]) -> str:
    """Write the rows as a Markdown table; `public` marks what clients may send.

    A choice is one line: its targets are joined by "or".
    """
    lines = [
        "| in phase | on | goes to | if | why | public |",
        "|---|---|---|---|---|---|",
    ]
    for row in describe(machine).rows:
        if row.target != row.targets[0]:
            continue  # the same row again, shown for another target
        goes_to = " or ".join(row.targets)
        cells = (", ".join(row.source), f"`{row.on}`", goes_to, row.guard, row.why)
        mark = "yes" if row.public else ""
        lines.append("| " + " | ".join(_cell(cell) for cell in (*cells, mark)) + " |")
    return "\n".join(lines) + "\n"


def _declared(node: Node, id_: str) -> str:
    if node.choice:
        return f"state {id_} <<choice>>"
    return f'state "{_quoted(node.name)}" as {id_}'


def _quoted(text: str) -> str:
    """Mermaid has no escape for these but its own entities."""
    entities = {"#": "#35;", '"': "#quot;", ":": "#58;", ";": "#59;", "\n": " "}
    return "".join(entities.get(character, character) for character in text)


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
