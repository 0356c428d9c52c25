"""Frames as CloudEvents 1.0, for pure consumers (subprotocol `cloudevents.json`).

A fact becomes an event of its actor: `type` is `callboard.KIND.NAME`, `id` its place in history,
`data` what a listener is shown. Everything else that the protocol says (`welcome`, `subd`, `lag`,
`err`, `bye`) is an event of the socket, `callboard.live.*`, with the frame as data. One event per
text frame, as that binding asks.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import UNSET, Raw

from api.http import encode
from api.live.frames import Ev
from api.live.rendering import Line

_ev = msgspec.json.Decoder(Ev)


def cloud_text(line: Line, session: str, number: int) -> str:
    """A line as a CloudEvent; a fact's is made once, whoever listens."""
    if not line.is_event:
        return _of_socket(line, session, number)
    if line.cloud is None:
        line.cloud = _of_fact(_ev.decode(line.encode()))
    return line.cloud


def _of_fact(ev: Ev) -> str:
    topic = ev.topic if ev.actor is UNSET else ev.actor
    data = next((part for part in (ev.data, ev.patch, ev.state) if part is not UNSET), Raw(b"null"))
    event: dict[str, Any] = {
        "specversion": "1.0",
        "type": f"callboard.{topic.partition('/')[0]}.{ev.name}",
        "source": "/v1/actors/" + quote(topic, safe="/"),
        "id": f"{ev.epoch}:{ev.version}",
        "time": ev.time,
        "subject": ev.topic,
        "datacontenttype": "application/json",
        "data": data,
    }
    return encode(event).decode()


def _of_socket(line: Line, session: str, number: int) -> str:
    frame = Raw(line.encode())
    t = msgspec.json.decode(frame)["t"]
    event: dict[str, Any] = {
        "specversion": "1.0",
        "type": f"callboard.live.{t}",
        "source": f"/v1/live/{session}",
        "id": str(number),
        "datacontenttype": "application/json",
        "data": frame,
    }
    return encode(event).decode()
