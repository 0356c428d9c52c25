"""Golden files: what was looked at once and must not change unseen.

`make golden` (it sets GOLDEN) rewrites them, everything else only compares: a reviewer reads the
difference. Samples of stored events are kept for ever: a sample is added when an event gets
another form, and none is ever rewritten, so that every fact ever stored can be read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from engine.diagram import mermaid, table
from engine.drawing import svg
from engine.kind import Kind
from engine.messages import Event

FOLDER = Path(__file__).parent / "golden"
ADVICE = "run `make golden`, look at the change, and commit it"


def rewriting() -> bool:
    """True under `make golden`: it selects tests with golden in their name."""
    return bool(os.environ.get("GOLDEN"))


def check(name: str, actual: str, folder: Path = FOLDER) -> None:
    """Compare `actual` with the golden file `name`, or write it."""
    path = folder / name
    if rewriting():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(actual, encoding="utf-8")
    assert path.exists(), f"{name} is missing: {ADVICE}"
    expected = path.read_text(encoding="utf-8")
    assert actual == expected, f"{name} has changed: {ADVICE}"


def check_machines(kind: Kind[Any], folder: Path = FOLDER) -> None:
    """Compare Mermaid, Markdown table and drawing of each of a kind's machines."""
    for machine in (*kind.machines, *kind.parts):
        for ending, text in (("mmd", mermaid), ("md", table), ("svg", svg)):
            check(f"machines/{kind.name}/{machine.name}.{ending}", text(machine), folder)


def check_events(kind: Kind[Any], samples: Iterable[Event], folder: Path = FOLDER) -> None:
    """Every event type has a sample in today's form, and every kept sample can still be read."""
    kept = folder / "events" / kind.name
    for sample in samples:
        body = msgspec.json.format(msgspec.json.encode((sample,)), indent=2).decode() + "\n"
        forms = sorted(kept.glob(f"{sample.wire_name()}.*.json"))
        if body not in [path.read_text(encoding="utf-8") for path in forms]:
            assert rewriting(), f"{sample.wire_name()} has another form: {ADVICE}"
            kept.mkdir(parents=True, exist_ok=True)
            new = kept / f"{sample.wire_name()}.{len(forms) + 1}.json"
            new.write_text(body, encoding="utf-8")
    for path in sorted(kept.glob("*.json")):
        for event in kind.decode_events(path.read_bytes()):
            kind.evolve(kind.initial("1"), event)
    missing = {event.wire_name() for event in kind.events} - {
        path.name.split(".")[0] for path in kept.glob("*.json")
    }
    assert not missing, f"no sample of {sorted(missing)}"
