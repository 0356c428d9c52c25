"""The check finds what is wrong, and nothing where all is well."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest
import storage_worlds as worlds
import toy
from storage_worlds import ALICE, BOB, change, entry, erasure, stored

from engine.effects import Claim, Document
from engine.limits import Limits
from storage.checks import Report, check
from storage.folder import DATABASE
from storage.sqlite import open_store

KINDS: dict[str, Any] = {"door": toy.DOOR, "sparse_door": toy.SPARSE_DOOR}


def _state(**fields: Any) -> bytes:
    return msgspec.json.encode(toy.Door(**fields))


async def _house(folder: Path) -> Path:
    """Five actors: one plain, one erased, one born again after privacy, one sparse, one cut."""
    sparse = ALICE._replace(kind="sparse_door")
    document = Document(b"sign")
    again = ALICE._replace(id="again")
    open_once = _state(phase=toy.Phase.OPEN, opened=1)
    async with open_store(folder, Limits()) as store:
        for address in (ALICE, BOB, again, sparse):
            await stored(
                store, entry(change(address, 0, toy.Opened(), state=open_once, phase="open"))
            )
        await stored(store, entry(erasure(BOB, 1)))
        await stored(store, entry(erasure(again, 1, privacy=True, about="again")))
        await stored(
            store,
            entry(change(again, 2, toy.Opened(), state=open_once, phase="open", generation=1)),
            entry(change(sparse, 1, toy.Closed(), state=None)),
            entry(
                change(
                    ALICE,
                    1,
                    toy.Hung(sign=document.hash),
                    state=_state(phase=toy.Phase.OPEN, opened=1, sign=document.hash),
                    phase="open",
                ),
                documents=(document, Document(b"orphan")),
                claims=((ALICE, Claim("name", "x")),),
                effects=((ALICE, 2, worlds.effect("a")), (ALICE, 2, worlds.effect("a"))),
            ),
        )
    return folder / DATABASE


def _spoil(database: Path, statement: str) -> Report:
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute(statement)
    connection.close()
    return check(database, KINDS)


async def test_a_sound_folder(tmp_path: Path) -> None:
    """Every life that is kept whole is folded and compared; the counts say so."""
    report = check(await _house(tmp_path), KINDS)
    assert report.problems == []
    assert report.is_sound
    assert (report.actors, report.facts, report.compared, report.dense) == (4, 8, 4, 0)
    assert (report.documents, report.orphans, report.deliveries) == (2, 1, 2)


async def test_a_cut_history_is_checked_for_density_only(tmp_path: Path) -> None:
    """Where version 1 is gone there is nothing to fold from."""
    report = _spoil(await _house(tmp_path), "DELETE FROM fact WHERE id = 'alice' AND version = 1")
    assert report.is_sound
    assert (report.compared, report.dense) == (2, 2)


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE actor SET state = replace(CAST(state AS TEXT), '1234', '0000')", "CAST"),
        ("DELETE FROM fact WHERE id = 'again' AND version = 2", "not dense"),
        ("UPDATE actor SET version = 9 WHERE id = 'bob'", "newest fact"),
        ("DELETE FROM fact WHERE kind = 'sparse_door' AND version = 2", "missing"),
        ("UPDATE outbox SET head = 1", "not in their place"),
        ("UPDATE outbox SET version = 7", "not stored"),
        ("UPDATE claim SET owner_id = 'bob'", "do not exist"),
        ("UPDATE fact SET body = x'5b5d' WHERE id = 'alice' AND version = 1", "folded"),
        ("UPDATE actor SET phase = 'jammed' WHERE id = 'alice'", "phase of the row"),
    ],
)
async def test_what_is_wrong_is_found(tmp_path: Path, statement: str, problem: str) -> None:
    """Each way to spoil a folder is named."""
    if problem == "CAST":
        statement = (
            "UPDATE actor SET state = CAST(replace(CAST(state AS TEXT), '1234', '0000') AS BLOB)"
        )
        problem = "state of the row"
    report = _spoil(await _house(tmp_path), statement)
    assert not report.is_sound
    assert any(problem in line for line in report.problems), report.problems
