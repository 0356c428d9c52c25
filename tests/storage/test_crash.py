"""Kill -9: whatever was acknowledged is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import trio

from engine.limits import Limits
from engine.messages import Address
from storage.checks import check
from storage.folder import DATABASE
from storage.sqlite import open_store

CHILD = """
import sys
from pathlib import Path
import trio
from storage_worlds import opened, stored
from engine.limits import Limits
from engine.messages import Address
from storage.sqlite import open_store

async def write(store, name):
    version = 0
    while True:
        await stored(store, opened(Address("house", "door", name), version))
        version += 1
        print(name, version, flush=True)

async def main():
    async with open_store(Path(sys.argv[1]), Limits()) as store, trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(write, store, f"d{number}")

trio.run(main)
"""


async def _acknowledged(folder: Path, lines: int) -> dict[str, int]:
    """Let a child write, kill it after `lines` acknowledgements; the last version by actor."""
    script = f"import sys; sys.path[:0] = {sys.path!r}\n{CHILD}"
    text = b""
    process = await trio.lowlevel.open_process(
        [sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    async with process.stdout:
        async for chunk in process.stdout:
            text += chunk
            if text.count(b"\n") >= lines:
                process.kill()
    await process.wait()
    whole = text.decode().rpartition("\n")[0].splitlines()
    return {name: int(version) for name, version in map(str.split, whole)}


@pytest.mark.slow
@pytest.mark.parametrize("lines", [1, 50, 400])
async def test_nothing_acknowledged_is_lost(tmp_path: Path, lines: int) -> None:
    """After a kill the folder opens at once, sound, with every acknowledged fact."""
    with trio.fail_after(30):
        versions = await _acknowledged(tmp_path, lines)
    assert versions
    async with open_store(tmp_path, Limits()) as store:
        for name, version in versions.items():
            loaded = await store.load(Address("house", "door", name))
            assert loaded is not None
            assert loaded.version >= version
        assert check(tmp_path / DATABASE, {}).is_sound
