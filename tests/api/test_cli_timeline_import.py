"""`callboard timeline import`: a document, or why there is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from timeline_document import changed, read
from timeline_stories import NAMES, STORIES, plain_of, story

from actors.timelines.importing import Imported
from actors.timelines.reading import BODY_BYTES_MAX
from api.cli.commands import main
from api.cli.timeline_import import READERS

TALE = b":: StoryTitle\nTale\n:: Start\nText [[on->End]] [[lost->Nowhere]]\n:: End\n"
BAD = b':: Start\n[[on->End]]\n:: End\n(goto: "End")'


def run(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    """Run the command."""
    given = ["timeline", "import", *map(str, arguments)]
    return CliRunner().invoke(main, given, input=stdin)


@pytest.mark.parametrize("name", NAMES)
def test_a_story_becomes_a_document(name: str, tmp_path: Path) -> None:
    """On standard output, or in a file, with nothing else in it; it passes the check."""
    expected = plain_of(story(name))
    result = run(STORIES / name)
    assert result.exit_code == 0
    assert json.loads(result.stdout) == expected
    out = tmp_path / "out.json"
    written = run(STORIES / name, "--out", out)
    assert (written.exit_code, written.stdout) == (0, "")
    assert json.loads(out.read_bytes()) == expected
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]
    checked = CliRunner().invoke(main, ["timeline", "check", str(out)])
    assert checked.exit_code == 0


def test_what_is_not_carried_over_is_listed_apart() -> None:
    """By line on standard error, then what the check says."""
    result = run("-", "--from", "twee", "--id", "my tale", stdin=TALE)
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        "line 4: there is no passage `Nowhere`: the link is left out",
        "1 thing was not carried over as written",
        "0 problems, 0 warnings",
    ]
    assert json.loads(result.stdout)["id"] == "my-tale"


def test_the_id_and_the_format_come_from_the_name(tmp_path: Path) -> None:
    """Unless they are given."""
    for name in ("a tale.tw", "a tale.TWEE", "a tale.twee3"):
        (tmp_path / name).write_bytes(TALE)
        assert json.loads(run(tmp_path / name).stdout)["id"] == "a-tale"
    (tmp_path / "a.ink").write_bytes(b"Text")
    plain = json.loads(run(tmp_path / "a.ink", "--id", "b").stdout)
    assert (plain["id"], plain["title"]) == ("b", "b")
    assert json.loads(run("-", "--from", "ink", stdin=b"Text").stdout)["id"] == "story"


def test_a_format_that_nobody_names_is_asked_for(tmp_path: Path) -> None:
    """A wrong use: exit code 2."""
    (tmp_path / "tale.txt").write_bytes(TALE)
    for result in (run(tmp_path / "tale.txt"), run("-", stdin=TALE)):
        assert (result.exit_code, result.stdout) == (2, "")
        assert "--from" in result.stderr
    assert run(tmp_path / "tale.txt", "--from", "twee").exit_code == 0


@pytest.mark.slow  # one story has more nodes than a document takes
@pytest.mark.parametrize(
    ("format_", "body", "said"),
    [
        ("twee", b"", "there is no passage in it"),
        ("ink", b"// nothing", "there is no knot in it"),
        ("ink", "".join(f"=== k{n}\n-> k{n + 1}\n" for n in range(20_001)).encode(), "20,001 ev"),
    ],
)
def test_what_is_no_story_fails_and_writes_nothing(
    format_: str, body: bytes, said: str, tmp_path: Path
) -> None:
    """Exit code 1; a file that was there stays as it was."""
    out = tmp_path / "kept.json"
    out.write_text("kept")
    result = run("-", "--from", format_, "--out", out, stdin=body)
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr
    assert out.read_text() == "kept"


def test_a_document_with_problems_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a reader makes is judged as for publishing; exit code 1."""
    broken = read(changed(("/events/1/row", "rowNone")))
    monkeypatch.setitem(READERS, "ink", lambda text, id_: Imported(broken, (), 0))
    result = run("-", "--from", "ink", stdin=b"Text")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "/events/1/row: there is no row `rowNone`" in result.stderr
    assert "nothing was written: the timeline has problems" in result.stderr


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b":: A\n\xff\xfe", "line 2: byte 0xff is not UTF-8"),
        (b" " * (BODY_BYTES_MAX + 1), "at most 10,485,760 bytes are allowed"),
    ],
)
def test_what_is_no_text_is_unreadable(body: bytes, said: str) -> None:
    """One line on standard error, exit code 2."""
    result = run("-", "--from", "twee", stdin=body)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: story: ")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_file_that_cannot_be_opened_is_unreadable(tmp_path: Path) -> None:
    """Missing files and folders: exit code 2; a place that cannot be written to: 1."""
    for place in (tmp_path, tmp_path / "none.ink"):
        assert run(place).exit_code == 2
    result = run("-", "--from", "twee", "--out", tmp_path / "none" / "out.json", stdin=TALE)
    assert result.exit_code == 1
    assert "Error: " in result.stderr
    assert not list(tmp_path.iterdir())


def test_hostile_names_come_out_escaped() -> None:
    """Nothing of a story moves the cursor or turns the direction of writing."""
    result = run("-", "--from", "twee", stdin=":: Start\n[[x->\x1b[2J\u202e]]\n".encode())
    assert result.exit_code == 0
    assert result.stderr.replace("\n", "").isprintable()
    assert "\\x1b[2J\\u202e" in result.stderr
