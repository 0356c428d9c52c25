"""`callboard outbox`: what waits to leave the house, over the admin API; retry it, or park it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import click
import msgspec

from api.cli.errors import key_option, url_option
from api.cli.remote import request

PATH = ("v1", "outbox")
PAGE = 500
COLUMNS = ("id", "sender", "subscription", "subject", "cause", "due_at", "attempts", "error")


@click.group()
@url_option
@key_option
@click.pass_context
def outbox(context: click.Context, url: str | None, key: str | None) -> None:
    """A project's deliveries; --key is one of its admin keys."""
    if url is None:
        raise click.UsageError("say which daemon: --url, or CALLBOARD_URL")
    context.obj = (url, key)


@outbox.command(name="list")
@click.option("--parked", is_flag=True, help="Only those that were given up.")
@click.pass_obj
def list_deliveries(daemon: tuple[str, str | None], parked: bool) -> None:
    """List deliveries: id, sender, subscription, subject, cause, due, attempts, state, error."""
    for one in _listed(daemon, parked=parked):
        state = "parked" if one["parked"] else "waiting"
        shown = [str(one[name]) or "-" for name in COLUMNS]
        click.echo("\t".join((*shown[:-1], state, shown[-1])))


@outbox.command()
@click.argument("delivery_id", metavar="ID", type=click.IntRange(1), required=False)
@click.option("--all", "every", is_flag=True, help="All that are parked.")
@click.pass_obj
def retry(daemon: tuple[str, str | None], delivery_id: int | None, every: bool) -> None:
    """Try a delivery now, or all that are parked; what fails again is parked again."""
    if every == (delivery_id is not None):
        raise click.UsageError("say which: ID or --all")
    if delivery_id is None:
        done = msgspec.json.decode(request("POST", *daemon, (*PATH, "retry")))
        click.echo(f"{done['retried']} are tried again")
        return
    request("POST", *daemon, (*PATH, str(delivery_id), "retry"))
    click.echo(f"{delivery_id} is tried again")


@outbox.command()
@click.argument("delivery_id", metavar="ID", type=click.IntRange(1))
@click.pass_obj
def park(daemon: tuple[str, str | None], delivery_id: int) -> None:
    """Give a delivery up until it is retried; those behind it go on."""
    request("POST", *daemon, (*PATH, str(delivery_id), "park"))
    click.echo(f"{delivery_id} is parked")


def _listed(daemon: tuple[str, str | None], *, parked: bool) -> Iterator[dict[str, Any]]:
    after: str | None = "0"
    while after is not None:
        query = {"after": after, "limit": PAGE, "parked": str(parked).lower()}
        body = request("GET", *daemon, PATH, query=urlencode(query))
        page = msgspec.json.decode(body, type=dict[str, Any])
        yield from page["deliveries"]
        after = page["next"]
