"""Bucketing evaluations a second, in process, against the published Python SDK.

Ours: a file of twenty campaigns is compiled once as a visitor reads it (profile `sdk`); then for
each of 1,500 visitors the targeted groups are matched, variations are allocated, what would be
kept is named, and the visitor's flags stand ready to be read. Beside it: `fetch_flags` of PyPI
`flagship` in bucketing mode for the same visitors on the same file, logs off, nothing sent
meanwhile; its flags too stand ready. It runs in the virtual environment of the end-to-end tests.

Everybody must get the same flags with the same values from the same variations on both sides, in
every round, or nothing is measured. The clock runs inside each process, contestants take turns,
each in a fresh one. The second figure leaves out what `fetch_flags` does beside evaluating (see
`flagship_peer.py`), though the package has no way to leave it out.
"""

from __future__ import annotations

import gc
import json
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from actors.flags.bucketing import parse
from actors.flags.decision import Compiled, Request, compile_file, matching, settle
from actors.flags.flag_values import Flag, flags_of, from_choice
from benchmarks.apart import apart, scratch
from benchmarks.campaigns import CAMPAIGNS, bucketing, visitors
from benchmarks.figures import Figure, median, ratios, rounds
from tests.e2e.real_clients import python_of_clients

VISITORS = 1_500
PASSES = 6
"""How often ours goes through the visitors: long enough for the clock."""
PEER = Path(__file__).with_name("flagship_peer.py")
PEER_SECONDS_MAX = 120.0

Told = list[dict[str, list[Any]]]
"""Each visitor's flags: campaign, group and variation they come from, and their value."""


def measure(*, is_quick: bool) -> list[Figure]:
    """Our evaluations against `fetch_flags`, and against less than it."""
    bare: list[float] = []
    with scratch() as folder:
        (folder / "campaigns.json").write_text(json.dumps(bucketing()))
        (folder / "visitors.json").write_text(json.dumps(visitors(VISITORS)))
        expected = apart(tell, folder)
        _look(expected)
        ours, fetched = rounds(
            3 if is_quick else 9,
            partial(apart, evaluate, folder),
            partial(_peer, folder, expected, bare),
        )
    name = "bucketing evaluations/s in process, 20 campaigns, 60 flags"
    return [
        _figure(name, "fetch_flags of flagship 3.0.1 on the same file", ours, fetched, 5.0),
        _figure(f"{name}; bare", "its targeting and allocation alone", ours, bare, None),
    ]


def _figure(
    measure: str, than: str, ours: Sequence[float], other: Sequence[float], target: float | None
) -> Figure:
    raw = {"evaluations/s": ours, "the other": other}
    return Figure(measure, than, median(ratios(ours, other)), target, raw=raw)


def _look(told: Told) -> None:
    """Every campaign is work: visitors get different things from it, or some get nothing."""
    for number in range(CAMPAIGNS):
        key = f"title_{number}"
        if len({tuple(flags[key][:3]) if key in flags else () for flags in told}) < 2:
            raise RuntimeError(f"campaign {number} tells nobody from anybody")


# --- ours


def evaluate(folder: Path) -> float:
    """Evaluations a second."""
    compiled, asked = _prepared(folder)
    seconds = 0.0
    for _ in range(PASSES):
        requests = [_request(each) for each in asked]
        gc.collect()
        started = perf_counter()
        found = [flags(compiled, request) for request in requests]
        seconds += perf_counter() - started
        if len(found) != len(asked):
            raise RuntimeError("not everybody was evaluated")
    return PASSES * len(asked) / seconds


def tell(folder: Path) -> Told:
    """What everybody gets."""
    compiled, asked = _prepared(folder)
    return [_told(flags(compiled, _request(each))) for each in asked]


def flags(compiled: Compiled, request: Request) -> dict[str, Flag]:
    """One evaluation: from a visitor to the flags by key."""
    decision = settle(compiled, request, matching(compiled, request))
    return flags_of(map(from_choice, decision.choices))


def _prepared(folder: Path) -> tuple[Compiled, list[dict[str, Any]]]:
    file = parse((folder / "campaigns.json").read_bytes())
    return compile_file(file, "sdk"), json.loads((folder / "visitors.json").read_bytes())


def _request(asked: dict[str, Any]) -> Request:
    return Request(visitor_id=asked["visitorId"], context=asked["context"])


def _told(found: dict[str, Flag]) -> dict[str, list[Any]]:
    return {
        key: [
            flag.campaign.campaign_id,
            flag.campaign.variation_group_id,
            flag.campaign.variation_id,
            flag.value,
        ]
        for key, flag in found.items()
    }


# --- the SDK


def _peer(folder: Path, expected: Told, bare: list[float]) -> float:
    """Its evaluations a second, in a process of its own; the bare ones are added to the list."""
    files = [str(folder / name) for name in ("campaigns.json", "visitors.json")]
    interpreter = str(python_of_clients())
    command = [interpreter, "-P", str(PEER), *files]  # -P: `http` is not the file beside it
    place = folder / f"round-{len(bare)}"
    place.mkdir()  # the SDK keeps the file in its working directory
    done = subprocess.run(
        command, cwd=place, stdout=subprocess.PIPE, timeout=PEER_SECONDS_MAX, check=True
    )
    answer = json.loads(done.stdout.splitlines()[-1])
    _compare(expected, answer["flags"])
    bare.append(round(answer["bare"], 2))
    return float(answer["fetched"])


def _compare(ours: Told, theirs: Told) -> None:
    pairs = enumerate(zip(ours, theirs, strict=True))
    differing = [number for number, (one, other) in pairs if one != other]
    if differing:
        first = differing[0]
        keys = sorted(ours[first].keys() | theirs[first].keys())
        key = next(key for key in keys if ours[first].get(key) != theirs[first].get(key))
        raise RuntimeError(
            f"{len(differing)} of {len(ours)} visitors get other flags from the SDK; visitor "
            f"{first}, {key}: {ours[first].get(key)} here, {theirs[first].get(key)} there"
        )
