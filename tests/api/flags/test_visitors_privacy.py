"""What is left of a person: nothing without consent, and nothing after an erasure."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from flag_door import CLIENT, COLOURS, GREETING, Door, file, open_door

from storage.flags import queries

SECRET = "secret-words-of-somebody"


async def _found(folder: Path) -> list[str]:
    """Files of the folder that hold the secret; another process looks, as a thief would."""
    result = await trio.run_process(
        ["grep", "-l", "-r", "-a", SECRET, str(folder)], capture_stdout=True, check=False
    )
    return sorted(Path(line).name for line in result.stdout.decode().split())


async def _live_a_life(door: Door, handle: str, *, consents: bool) -> None:
    """Say the secret wherever something may be said."""
    visitors = door.visitors
    await visitors.new(handle, hasConsented=consents, context={SECRET: SECRET})
    await visitors.do("updateContext", handle, context={"city": SECRET})
    await visitors.do("authenticate", handle, visitorId=SECRET)
    await visitors.do("fetchFlags", handle)
    await visitors("POST", f"/{handle}/getValue", {"key": "missing", "defaultValue": SECRET})
    await visitors("POST", f"/{handle}/exposeAll", {})
    hit = {"type": "SCREENVIEW", "documentLocation": SECRET}
    await visitors("POST", f"/{handle}/sendHit", {"hit": hit})
    await visitors(
        "POST", f"/{handle}/updateContext", {"context": {"x": SECRET}}, idempotency_key="k"
    )


@pytest.mark.covers("FS-012")
async def test_without_consent_nothing_reaches_the_disk(door: Door, tmp_path: Path) -> None:
    """Neither ids nor context nor hits, in no file of the data folder; the handle is known."""
    await _live_a_life(door, "handle", consents=False)
    assert await _found(tmp_path) == []
    assert (await door.visitors.get(f"/{SECRET}"))["id"] == "handle"
    assert not any(SECRET.encode() in line for line in door.admin.lines)
    body = await door.visitors.get("/handle")
    assert body["context"]["city"] == SECRET


async def test_consent_is_what_makes_the_difference(door: Door, tmp_path: Path) -> None:
    """The same life with consent is written: so the test above looks in the right place."""
    await _live_a_life(door, "handle", consents=True)
    assert await _found(tmp_path) != []


@pytest.mark.covers("FS-106", "FS-180", "FS-181")
@pytest.mark.parametrize("how", ["setConsent", "open", "erase"])
async def test_what_was_written_goes(door: Door, tmp_path: Path, how: str) -> None:
    """Withdrawing consent, in either way, and erasing leave no byte of the person's words."""
    await _live_a_life(door, "handle", consents=True)
    if how == "erase":
        assert (await door.visitors("DELETE", "/handle")).status == 204
    else:
        body = {"hasConsented": False}
        await door.visitors.do("unauthenticate", "handle")  # the consent hit names who says it
        await door.visitors.do(how, "handle", **body)
    assert await _found(tmp_path) == []


@pytest.mark.parametrize("how", ["withdraw", "erase"])
async def test_memory_forgets_as_well(tmp_path: Path, how: str) -> None:
    """Assignments that were kept and remembered are decided anew."""
    async with open_door(tmp_path, bucketing=file(COLOURS, GREETING)) as door:
        await door.visitors.new()
        await door.visitors.do("authenticate", visitorId="alice")
        await door.visitors.do("fetchFlags")
        live = await door.shelf.environments.find("env_1")
        assert live is not None
        kept = door.shelf.assignments.kept
        assert kept(live, "v")
        assert kept(live, "alice")
        if how == "erase":
            await door.visitors("DELETE", "/v")
        else:
            await door.visitors.do("setConsent", hasConsented=False)
        assert (kept(live, "v"), kept(live, "alice")) == ({}, {})
        ids = door.house.tables.read_now(lambda read: queries.ids_of(read, "env_1", "v"))
        assert ids == []


async def test_an_erasure_takes_tokens_along(door: Door) -> None:
    """No row of the visitor's is left among the credentials."""
    await door.admin.with_key(CLIENT)("POST", "/flags/v1/env_1/visitors", {"visitorId": "v"})

    def count() -> int:
        found = door.house.tables.read_now(
            lambda read: read.execute(
                "SELECT count(*) FROM credential WHERE subject = 'visitor/env_1:v'"
            ).fetchone()
        )
        return int(found[0])

    assert count() == 1
    await door.visitors("DELETE", "/v")
    assert count() == 0
