"""`callboard timeline draw`: a picture, or why there is none."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result
from timeline_document import ALICE, changed, read

from actors.timelines.drawing import svg
from actors.timelines.reading import BODY_BYTES_MAX
from actors.timelines.revision import Revision
from api.cli.timeline_draw import draw

EXPECTED = svg(Revision(read(changed())))


def run(*arguments: str | Path, stdin: bytes | None = None) -> Result:
    """Run the command."""
    return CliRunner().invoke(draw, list(map(str, arguments)), input=stdin)


def test_a_document_is_drawn(tmp_path):
    """From a file or standard input, to a file or standard output."""
    assert run(ALICE).stdout == run("-", stdin=ALICE.read_bytes()).stdout == EXPECTED
    out = tmp_path / "alice.svg"
    result = run(ALICE, "--out", out)
    assert (result.exit_code, result.output) == (0, "")
    assert out.read_text(encoding="utf-8") == EXPECTED


def test_problems_are_listed_and_nothing_is_drawn(tmp_path):
    """A document that may not be published; a picture that was there stays as it was."""
    out = tmp_path / "kept.svg"
    out.write_text("kept")
    for plain, said in (
        (changed(("/events/1/row", "rowNone")), "/events/1/row: there is no row `rowNone`"),
        ([], "(document): Expected `object`, got `array`"),
    ):
        result = run("-", "--out", out, stdin=json.dumps(plain).encode())
        assert (result.exit_code, result.stdout) == (1, "")
        assert said in result.stderr
        assert "1 problem, 0 warnings" in result.stderr
    assert out.read_text() == "kept"


def test_what_cannot_be_read_is_said_in_a_line(tmp_path):
    """No JSON, too much, a folder: exit code 2."""
    for body, said in ((b"{", "truncated"), (b" " * (BODY_BYTES_MAX + 1), "at most")):
        result = run("-", stdin=body)
        assert result.exit_code == 2
        assert said in result.stderr
    assert run(tmp_path).exit_code == 2
    assert run(ALICE, "--out", tmp_path).exit_code == 2
