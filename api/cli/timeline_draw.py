"""`callboard timeline draw`: a timeline document as a picture, before anybody walks on it.

It needs no daemon and no data folder. Only what may be published is drawn: of anything else the
problems are listed, as by `check`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

import click

from actors.timelines import document, drawing, publishing
from actors.timelines.reading import BODY_BYTES_MAX, Unreadable
from actors.timelines.revision import Revision
from api.cli.errors import Failure
from api.cli.timeline_report import NotRead, escaped, lines


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where the picture goes; standard output if not given.",
)
def draw(file: BinaryIO, out: Path | None) -> None:
    """Draw the timeline document FILE (- reads standard input) as SVG.

    The exit code is 1 if the document has problems, which are listed on standard error, and 2 if
    the file cannot be read.
    """
    name = getattr(file, "name", "standard input")
    try:
        revision = _revision(file.read(BODY_BYTES_MAX + 1))
    except Unreadable as error:
        raise NotRead(escaped(f"{name}: {error.problems[0].message}")) from None
    except OSError as error:
        raise NotRead(escaped(f"{name}: {error.strerror}")) from None
    picture = drawing.svg(revision).encode()
    if out is None:
        sys.stdout.buffer.write(picture)
        sys.stdout.buffer.flush()
    else:
        out.write_bytes(picture)


def _revision(body: bytes) -> Revision:
    """The definition, if it may be published; else a failure that lists what keeps it from that."""
    try:
        timeline = document.read(body)
        report = publishing.check(timeline)
    except Unreadable:
        raise
    except document.BadDocument as error:
        report = publishing.Report(error.problems, (), len(error.problems), 0)
    if report.problem_count:
        raise Failure("\n".join(lines(report)))
    return Revision(timeline)
