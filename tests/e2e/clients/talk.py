"""How a Python client under test is spoken to: one JSON object per line, as in talk.cjs.

In: `{"id": 1, "do": "start", "with": {...}}`. Out: `{"id": 1, "ok": ...}` or `{"id": 1, "error":
"..."}`, and `{"event": "...", ...}` whenever something happened. What the client prints itself
goes to stderr. The process ends when its input does.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import requests

_out = sys.stdout
_lock = threading.Lock()
sys.stdout = sys.stderr


def say(told: Mapping[str, Any]) -> None:
    """Write one line; threads of the client may speak at the same time."""
    with _lock:
        _out.write(json.dumps(told) + "\n")
        _out.flush()


def event(name: str, **told: Any) -> None:
    """Tell that something happened."""
    say({"event": name, **told})


def overhear_requests() -> None:
    """Tell every request that the client sends through `requests`, and what came back."""
    original = requests.Session.send

    def send(session: requests.Session, request: requests.PreparedRequest, **given: Any) -> Any:
        response = original(session, request, **given)
        body = request.body or b""
        event(
            "request",
            method=request.method,
            url=request.url,
            headers=dict(request.headers),
            body=body.decode() if isinstance(body, bytes) else body,
            status=response.status_code,
            answered=dict(response.headers),
        )
        return response

    requests.Session.send = send  # type: ignore[method-assign]


def serve(actions: Mapping[str, Callable[..., Any]]) -> None:
    """Carry out what is asked, one after the other, until the input ends."""
    overhear_requests()
    event("ready")
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            say({"id": asked["id"], "ok": actions[asked["do"]](**asked.get("with", {}))})
        except Exception:
            say({"id": asked["id"], "error": traceback.format_exc()})
    os._exit(0)  # the SDK's threads have no end of their own
