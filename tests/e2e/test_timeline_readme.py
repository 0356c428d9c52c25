"""What the README prints of timelines, run as it is printed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e.conftest import Daemon, clean_environment
from e2e.real_clients import HERE

PROJECT = HERE.parents[1]
README = (PROJECT / "README.md").read_text(encoding="utf-8")
PRINTED_URL = "http://127.0.0.1:8080"


@pytest.mark.covers("TL-006")
@pytest.mark.slow
def test_the_readme_walks_as_printed(new_daemon: Callable[[], Daemon], tmp_path: Path) -> None:
    """The published npm package walks; then its curl line goes on."""
    if shutil.which("node") is None or not (HERE / "node_modules" / "fictioneers").is_dir():
        pytest.skip("needs node and `npm ci --prefix tests/e2e`")
    daemon = new_daemon().start("--apply", str(PROJECT / "examples" / "demo.toml"))
    walk = tmp_path / "walk.mjs"
    walk.write_text(printed("js", "fictioneers", daemon), encoding="utf-8")
    (tmp_path / "node_modules").symlink_to(HERE / "node_modules")
    assert run(["node", str(walk)]).split("\n")[:2] == ["VISITED", "5 A Mad Tea-Party"]
    line = printed("sh", "follow-link", daemon)
    followed = json.loads(run(["sh", "-ec", line]))
    assert (followed["data"]["id"], followed["data"]["state"]) == ("evHole", "VISITED")
    changed = [event["id"] for event in followed["meta"]["changed_timeline_events"]]
    assert changed == ["evHole", "evDrink"]


def printed(language: str, word: str, daemon: Daemon) -> str:
    """README's block in that language which has that word, for this daemon."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    (block,) = (block for block in blocks if word in block and "npm install" not in block)
    assert PRINTED_URL in block
    return str(block.replace(PRINTED_URL, daemon.url))


def run(program: list[str]) -> str:
    """What a program prints."""
    done = subprocess.run(
        program, capture_output=True, text=True, timeout=30, check=True, env=clean_environment()
    )
    return done.stdout
