"""`callboard timeline check`: what it says about a document, and its exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from timeline_document import ALICE, alice, changed, grid

from actors.timelines.reading import BODY_BYTES_MAX
from api.cli.commands import main


def run(file: str | Path, stdin: bytes | None = None) -> Result:
    """Run the command on a file."""
    return CliRunner().invoke(main, ["timeline", "check", str(file)], input=stdin)


def judged(plain: Any) -> Result:
    """Run the command on a document that comes by standard input."""
    return run("-", json.dumps(plain).encode())


def test_a_clean_document_is_said_to_be_one() -> None:
    """The example, as a file and by standard input."""
    for result in (run(ALICE), judged(alice())):
        assert (result.exit_code, result.output) == (0, "0 problems, 0 warnings\n")


def test_problems_are_named_and_fail() -> None:
    """A line for each, then how many; exit code 1."""
    result = judged(changed(("/events/1/row", "rowNone"), ("/title", "")))
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "/title: a title is needed",
        "/events/1/row: there is no row `rowNone`",
        "2 problems, 0 warnings",
    ]
    assert not result.stderr


def test_warnings_are_named_and_do_not_fail() -> None:
    """They stand out by their word."""
    result = judged(grid({}, rows=[{"id": "r", "name": ""}, {"id": "s", "name": ""}]))
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "warning: /rows/1: `s` is declared and not used",
        "0 problems, 1 warning",
    ]


def test_wrong_shapes_are_problems() -> None:
    """JSON that is no such document is judged like one, the whole of it by a word."""
    result = judged([])
    assert result.exit_code == 1
    assert result.stdout.startswith("(document): Expected `object`, got `array`\n1 problem,")


def test_many_problems_are_counted() -> None:
    """A hundred lines, and how many more there are."""
    lines = judged(grid({}, *[{"row": "none"}] * 149)).stdout.splitlines()
    assert len(lines) == 102
    left_out, total = lines[-2:]
    assert left_out.endswith(" more")
    assert total.endswith("problems, 0 warnings")


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 200, b" " * (BODY_BYTES_MAX + 1)])
def test_what_is_no_json_is_unreadable(body: bytes) -> None:
    """One line on standard error, exit code 2."""
    result = run("-", body)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert not result.stdout


def test_a_file_that_cannot_be_opened_is_unreadable(tmp_path: Path) -> None:
    """Missing files and folders: exit code 2."""
    for place in (tmp_path, tmp_path / "none.json"):
        result = run(place)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "Error: " in result.stderr


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that fails to read")
def test_a_file_that_fails_while_it_is_read_is_unreadable() -> None:
    """An error of the disk is one line, exit code 2."""
    result = run("/proc/self/mem")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: /proc/self/mem: ")


def test_hostile_text_comes_out_escaped() -> None:
    """Nothing of a document moves the cursor, rings, or turns the direction of writing."""
    hostile = "\x1b[2J\x07\r\n\x9b\u202e\u2028é"
    plain = changed(("/events/0/links/0/to", hostile))
    plain["events"][2][hostile] = 1
    for result in (judged(plain), judged(changed(("/events/0/links/0/to", hostile)))):
        assert result.exit_code == 1
        assert result.stdout.replace("\n", "").isprintable()
        assert "\\x1b[2J\\x07\\r\\n\\x9b\\u202e\\u2028é" in result.stdout
        assert len(result.stdout.splitlines()) == 2
