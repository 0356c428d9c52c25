"""`callboard timeline replay`: what it says about a journey and a document, and its exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from timeline_document import changed
from timeline_journeys import Told
from timeline_small import small

from actors.timelines.journeys import differing
from api.cli.timeline_replay import replay

PLAIN = small("a b | c", "a:b", do={"a:b": "add n 1"}, guards={"g1": "after 09:00"})


@pytest.fixture
def journey(tmp_path: Path) -> Path:
    """A journey in a file: created, followed, progressed."""
    on = Told(PLAIN)
    on.at("08:10").follow("a:b")
    on.at("09:00").progress()
    file = tmp_path / "journey.json"
    file.write_bytes(msgspec.json.encode(on.journey()))
    return file


def run(journey: Path, plain: Any, stdin: bytes | None = None) -> Result:
    """Play a journey, a file or standard input, by a document."""
    story = journey.with_name("story.json")
    story.write_text(plain if isinstance(plain, str) else json.dumps(plain), encoding="utf-8")
    told = str(journey) if stdin is None else "-"
    return CliRunner().invoke(replay, [told, "--against", str(story)], input=stdin)


def test_a_journey_by_its_own_document(journey: Path) -> None:
    """No difference: exit code 0; by standard input too, and in the API's envelope."""
    body = journey.read_bytes()
    for result in (
        run(journey, PLAIN),
        run(journey, PLAIN, body),
        run(journey, PLAIN, b'{"data": ' + body + b', "error": null, "meta": {}}'),
    ):
        assert (result.exit_code, result.output) == (0, "3 steps played, 0 differences\n")


def test_differences_are_named_and_fail(journey: Path) -> None:
    """A line for each, then how many; exit code 1."""
    guards = {"g1": "after 10:00"}
    other = small("a b | c", "a:b", when={"a:b": "n >= 1"}, do={"a:b": "add n 1"}, guards=guards)
    result = run(journey, other)
    assert result.exit_code == 1
    followed, progressed = (
        "1 (2023-02-03T08:10:00Z, followed)",
        "2 (2023-02-03T09:00:00Z, progressed)",
    )
    assert result.stdout.splitlines() == [
        f"{followed}: a:b is not possible any more: condition_not_met; n >= 1",
        f"{followed}: event a: ACTIVE instead of VISITED",
        f"{followed}: event b: nothing instead of ACTIVE",
        f"{followed}: variable n: 0 instead of 1",
        f"{progressed}: event c: nothing instead of ACTIVE",
        f"{progressed}: step: 0 instead of 1",
        f"{progressed}: guard: g1 instead of nothing",
        f"{progressed}: end: false instead of true",
        "3 steps played, 8 differences",
    ]


def test_differences_beyond_the_most_are_counted(
    journey: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The count at the end is of all."""
    monkeypatch.setattr(differing, "DIFFERENCES_MAX", 1)
    lines = run(journey, small("a b | c", "a:b", guards={"g1": "after 10:00"})).stdout.splitlines()
    assert lines[1:] == ["... and 5 more", "3 steps played, 6 differences"]


def test_a_document_with_problems_is_not_played(journey: Path) -> None:
    """They are listed on standard error; exit code 1."""
    result = run(journey, changed(("/title", "")))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "/title: a title is needed" in result.stderr
    shape = run(journey, changed(("/title", 1)))
    assert (shape.exit_code, "/title" in shape.stderr) == (1, True)


@pytest.mark.parametrize(
    ("told", "plain", "named"),
    [(b"{}", PLAIN, "journey"), (b"\xff", PLAIN, "journey"), (None, "{", "story.json")],
)
def test_files_that_cannot_be_read(
    journey: Path, told: bytes | None, plain: Any, named: str
) -> None:
    """One line that names the file; exit code 2."""
    if told is not None:
        journey.write_bytes(told)
    result = run(journey, plain)
    assert result.exit_code == 2
    assert named in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_texts_of_a_journey_are_escaped(journey: Path) -> None:
    """Whatever stands in it moves no cursor."""
    plain = json.loads(journey.read_bytes())
    plain["steps"][1]["link_id"] = "a\u202e:\u001b[2J"
    journey.write_text(json.dumps(plain), encoding="utf-8")
    result = run(journey, PLAIN)
    assert "\\u202e" in result.stdout
    assert result.stdout.replace("\n", "").isprintable()
