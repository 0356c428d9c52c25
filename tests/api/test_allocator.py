"""The daemon begins anew with the C library's allocator, once, and only if nobody chose one."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import NoReturn

import pytest

from api import cli
from api.cli import allocator
from api.cli.allocator import VARIABLE, settle_allocator


class BegunError(Exception):
    """The process would be another one now."""


def begin(program: str, arguments: list[str], environ: Mapping[str, str]) -> NoReturn:
    """Stands for the system's call."""
    raise BegunError(program, list(arguments), dict(environ))


@pytest.mark.skipif(not allocator._has_library(), reason="needs the GNU C library")
def test_it_begins_anew_as_itself() -> None:
    """The same program with the same arguments, and one variable more."""
    with pytest.raises(BegunError) as begun:
        settle_allocator({"PATH": "somewhere"}, begin)
    program, arguments, environ = begun.value.args
    assert program == sys.executable
    assert arguments == [sys.executable, *sys.orig_argv[1:]]
    assert environ == {"PATH": "somewhere", VARIABLE: "malloc"}
    settle_allocator(environ, begin)  # the second time it goes on


def test_who_chose_an_allocator_keeps_it() -> None:
    """Whatever it is."""
    settle_allocator({VARIABLE: "pymalloc"}, begin)


def test_without_the_library_nothing_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another C library does not know the name."""

    def confstr(name: str) -> str:
        raise ValueError(name)

    monkeypatch.setattr("os.confstr", confstr)
    settle_allocator({}, begin)


def test_where_it_cannot_begin_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that refuses costs memory, not the daemon."""
    monkeypatch.setattr("os.confstr", lambda _name: "glibc 2.36")
    tried: list[str] = []

    def refuse(program: str, _arguments: list[str], _environ: Mapping[str, str]) -> NoReturn:
        tried.append(program)
        raise OSError("refused")

    settle_allocator({}, refuse)
    assert tried == [sys.executable]


@pytest.mark.parametrize(("command", "times"), [("serve", 1), ("config", 0)])
def test_only_the_daemon_chooses(command: str, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that are over in a moment do not start twice."""
    settled: list[str] = []
    monkeypatch.setattr("api.cli.settle_allocator", lambda: settled.append(command))
    monkeypatch.setattr("sys.argv", ["callboard", command, "--help"])
    with pytest.raises(SystemExit):
        cli.main()
    assert len(settled) == times
