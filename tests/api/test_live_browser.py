"""The browser's client against a real socket, run by node."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import trio
from live_server import cut_all, live_url, served
from live_world import PROJECT

import api
from api.patch import diff

SCRIPT = Path(api.__file__).parent / "static" / "callboard.js"
pytestmark = pytest.mark.slow
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node runs the browser client")


async def node(script: Path, *arguments: str) -> str:
    """Run a script that ends by itself, and return what it wrote."""
    command = [str(NODE), "--experimental-websocket", str(script), *arguments]
    done = await trio.run_process(
        command, capture_stdout=True, stderr=subprocess.DEVNULL, check=True
    )
    return done.stdout.decode()


@needs_node
async def test_the_browser_client_resumes_and_patches(tmp_path: Path) -> None:
    """Cut off in the middle, it ends with the state the server has, having missed nothing."""
    (tmp_path / "callboard.mjs").write_bytes(SCRIPT.read_bytes())
    (tmp_path / "listen.mjs").write_text(LISTEN)
    with trio.fail_after(30):
        async with served() as (world, host):
            out: list[str] = []
            async with trio.open_nursery() as nursery:

                async def listen() -> None:
                    out.append(await node(tmp_path / "listen.mjs", live_url(host)))

                nursery.start_soon(listen)
                topic = (PROJECT, "door/1")
                await world.hub.wait_for_listeners(topic, 2)
                await world.set_codes(1, 5)
                await cut_all(world)
                await world.set_codes(6, 9)
                await world.hub.wait_for_listeners(topic, 2)
                await world.set_codes(10, 11)
            told = json.loads(out[0])
            assert told["events"] == list(range(1, 12))
            assert told["state"]["code"] == "by command"
            assert told["version"] == 12
            assert told["refused"] == "refused"
            assert told["unknown"] == "unknown_topic"


LISTEN = """
import { Callboard } from "./callboard.mjs";
const events = [];
let unknown = "";
const board = new Callboard(process.argv[2], { token: "door-key" });
board.subscribe("window/1", { onError: (error) => { unknown = error.problem.code; } });
const door = board.subscribe("door/1", {
  mode: "snapshot",
  onState: async (state, at) => {
    if (at.version !== 11) return;
    const shown = await board.command("door/1", "setCode", { code: "by command" });
    const refused = await board.command("door/1", "shut").catch((error) => error.problem.code);
    setTimeout(() => {
      console.log(JSON.stringify({
        events: heard.map((event) => event.version), state: door.state, version: door.version,
        refused, unknown, shown,
      }));
      board.close();
      process.exit(0);
    }, 100);
  },
});
const heard = [];
const plain = new Callboard(process.argv[2], { token: () => "door-key" });
plain.subscribe("door/1", { onEvent: (event) => { if (event.version < 12) heard.push(event); } });
"""


@needs_node
async def test_a_page_hears_events_and_states(tmp_path: Path) -> None:
    """One subscription gives both, each event with its data; a listener that throws stops nobody.

    What it threw is reported; the same topic a second time is refused at once.
    """
    (tmp_path / "callboard.mjs").write_bytes(SCRIPT.read_bytes())
    (tmp_path / "both.mjs").write_text(BOTH)
    with trio.fail_after(30):
        async with served() as (world, host):
            out: list[str] = []
            async with trio.open_nursery() as nursery:

                async def listen() -> None:
                    out.append(await node(tmp_path / "both.mjs", live_url(host)))

                nursery.start_soon(listen)
                await world.hub.wait_for_listeners((PROJECT, "door/1"))
                await world.set_codes(1, 5)
    told = json.loads(out[0])
    codes = [f"code {number}" for number in range(1, 6)]
    assert told["events"] == [[version, codes[version - 1]] for version in range(1, 6)]
    assert told["states"] == [None, *codes]
    assert told["passed"] == ["event"] * 5 + ["status"]
    assert "another Callboard" in told["twice"]


BOTH = """
import { Callboard } from "./callboard.mjs";
const events = [], states = [], passed = [];
let twice = "";
process.on("uncaughtException", (error) => { passed.push(error.message); });
const board = new Callboard(process.argv[2], {
  token: "door-key",
  onStatus: (status) => { if (status === "open") throw new Error("status"); },
});
board.subscribe("door/1", {
  onEvent: (event) => {
    events.push([event.version, event.data.code]);
    throw new Error("event");
  },
  onState: (state, at) => {
    states.push(state && state.code);
    if (at.version < 5) return;
    setTimeout(() => {
      console.log(JSON.stringify({ events, states, passed: passed.sort(), twice }));
      process.exit(0);
    }, 50);
  },
});
try { board.subscribe("door/1", { mode: "events" }); } catch (error) { twice = error.message; }
"""


@needs_node
async def test_both_clients_patch_alike(tmp_path: Path) -> None:
    """The browser's `applyPatch` gives what Python's does, also for awkward names."""
    (tmp_path / "callboard.mjs").write_bytes(SCRIPT.read_bytes())
    (tmp_path / "patch.mjs").write_text(
        'import { applyPatch } from "./callboard.mjs";\n'
        f"const cases = {json.dumps(PATCHES)};\n"
        "console.log(JSON.stringify(cases.map(([value, patch]) => applyPatch(value, patch))));\n"
    )
    with trio.fail_after(20):
        made = json.loads(await node(tmp_path / "patch.mjs"))
    assert made == [after for _, _, after in PATCHES]


def _case(before: Any, after: Any) -> tuple[Any, Any, Any]:
    return before, diff(before, after), after


PATCHES = [
    _case({"a": [1, 2, 3]}, {"a": [1, 3, {"b/c": {"~": None}}]}),
    _case({"a/b": {"~1": 1}}, {"a/b": {"~1": 2, "": 3}}),
    _case([1, [2]], [[2]]),
    _case({"x": 1}, [True]),
    _case({}, {"constructor": {"x": 1}}),
]
