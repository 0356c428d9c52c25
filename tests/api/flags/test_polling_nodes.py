"""One node polls another over a real connection, and decides with its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from flag_door import COLOURS, GREETING, file, open_door

from api.config import Settings
from api.connections import Server
from api.flags.polling import Polls
from api.flags.shelf import shelf_of
from api.sockets import Doorway, Patience
from engine.hub import Said, Told


class Ear:
    """Wakes who waits for something to be told or said."""

    def __init__(self) -> None:
        self.shown: list[dict[str, Any]] = []
        self._news = trio.Event()

    def hear(self, _topic: Any, told: Told) -> None:
        """A fact, as it is pushed."""
        self._keep(told.kind.present_events(told.fact.events))

    def hear_ephemeral(self, said: Said) -> None:
        """Something passing."""
        self._keep({said.name: said.data})

    def _keep(self, shown: dict[str, Any]) -> None:
        self.shown.append(msgspec.to_builtins(shown))
        self._news.set()
        self._news = trio.Event()

    async def wait_for(self, *path: str, value: Any) -> None:
        """Wait until something shows that value at that place."""
        with trio.fail_after(10):
            while not any(_at(each, path) == value for each in self.shown):
                await self._news.wait()


def _at(shown: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        shown = shown.get(name) if isinstance(shown, dict) else None
    return shown


@pytest.mark.slow
@pytest.mark.covers("FS-056", "FS-058", "FS-071", "FS-072")
async def test_a_node_follows_another(tmp_path: Path) -> None:
    """The file, its updates and its panic arrive; it is never asked to decide."""
    (tmp_path / "up").mkdir()
    (tmp_path / "down").mkdir()
    doorway = Doorway(Settings(listen=("127.0.0.1:0",)), Patience())
    async with (
        open_door(tmp_path / "up", bucketing=file(COLOURS), others=False) as up,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(Server(up.admin.app, doorway.listeners(), up.house.log).run)
        url = f"http://{doorway.addresses[0].rpartition('/')[2]}/flags/env_1/bucketing.json"
        polled = {"decision_mode": "BUCKETING", "bucketing_url": url, "polling_interval": 0.01}
        async with open_door(
            tmp_path / "down", others=False, upstream_private=True, **polled
        ) as down:
            ear = Ear()
            down.house.hub.subscribe(("demo", "environment/env_1"), ear)
            nursery.start_soon(Polls(down.house, shelf_of(down.house)).run)
            await ear.wait_for("sdkStatuses", value=[3])
            assert set(await down.chosen()) == {"colours"}
            await ear.wait_for("polled", "status", value=304)
            await up.put(file(GREETING))
            await ear.wait_for("changed", value=["greeting"])
            assert await down.chosen() == {"greeting": "hello"}
            await up.panic(True)
            await ear.wait_for("after", "panic", value=True)
            assert (await down.decide()).json()["panic"] is True
            asked = b"".join(up.admin.lines)
            assert b"bucketing.json" in asked
            assert b"campaigns" not in asked
            nursery.cancel_scope.cancel()
    doorway.close()
