"""The daemon as it is, with the toy doors as its only domain and one route more.

`POST /bench/say/{count}` has one door carry out that many commands, 64 under way at a time, and
answers when the last commit was told (monotonic ns). Settings, log, live door, routes, connections
and shutdown are the daemon's own. Run as `python -m benchmarks.toy_server PORT DATA PROJECT_FILE`.
"""

from __future__ import annotations

import sys
import time

import trio

from api import daemon
from api.config import Settings
from api.domain import Domain
from api.http import Answer, Call, Route, answer
from api.lines import Lines
from api.metrics import Metrics
from api.observer import Log, routed_logging
from api.sockets import Doorway, Patience
from benchmarks.toy_house import PROJECT
from engine.hub import Told
from engine.messages import Address
from tests.toy import DOOR, SetCode

CALLERS = 64
SAYER = Address(PROJECT, "door", "sayer")


class Said:
    """When the last fact was told: right after its commit, before anybody could hear it."""

    told_ns = 0
    code = 0

    def note(self, _told: Told) -> None:
        """A fact is being told."""
        self.told_ns = time.monotonic_ns()


SAID = Said()


async def say(call: Call) -> Answer:
    """Facts, as many as the path says."""
    numbers = iter(range(int(call.parts["count"])))

    async def caller() -> None:
        for _ in numbers:
            SAID.code += 1
            await call.house.directory.ask(SAYER, SetCode(code=str(SAID.code)), by="bench")

    async with trio.open_nursery() as nursery:
        for _ in range(CALLERS):
            nursery.start_soon(caller)
    return answer({"told_ns": SAID.told_ns})


TOY = Domain("bench", (DOOR,), None, (Route("POST", "/bench/say/{count}", say, "open"),))


async def serve(settings: Settings) -> None:
    """What `daemon.run` does, with another table of contents."""
    lines, metrics, patience = Lines(daemon.LOG_DESCRIPTOR), Metrics(), Patience()
    log = Log(lines, counts=metrics)
    doorway = Doorway(settings, patience)
    with routed_logging(log):
        async with daemon.open_house(settings, log, metrics, (TOY,)) as house:
            house.hub.follow(DOOR.name, SAID.note)
            await daemon._serve(house, doorway, patience, lambda _addresses: None)
    doorway.close()
    lines.close()


def main() -> None:
    """Serve until terminated."""
    port, data, project = sys.argv[1:]
    trio.run(serve, Settings(listen=(f"127.0.0.1:{port}",), data=data, apply=(project,)))


if __name__ == "__main__":
    main()
