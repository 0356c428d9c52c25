"""The flags' lists: first writer wins, counters in the commit, retention, forgetting."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from houses import Caller, open_caller
from storage_worlds import NOW_MS, change, stored

from actors.flags.visitor_events import Opened
from actors.flags.visitor_words import Person
from api.apply import BadDocument, declare
from engine.effects import Append
from engine.messages import Address, Erase
from engine.ports import Entry
from storage import export
from storage.flags import FlagLists, queries
from storage.flags.writes import ActivationRow, AssignmentRow, CountRow, HitRow

DAY_MS = 86_400_000


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Caller]:
    """A house with one environment that keeps hits for two days."""
    env = {"hit_days": 2, "assignment_days": 2, "report_days": 2}
    async with open_caller(tmp_path, document={"flags": {"env_1": env}}) as caller:
        yield caller


async def append(caller: Caller, list_: str, *rows: Any) -> tuple[Any, ...]:
    """Commit rows."""
    return await caller.house.directory.append("demo", [Append(list_, row) for row in rows])


def kept(caller: Caller, subject: str, younger_ms: int = 0) -> dict[str, tuple[str, bool]]:
    """What a subject keeps."""
    return dict(
        caller.house.tables.read_now(
            lambda connection: queries.kept(connection, "env_1", subject, younger_ms)
        )
    )


def count(caller: Caller, table: str) -> int:
    """Rows of a table."""
    found: int = caller.house.tables.read_now(
        lambda connection: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    )
    return found


async def exported(caller: Caller, project: str = "demo") -> dict[str, list[dict[str, Any]]]:
    """What an export of a project holds of the lists, by table."""
    found: dict[str, list[dict[str, Any]]] = {}
    async for line in export.export(caller.house.tables, project, (FlagLists(),)):
        row = msgspec.json.decode(line)
        found.setdefault(row.pop("table"), []).append(row)
    return {table: rows for table, rows in found.items() if table in FlagLists.exports}


def exposure(visitor: str = "v", **more: Any) -> ActivationRow:
    """A row of an activation."""
    values: dict[str, Any] = {
        "env": "env_1", "visitor": visitor, "anonymous": "", "campaign": "c", "grp": "g",
        "variation": "b", "qa": False, "done_at_ms": 0, "day": "2026-01-01",
        "subjects": (visitor,),
    }  # fmt: skip
    return ActivationRow(**(values | more))


def hit(visitor: str = "v", **more: Any) -> HitRow:
    """A row of a hit."""
    counted = (CountRow("env_1", "2026-01-01", "EVENT", name="click", value=2.5),)
    values = ("env_1", visitor, "", "EVENT", "{}", 0, counted)
    return HitRow(*values)._replace(**more)


def report(caller: Caller) -> list[queries.Counted]:
    """All counters."""
    return list(
        caller.house.tables.read_now(
            lambda connection: queries.report(connection, "env_1", "2000", "2999", 100)
        )
    )


async def test_the_first_writer_wins_and_the_others_are_told(house: Caller) -> None:
    """Two who allocate the same group get the same variation; activated is only ever added."""
    first = AssignmentRow("env_1", "v", "g", "a", False)
    assert await append(house, "flag_assignment", first) == (("a", False),)
    second = first._replace(variation="b", activated=True)
    other = AssignmentRow("env_1", "v", "g2", "x", False)
    assert await append(house, "flag_assignment", second, other, first) == (
        ("a", True),
        ("x", False),
        ("a", True),
    )
    assert kept(house, "v") == {"g": ("a", True), "g2": ("x", False)}


@pytest.mark.parametrize("subject", ["é😀", "a\x00b", "x" * 256, "'; DROP TABLE flag_hit; --"])
async def test_any_visitor_id_is_kept(house: Caller, subject: str) -> None:
    """Ids are text, whatever stands in them."""
    row = AssignmentRow("env_1", subject, "g", "a", False)
    assert await append(house, "flag_assignment", row) == (("a", False),)
    assert kept(house, subject) == {"g": ("a", False)}


async def test_an_activation_replaces_the_kept_variation_and_counts(house: Caller) -> None:
    """Row, kept variation and counter are one commit."""
    await append(house, "flag_assignment", AssignmentRow("env_1", "v", "g", "a", False))
    await append(house, "flag_activation", exposure(), exposure())
    assert kept(house, "v") == {"g": ("b", True)}
    assert count(house, "flag_activation") == 2
    assert [(row.metric, row.variation, row.number) for row in report(house)] == [
        ("EXPOSURE", "b", 2)
    ]


async def test_hits_count_with_their_values(house: Caller) -> None:
    """The sums of a day grow in the commit of the hit."""
    await append(house, "flag_hit", hit(), hit())
    await append(house, "flag_count", CountRow("env_1", "2026-01-01", "EVENT", name="click"))
    assert [(row.name, row.number, row.value) for row in report(house)] == [("click", 3, 5.0)]


async def test_forgetting_a_visitor_leaves_the_counters(house: Caller) -> None:
    """Rows that name the visitor go, under either id; what names nobody stays."""
    await append(house, "flag_assignment", AssignmentRow("env_1", "v", "g", "a", False))
    await append(house, "flag_hit", hit(), hit("other"), hit("w", anonymous="v"))
    await append(house, "flag_activation", exposure(), exposure("other"))
    (counts,) = await append(house, "flag_forget", ("env_1", "v"))
    assert counts == {"flag_assignment": 1, "flag_activation": 1, "flag_hit": 2}
    assert kept(house, "v") == {}
    assert sum(row.number for row in report(house)) == 5


async def test_old_rows_are_trimmed_as_the_environment_says(house: Caller) -> None:
    """Days are settings; what is younger stays."""
    now = house.house.clock.now_ms()
    await append(house, "flag_assignment", AssignmentRow("env_1", "v", "g", "a", False))
    await append(house, "flag_hit", hit())
    await append(house, "flag_activation", exposure())
    keeps: dict[str, Any] = {}
    await house.house.store.tidy(keeps, now + DAY_MS)
    assert (count(house, "flag_hit"), count(house, "flag_assignment")) == (1, 1)
    await house.house.store.tidy(keeps, now + 3 * DAY_MS)
    for table in ("flag_hit", "flag_activation", "flag_assignment", "flag_count"):
        assert count(house, table) == 0, table


async def test_expired_assignments_are_not_read(house: Caller) -> None:
    """What is too old is not kept, even before it is trimmed."""
    await append(house, "flag_assignment", AssignmentRow("env_1", "v", "g", "a", False))
    assert kept(house, "v", house.house.clock.now_ms() + 1) == {}


async def test_an_environment_belongs_to_one_project(house: Caller) -> None:
    """Declaring it in another project is an error, and nothing of it is stored."""
    with pytest.raises(BadDocument, match="environment is taken"):
        await declare(house.house, {"project": "thief", "flags": {"env_1": {}}}, "test")
    find = queries.project_of
    assert house.house.tables.read_now(lambda each: find(each, "env_1")) == "demo"
    assert not (await house.house.directory.peek(Address("thief", "environment", "env_1"))).exists


async def test_the_only_environment_is_known(house: Caller) -> None:
    """Routes without a key need it; with a second one there is none."""
    read = house.house.tables.read_now
    assert read(queries.only_environment) == "env_1"
    await declare(house.house, {"project": "second", "flags": {"env_2": {}}}, "test")
    assert read(queries.only_environment) is None


async def test_an_erased_environment_takes_its_rows_along(house: Caller) -> None:
    """Nothing of it stays in any list."""
    await append(house, "flag_hit", hit())
    await append(house, "flag_assignment", AssignmentRow("env_1", "v", "g", "a", False))
    await house.house.directory.ask(Address("demo", "environment", "env_1"), Erase())
    for table in ("flag_hit", "flag_assignment", "flag_count", "flag_environment"):
        assert count(house, table) == 0, table


def test_the_view_names_its_lists_once() -> None:
    """Names of lists are unique over the house: they all say whose they are."""
    view = FlagLists()
    assert all(name.startswith("flag_") for name in view.appends)
    assert view.kinds == {"environment", "visitor"}


async def test_an_export_holds_the_lists(house: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every table, page by page, each row once; a hit's fields as JSON; nothing of others."""
    monkeypatch.setattr(export, "PAGE_ROWS", 2)
    await declare(house.house, {"project": "other", "flags": {"env_2": {}}}, "test")
    visitors = [f"visitor-{number}" for number in range(5)]
    await append(house, "flag_activation", *(exposure(visitor) for visitor in visitors))
    counted = (CountRow("env_1", "2026-01-01", "EVENT"),)
    await append(
        house,
        "flag_hit",
        HitRow("env_1", "v", "", "EVENT", '{"ea":"buy"}', 7, counted),
    )
    await append(house, "flag_visitor_cache", ("env_1", "v", '{"version":1}', "v"))
    await append(house, "flag_hit_cache", ("env_1", "v:1", '{"data":{"visitorId":"v"}}', "v"))
    await _named(house)
    found = await exported(house)
    assert [row["body"] for row in found["flag_visitor_cache"]] == [{"version": 1}]
    assert [row["handle"] for row in found["flag_visitor_cache"]] == ["v"]
    assert [row["handle"] for row in found["flag_hit"]] == [""]
    assert [row["body"] for row in found["flag_hit_cache"]] == [{"data": {"visitorId": "v"}}]
    assert [(row["visitor"], row["is_current"]) for row in found["flag_alias"]] == [("v", 1)]
    assert [row["subject"] for row in found["flag_assignment"]] == visitors
    assert [row["visitor"] for row in found["flag_activation"]] == visitors
    assert [row["fields"] for row in found["flag_hit"]] == [{"ea": "buy"}]
    assert [(row["metric"], row["count"]) for row in found["flag_count"]] == [
        ("EVENT", 1),
        ("EXPOSURE", 5),
    ]
    assert [row["env"] for row in found["flag_environment"]] == ["env_1"]
    assert list(await exported(house, "other")) == ["flag_environment"]
    made = house.house.tables.read_now(
        lambda connection: connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'flag%'"
        ).fetchall()
    )
    assert {name for (name,) in made} == set(FlagLists.exports) == set(found)


async def _named(house: Caller) -> None:
    """Commit the fact that opens visitor `v`, as its actor would."""
    address = Address("demo", "visitor", "env_1:v")
    opened = change(address, 0, Opened(consented=True, person=Person("v")), state=b"{}")
    await stored(house.house.store, Entry(project="demo", at_ms=NOW_MS, changes=(opened,)))
