"""`callboard watch`: topics as they change, one JSON object a line, for as long as you like."""

from __future__ import annotations

import signal
from typing import Any

import click
import msgspec
import trio

from api.cli.errors import Failure, key_option, url_option
from api.client import LiveClient, LiveClosed, Refused, Update, open_live

SILENCE_SECONDS_MAX = 3.0
"""After this long without a connection it says so; it keeps trying."""


@click.command()
@click.argument("topics", metavar="TOPIC...", nargs=-1, required=True)
@url_option
@key_option
@click.option("--project", help="Listen to this project's public topics, without a key.")
@click.option(
    "--mode",
    type=click.Choice(["snapshot", "events", "latest"]),
    default="snapshot",
    show_default=True,
    help="The state and every step, steps only, or the newest state only.",
)
def watch(
    topics: tuple[str, ...], url: str | None, key: str | None, project: str | None, mode: str
) -> None:
    """Show topics live, such as environment/demo. It comes back by itself after a break."""
    if url is None:
        raise click.UsageError("say which daemon: --url, or CALLBOARD_URL")
    if not key and not project:
        raise click.UsageError("this needs a key (CALLBOARD_KEY or --key), or --project")
    try:
        trio.run(_watch, topics, live_url(url), {"key": key or "", "project": project or ""}, mode)
    except* (Refused, LiveClosed) as group:
        raise Failure(str(group.exceptions[0])) from None


def live_url(url: str) -> str:
    """The live socket of a daemon's address."""
    scheme, mark, rest = url.rstrip("/").partition("://")
    if not mark or scheme not in {"http", "https", "ws", "wss"}:
        raise click.UsageError(f"{url!r} is not http://HOST:PORT")
    secured = scheme in {"https", "wss"}
    return f"{'wss' if secured else 'ws'}://{rest.removesuffix('/v1/live')}/v1/live"


async def _watch(topics: tuple[str, ...], url: str, caller: dict[str, Any], mode: str) -> None:
    async with (
        open_live(url, client="callboard watch", **caller) as live,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(_until_interrupted, nursery.cancel_scope)
        nursery.start_soon(_mention_silence, live, url)
        for topic in dict.fromkeys(topics):
            nursery.start_soon(_show, live, topic, mode)


async def _show(live: LiveClient, topic: str, mode: str) -> None:
    async with live.subscribe(topic, mode=mode, delta=False) as updates:
        async for update in updates:
            click.echo(shown(update))


def shown(update: Update) -> bytes:
    """An update as one line; what is empty is left out."""
    fields = msgspec.to_builtins(update)
    return msgspec.json.encode(
        {
            name: value
            for name, value in fields.items()
            if value not in ("", None) or (name == "state" and update.kind == "snapshot")
        }
    )


async def _mention_silence(live: LiveClient, url: str) -> None:
    await trio.sleep(SILENCE_SECONDS_MAX)
    if not live.connections:
        click.echo(f"nobody answers at {url} yet; still trying", err=True)


async def _until_interrupted(scope: trio.CancelScope) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as received:
        await anext(received)
        scope.cancel()
