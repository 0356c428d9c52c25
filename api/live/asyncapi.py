"""The AsyncAPI 3.1 document of the live door, made from the structs that parse the frames.

Nothing is described twice: names, fields, types and sentences are the structs' own. A test
validates real frames against the result.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import msgspec

from api.live.frames import CLIENT_FRAMES, CLOSE_CODES, SERVER_FRAMES, SUBPROTOCOLS

VERSION = "3.1.0"
DESCRIPTION = """\
Live state of every actor, over a WebSocket. A text frame holds one JSON object, or an array of
them; `t` is a frame's type. A failed `sub` or `cmd` never closes the socket.

Show a key as `Authorization: Bearer` at the upgrade, or a one-use ticket (`POST /v1/tickets`) in
the first frame. A topic is `KIND/ID`, or `kind/KIND` for admin keys.
"""


def asyncapi_document(version: str) -> dict[str, Any]:
    """The document; `version` is the software's."""
    frames = (*CLIENT_FRAMES, *SERVER_FRAMES)
    _, schemas = msgspec.json.schema_components(frames, ref_template="#/components/schemas/{name}")
    return {
        "asyncapi": VERSION,
        "info": {"title": "Callboard live", "version": version, "description": DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": {
            "live": {
                "address": "/v1/live",
                "title": "The live socket",
                "description": _close_codes(),
                "messages": {
                    _tag(frame): {"$ref": f"#/components/messages/{_tag(frame)}"}
                    for frame in frames
                },
                "bindings": {
                    "ws": {
                        "method": "GET",
                        "headers": {
                            "type": "object",
                            "properties": {
                                "Authorization": {"type": "string"},
                                "Sec-WebSocket-Protocol": {"enum": list(SUBPROTOCOLS)},
                            },
                        },
                    }
                },
            }
        },
        "operations": {
            "say": _operation("receive", "What a client may say.", CLIENT_FRAMES),
            "hear": _operation("send", "What a client is told.", SERVER_FRAMES),
        },
        "components": {
            "messages": {_tag(frame): _message(frame) for frame in frames},
            "schemas": schemas,
        },
    }


def _tag(frame: type[msgspec.Struct]) -> str:
    return str(frame.__struct_config__.tag)


def _operation(action: str, summary: str, frames: Iterable[type[msgspec.Struct]]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": "#/channels/live"},
        "summary": summary,
        "messages": [{"$ref": f"#/channels/live/messages/{_tag(frame)}"} for frame in frames],
    }


def _message(frame: type[msgspec.Struct]) -> dict[str, Any]:
    summary, _, more = inspect.cleandoc(frame.__doc__ or "").partition("\n\n")
    message: dict[str, Any] = {
        "name": _tag(frame),
        "title": _tag(frame),
        "summary": " ".join(summary.split()),
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{frame.__name__}"},
    }
    if more:
        message["description"] = " ".join(more.split())
    return message


def _close_codes() -> str:
    lines = "\n".join(f"* `{code}`: {why}" for code, why in CLOSE_CODES.items())
    return f"The socket may be closed with:\n\n{lines}\n"
