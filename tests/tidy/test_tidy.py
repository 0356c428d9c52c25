"""The tree keeps its own rules, and every rule can complain.

First each rule meets a planted bad sample and a good one, then the whole tree.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ledger
import pytest
from tidy import rules

Rule = Callable[[str], list[str]]


def complaints(rule: Rule, paths: list[Path]) -> list[str]:
    """What a rule says about files, by file."""
    return [
        f"{rules.name(path)}: {complaint}"
        for path in paths
        for complaint in rule(path.read_text(encoding="utf-8"))
    ]


def impure(text: str) -> list[str]:
    """Rules are pure functions: no clock, no chance, no world."""
    return rules.imports(text, rules.IMPURE)


def impure_calendar(text: str) -> list[str]:
    """The one file of calendars may have a calendar, and nothing else of the world."""
    return rules.imports(text, set(rules.IMPURE) - set(rules.CALENDARS))


def executes_rows(text: str) -> list[str]:
    """Only one file knows the executor of rows."""
    return rules.imports(text, ("transitions",))


def speaks_sql(text: str) -> list[str]:
    """Only the storage room knows the database."""
    return rules.imports(text, ("sqlite3", "sqlite_utils"))


def mocks(text: str) -> list[str]:
    """We write fakes that pass the real one's tests, never mocks."""
    return rules.imports(text, ("mock", "unittest"))


def dead(text: str) -> list[str]:
    """File names in documents are those of files."""
    return rules.dead_names(text, [rules.name(path) for path in rules.files()])


def without_any_story(text: str) -> list[str]:
    """A test file says what it is about; one line will do."""
    return [c for c in rules.without_story(text) if "or more" not in c]


BODY = "\n".join(f"x{number} = {number}" for number in range(160))
SAMPLES: dict[str, tuple[Rule, str, str]] = {
    "a long file": (rules.too_long, "x = 1\n" * 301, "x = 1\n" * 300),
    "a long test": (rules.too_long_test, "x = 1\n" * 401, "x = 1\n" * 400),
    "a long function": (
        rules.long_functions,
        "def f():\n" + "    x = 1\n" * 45,
        "def f():\n" + "    x = 1\n" * 44,
    ),
    "a long method": (
        rules.long_functions,
        "class C:\n    async def f(self):\n" + "        x = 1\n" * 45,
        "class C:\n    async def f(self):\n" + "        x = 1\n" * 44,
    ),
    "no story": (rules.without_story, "x = 1\n", '"""A story."""\nx = 1\n'),
    "a short story": (
        rules.without_story,
        f'"""A story."""\n{BODY}',
        f'"""A story.\n\nIt goes on.\nAnd on.\n"""\n{BODY}',
    ),
    "an endless story": (rules.without_story, '"""' + "On.\n" * 20 + '"""', ""),
    "a clock in a rule": (impure, "from datetime import datetime", "import msgspec"),
    "the world in a rule": (impure, "def f():\n    import os.path", "from actors import times"),
    "a zone in a rule": (impure, "from zoneinfo import ZoneInfo", "from actors import zones"),
    "a clock by the calendar": (impure_calendar, "import time", "import datetime, zoneinfo"),
    "a clock that is asked": (
        rules.asked_clocks,
        "def f():\n    return datetime.now(UTC)",
        "moment.now; today(); now",
    ),
    "a date that is asked": (rules.asked_clocks, "date.today()", "date(1970, 1, 1)"),
    "an old clock that is asked": (rules.asked_clocks, "x.utcnow()", "x.utcoffset()"),
    "a second executor": (executes_rows, "import transitions as t", "from x import transitions"),
    "sql in a door": (speaks_sql, "import json, sqlite3", "from storage import sqlite"),
    "a mock": (mocks, "from unittest.mock import Mock", "import toy"),
    "a domain word": (rules.domain_words, "visitor_id = 1", "history = 1  # advisory"),
    "a domain word in passing": (rules.domain_words, "# all Stories, Timelines", "# all kinds"),
    "a plural": (rules.domain_words, "campaigns = ()", "camp = ()"),
    "a reminder": (rules.left_for_later, "x = 1  # TO" + "DO later", "# todo lists are a domain"),
    "a place": (rules.machine_paths, "open('/ho" + "me/me/x')", "see docs/home/page"),
    "a dead name": (dead, "see `engine/ghost.py`", "see `engine/machine.py` and `kind.py`"),
    "a limit without reason": (
        rules.silent_limits,
        'class L:\n    a: int = 1\n    b: int = 2\n    """Why."""',
        'class L:\n    """L."""\n    a: int = 1\n    """Why."""',
    ),
    "a last limit without reason": (
        rules.silent_limits,
        "class L:\n    a: int = 1",
        "class L: ...",
    ),
    "a silent test": (
        rules.silent_tests,
        'async def test_x():\n    """no sentence"""',
        'def test_x():\n    """It is so."""\ndef helper(): ...',
    ),
    "a sleep": (rules.sleeping, "time.sleep(1)", "trio.sleep(1)"),
    "a sleep by name": (rules.sleeping, "from time import sleep", "from time import monotonic"),
}


@pytest.mark.parametrize(("rule", "bad", "good"), SAMPLES.values(), ids=SAMPLES.keys())
def test_a_rule_can_complain(rule, bad, good):
    """A planted bad sample is found, a good one is left alone."""
    assert len(rule(bad)) == 1
    assert rule(good) == []


TREE: dict[str, tuple[Rule, list[Path]]] = {
    "files are short": (rules.too_long, rules.files(*rules.ROOMS, "benchmarks")),
    "tests are short": (rules.too_long_test, rules.files("tests")),
    "functions are short": (rules.long_functions, rules.files(*rules.ROOMS, "tests")),
    "files tell their story": (
        rules.without_story,
        rules.files(*rules.ROOMS, "benchmarks"),
    ),
    "tests tell theirs": (without_any_story, rules.files("tests")),
    "rules are pure": (
        impure,
        [p for p in rules.files("actors") if rules.name(p) != rules.CALENDAR_FILE],
    ),
    "the calendar is pure": (impure_calendar, [rules.PROJECT / rules.CALENDAR_FILE]),
    "rules ask no clock": (rules.asked_clocks, rules.files("actors")),
    "one executor of rows": (
        executes_rows,
        [p for p in rules.files() if rules.name(p) != "engine/machine.py"],
    ),
    "one room speaks sql": (speaks_sql, rules.files("engine", "actors", "api")),
    "no mocks": (mocks, rules.files()),
    "the engine knows no domain": (rules.domain_words, rules.files("engine")),
    "nothing is left for later": (rules.left_for_later, rules.files()),
    "nobody's machine in code": (rules.machine_paths, rules.files()),
    "nobody's machine in documents": (rules.machine_paths, rules.files(ending=".md")),
    "documents name living files": (dead, rules.files(ending=".md")),
    "limits say why": (rules.silent_limits, [rules.PROJECT / "engine" / "limits.py"]),
    "tests say what they prove": (rules.silent_tests, rules.files("tests")),
    "tests do not sleep": (rules.sleeping, rules.files("tests")),
}


@pytest.mark.parametrize(("rule", "paths"), TREE.values(), ids=TREE.keys())
def test_the_tree_is_tidy(rule, paths):
    """No file of the tree breaks the rule."""
    found = complaints(rule, paths)
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("path", "most"), rules.TIGHT.items())
def test_the_hearts_stay_small(path, most):
    """The files that everything goes through have a tighter budget."""
    file = rules.PROJECT / path
    assert complaints(lambda text: rules.too_long(text, most), [file] * file.exists()) == []


def test_something_is_looked_at():
    """The walk finds the rooms' files and leaves hidden and foreign ones out."""
    names = [rules.name(path) for path in rules.files()]
    assert {"engine/machine.py", "tests/toy.py"} <= set(names)
    assert not [name for name in names if "node_modules" in name or "/." in name]


# --- the ledger


def test_marks_name_rows_that_exist():
    """A mark with a wrong row would cover nothing; without the checklists nothing is compared."""
    rows = ledger.read(ledger.folder())
    marked = {
        row
        for path in rules.files("tests")
        if path.name.startswith("test_")
        for row in rules.ledger_rows(path.read_text(encoding="utf-8"))
        if path != Path(__file__)
    }
    assert not rows or not ledger.unknown(rows, marked)


def test_marks_are_read_from_tests():
    """Every text argument of a mark counts, other marks do not."""
    text = '@pytest.mark.covers("AA-1", "AA-2")\n@pytest.mark.usefixtures("BB-1")\ndef t(): ...'
    assert rules.ledger_rows(text) == {"AA-1", "AA-2"}


def test_the_report_says_what_is_covered_and_open(tmp_path):
    """Per door: rows covered, rows open; a mark that no checklist knows is named."""
    (tmp_path / "doors.csv").write_text("id,item\nDO-1,a\nDO-2,b\n", encoding="utf-8")
    rows = ledger.read(tmp_path)
    text = ledger.report(rows, {"DO-1", "DO-9"}, all_open=False)
    assert text.splitlines() == [
        "doors: 1 of 2 rows covered",
        "  open: DO-2",
        "all doors: 1 of 2 rows covered",
        "unknown rows in marks: DO-9",
    ]
    assert ledger.unknown(rows, {"DO-1", "DO-9"}) == {"DO-9"}


def test_the_report_shortens_long_lists():
    """Many open rows are shown only when asked for."""
    rows = {"doors": [f"DO-{number}" for number in range(20)]}
    assert "and 8 more" in ledger.report(rows, set(), all_open=False)
    assert "DO-19" in ledger.report(rows, set(), all_open=True)


def test_without_checklists_marks_are_counted(tmp_path):
    """The project works alone: the tool says that nothing is there to compare with."""
    assert ledger.read(tmp_path / "nowhere") == {}
    text = ledger.report({}, {"DO-1", "DO-2", "EX-1"}, all_open=False)
    assert text.splitlines()[1:] == ["DO: 2 rows covered", "EX: 1 rows covered"]
