"""A machine, shown: as data, as a graph, as Mermaid, as a Markdown table.

All of it is read from the one table, so a picture cannot disagree with what is carried out.
`describe` is the neutral form; the others are made from it. `engine.drawing` draws the graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from engine.kind import Kind
from engine.machine import After, Machine, Row
from engine.messages import AlarmDue

LINE_LETTERS_MAX = 26


class RowShown(msgspec.Struct, frozen=True, rename="camel"):
    """One line of a table in words.

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
    """A phase. `initial`: actors begin here; `final`: no row leads out of it."""

    name: str
    initial: bool = False
    final: bool = False


class Edge(msgspec.Struct, frozen=True):
    """An arrow between two phases, with a label for each row that takes it."""

    source: str
    target: str
    labels: tuple[Label, ...]


class Graph(msgspec.Struct, frozen=True):
    """Phases and arrows; parallel rows share an arrow. Knows no picture yet."""

    name: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


# --- as data


def describe(machine: Machine[Any]) -> MachineShown:
    """Return a machine as plain data, in the order of its table."""
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
    """Return phases and arrows; rows between the same two phases share one arrow."""
    shown = describe(machine)
    labels: dict[tuple[str, str], list[Label]] = {}
    for row in shown.rows:
        for source in row.source:
            label = Label(row.on, row.guard, row.why, row.public)
            labels.setdefault((source, row.target), []).append(label)
    return Graph(
        shown.name,
        tuple(Node(name, name == shown.initial, name in shown.final) for name in shown.phases),
        tuple(Edge(source, target, tuple(found)) for (source, target), found in labels.items()),
    )


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
        )


# --- as text


def mermaid(machine: Machine[Any]) -> str:
    """Write a Mermaid state diagram; phases get short ids, so that any name is allowed."""
    drawn = graph(machine)
    ids = {node.name: f"p{number}" for number, node in enumerate(drawn.nodes)}
    lines = ["stateDiagram-v2"]
    lines += [f'    state "{_quoted(node.name)}" as {ids[node.name]}' for node in drawn.nodes]
    lines += [f"    [*] --> {ids[node.name]}" for node in drawn.nodes if node.initial]
    for edge in drawn.edges:
        for label in edge.labels:
            words = f"{label.on} [{label.guard}]" if label.guard else label.on
            lines.append(f"    {ids[edge.source]} --> {ids[edge.target]}: {_quoted(words)}")
    lines += [f"    {ids[node.name]} --> [*]" for node in drawn.nodes if node.final]
    return "\n".join(lines) + "\n"


def table(machine: Machine[Any]) -> str:
    """Write the rows as a Markdown table; `public` marks what clients may send."""
    lines = [
        "| in phase | on | goes to | if | why | public |",
        "|---|---|---|---|---|---|",
    ]
    for row in describe(machine).rows:
        cells = (", ".join(row.source), f"`{row.on}`", row.target, row.guard, row.why)
        mark = "yes" if row.public else ""
        lines.append("| " + " | ".join(_cell(cell) for cell in (*cells, mark)) + " |")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Mermaid has no escape for these but its own entities."""
    entities = {"#": "#35;", '"': "#quot;", ":": "#58;", ";": "#59;", "\n": " "}
    return "".join(entities.get(character, character) for character in text)


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
