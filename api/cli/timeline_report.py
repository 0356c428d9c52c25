"""What is said about a timeline document: findings as lines, and files that cannot be read.

What a document holds may be anybody's text, so characters that would move a terminal's cursor come
out escaped. Rules: spec timelines 8.
"""

from __future__ import annotations

from collections.abc import Iterable

from actors.timelines import document, publishing
from actors.timelines.document import Timeline
from actors.timelines.findings import Problem
from actors.timelines.reading import Unreadable
from api.cli.errors import Failure

WHOLE = "(document)"
"""Stands where a pointer is empty."""


class NotRead(Failure):
    """A file that cannot be read as what it should be: one line, exit code 2."""

    exit_code = 2


def publishable(body: bytes, name: str) -> Timeline:
    """The document, if it may be published; else a failure that lists what keeps it from that."""
    try:
        timeline = document.read(body)
        report = publishing.check(timeline)
    except Unreadable as error:
        raise NotRead(escaped(f"{name}: {error.problems[0].message}")) from None
    except document.BadDocument as error:
        report = publishing.Report(error.problems, (), len(error.problems), 0)
    if report.problem_count:
        raise Failure("\n".join(lines(report)))
    return timeline


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
