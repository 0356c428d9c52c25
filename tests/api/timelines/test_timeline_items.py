"""`[timelines]` of a project file: keys, settings, documents."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from timeline_door import ALICE, SECRET, TIMELINE_ID, V1, VISIBLE, Door, open_door

from actors.timelines import document
from actors.timelines.settings import ID, KIND, Service, SetService, Settings
from api import project_file
from api.apply import BadDocument, declare
from api.domain import Item
from api.timelines.door import DOMAIN
from api.timelines.items import items
from api.timelines.shelf import Shelf
from api.toml_file import BadFile
from engine.messages import Address, Snapshot

SETTINGS = Address("demo", KIND, ID)
TIMELINE = Address("demo", "timeline", TIMELINE_ID)
OTHER = ALICE.replace(TIMELINE_ID, "AnotherTimeline")
BAD = ALICE.replace('"to":"evTrial"', '"to":"nowhere"')


def of(**table: Any) -> dict[str, Item]:
    """The items of a table by name."""
    return {each.name: each for each in items("demo", table)}


def settings(**table: Any) -> Settings:
    """The settings that a table sets."""
    (order,) = of(**table)["timelines.settings"].commands
    made: Settings = order[2].settings  # type: ignore[attr-defined]
    return made


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """A house without a timeline."""
    async with open_door(tmp_path, publish=()) as opened:
        yield opened


# --- what is declared


def test_each_part_is_an_item_of_its_own() -> None:
    """A new key publishes nothing again (engine spec 6)."""
    made = of(secret_keys=[SECRET], visible_keys=[VISIBLE], publish=[ALICE, OTHER])
    assert list(made) == [
        "timelines.settings",
        "timelines.keys",
        f"timelines.publish.{TIMELINE_ID}",
        "timelines.publish.AnotherTimeline",
    ]
    keys = made["timelines.keys"].keys or ()
    assert [(key.door, key.kind, key.subject) for key in keys] == [
        ("timelines", "secret_key", ""),
        ("timelines", "visible_key", ""),
    ]
    assert SECRET not in str(keys)


def test_defaults_are_declared_too() -> None:
    """An empty table says that there are timelines here."""
    assert settings() == Settings()
    assert list(of()) == ["timelines.settings", "timelines.keys"]


def test_every_setting_is_read() -> None:
    """Under the names of the project file."""
    given: dict[str, Any] = {
        "test_clock": True,
        "missing_user": "null",
        "cors_origins": ["https://app.example", "http://localhost:8080", "capacitor://localhost"],
        "naive_datetimes": True,
        "visible_read": True,
    }
    made = settings(**given)
    assert {name: getattr(made, name) for name in given} == {
        **given,
        "cors_origins": tuple(given["cors_origins"]),
    }
    assert not made.maintenance
    assert [settings(missing_user=one).missing_user for one in (404, 403)] == [404, 403]


def test_white_space_is_no_other_document() -> None:
    """What is compared is the canonical document, however the file writes it."""
    name = f"timelines.publish.{TIMELINE_ID}"
    pretty = json.dumps(json.loads(ALICE), indent=4)
    inline = json.loads(ALICE)
    assert of(publish=[ALICE])[name].value == of(publish=[pretty])[name].value
    assert of(publish=[ALICE])[name].value == of(publish=[inline])[name].value
    assert of(publish=[ALICE])[name].value == document.write(document.read(ALICE.encode()))


def test_keys_may_be_one_text() -> None:
    """As other doors have it."""
    assert [key.kind for key in of(visible_keys=VISIBLE)["timelines.keys"].keys or ()] == [
        "visible_key"
    ]


# --- what cannot be meant

HEX, TAIL = "0123456789abcdef", "x" * 43
FORMS = (
    *("", "nonsense", "s_", VISIBLE, f"S_{HEX}.{TAIL}", f"s_{HEX[:-1]}.{TAIL}"),
    *(f"s_{HEX.upper()}.{TAIL}", f"s_{HEX}.{TAIL}x", f"s_{HEX}.{TAIL[1:]}", f"s_{HEX}.{TAIL[1:]}="),
    *(f"s_{HEX}.{TAIL}\n", f" s_{HEX}.{TAIL}", f"s-{HEX}.{TAIL}", f"s_{HEX}:{TAIL}"),
)


@pytest.mark.covers("TL-018")
@pytest.mark.parametrize("key", FORMS)
def test_a_key_has_its_form(key: str) -> None:
    """A prefix for its kind, 16 hex digits, 43 characters; the sentence does not show it."""
    with pytest.raises(ValueError, match=r"^timelines\.secret_keys: a key here is s_") as error:
        of(secret_keys=[SECRET, key])
    assert len(key) < 20 or key not in str(error.value)


@pytest.mark.covers("TL-018")
def test_a_key_in_the_wrong_list_is_an_error() -> None:
    """A secret key that were taken for a visible one would be published."""
    with pytest.raises(ValueError, match=r"^timelines\.visible_keys: a key here is v_"):
        of(visible_keys=[SECRET])


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"secret_key": SECRET}, "timelines.secret_key: unknown key; there are secret_keys, "),
        ({"maintenance": True}, "timelines.maintenance: unknown key"),
        ({"secret_keys": 7}, "timelines.secret_keys is a key or a list of keys"),
        ({"secret_keys": [7]}, "timelines.secret_keys is a key or a list of keys"),
        ({"secret_keys": [{"env": "X"}]}, "timelines.secret_keys is a key or a list of keys"),
        ({"secret_keys": [SECRET, SECRET]}, "timelines: the same key twice"),
        ({"test_clock": 1}, "timelines.test_clock is true or false"),
        ({"naive_datetimes": "yes"}, "timelines.naive_datetimes is true or false"),
        ({"visible_read": None}, "timelines.visible_read is true or false"),
        *(
            ({"missing_user": one}, 'timelines.missing_user is 404, 403 or "null"')
            for one in (405, "404", None, True, 404.0, "", [404])
        ),
        ({"cors_origins": "https://a"}, "timelines.cors_origins is a list of origins"),
        ({"cors_origins": [1]}, "timelines.cors_origins is a list of origins"),
        *(
            ({"cors_origins": [one]}, f"timelines.cors_origins: {one!r} is no origin like")
            for one in ("*", "", "app.example", "https://a/", "https://a b", "https://u@a")
        ),
        ({"publish": "alice.json"}, "timelines.publish is a list of files"),
        ({"publish": [7]}, "timelines.publish.0 is the file of a timeline"),
        ({"publish": [ALICE, ALICE]}, f"timelines.publish.1: /id: an earlier file is the timeline "
         f"'{TIMELINE_ID}' already"),
        ({"publish": [ALICE, BAD]}, "timelines.publish.1: /events/8/links/0/to: there is no event"),
        ({"publish": ["{"]}, "timelines.publish.0: the document: "),
        ({"publish": [{"id": "x"}]}, "timelines.publish.0: /schema: "),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_said_with_its_place(table: dict[str, Any], sentence: str) -> None:
    """A sentence of one line that names the key, and the pointer inside a document."""
    with pytest.raises(ValueError, match=r".") as error:
        of(**table)
    assert str(error.value).startswith(sentence)


def test_a_document_full_of_problems_is_one_line() -> None:
    """The first three, and how many more there are; hostile names cannot move a cursor."""
    plain = json.loads(ALICE)
    for number, event in enumerate(plain["events"][:9]):
        event["row"] = f"\u001b[2J\n{number}"
    with pytest.raises(ValueError, match=r".") as error:
        of(publish=[plain])
    line = str(error.value)
    assert line.isprintable()
    assert line.count("/events/") == 3
    assert line.endswith("; and 6 more")


# --- the project file


def read(tmp_path: Path, text: str, environ: dict[str, str] | None = None) -> dict[str, Any]:
    """Read a project file beside which the Alice timeline and a bad one stand."""
    (tmp_path / "alice.json").write_text(ALICE, encoding="utf-8")
    (tmp_path / "bad.json").write_text(BAD, encoding="utf-8")
    path = tmp_path / "project.toml"
    path.write_text('project = "demo"\n[timelines]\n' + text, encoding="utf-8")
    return project_file.read(path, (DOMAIN,), environ or {})


def test_a_project_file_holds_keys_and_files(tmp_path: Path) -> None:
    """Keys may come from the environment; the documents travel inline."""
    text = (
        f'secret_keys = [{{env = "S"}}]\nvisible_keys = ["{VISIBLE}"]\npublish = ["alice.json"]\n'
        'missing_user = "null"\n'
    )
    made = read(tmp_path, text, {"S": SECRET})["timelines"]
    assert made == {
        "secret_keys": [SECRET],
        "visible_keys": [VISIBLE],
        "publish": [ALICE],
        "missing_user": "null",
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            'publish = [\n "alice.json",\n "bad.json",\n]',
            ":5: timelines.publish.1 (bad.json): /events/8/links/0/to: there is no event `nowhere`",
        ),
        ('publish = ["alice.json", "none.json"]', ":3: timelines.publish.1: none.json cannot be"),
        ('test_clock = false\nmissing_user = "x"', ":4: timelines.missing_user is 404, 403"),
        (f'secret_keys = ["{VISIBLE}"]', ":3: timelines.secret_keys: a key here is s_"),
        ('secret_keys = [{env = "NOT"}]', ":3: timelines.secret_keys.0: the environment variable"),
        ("publsh = []", ":3: timelines.publsh: unknown key"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, reason: str) -> None:
    """The line of the project file, the file that is meant, the pointer inside it."""
    with pytest.raises(BadFile) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "project.toml") + reason)


# --- applying


async def test_applying_publishes(door: Door, tmp_path: Path) -> None:
    """By the file, and as `apply --url` sends it; the same again changes nothing."""
    made = read(tmp_path, f'secret_keys = ["{SECRET}"]\npublish = ["alice.json"]\n')
    got = await door.admin("PUT", "/v1/projects/demo", made)
    assert (got.status, got.json()["applied"]) == (
        200,
        ["timelines.settings", "timelines.keys", f"timelines.publish.{TIMELINE_ID}"],
    )
    seen = await door.house.directory.peek(TIMELINE)
    assert (seen.version, seen.state.title) == (1, "Alice's Adventure In Wonderland")
    assert seen.state.shared["tarts_stolen"].value == "0"
    assert (await declare(door.house, made, "test")).applied == ()
    got = await door.secret("GET", f"{V1}/timelines")
    assert [each["id"] for each in got.json()] == [TIMELINE_ID]


async def test_one_changed_document_is_published_alone(door: Door) -> None:
    """The others stay as they are."""
    await door.declare(publish=[ALICE, OTHER])
    await door.declare(publish=[ALICE.replace("Wonderland", "Looking-Glass Land"), OTHER])
    versions = [
        (await door.house.directory.peek(TIMELINE._replace(id=id_))).version
        for id_ in (TIMELINE_ID, "AnotherTimeline")
    ]
    assert versions == [2, 1]


async def test_a_bad_document_applies_nothing(door: Door) -> None:
    """422 over HTTP, with the sentence; nothing before it was done."""
    table = {"secret_keys": [SECRET], "publish": [OTHER, BAD], "visible_read": True}
    got = await door.admin("PUT", "/v1/projects/demo", {"project": "demo", "timelines": table})
    assert got.status == 422
    assert got.json()["detail"].startswith("timelines.publish.1: /events/8/links/0/to: ")
    assert not (await door.shelf.settings("demo")).visible_read
    assert not (await door.house.directory.peek(TIMELINE._replace(id="AnotherTimeline"))).exists
    with pytest.raises(BadDocument):
        await declare(door.house, {"project": "demo", "timelines": table}, "test")


async def test_applying_never_touches_the_switch(door: Door) -> None:
    """Maintenance is an operator's (spec 5.12.22); settings show at once."""
    await door.house.directory.ask(SETTINGS, SetService(status=Service.MAINTENANCE), by="ann")
    assert (await door.shelf.settings("demo")).maintenance
    await door.declare(naive_datetimes=True)
    found = await door.shelf.settings("demo")
    assert (found.maintenance, found.naive_datetimes, found.test_clock) == (True, True, False)
    await door.house.directory.ask(SETTINGS, SetService(status=Service.ONLINE), by="ann")
    assert not (await door.shelf.settings("demo")).maintenance


async def test_settings_are_the_defaults_where_no_file_has_any(door: Door) -> None:
    """A project without `[timelines]`, also before anything is known of it."""
    assert await door.shelf.settings("unheard-of") == Settings()
    assert door.shelf.settings_now("never-asked") is None


async def test_settings_of_all_projects_follow_facts(door: Door) -> None:
    """Read once, then kept right by what is told."""
    assert len(await door.shelf.all_settings()) == 2
    await declare(door.house, {"project": "third", "timelines": {"visible_read": True}}, "test")
    await declare(door.house, {"project": "fourth", "live": {"public": True}}, "test")
    assert [each.visible_read for each in await door.shelf.all_settings()] == [False, False, True]


async def test_what_is_told_while_settings_are_read_counts(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newer of both is remembered: nobody sees settings that were changed before."""
    directory, shelf = door.house.directory, Shelf(door.house)
    peek = directory.peek

    async def overtaken(address: Address) -> Snapshot:
        seen = await peek(address)
        await directory.ask(SETTINGS, SetService(status=Service.MAINTENANCE))
        return seen

    monkeypatch.setattr(directory, "peek", overtaken)
    assert (await shelf.settings("demo")).maintenance
