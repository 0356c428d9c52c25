"""Secret keys, visible keys and access tokens: nowhere in clear, and revocable.

A house is used with each of them, rightly and wrongly; then everything that it said, logged and
stored is searched for them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from asgi import Got
from houses import Caller
from live_wire import Wire
from timeline_door import SECRET, TIMELINE_ID, V1, VISIBLE, Door, open_door, socket

from api.auth import hash_key
from storage.backup import write_backup
from storage.export import export
from storage.projects import ProjectsView
from storage.timelines import TimelineLists

OTHER_DOCUMENT = {"project": "third", "admin_keys": ["admin-key-of-third"]}
USER = {"published_timeline_id": TIMELINE_ID, "timezone": "UTC"}
ME = f"{V1}/users/me"


class Witness:
    """Callers of a house, and every word that it answers; `keys` are what nobody may find."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.keys: list[str] = [SECRET, VISIBLE]
        self.answered: list[bytes] = []

    async def ask(
        self, key: str, method: str, path: str, body: object = b"", **headers: str
    ) -> Got:
        """One request; what is answered is written down."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        caller: Caller = self.door.admin.with_key(key)
        got = await caller(method, path, body, named)
        self.answered += [got.body, repr(got.headers).encode()]
        return got

    async def make(self, kind: str) -> str:
        """A new key of that kind, shown in that answer alone."""
        new = {"door": "timelines", "kind": kind}
        key: str = (await self.door.admin("POST", "/v1/keys", new)).json()["key"]
        self.keys.append(key)
        return key

    async def mint(self, key: str) -> str:
        """A token of `alice-1`, shown in that answer alone."""
        headers = {"idempotency-key": "once"}
        body = {"user_id": "alice-1"}
        got = await self.door.admin.with_key(key)("POST", f"{V1}/auth/token", body, headers)
        token: str = got.json()["access_token"]
        self.keys.append(token)
        return token

    def hears(self, wire: Wire) -> None:
        """What a live socket was sent counts too."""
        self.answered += [text.encode() for text in wire.texts]

    def secrets(self) -> Iterator[bytes]:
        """Each key and token, and the part of a key that gives it away."""
        for key in self.keys:
            yield key.encode()
            yield key.rpartition(".")[2].encode()


@pytest.fixture
async def witness(tmp_path: Path) -> AsyncIterator[Witness]:
    """A house with Alice's timeline, two more keys, and a token by each key."""
    async with open_door(tmp_path / "data") as door:
        made = Witness(door)
        for kind in ("secret_key", "visible_key"):
            await made.make(kind)
        for key in tuple(made.keys):
            await made.mint(key)
        yield made


async def use(witness: Witness) -> None:
    """Everything as it should be: users, links, looks at tokens, a live socket, lists."""
    secret, token = witness.keys[0], witness.keys[-1]
    assert (await witness.ask(token, "POST", f"{V1}/users", USER)).status == 200
    link = f"{V1}/user-timeline-events/evBank/follow-link"
    await witness.ask(token, "POST", link, {"link_id": "evBank:evHole"}, idempotency_key="k")
    await witness.ask(secret, "GET", ME, fictioneers_user_id="alice-1")
    for path in ("timelines", f"timelines/{TIMELINE_ID}/users", "user-timeline-events"):
        await witness.ask(secret, "GET", f"{V1}/{path}", fictioneers_user_id="alice-1")
    for key in witness.keys:
        body = {"access_token": token}
        await witness.ask(key, "POST", f"{V1}/auth/introspect-token", body)
    async with socket(witness.door, token) as wire:
        wire.say({"t": "auth", "id": 1, "token": token})
        wire.say({"t": "sub", "id": 2, "topic": "user/alice-1"})
        await wire.next_of("subd")
        witness.hears(wire)


async def misuse(witness: Witness) -> set[int]:
    """Each key where it does not belong: the wrong API, bodies, queries, documents; statuses."""
    statuses = set()
    for key in witness.keys:
        for given in (key, key[:-1] + "!", f"Basic {key}"):
            for path in ("timelines", "users/me", "auth/token", "nowhere"):
                got = await witness.ask(given, "GET", f"{V1}/{path}?access_token={key}")
                statuses.add(got.status)
        for body in ({"user_id": [key]}, {"access_token": [key]}, f'{{"{key}": '.encode(), [key]):
            got = await witness.ask(key, "POST", f"{V1}/auth/token", body)
            statuses.add(got.status)
        statuses.add((await witness.ask(key, "POST", "/v1/keys", {"label": "x"})).status)
        for table in ({"secret_keys": [key + "x"]}, {"visible_keys": [key, key]}):
            got = await witness.ask(
                witness.door.admin.key, "PUT", "/v1/projects/demo", {"timelines": table}
            )
            statuses.add(got.status)
    return statuses


async def take_a_key_of_another(witness: Witness) -> None:
    """What another project holds is taken, and not shown."""
    table = {"secret_keys": [SECRET], "visible_keys": [VISIBLE]}
    document = {**OTHER_DOCUMENT, "timelines": table}
    got = await witness.ask("operator-key-1", "PUT", "/v1/projects/third", document)
    assert (got.status, "taken" in got.json()["detail"]) == (422, True)


def found(witness: Witness, *texts: bytes) -> list[bytes]:
    """Keys and tokens that stand in one of the texts."""
    return [key for key in witness.secrets() for text in texts if key in text]


def contents(folder: Path) -> list[bytes]:
    """The bytes of every file there."""
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


@pytest.mark.covers("TL-014")
async def test_no_answer_and_no_log_line_holds_a_key(witness: Witness) -> None:
    """Whatever is done with it; a token is looked at without being said again."""
    await use(witness)
    statuses = await misuse(witness)
    assert statuses == {200, 401, 403, 404, 405, 422}
    await take_a_key_of_another(witness)
    for path in ("keys", "audit", "actors/project", "actors/user"):
        got = await witness.ask(witness.door.admin.key, "GET", f"/v1/{path}")
        assert got.status in (200, 404)
    assert found(witness, *witness.answered) == []
    lines = b"\n".join(witness.door.admin.lines)
    assert lines.count(b'"event":"request"') > 50
    assert found(witness, lines) == []


@pytest.mark.covers("TL-014")
async def test_no_fact_row_or_backup_holds_a_key(witness: Witness, tmp_path: Path) -> None:
    """The folder of data while it is in use, its export and its backup; hashes are all there is."""
    await use(witness)
    await misuse(witness)
    store: Any = witness.door.house.store
    target = tmp_path / "backup" / "copy.db"
    target.parent.mkdir()
    await store.read(lambda read: write_backup(read, tmp_path / "data", target))
    for folder in (tmp_path / "data", target.parent):
        files = contents(folder)
        assert found(witness, *files) == []
        for key in witness.keys:
            assert any(hash_key(key).encode() in each for each in files), folder
    views = (ProjectsView(), TimelineLists())
    rows = b"".join([line async for line in export(witness.door.house.tables, "demo", views)])
    assert rows.count(b'"table":"credential"') == len(witness.keys) + 1
    assert found(witness, rows) == []
    assert not any(hash_key(key).encode() in rows for key in witness.keys)


@pytest.mark.covers("TL-014")
async def test_every_key_can_be_revoked(witness: Witness) -> None:
    """By its id, as lists show it; it is dead when the answer is there, and so are its tokens."""
    keys, tokens = witness.keys[:4], witness.keys[4:]
    for key, token in zip(keys, tokens, strict=True):
        assert {await status(witness, key), await status(witness, token)} <= {403, 404}
        path = f"/v1/keys/{hash_key(key)[:8]}"
        assert (await witness.door.admin("DELETE", path)).status == 204
        assert {await status(witness, key), await status(witness, token)} == {401}


async def status(witness: Witness, key: str) -> int:
    """What reading `alice-1` says: nobody is there, 403 to visible keys, 401 to dead ones."""
    return (await witness.ask(key, "GET", ME, fictioneers_user_id="alice-1")).status
