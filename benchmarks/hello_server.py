"""The bare minimum on the same server: Quart-Trio on Hypercorn, told what ours is told.

`GET /hello` answers a small JSON object. The socket `/live` is what one writes first: what is said
waits in a list for each listener, and each message is one `websocket.send`. No keys, no log, no
store. Run as `python -m benchmarks.hello_server PORT`.
"""

from __future__ import annotations

import sys
from collections import deque
from functools import partial

import hypercorn.trio
import trio
from quart import request, websocket
from quart_trio import QuartTrio

from api.connections import http_config
from api.memory import settle_collector

APP = QuartTrio(__name__)


class Listener:
    """What waits for one socket."""

    def __init__(self) -> None:
        self.waiting: deque[str] = deque()
        self.something = trio.Event()


LISTENERS: set[Listener] = set()


@APP.get("/hello")
async def hello() -> dict[str, str]:
    """JSON for whoever asks."""
    return {"hello": "world"}


@APP.post("/say/<int:count>")
async def say(count: int) -> dict[str, int]:
    """Say the body so many times to everybody who listens."""
    text = str(await request.get_data(as_text=True))
    for _ in range(count):
        for listener in LISTENERS:
            listener.waiting.append(text)
            listener.something.set()
        await trio.lowlevel.checkpoint()
    return {"said": count}


@APP.websocket("/live")
async def live() -> None:
    """Everything that is said, one message each."""
    listener = Listener()
    LISTENERS.add(listener)
    try:
        await websocket.send('{"t":"subd"}')
        while True:
            await listener.something.wait()
            listener.something = trio.Event()
            while listener.waiting:
                await websocket.send(listener.waiting.popleft())
    finally:
        LISTENERS.discard(listener)


def main() -> None:
    """Serve until terminated."""
    config = http_config()
    config.bind = [f"127.0.0.1:{sys.argv[1]}"]
    settle_collector()
    trio.run(partial(hypercorn.trio.serve, APP, config))


if __name__ == "__main__":
    main()
