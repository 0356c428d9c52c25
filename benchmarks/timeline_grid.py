"""A timeline of any size to measure with: blocks of one shape side by side.

A block is twenty events in two columns of ten rows, with a variable of its own that seven links
look at. Five rows tell a tale: their events link forward within the block and on to the next one,
and back; some links have a condition on the variable, on an event or on another link, or a time.
A row of doors opens the tale by automatic links; a row of notes waits for its thread; the others
are messages that nothing leads to. Ten blocks share a thread, a beat, a shared variable and a date;
every fifth block begins behind a guard, which passes. The last block links on to the first, so that
one block alone has the shape of a hundred. Content and texts are as long as in the example.

`is_worst`: one variable instead, which every link looks at, so that each change concerns them all.
"""

from __future__ import annotations

import json
from typing import Any

from actors.timelines import document, publishing

ID = "grid"
TALE = 5
DOOR, NOTE, MESSAGE = 5, 6, 7
ROWS = 10
BLOCK_EVENTS, BLOCK_STEPS = 2 * ROWS, 2
TOGETHER = 10
"""Blocks that share a thread, a beat, a shared variable and a date."""
GUARDED = 5
"""Every so many blocks a guard."""
PAST = "2020-01-01T00:00:00Z"
FOLLOWED = "e0_0:e1_1"
BACK = "e1_1:e0_0"
"""The link that is measured, and the one that leads back."""

Plain = dict[str, Any]


def grid(blocks: int, *, is_open: bool = True, is_worst: bool = False) -> Plain:
    """A document of so many blocks, as JSON has it; closed, nobody passes the first guard."""
    plain = {
        "schema": "timeline/1",
        "id": ID,
        "title": "A grid",
        "variables": list(_variables(blocks, "1" if is_open else "0", is_worst)),
        "beats": [
            {
                "id": f"beat{block}",
                "name": f"Part {block}",
                "start_step": BLOCK_STEPS * block,
                "on_enter": [{"op": "set", "var": _counter(block, is_worst), "value": "1"}],
            }
            for block in range(0, blocks, TOGETHER)
        ],
        "rows": [{"id": f"r{row}", "name": f"Row {row}"} for row in range(ROWS)],
        "threads": [
            {"id": f"t{block}", "name": f"Thread {block}", "delivery": _delivery(block)}
            for block in range(0, blocks, TOGETHER)
        ],
        "guards": [
            {"id": f"g{block}", "before_step": BLOCK_STEPS * block or 1, "when": _guard(block)}
            for block in range(0, blocks, GUARDED)
        ],
        "events": [
            _event(block, blocks, side, row, is_worst)
            for block in range(blocks)
            for side in (0, 1)
            for row in range(ROWS)
        ],
    }
    report = publishing.check(document.read(json.dumps(plain).encode()))
    if report.problem_count:
        raise RuntimeError(f"the grid cannot be published: {report.problems[:3]}")
    return plain


def history(blocks: int) -> list[str]:
    """Links that a reader has followed by the time of the measured one: one in each block."""
    return [f"{_id(block, 0, 1)}:{_id(block, 1, 2)}" for block in range(blocks)]


# --- what the blocks share


def _variables(blocks: int, shared: str, is_worst: bool) -> list[Plain]:
    counters = dict.fromkeys(_counter(block, is_worst) for block in range(blocks))
    found = [_variable(name, "user", "number", "0") for name in counters]
    for block in range(0, blocks, TOGETHER):
        found.append(_variable(f"s{block}", "shared", "number", shared))
        found.append(_variable(f"d{block}", "user", "datetime", ""))
    return found


def _variable(name: str, scope: str, type_: str, default: str) -> Plain:
    return {"name": name, "scope": scope, "type": type_, "default": default}


def _delivery(block: int) -> Plain:
    """Every third thread looks at a clock."""
    forms: list[Plain] = [
        {"elapsed": {"since": "user.created", "at_least": "PT0S"}},
        {"event": _id(block, 0, DOOR), "state": "ACTIVE"},
        _shared(block),
    ]
    return forms[block // TOGETHER % len(forms)]


def _guard(block: int) -> Plain:
    forms: list[Plain] = [
        _shared(block),
        {"event": _id(block - 1, 0, DOOR), "state": "ACTIVE"},
        {"time": {"after": PAST}},
    ]
    return forms[block // GUARDED % len(forms)]


def _shared(block: int) -> Plain:
    return {"var": f"s{block - block % TOGETHER}", "op": ">=", "value": "1"}


# --- a block


def _counter(block: int, is_worst: bool) -> str:
    return "n0" if is_worst else f"n{block}"


def _id(block: int, side: int, row: int) -> str:
    """An event: `side` is the block's left or right column."""
    return f"e{BLOCK_STEPS * block + side}_{row}"


def _event(block: int, blocks: int, side: int, row: int, is_worst: bool) -> Plain:
    counter = _counter(block, is_worst)
    links = list(_links(block, (block + 1) % blocks, side, row, counter))
    if is_worst:
        links = [{**link, "when": {"var": counter, "op": ">=", "value": "0"}} for link in links]
    event = {
        "id": _id(block, side, row),
        "row": f"r{row}",
        "step": BLOCK_STEPS * block + side,
        "narrative_event": _narrative(_id(block, side, row)),
        "links": links,
    }
    if row == NOTE:
        event["thread"] = f"t{block - block % TOGETHER}"
    if row == MESSAGE:
        event["on"] = {"ACTIVE": [{"op": "add", "var": counter, "value": "1"}]}
    return event


def _links(block: int, following: int, side: int, row: int, counter: str) -> list[Plain]:
    if row == DOOR and side == 0:
        found = {"to": _id(block, 0, 0), "auto": True}
        found["when"] = {"var": counter, "op": "<=", "value": "1000"}
        return [found, {"to": _id(block, 0, 1), "auto": True}]
    if row == DOOR:
        when: Plain = {"link": f"{_id(block, 0, 0)}:{_id(block, 1, 1)}"}
        return [{"to": _id(block, 1, 3), "when": {**when, "followed": {"at_least": 1}}}]
    if row >= TALE:
        return []
    return _left(block, row, counter) if side == 0 else _right(block, following, row, counter)


def _left(block: int, row: int, counter: str) -> list[Plain]:
    """Two ways on; every other one by the variable, the others while the door is open."""
    add = [{"op": "add", "var": counter, "value": "1"}]
    by_variable: Plain = {"var": counter, "op": ">=", "value": "0"}
    by_event: Plain = {"event": _id(block, 0, DOOR), "state": "ACTIVE"}
    when = by_event if row % 2 else by_variable
    return [
        {"to": _id(block, 1, row), "label": "Go straight on", "do": add},
        {"to": _id(block, 1, (row + 1) % TALE), "label": "Look around", "when": when, "do": add},
    ]


def _right(block: int, following: int, row: int, counter: str) -> list[Plain]:
    """One way back, one to the next block."""
    back: Plain = {"to": _id(block, 0, (row - 1) % TALE), "label": "Turn back"}
    onward: Plain = {"to": _id(following, 0, row), "label": "Go on to the next part"}
    if row % 2 == 0:
        onward["when"] = {"var": counter, "op": ">=", "value": "5"}
    elif row == 1:
        onward["when"] = {"time": {"after": PAST}}
    else:
        back["do"] = [{"op": "set_now", "var": f"d{block - block % TOGETHER}", "plus": "PT30S"}]
        link = f"{_id(block, 0, 2)}:{_id(block, 1, 3)}"
        onward["when"] = {"all": [{"link": link, "followed": {"at_most": 9}}, _shared(block)]}
    return [back, onward]


def _narrative(event: str) -> Plain:
    def ref(kind: str) -> list[Plain]:
        where = {"content_type": kind, "provider_id": "Contentful"}
        return [{"content_id": f"{event}-{kind}", **where}]

    return {
        "id": f"n{event}",
        "title": f"What happens at {event}",
        "description": "A hot afternoon, and a white rabbit with pink eyes runs by.",
        "content": ref("Scene"),
        "state_changes_content": {"ACTIVE": ref("PushMessage")},
        "custom_data": {"button_text": "Get up"},
    }
