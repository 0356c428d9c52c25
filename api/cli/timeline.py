"""`callboard timeline check`: a timeline document judged before it is published.

It needs no daemon and no data folder. Findings go to standard output, one a line; what a document
holds may be anybody's text, so characters that would move a terminal's cursor come out escaped.
Rules: spec timelines 8.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import BinaryIO

import click

from actors.timelines import document, publishing
from actors.timelines.findings import Problem
from actors.timelines.reading import BODY_BYTES_MAX, Unreadable
from api.cli.errors import Failure

WHOLE = "(document)"
"""Stands where a pointer is empty."""


class NotRead(Failure):
    """A file that cannot be read as JSON: one line, exit code 2."""

    exit_code = 2


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


def lines(report: publishing.Report) -> Iterable[str]:
    """A report as lines for people: findings, those left out, and how many there are."""
    yield from map(_line, report.problems)
    yield from (f"warning: {_line(each)}" for each in report.warnings)
    left_out = report.problem_count - len(report.problems)
    left_out += report.warning_count - len(report.warnings)
    if left_out:
        yield f"... and {left_out:,} more"
    yield f"{_many(report.problem_count, 'problem')}, {_many(report.warning_count, 'warning')}"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _line(problem: Problem) -> str:
    return escaped(f"{problem.pointer or WHOLE}: {problem.message}")


def escaped(text: str) -> str:
    """Text in which everything that is not printable is a number, as `\\u202e`."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else _number(each) for each in text)


def _number(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
