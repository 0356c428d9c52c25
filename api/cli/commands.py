"""The command line: `callboard`.

Each command does one thing and says it plainly. What went wrong is one line on standard error;
the exit code is 2 for a command that cannot be meant and 1 for one that failed. Secrets may come
from the environment (CALLBOARD_KEY, CALLBOARD_OPERATOR_KEY), since command lines show in `ps`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import trio

from api import config, daemon, project_file
from api.cli import demo as cli_demo
from api.cli import folder as cli_folder
from api.cli import keys as cli_keys
from api.cli import outbox as cli_outbox
from api.cli import remote as cli_remote
from api.cli import timeline as cli_timeline
from api.cli import watch as cli_watch
from api.cli.errors import Plain, data_option, file_type, key_option, url_option
from api.domains import DOMAINS
from api.toml_file import BadFile


@click.group(cls=Plain, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="callboard", prog_name="callboard")
def main() -> None:
    """Live state for audiences: explicit state machines, durable and pushed live."""


config_option = click.option(
    "--config",
    "config_file",
    type=file_type,
    envvar="CALLBOARD_CONFIG",
    help="Settings file (TOML).",
)


def settings_options(command: Any) -> Any:
    """The flags that set settings, the same for `serve` and `config`."""
    for option in (
        click.option("--log-format", help="json or text."),
        click.option("--log-level", help="debug, info, warning or error."),
        click.option("--trusted-proxies", multiple=True, help="Network whose headers count."),
        click.option("--tls-key", help="The certificate's key (PEM)."),
        click.option("--tls-cert", help="Certificate chain (PEM)."),
        click.option("--apply", multiple=True, help="Project file to apply before ready."),
        click.option("--listen", multiple=True, help="HOST:PORT, unix:PATH or fd://3."),
        click.option("--data", help="Data folder; made if missing."),
        config_option,
    ):
        command = option(command)
    return command


@main.command()
@settings_options
def serve(config_file: Path | None, **flags: Any) -> None:
    """Run the daemon until SIGTERM."""
    trio.run(daemon.run, config.load(config_file, flags=flags).settings)


@main.command()
@click.argument("file", type=file_type)
@data_option
@url_option
@key_option
def apply(file: Path, data: str, url: str | None, key: str | None) -> None:
    """Declare a project from its file; repeating it changes nothing.

    Without --url it works on a data folder that no daemon uses.
    """
    if url is not None:
        report = cli_remote.apply(file, url, key)
    else:
        report = trio.run(cli_folder.apply, file, data)
    click.echo(said(report))


def said(report: Mapping[str, Any]) -> str:
    """An apply report in one line."""
    applied, unchanged = report["applied"], report["unchanged"]
    parts = [f"applied {', '.join(applied)}" if applied else "nothing to do"]
    if unchanged:
        parts.append(f"{len(unchanged)} unchanged")
    if report["not_named"]:
        parts.append(f"no longer named, still in force: {', '.join(report['not_named'])}")
    return f"{report['project']}: " + "; ".join(parts)


@main.group(name="config")
def config_group() -> None:
    """Judge and show settings."""


@config_group.command()
@settings_options
def show(config_file: Path | None, **flags: Any) -> None:
    """Print the settings in force, secrets masked, with where each came from."""
    click.echo(config.masked(config.load(config_file, flags=flags)), nl=False)


@config_group.command()
@settings_options
def check(config_file: Path | None, **flags: Any) -> None:
    """Judge the settings, every machine, the project files and the data folder's version."""
    settings = config.load(config_file, flags=flags).settings
    daemon.check_hosts(settings)
    kinds = daemon.kinds_of(DOMAINS)  # a bad table fails where it is built
    names = [kind.name for kind in kinds]
    if len(set(names)) != len(names):
        raise BadFile(f"two kinds have the same name: {sorted(names)}")
    for name in settings.apply:
        project_file.read(Path(name), DOMAINS)
    found = cli_folder.check_version(Path(settings.data))
    machines = sum(len(kind.machines) for kind in kinds)
    click.echo(f"settings are usable; {machines} machines of {len(kinds)} kinds; {found}")


for command in (
    *cli_folder.COMMANDS,
    cli_watch.watch,
    cli_keys.keys,
    cli_outbox.outbox,
    cli_timeline.timeline,
    cli_demo.demo,
):
    main.add_command(command)
