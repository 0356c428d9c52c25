"""`callboard timeline replay`: a journey played again by a timeline document.

So an author sees what a changed story does to people who have walked the old one, before it is
published. It needs no daemon and no data folder. Rule: spec timelines 12 (row 4).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import BinaryIO

import click

from actors.timelines import document
from actors.timelines.journeys import BODY_BYTES_MAX, BadJourney, read_journey
from actors.timelines.journeys.differing import IMPOSSIBLE, Difference
from actors.timelines.journeys.replaying import ReplayReport
from actors.timelines.journeys.replaying import replay as play_again
from actors.timelines.revision import Revision
from api.cli.timeline_report import NotRead, escaped, publishable
from engine.effects import Document

NOTHING = "nothing"
"""Stands for what is not there."""


@click.command()
@click.argument("journey", type=click.File("rb"))
@click.option(
    "--against",
    type=click.File("rb"),
    required=True,
    metavar="FILE",
    help="The timeline document to play it by.",
)
def replay(journey: BinaryIO, against: BinaryIO) -> None:
    """Play the JOURNEY of a user (- reads standard input) by another timeline document.

    JOURNEY is what `GET .../users/me/journey` answers. Prints each difference as STEP: WHAT. The
    exit code is 0 without differences, 1 with some or if the document has problems, and 2 if a
    file cannot be read.
    """
    try:
        told = read_journey(_bytes(journey))
    except BadJourney as error:
        raise NotRead(escaped(f"{_name(journey)}: {error}")) from None
    timeline = publishable(_bytes(against), _name(against))
    body = document.write(timeline)
    report = play_again(told, Revision(timeline), Document(body).hash)
    click.echo("".join(f"{line}\n" for line in report_lines(report)), nl=False)
    sys.exit(0 if report.same else 1)


def _bytes(file: BinaryIO) -> bytes:
    try:
        return file.read(BODY_BYTES_MAX + 1)
    except OSError as error:
        raise NotRead(escaped(f"{_name(file)}: {error.strerror}")) from None


def _name(file: BinaryIO) -> str:
    return getattr(file, "name", "standard input")


# --- in words


def report_lines(report: ReplayReport) -> Iterator[str]:
    """A report as lines for people: differences, those left out, and how many there are."""
    yield from (escaped(_line(one)) for one in report.differences)
    if report.differences_left_out:
        yield f"... and {report.differences_left_out:,} more"
    count = len(report.differences) + report.differences_left_out
    steps = f"{report.steps:,} step{'' if report.steps == 1 else 's'}"
    yield f"{steps} played, {count:,} difference{'' if count == 1 else 's'}"


def _line(one: Difference) -> str:
    return f"{one.step_index} ({one.at}, {one.did}): {_what(one)}"


def _what(one: Difference) -> str:
    if one.what == IMPOSSIBLE:
        choice = one.did if one.id is None else one.id
        return f"{choice} is not possible any more: {'; '.join(one.why) or 'refused'}"
    what = one.what.replace("_", " ")
    named = what if one.id is None else f"{what} {one.id}"
    return f"{named}: {_value(one.found)} instead of {_value(one.expected)}"


def _value(value: str | None) -> str:
    return NOTHING if value is None else value or '""'
