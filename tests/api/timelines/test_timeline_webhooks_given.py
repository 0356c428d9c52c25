"""Subscribing: by the admin route, by the project file; what cannot be meant; secrets kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from houses import ADMIN_KEY
from timeline_door import OTHER_ADMIN, SECRET, VISIBLE, open_door
from timeline_hooks import SECRET_TEXT, V1, hook, hooked, receiving
from timeline_steps import Walker, error, wrong

from actors.timelines.hook_words import WEBHOOKS_MAX, EventType, Naming
from actors.timelines.settings import ID, KIND, Settings
from api import project_file
from api.apply import BadDocument
from api.timelines.door import DOMAIN
from api.timelines.items import items
from api.timelines.webhooks import Given
from api.toml_file import BadFile
from engine.messages import Address
from storage.backup import backup

SETTINGS = Address("demo", KIND, ID)
PATH = f"{V1}/webhooks"
URL = "https://hooks.example/path?token=t"


# --- the routes


async def test_webhooks_are_made_listed_and_ended_by_an_admin(tmp_path: Path) -> None:
    """Whoever made them; nobody sees a secret again."""
    async with hooked(tmp_path, hook(URL), works=False) as world:
        admin = world.door.admin
        made = await admin(
            "POST",
            PATH,
            hook(URL, events=["state.changed", "state.changed"], state_naming="legacy"),
        )
        assert made.status == 201
        shown = made.json()
        assert shown == {
            "id": shown["id"],
            "url": URL,
            "events": ["state.changed"],
            "state_naming": "legacy",
            "declared": False,
        }
        declared, other = (await admin("GET", PATH)).json()
        assert (declared["url"], declared["declared"], declared["events"]) == (URL, True, [])
        assert other == shown
        assert (await admin("GET", f"{PATH}/")).json() == [declared, other]
        assert (await admin("DELETE", f"{PATH}/{shown['id']}")).status == 204
        assert (await admin("DELETE", f"{PATH}/{declared['id']}")).status == 204
        assert (await admin("GET", PATH)).json() == []
        gone = await admin("DELETE", f"{PATH}/{shown['id']}")
        assert (gone.status, error(gone)["detail"]) == (404, "Webhook not found.")


@pytest.mark.parametrize(
    ("key", "status"),
    [("", 401), ("nobody", 401), (SECRET, 403), (VISIBLE, 403), (OTHER_ADMIN, 200)],
)
async def test_only_admins_of_the_project_have_webhooks(
    tmp_path: Path, key: str, status: int
) -> None:
    """Secret keys of integrators subscribe nobody; another project's admin sees its own."""
    async with open_door(tmp_path) as door:
        assert (await door.admin("POST", PATH, hook(URL))).status == 201
        caller = door.admin.with_key(key)
        got = await caller("GET", PATH)
        assert got.status == status
        assert status != 200 or got.json() == []
        if status != 200:
            assert (await caller("POST", PATH, hook(URL))).status == status
            assert (await caller("DELETE", f"{PATH}/x")).status == status
        assert len((await door.admin("GET", PATH)).json()) == 1


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"secret": "s"}, "url"),
        ({"url": URL}, "secret"),
        (hook("ftp://hooks.example/"), "url"),
        (hook("https://ann:secret@hooks.example/"), "url"),
        (hook("https://hooks.example/#part"), "url"),
        (hook("https:///path"), "url"),
        (hook("https://hooks.example:x/"), "url"),
        (hook("https://hooks.example/ a"), "url"),
        (hook("https://hooks.example/" + "x" * 2_048), "url"),
        (hook(URL, secret=""), "secret"),
        (hook(URL, secret="two\nlines"), "secret"),
        (hook(URL, secret={"env": "PATH"}), "secret"),
        (hook(URL, events=["user.vanished"]), "events"),
        (hook(URL, events="user.created"), "events"),
        (hook(URL, events=[["user.created"]]), "events"),
        (hook(URL, state_naming="old"), "state_naming"),
        (hook(URL, state_naming=None), "state_naming"),
    ],
)
async def test_what_cannot_be_meant_is_said(
    tmp_path: Path, given: dict[str, Any], place: str
) -> None:
    """422 with the member's place; nothing is stored, and nothing is quoted."""
    async with open_door(tmp_path, publish=(), others=False) as door:
        got = await door.admin("POST", PATH, given)
        assert [loc for loc, _ in wrong(got)] == [["body", place]]
        assert b"ann:" not in got.body
        assert (await door.admin("GET", PATH)).json() == []
    with pytest.raises(ValueError, match=rf"^timelines\.webhooks\.0\.{place} \w+"):
        list(items("demo", {"webhooks": [given]}))


async def test_there_are_only_so_many(tmp_path: Path) -> None:
    """Each is told in the commit of what happened: 403 beyond ten, and in a file a sentence."""
    async with hooked(tmp_path, works=False) as world:
        for _ in range(WEBHOOKS_MAX):
            await world.subscribe(URL)
        got = await world.door.admin("POST", PATH, hook(URL))
        assert (got.status, "at most 10 webhooks" in error(got)["detail"]) == (403, True)
        with pytest.raises(BadDocument, match="at most 10 webhooks"):
            await world.door.declare(webhooks=[hook(URL)])
    with pytest.raises(ValueError, match=r"timelines\.webhooks: there are at most 10"):
        list(items("demo", {"webhooks": [hook(URL)] * (WEBHOOKS_MAX + 1)}))


# --- the project file


async def test_a_file_declares_webhooks(tmp_path: Path) -> None:
    """They keep their ids as long as they lead to the same URL; the same file again is nothing."""
    twice = hook(URL, events=["user.created"]), hook(URL, secret="other", state_naming="legacy")
    async with hooked(tmp_path, *twice, legacy=True, works=False) as world:
        directory = world.door.house.directory
        settings: Settings = (await directory.peek(SETTINGS)).state
        one, two = settings.webhooks
        assert (one.events, two.state_naming) == ((EventType.USER_CREATED,), Naming.LEGACY)
        assert (settings.legacy, settings.webhook_private) == (True, True)
        assert one.id != two.id
        version = (await directory.peek(SETTINGS)).version
        table = {"webhook_private": True, "legacy": True, "test_clock": True}
        await world.door.declare(webhooks=list(twice), **table)
        assert (await directory.peek(SETTINGS)).version == version
        await world.door.declare(webhooks=[hook(URL, secret="a new one")], **table)
        (changed,) = (await directory.peek(SETTINGS)).state.webhooks
        assert (changed.id, changed.events) == (one.id, ())
        assert changed.secret != one.secret


def test_secrets_come_from_where_the_file_says(tmp_path: Path) -> None:
    """From the environment or a file; whoever sends a document cannot name such a place."""
    (tmp_path / "signing").write_text("from-a-file\n")
    file = tmp_path / "project.toml"
    file.write_text(
        'project = "demo"\n[timelines]\nwebhooks = [\n'
        '  {url = "https://a.example/", secret = {env = "SIGNING"}},\n'
        '  {url = "https://b.example/", secret = {file = "signing"}, events = ["user.created"]},\n'
        "]\n"
    )
    made = project_file.read(file, (DOMAIN,), {"SIGNING": "from-the-environment"})
    first, second = made["timelines"]["webhooks"]
    assert (first["secret"], second["secret"]) == ("from-the-environment", "from-a-file")
    with pytest.raises(BadFile, match=r"project\.toml:4: .*SIGNING is not set"):
        project_file.read(file, (DOMAIN,), {})


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"webhooks": {}}, "timelines.webhooks is a list of tables"),
        ({"webhooks": ["x"]}, "timelines.webhooks is a list of tables"),
        ({"webhooks": [hook(URL, sort="x")]}, "timelines.webhooks.0.sort: unknown key"),
        ({"webhook_private": 1}, "timelines.webhook_private is true or false"),
        ({"legacy": "yes"}, "timelines.legacy is true or false"),
    ],
)
def test_a_file_that_cannot_be_meant(table: dict[str, Any], words: str) -> None:
    """One sentence with the place."""
    with pytest.raises(ValueError, match=words):
        list(items("demo", table))


def test_an_empty_list_ends_what_a_file_declared() -> None:
    """Without the key nothing is said of webhooks, so what is there stays."""
    assert [item.name for item in items("demo", {})] == ["timelines.settings", "timelines.keys"]
    item = {each.name: each for each in items("demo", {"webhooks": []})}["timelines.webhooks"]
    ((_, _, order),) = item.commands
    assert order.webhooks == ()  # type: ignore[attr-defined]


def test_given_webhooks_are_compared_without_showing_secrets() -> None:
    """What is remembered of an item changes with the secret and does not hold it."""
    values = [
        {each.name: each for each in items("demo", {"webhooks": [hook(URL, secret=secret)]})}[
            "timelines.webhooks"
        ].value
        for secret in (SECRET_TEXT, SECRET_TEXT, "another")
    ]
    assert (values[0] == values[1], values[0] == values[2]) == (True, False)
    assert SECRET_TEXT.encode() not in values[0]
    assert Given._fields[:2] == ("url", "secret")


# --- secrets


async def test_a_secret_stands_nowhere(tmp_path: Path) -> None:
    """In no fact, list, answer, log line, push or backup: only sealed (engine spec 5.5)."""
    data, copy = tmp_path / "data", tmp_path / "backup.db"
    seen: list[bytes] = []
    async with receiving() as receiver:
        failing = hook(receiver.url("/500"), events=["user.created"])
        async with hooked(data, hook(receiver.url()), failing) as world:
            await world.subscribe(receiver.url("/third"))
            await Walker(world.door).create()
            await world.rows_when(lambda rows: any(row.attempts for row in rows))
            for path in (PATH, "/v1/outbox", "/v1/audit", "/v1/actors/timelines/settings"):
                got = await world.door.admin("GET", path)
                assert got.status == 200
                seen.append(got.body)
            facts = await world.door.admin("GET", "/v1/actors/timelines/settings/facts")
            assert [fact["name"] for fact in facts.json()["facts"]] == [
                *("Configured", "WebhooksDeclared", "Subscribed"),
            ]
            seen += [facts.body, *world.door.admin.lines]
            backup(data, copy)
    files = [path for path in data.rglob("*") if path.is_file()]
    seen += [path.read_bytes() for path in (*files, copy)]
    assert len(seen) > 8
    for each in seen:
        assert SECRET_TEXT.encode() not in each
    assert ADMIN_KEY.encode() not in b"".join(seen)
    assert all(letter.headers["fictioneers-signature"] for letter in receiver.letters)
