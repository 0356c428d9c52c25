"""Commands that work on a data folder: apply, backup, restore, check, export, inspect, machines.

Reading ones may run beside a daemon; the one that writes takes the folder's lock, and is refused
while a daemon holds it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec
import trio

from api import config, daemon
from api.cli import remote as cli_remote
from api.cli.errors import Failure, data_option, file_type, key_option, url_option
from api.domains import DOMAINS
from api.lines import Lines
from api.metrics import Metrics
from api.observer import Log
from api.presenting import present_actor
from engine import diagram, drawing
from engine.kind import Kind
from engine.machine import Machine
from engine.messages import Address
from storage import checks
from storage.backup import backup as write_backup
from storage.backup import restore as read_backup
from storage.beside import Beside, open_beside
from storage.beside import check_version as check_database
from storage.export import export as export_rows
from storage.folder import DATABASE

STDERR = 2


async def apply(file: Path, data: str) -> dict[str, Any]:
    """Declare a project on a folder that nobody uses."""
    settings = config.load(environ={}, flags={"data": data}).settings
    lines = Lines(STDERR)
    log = Log(lines, level="warning", form="text")
    try:
        async with daemon.open_house(settings, log, Metrics()) as house:
            (report,) = await daemon.apply_files(house, [str(file)])
            built: dict[str, Any] = msgspec.to_builtins(report)
            return built
    finally:
        lines.close()


@click.command()
@click.argument("file", type=file_type)
@data_option
def backup(file: Path, data: str) -> None:
    """Write a consistent copy to FILE; a daemon may be at work."""
    database_of(data)
    write_backup(Path(data), file)
    click.echo(f"{file}: {file.stat().st_size:,} bytes")


@click.command()
@click.argument("file", type=file_type)
@data_option
@click.option("--force", is_flag=True, help="Replace what is in the folder.")
def restore(file: Path, data: str, force: bool) -> None:
    """Make the copy FILE the store of a data folder, with a new epoch."""
    epoch = read_backup(file, Path(data), force=force)
    click.echo(f"{data}: restored from {file}; listeners will see the new epoch {epoch}")


@click.command()
@data_option
def check(data: str) -> None:
    """Check a data folder: the file, dense versions, states equal to their facts."""
    kinds = {kind.name: kind for kind in daemon.kinds_of(DOMAINS)}
    report = checks.check(database_of(data), kinds)
    for problem in report.problems:
        click.echo(problem, err=True)
    found = msgspec.structs.asdict(report)
    words = ", ".join(f"{count:,} {name}" for name, count in found.items() if name != "problems")
    click.echo(words)
    if not report.is_sound:
        raise Failure(f"{data} is not sound")


def database_of(data: str) -> Path:
    """The database of a data folder that must be there."""
    path = Path(data) / DATABASE
    if not path.is_file():
        raise Failure(f"there is no {path}")
    return path


def check_version(folder: Path) -> str:
    """Say what is in a data folder; raise where this program must not touch it."""
    path = folder / DATABASE
    if not path.exists():
        return f"{folder} is still to be made"
    return f"{path} has version {check_database(path)}"


# --- looking


@click.command()
@click.argument("kind_name", metavar="KIND")
@click.argument("actor_id", metavar="ID")
@data_option
@url_option
@key_option
@click.option("--project", help="Which project; needed where a folder holds several.")
def inspect(
    kind_name: str, actor_id: str, data: str, url: str | None, key: str | None, project: str | None
) -> None:
    """Show an actor: phase, version, state, permitted commands."""
    if url is not None:
        shown = cli_remote.get(url, key, ("v1", "actors", kind_name, actor_id))
    else:
        shown = msgspec.json.encode(_peek(data, project, kind_name, actor_id), enc_hook=str)
    click.echo(msgspec.json.format(shown, indent=2).decode())


def _peek(data: str, project: str | None, kind_name: str, actor_id: str) -> dict[str, Any]:
    kind = _kind(kind_name)
    with open_beside(database_of(data)) as folder:
        address = Address(project or _only_project(folder), kind.name, actor_id)
        snapshot = kind.wake(address, folder.load(address))
    if snapshot.version == 0:
        raise Failure(f"there is no {kind.name} {actor_id!r} in project {address.project}")
    return present_actor(kind, snapshot)


def _kind(name: str) -> Kind[Any]:
    kinds = {kind.name: kind for kind in daemon.kinds_of(DOMAINS)}
    if name not in kinds:
        raise Failure(f"there is no kind {name!r}; kinds are {', '.join(sorted(kinds))}")
    return kinds[name]


def _only_project(folder: Beside) -> str:
    found = folder.projects()
    if len(found) != 1:
        raise Failure(f"say which project: --project NAME; there are {', '.join(found) or 'none'}")
    return found[0]


def _as_json(machine: Machine[Any]) -> str:
    return msgspec.json.encode(diagram.describe(machine)).decode() + "\n"


FORMS: dict[str, Callable[[Machine[Any]], str]] = {
    "table": diagram.table,
    "mermaid": diagram.mermaid,
    "json": _as_json,
    "svg": drawing.svg,
}


@click.command()
@click.argument("name", required=False)
@click.option("--format", "form", type=click.Choice(list(FORMS)), help="How to show it.")
def machines(name: str | None, form: str | None) -> None:
    """List the machines, or show one as a table, Mermaid, JSON or SVG."""
    known = {
        machine.name: (kind, machine)
        for kind in daemon.kinds_of(DOMAINS)
        for machine in kind.machines
    }
    if name is None and form is None:
        for kind, machine in known.values():
            click.echo(f"{machine.name} ({kind.name}): {' '.join(machine.phases)}")
        return
    if name is not None and name not in known:
        raise Failure(f"there is no machine {name!r}; machines are {', '.join(known)}")
    for _kind_of, machine in known.values() if name is None else [known[name]]:
        click.echo(FORMS[form or "table"](machine), nl=False)


@click.command()
@data_option
@click.option("--project", help="One project only; all by default.")
def export(data: str, project: str | None) -> None:
    """Write what projects hold as NDJSON: actors, facts, claims, documents, outbox, lists."""
    with open_beside(database_of(data)) as folder:
        if project is not None and project not in folder.projects():
            raise Failure(f"there is no project {project!r}")
        for name in [project] if project is not None else folder.projects():
            trio.run(_write_rows, folder, name)


async def _write_rows(folder: Beside, project: str) -> None:
    async for line in export_rows(folder, project, daemon.views_of(DOMAINS)):
        sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


COMMANDS = (backup, restore, check, inspect, machines, export)
