"""`callboard timeline import`: a story in Twee 3 or Ink becomes a timeline document.

The whole story is read and judged before anything is written; a file is put in its place only when
it is complete. Everything that could not come along is listed by its line on standard error, so
that standard output holds the document alone. Rules: spec timelines 8.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import click

from actors.timelines import document, importing, publishing
from actors.timelines.importing import Imported
from actors.timelines.importing.ink import read_ink
from actors.timelines.importing.twee import read_twee
from actors.timelines.reading import BODY_BYTES_MAX
from api.cli.errors import Failure
from api.cli.timeline_report import NotRead, escaped, lines

READERS: dict[str, Callable[..., Imported]] = {"twee": read_twee, "ink": read_ink}
ENDINGS = {".twee": "twee", ".tw": "twee", ".twee3": "twee", ".ink": "ink"}


@click.command(name="import")
@click.argument("file", type=click.File("rb"))
@click.option("--from", "format_", type=click.Choice([*READERS]), help="Format; else by name.")
@click.option("--id", "id_", help="The timeline's id; else the file's name.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
def import_story(file: BinaryIO, format_: str | None, id_: str | None, out: Path | None) -> None:
    """Make a timeline document of the story FILE (- reads standard input).

    Lists what is not carried over as LINE: WHAT on standard error, then judges the document. The
    exit code is 1 and nothing is written if it has problems; 2 if the file cannot be read.
    """
    name = getattr(file, "name", "story")
    name = Path(name).name if isinstance(name, str) and name != "<stdin>" else "story"
    format_ = format_ or ENDINGS.get(Path(name).suffix.lower())
    if format_ is None:
        raise click.UsageError("say --from twee or --from ink: the file's name does not")
    found = READERS[format_](_text(file, name), id_=id_ or Path(name).stem)
    _say(found)
    if found.document is None:
        raise Failure("nothing was written: there is no timeline in this story")
    report = publishing.check(found.document)
    _tell(*lines(report))
    if report.problem_count:
        raise Failure("nothing was written: the timeline has problems")
    _write(document.write(found.document) + b"\n", out)


def _text(file: BinaryIO, name: str) -> str:
    """The text of a file; what cannot be read is one line and exit code 2."""
    try:
        body = file.read(BODY_BYTES_MAX + 1)
    except OSError as error:
        raise NotRead(escaped(f"{name}: {error.strerror}")) from None
    if len(body) > BODY_BYTES_MAX:
        most = f"at most {BODY_BYTES_MAX:,} bytes are allowed"
        raise NotRead(escaped(f"{name}: {most}"))
    try:
        return importing.text_of(body)
    except importing.BadText as error:
        raise NotRead(escaped(f"{name}: {error}")) from None


def _say(found: Imported) -> None:
    """List what is not carried over."""
    _tell(*(f"line {each.line}: {each.what}" if each.line else each.what for each in found.notes))
    left_out = found.note_count - len(found.notes)
    if left_out:
        _tell(f"... and {left_out:,} more")
    many = "thing was" if found.note_count == 1 else "things were"
    _tell(f"{found.note_count:,} {many} not carried over as written")


def _tell(*lines: str) -> None:
    for line in lines:
        click.echo(escaped(line), err=True)


def _write(body: bytes, out: Path | None) -> None:
    """Write to standard output, or to a file that is there as a whole or not at all."""
    if out is None:
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()
        return
    part = out.with_name(f"{out.name}.part")
    try:
        part.write_bytes(body)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
