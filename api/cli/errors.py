"""What the commands share: options, and how an error becomes one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import httpx

from api.http import Problem
from api.toml_file import BadFile
from engine.errors import EngineError

FAILURES = (BadFile, EngineError, Problem, httpx.HTTPError, OSError)

file_type = click.Path(path_type=Path, dir_okay=False)
data_option = click.option(
    "--data", default="data", show_default=True, envvar="CALLBOARD_DATA", help="Data folder."
)
url_option = click.option("--url", envvar="CALLBOARD_URL", help="A running daemon's address.")
key_option = click.option("--key", envvar="CALLBOARD_KEY", help="Key; better in CALLBOARD_KEY.")


class Failure(click.ClickException):
    """A command that failed: one line, exit code 1."""


class Plain(click.Group):
    """A group whose commands fail with a line instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what an operator can mend becomes one line, our bugs stay loud."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            only = sole(error)
            if isinstance(
                only, BrokenPipeError | click.ClickException | click.exceptions.Exit | click.Abort
            ):
                raise only from None
            if isinstance(only, FAILURES):
                raise Failure(in_words(only)) from None
            raise


def sole(error: BaseException) -> BaseException:
    """The one error inside groups of one."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def in_words(error: BaseException) -> str:
    """One line for people."""
    match error:
        case Problem():
            text = error.detail
        case OSError() if error.filename is not None:
            text = f"{error.filename}: {error.strerror}"
        case httpx.ConnectError():
            text = f"nobody answers at {error.request.url.copy_with(query=None)}"
        case _:
            text = str(error) or type(error).__name__
    return " ".join(text.split())
