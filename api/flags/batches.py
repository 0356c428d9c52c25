"""Several commands of one visitor in one request.

They are carried out in order. Consecutive ones are delivered together, so they share commits; a
fetch is waited for before those behind it, which are to see its flags. Each has its own result, as
the live socket's `res` has. Rules: spec flags 10.5; engine spec 1.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from actors.flags.visitor_words import FetchFlags, Open, SetConsent
from api.flags import visiting
from api.flags.showing import VisitorShown
from api.flags.visits import Visit, existing
from api.http import Problem, encode, problem_of
from engine.envelope import Envelope
from engine.errors import EngineError
from engine.messages import Command

COMMANDS_MAX = 100
"""In one batch: below what may wait at one actor, so a batch alone is never turned away."""
ALONE = (Open, FetchFlags, SetConsent)
"""Commands that those behind them wait for."""


class Ordered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One command of a batch: its name, and the body that its own route takes."""

    name: str
    data: dict[str, Any] = {}


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The commands of a batch, in order."""

    commands: list[Ordered]


class Result(msgspec.Struct, frozen=True):
    """What became of one command: `version` and `data` (the visitor), or `problem` (RFC 9457)."""

    ok: bool
    version: int | UnsetType = UNSET
    data: VisitorShown | UnsetType = UNSET
    problem: dict[str, Any] | UnsetType = UNSET


class Results(msgspec.Struct, frozen=True):
    """Results in order of the commands."""

    results: list[Result]


async def carry_out(visit: Visit, batch: Batch, key: str | None) -> Results:
    """Carry out a batch, each command once under `key`. 400 for more than `COMMANDS_MAX`."""
    if len(batch.commands) > COMMANDS_MAX:
        raise Problem(400, "too_many_commands", f"a batch has at most {COMMANDS_MAX} commands")
    read = [await _read(visit, ordered) for ordered in batch.commands]
    if key is not None:
        return Results([await _alone(visit, one, f"{key}/{n}") for n, one in enumerate(read)])
    results: list[Result] = []
    for run in _runs(read):
        results += await _together(visit, run) if len(run) > 1 else [await _alone(visit, run[0])]
    return Results(results)


async def _read(visit: Visit, ordered: Ordered) -> Command | Exception:
    try:
        return await visiting.read(visit, ordered.name, encode(ordered.data))
    except Exception as error:
        return error


def _runs(read: Sequence[Command | Exception]) -> Iterator[list[Command | Exception]]:
    """Commands that may go together; one that others wait for, or that cannot be read, is alone."""
    run: list[Command | Exception] = []
    for one in read:
        if isinstance(one, (*ALONE, Exception)):
            if run:
                yield run
            yield [one]
            run = []
        else:
            run.append(one)
    if run:
        yield run


async def _alone(visit: Visit, one: Command | Exception, key: str | None = None) -> Result:
    if isinstance(one, Exception):
        return _refused(visit, one)
    try:
        carried = await visiting.do(visit, one, key)
    except Exception as error:
        return _refused(visit, error)
    return Result(True, carried.version, carried.body)


async def _together(visit: Visit, run: Sequence[Command | Exception]) -> list[Result]:
    """Deliver all before waiting for any: then they are decided, and committed, together."""
    commands = [one for one in run if isinstance(one, Command)]
    try:
        await existing(visit)
    except Problem as problem:
        return [_refused(visit, problem) for _ in commands]
    delivered = [_deliver(visit, command) for command in commands]
    return [
        await _answer(visit, command, one) for command, one in zip(commands, delivered, strict=True)
    ]


def _deliver(visit: Visit, command: Command) -> Envelope | Exception:
    try:
        visiting.judge(visit, command)
        envelope = Envelope(command, visit.principal.who)
        visit.shelf.directory.deliver(visit.address, envelope)
    except Exception as error:
        return error
    return envelope


async def _answer(visit: Visit, command: Command, delivered: Envelope | Exception) -> Result:
    try:
        if isinstance(delivered, Exception):
            raise delivered
        reply = await visit.shelf.directory.wait(delivered)
        carried = await visiting.finish(visit, command, reply)
    except Exception as error:
        await visiting.told(visit, command, error)
        return _refused(visit, error)
    return Result(True, carried.version, carried.body)


def _refused(visit: Visit, error: Exception) -> Result:
    problem = problem_of(error)
    if problem.status == 500 and not isinstance(error, EngineError):
        visit.shelf.house.log.failed(visit.address, "batch", error)
    return Result(False, problem=problem.body())
