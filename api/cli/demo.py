"""`callboard demo`: every door filled from `examples/`, on a data folder that goes in the end."""

from __future__ import annotations

import socket
import sys
import tempfile
from functools import partial
from pathlib import Path

import click
import trio

from api import config, daemon
from api.cli.errors import Failure
from api.domains import DOMAINS

EXAMPLES = Path(__file__).parents[2] / "examples"
LISTEN = "127.0.0.1:8080"


@click.command()
@click.option("--listen", help=f"HOST:PORT; by default {LISTEN}, or a free port if that is taken.")
def demo(listen: str | None) -> None:
    """Run an example project with every door and say what to try."""
    project = EXAMPLES / "demo.toml"
    if not project.is_file():
        raise Failure("the examples come with the source, not with the package")
    with tempfile.TemporaryDirectory(prefix="callboard-demo-") as folder:
        flags = {
            "data": folder,
            "listen": (listen or _free(LISTEN),),
            "apply": (str(project),),
            "operator_key": "demo-operator-key",
            "log_format": "text",
        }
        settings = config.load(environ={}, flags=flags).settings
        trio.run(partial(daemon.run, settings, _tell))


def _free(address: str) -> str:
    """The address, or one with a port of the system's choice if somebody has it."""
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError:
            return f"{host}:0"
    return address


def _tell(addresses: list[str]) -> None:
    """Print what to open and to try, as lines that work as they stand."""
    for name in ("demo", *(domain.name for domain in DOMAINS)):
        path = EXAMPLES / f"{name}.txt"
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            click.echo(text.format(url=addresses[0], callboard=sys.argv[0]))
    sys.stdout.flush()
