"""The machines themselves: as data, as a diagram's source, as a drawing."""

from __future__ import annotations

from typing import Any

from api.http import Answer, Call, Problem, Route, answer
from engine.diagram import MachineShown, describe, mermaid, table
from engine.drawing import svg
from engine.machine import Machine


def machines_of(call: Call) -> dict[str, Machine[Any]]:
    """Every machine of every kind by name."""
    kinds = call.house.directory.kinds.values()
    return {machine.name: machine for kind in kinds for machine in (*kind.machines, *kind.parts)}


async def list_machines(call: Call) -> Answer:
    """Every machine: phases and rows."""
    return answer([describe(machine) for machine in machines_of(call).values()])


async def show_machine(call: Call) -> Answer:
    """One machine as JSON, or as Mermaid, Markdown or SVG by `Accept` or the name's ending."""
    name, _, ending = call.parts["name"].partition(".")
    machine = machines_of(call).get(name)
    if machine is None:
        raise Problem(404, "no_machine", f"there is no machine {name!r}")
    form = ending or call.query_one("format") or _accepted(call.headers.get("accept", ""))
    match form:
        case "json" | "":
            return answer(describe(machine))
        case "mmd" | "mermaid":
            return _text(mermaid(machine), "text/vnd.mermaid; charset=utf-8")
        case "md" | "markdown":
            return _text(table(machine), "text/markdown; charset=utf-8")
        case "svg":
            return _text(svg(machine), "image/svg+xml; charset=utf-8")
    raise Problem(404, "no_form", "a machine is shown as json, mermaid, markdown or svg")


def _accepted(accept: str) -> str:
    for part, form in (("mermaid", "mermaid"), ("svg", "svg"), ("markdown", "markdown")):
        if part in accept:
            return form
    return ""


def _text(text: str, content_type: str) -> Answer:
    return Answer(200, text.encode(), content_type)


ROUTES = (
    Route(
        "GET", "/v1/machines", list_machines, summary="List machines", tag="machines",
        answers={200: list[MachineShown]},
    ),
    Route(
        "GET", "/v1/machines/{name}", show_machine, tag="machines",
        summary="Show a machine as JSON, Mermaid, Markdown or SVG", query=("format",),
        answers={200: MachineShown},
    ),
)  # fmt: skip
