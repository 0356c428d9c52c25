"""Calls of a running daemon's admin API, for the commands that make them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import httpx
import msgspec

from api import project_file
from api.cli.errors import Failure
from api.domains import DOMAINS

SECONDS_MAX = 30.0


def request(
    method: str,
    url: str,
    key: str | None,
    parts: tuple[str, ...],
    body: object = None,
    query: str = "",
) -> bytes:
    """One call of the admin API; what it refuses becomes a `Failure` with its reason."""
    if not key:
        raise click.UsageError("this needs a key: --key, or better CALLBOARD_KEY")
    address = url.rstrip("/") + "/" + "/".join(quote(part, safe="") for part in parts)
    address += f"?{query}" if query else ""
    content = None if body is None else msgspec.json.encode(body)
    with httpx.Client(timeout=SECONDS_MAX, trust_env=False) as client:
        answer = client.request(
            method,
            address,
            content=content,
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
    if not answer.is_success:
        raise Failure(f"{answer.status_code}: {_reason(answer)}")
    return answer.content


def _reason(answer: httpx.Response) -> str:
    try:
        return str(msgspec.json.decode(answer.content)["detail"])
    except (msgspec.MsgspecError, KeyError, TypeError):
        return answer.reason_phrase or "no reason given"


def get(url: str, key: str | None, parts: tuple[str, ...]) -> bytes:
    """Read something."""
    return request("GET", url, key, parts)


def apply(file: Path, url: str, key: str | None) -> dict[str, Any]:
    """Send a project file's document to a daemon."""
    document = project_file.read(file, DOMAINS)
    body = request("PUT", url, key, ("v1", "projects", document["project"]), document)
    return msgspec.json.decode(body, type=dict[str, Any])
