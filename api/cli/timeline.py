"""`callboard timeline`: work on timeline documents, before anything is published.

`check` judges one; the other commands have files of their own. None needs a daemon or a data
folder. Rules: spec timelines 8.
"""

from __future__ import annotations

import sys
from typing import BinaryIO

import click

from actors.timelines import document, publishing
from actors.timelines.reading import BODY_BYTES_MAX, Unreadable
from api.cli.timeline_draw import draw
from api.cli.timeline_import import import_story
from api.cli.timeline_replay import replay
from api.cli.timeline_report import NotRead, escaped, lines


@click.group()
def timeline() -> None:
    """Work on timeline documents."""


@timeline.command()
@click.argument("file", type=click.File("rb"))
def check(file: BinaryIO) -> None:
    """Judge the timeline document FILE (- reads standard input).

    Prints each problem as POINTER: MESSAGE, each warning with `warning:` before it, then how many.
    The exit code is 0 without problems, 1 with some, 2 if the file cannot be read.
    """
    name = getattr(file, "name", "standard input")
    try:
        report = _judged(file.read(BODY_BYTES_MAX + 1))
    except Unreadable as error:
        raise NotRead(escaped(f"{name}: {error.problems[0].message}")) from None
    except OSError as error:
        raise NotRead(escaped(f"{name}: {error.strerror}")) from None
    click.echo("".join(f"{line}\n" for line in lines(report)), nl=False)
    sys.exit(1 if report.problem_count else 0)


def _judged(body: bytes) -> publishing.Report:
    """The report on a document; wrong shapes are problems like others."""
    try:
        return publishing.check(document.read(body))
    except Unreadable:
        raise
    except document.BadDocument as error:
        return publishing.Report(error.problems, (), len(error.problems), 0)


timeline.add_command(import_story)
timeline.add_command(draw)
timeline.add_command(replay)
