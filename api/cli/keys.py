"""`callboard keys`: list, create, rotate and revoke a project's keys over the admin API."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from api.cli.errors import Failure, key_option, url_option
from api.cli.remote import request

PATH = ("v1", "keys")


@click.group()
@url_option
@key_option
@click.pass_context
def keys(context: click.Context, url: str | None, key: str | None) -> None:
    """A project's keys; --key is one of its admin keys."""
    if url is None:
        raise click.UsageError("say which daemon: --url, or CALLBOARD_URL")
    context.obj = (url, key)


@keys.command(name="list")
@click.pass_obj
def list_keys(daemon: tuple[str, str | None]) -> None:
    """List keys: id, door, kind, subject, label, created. Never the keys themselves."""
    for one in _listed(daemon):
        click.echo("\t".join((one["key_id"], *(one.get(name) or "-" for name in COLUMNS))))


COLUMNS = ("door", "kind", "subject", "label", "created")


@keys.command()
@click.option("--door", default="", help="A door's name; none for an admin key.")
@click.option("--kind", default="admin", show_default=True, help="The door's word for the key.")
@click.option("--subject", default="", help="What it is bound to: an environment id.")
@click.option("--label", default="", help="A name for people.")
@click.pass_obj
def create(daemon: tuple[str, str | None], door: str, kind: str, subject: str, label: str) -> None:
    """Create a key and print it, this once."""
    click.echo(_create(daemon, door, kind, subject, label)["key"])


@keys.command()
@click.argument("key_id")
@click.option("--now", is_flag=True, help="Revoke the old one at once.")
@click.pass_obj
def rotate(daemon: tuple[str, str | None], key_id: str, now: bool) -> None:
    """Create another key like KEY_ID and print it; both work until the old one is revoked."""
    old = next((one for one in _listed(daemon) if one["key_id"] == key_id), None)
    if old is None:
        raise Failure(f"there is no key {key_id}")
    made = _create(daemon, *(old.get(name, "") for name in COLUMNS[:4]))
    click.echo(made["key"])
    if now:
        request("DELETE", *daemon, (*PATH, key_id))


@keys.command()
@click.argument("key_id")
@click.pass_obj
def revoke(daemon: tuple[str, str | None], key_id: str) -> None:
    """Revoke a key; sockets that use it close."""
    request("DELETE", *daemon, (*PATH, key_id))
    click.echo(f"{key_id} is revoked")


def _listed(daemon: tuple[str, str | None]) -> list[dict[str, Any]]:
    return msgspec.json.decode(request("GET", *daemon, PATH), type=list[dict[str, Any]])


def _create(
    daemon: tuple[str, str | None], door: str, kind: str, subject: str, label: str
) -> dict[str, Any]:
    wanted = {"door": door, "kind": kind, "subject": subject, "label": label}
    return msgspec.json.decode(request("POST", *daemon, PATH, wanted), type=dict[str, Any])
