"""`callboard timeline draw`: a timeline document as a picture, before anybody walks on it.

It needs no daemon and no data folder. Only what may be published is drawn: of anything else the
problems are listed, as by `check`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

import click

from actors.timelines import drawing
from actors.timelines.reading import BODY_BYTES_MAX
from actors.timelines.revision import Revision
from api.cli.timeline_report import NotRead, escaped, publishable


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
        body = file.read(BODY_BYTES_MAX + 1)
    except OSError as error:
        raise NotRead(escaped(f"{name}: {error.strerror}")) from None
    picture = drawing.svg(Revision(publishable(body, name))).encode()
    if out is None:
        sys.stdout.buffer.write(picture)
        sys.stdout.buffer.flush()
    else:
        out.write_bytes(picture)
