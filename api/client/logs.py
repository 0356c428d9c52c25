"""Where the SDK's lines of log go: the embedder's own manager and callback, or Python's logging.

A line has a level of 1 to 8, a tag that names the function it comes from, and a sentence. It is
delivered if its level is at most the configured one. What a manager or a callback of the embedder
raises is noted in Python's logging and goes no further. Rules: ledger FS-044, FS-045, FS-059,
FS-076 to FS-081.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from actors.flags.names import LogLevel

LOGGER = "callboard.flagship"
"""The name of the logger that the default manager writes to."""
PYTHON_LEVELS: Mapping[LogLevel, int] = {
    LogLevel.EMERGENCY: logging.CRITICAL,
    LogLevel.ALERT: logging.CRITICAL,
    LogLevel.CRITICAL: logging.CRITICAL,
    LogLevel.ERROR: logging.ERROR,
    LogLevel.WARNING: logging.WARNING,
    LogLevel.NOTICE: logging.INFO,
    LogLevel.INFO: logging.INFO,
    LogLevel.DEBUG: logging.DEBUG,
}

OnLog = Callable[[LogLevel, str, str], object]
"""Called with (level, tag, message): another order than `LogManager.log` (FS-081)."""


class LogManager(Protocol):
    """What receives the lines of log (FS-079). Each line comes by the method of its level.

    `message` is the text, `tag` names the function that it comes from. Nothing is returned, and
    what a method raises is ignored.
    """

    def emergency(self, message: str, tag: str) -> None:
        """A line of level 1."""

    def alert(self, message: str, tag: str) -> None:
        """A line of level 2."""

    def critical(self, message: str, tag: str) -> None:
        """A line of level 3."""

    def error(self, message: str, tag: str) -> None:
        """A line of level 4."""

    def warning(self, message: str, tag: str) -> None:
        """A line of level 5."""

    def notice(self, message: str, tag: str) -> None:
        """A line of level 6."""

    def info(self, message: str, tag: str) -> None:
        """A line of level 7."""

    def debug(self, message: str, tag: str) -> None:
        """A line of level 8."""

    def log(self, level: LogLevel, message: str, tag: str) -> None:
        """A line of any level; for managers that funnel all others into one method."""


class PythonLogManager:
    """The default manager: Python's logging, logger `callboard.flagship`."""

    def emergency(self, message: str, tag: str) -> None:
        """A line of level 1, as CRITICAL."""
        self.log(LogLevel.EMERGENCY, message, tag)

    def alert(self, message: str, tag: str) -> None:
        """A line of level 2, as CRITICAL."""
        self.log(LogLevel.ALERT, message, tag)

    def critical(self, message: str, tag: str) -> None:
        """A line of level 3, as CRITICAL."""
        self.log(LogLevel.CRITICAL, message, tag)

    def error(self, message: str, tag: str) -> None:
        """A line of level 4, as ERROR."""
        self.log(LogLevel.ERROR, message, tag)

    def warning(self, message: str, tag: str) -> None:
        """A line of level 5, as WARNING."""
        self.log(LogLevel.WARNING, message, tag)

    def notice(self, message: str, tag: str) -> None:
        """A line of level 6, as INFO."""
        self.log(LogLevel.NOTICE, message, tag)

    def info(self, message: str, tag: str) -> None:
        """A line of level 7, as INFO."""
        self.log(LogLevel.INFO, message, tag)

    def debug(self, message: str, tag: str) -> None:
        """A line of level 8, as DEBUG."""
        self.log(LogLevel.DEBUG, message, tag)

    def log(self, level: LogLevel, message: str, tag: str) -> None:
        """One line, `[LEVEL] [tag] : message` (FS-078)."""
        name = LogLevel(level).name
        logging.getLogger(LOGGER).log(PYTHON_LEVELS[level], "[%s] [%s] : %s", name, tag, message)


class Logs:
    """The one place through which the SDK says something. Plain; nothing is raised."""

    def __init__(
        self,
        level_max: int = LogLevel.ALL,
        on_log: OnLog | None = None,
        manager: LogManager | None = None,
    ) -> None:
        self._level_max = level_max
        self._on_log = on_log
        self._manager = manager or PythonLogManager()

    def say(self, level: int, tag: str, message: str) -> None:
        """Deliver a line to the callback and the manager, if its level passes (FS-077)."""
        if not LogLevel.NONE < level <= self._level_max or level >= LogLevel.ALL:
            return
        known, tag = LogLevel(level), str(tag)
        try:
            if self._on_log is not None:
                self._on_log(known, tag, message)
            getattr(self._manager, known.name.lower())(message, tag)
        except Exception:
            logging.getLogger(LOGGER).exception("the receiver of a line of log failed")

    def error(self, tag: str, message: str) -> None:
        """A line of level ERROR."""
        self.say(LogLevel.ERROR, tag, message)

    def call(self, tag: str, function: Callable[..., object] | None, *arguments: object) -> None:
        """Call a callback of the embedder, if there is one; what it raises is an ERROR line."""
        if function is None:
            return
        try:
            function(*arguments)
        except Exception as error:
            self.error(tag, f"a callback failed: {type(error).__name__}: {error}")
