"""Lines of log of the Python SDK: which are delivered, to whom, in which order of arguments."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.flags.names import LogLevel
from api.client.logs import LOGGER, Logs, PythonLogManager

METHODS = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")
LEVELS = dict(enumerate(METHODS, 1))


class Manager:
    """Keeps what each method was given."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.calls.append((name, *arguments))


@pytest.mark.covers("FS-059", "FS-077")
@given(st.integers(0, 9), st.integers(-1, 11))
def test_a_line_is_delivered_if_its_level_is_at_most_the_configured_one(
    level_max: int, level: int
) -> None:
    """Callback and manager get the same lines; 0 delivers nothing, 9 everything."""
    manager, heard = Manager(), []
    Logs(level_max, lambda *line: heard.append(line), manager).say(level, "TAG", "text")
    passes = 1 <= level <= min(8, level_max)
    assert bool(heard) == bool(manager.calls) == passes


@pytest.mark.covers("FS-045", "FS-079", "FS-080", "FS-081")
@pytest.mark.parametrize(("level", "method"), LEVELS.items())
def test_a_manager_gets_each_line_by_the_method_of_its_level(level: int, method: str) -> None:
    """Methods are called with (message, tag), `on_log` with (level, tag, message)."""
    manager, heard = Manager(), []
    Logs(LogLevel.ALL, lambda *line: heard.append(line), manager).say(level, "TAG", "text")
    assert manager.calls == [(method, "text", "TAG")]
    assert heard == [(LogLevel(level), "TAG", "text")]


@pytest.mark.covers("FS-045", "FS-078")
@pytest.mark.parametrize("level", LEVELS)
def test_without_a_manager_lines_go_to_pythons_logging(
    level: int, caplog: pytest.LogCaptureFixture
) -> None:
    """As `[LEVEL] [tag] : message`, with the name of the level."""
    with caplog.at_level(logging.DEBUG, logger=LOGGER):
        Logs().say(level, "TAG", "text")
        getattr(PythonLogManager(), LEVELS[level])("again", "TAG")
    name = LogLevel(level).name
    assert caplog.messages == [f"[{name}] [TAG] : text", f"[{name}] [TAG] : again"]


def test_what_a_receiver_raises_goes_no_further(caplog: pytest.LogCaptureFixture) -> None:
    """A callback that fails is an ERROR line, a failing `on_log` one of Python's logging."""
    heard: list[tuple[Any, ...]] = []
    Logs(on_log=lambda *line: heard.append(line), manager=Manager()).call("TAG", fail, 1)
    assert heard == [(LogLevel.ERROR, "TAG", "a callback failed: ValueError: (1,)")]
    Logs(on_log=fail, manager=Manager()).say(4, "TAG", "text")
    assert caplog.messages == ["the receiver of a line of log failed"]


def test_a_callback_that_is_not_there_is_not_called() -> None:
    """None is no callback."""
    manager = Manager()
    Logs(manager=manager).call("TAG", None, 1)
    assert manager.calls == []


def fail(*arguments: object) -> None:
    """A callback with a bug."""
    raise ValueError(arguments)
