"""The project file: its document, and the line of everything that is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import project_file, toml_file
from api.domain import Domain, Item
from api.toml_file import BadFile


def items(_project: str, table: Mapping[str, Any]) -> Iterable[Item]:
    """A door that knows two keys of its subtables."""
    for name, inner in table.items():
        if not isinstance(inner, dict):
            raise ValueError(f"lamps.{name} is a table")
        for key in inner:
            if key not in {"key", "shape", "shapes"}:
                raise ValueError(f"lamps.{name}.{key} is unknown")
        yield Item(f"lamps.{name}", b"")


LAMPS = Domain("lamps", (), None, (), items=items, files=("shape", "shapes"))


def read(tmp_path: Path, text: str, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Read a project file with the lamps' door."""
    path = tmp_path / "project.toml"
    path.write_text(text)
    return project_file.read(path, (LAMPS,), environ or {})


def test_project_and_keys_alone_make_a_file(tmp_path: Path) -> None:
    """`project` and `admin_keys` are enough."""
    text = 'project = "demo"\nadmin_keys = ["12345678"]\n'
    assert read(tmp_path, text) == {"project": "demo", "admin_keys": ["12345678"]}


def test_secrets_come_from_elsewhere(tmp_path: Path) -> None:
    """Keys may stand in variables and files, for admins and inside a door's table."""
    (tmp_path / "admin.key").write_text("from-a-file\n")
    text = (
        'project = "demo"\nadmin_keys = [{env = "ADMIN"}, {file = "admin.key"}]\n'
        '[lamps.hall]\nkey = {env = "LAMP"}\n'
    )
    found = read(tmp_path, text, {"ADMIN": "from-outside", "LAMP": "lamp-key"})
    assert found["admin_keys"] == ["from-outside", "from-a-file"]
    assert found["lamps"]["hall"]["key"] == "lamp-key"


def test_files_are_put_in_place_of_their_paths(tmp_path: Path) -> None:
    """A door's files, relative to the project file, stand in the document to the letter."""
    (tmp_path / "shapes").mkdir()
    (tmp_path / "shapes" / "round.json").write_text('{"edges": 0,\n "exact": 1.50}\n')
    text = (
        'project = "demo"\n[lamps.hall]\nshape = "shapes/round.json"\n'
        'shapes = ["shapes/round.json", "shapes/round.json"]\n'
    )
    hall = read(tmp_path, text)["lamps"]["hall"]
    assert hall["shape"] == '{"edges": 0,\n "exact": 1.50}\n'
    assert hall["shapes"] == [hall["shape"]] * 2


def test_the_live_table_is_passed_on(tmp_path: Path) -> None:
    """`[live]` keeps its two keys."""
    text = 'project = "demo"\n[live]\npublic = true\norigins = ["https://a.example"]\n'
    assert read(tmp_path, text)["live"] == {"public": True, "origins": ["https://a.example"]}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", ":1: the key `project` is missing"),
        ("project = 3", ":1: project is 1 to 64 letters"),
        ('project = "a b"', ":1: project is 1 to 64 letters"),
        ('project = "p"\n\nadmin = 1', ":3: unknown key 'admin'"),
        ('project = "p"\n[lamp]\nx = 1', ":2: unknown table 'lamp'"),
        ('project = "p"\nadmin_keys = "12345678"', ":2: admin_keys is a list"),
        ('project = "p"\nadmin_keys = [\n  "12345678",\n  "1234567",\n]', ":4: admin_keys: a key"),
        ('project = "p"\nadmin_keys = ["12345678", 3]', ":2: a secret is text"),
        ('project = "p"\nadmin_keys = [{env = "NOT"}]', ":2: the environment variable NOT"),
        ('project = "p"\nadmin_keys = [{file = "none"}]', ":2: none cannot be read"),
        ('project = "p"\n[live]\npublic = 1', ":3: live.public is true or false"),
        ('project = "p"\n[live]\norigins = "a"', ":3: live.origins is a list"),
        ('project = "p"\n[live]\nx = 1', ":3: unknown key 'x'"),
        ('project = "p"\n[lamps.a]\nkey = "x"\n[lamps.b]\nkeys = "x"', ":5: lamps.b.keys"),
        ('project = "p"\nlamps.hall.kee = 1', ":2: lamps.hall.kee"),
        ('project = "p"\n[lamps]\nhall = 1', ":3: lamps.hall is a table"),
        ('project = "p"\n[lamps.a]\nshape = "no.json"', ":3: lamps.a.shape: no.json cannot be"),
        ('project = "p"\n[lamps.a]\nkey = nan', ":3: lamps.a.key is not a usable number"),
        ('project = "p"\n[lamps.a]\nkey = {env = "NOT"}', ":3: lamps.a.key: the environment"),
        ('project = "p"\nproject = "q"', ":2: Cannot overwrite a value"),
        ('project = "p"\nx = ', ":2: Invalid value"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, reason: str) -> None:
    """One line: the file, the line, the reason."""
    with pytest.raises(BadFile) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "project.toml") + reason)


@pytest.mark.parametrize("body", ["{", '{"a": NaN}', "\xff", ""])
def test_a_file_that_is_no_json_is_refused(tmp_path: Path, body: str) -> None:
    """The line of the key that names it, and the file's name."""
    (tmp_path / "bad.json").write_bytes(body.encode("latin-1"))
    with pytest.raises(BadFile, match=r"project.toml:3: lamps.a.shape: bad.json is not usable"):
        read(tmp_path, 'project = "p"\n[lamps.a]\nshape = "bad.json"\n')


# --- lines of keys

TRICKY = '''# a comment with = and [brackets]
first = """
[not.a.table]
key = "no"
"""
"quoted key" = 'it''

[table]
inner = [
  1, # one
  {deep = "x", deeper = {deepest = 2}},
  "a ] in text",
]
dotted.key = 1
[[many]]
name = "a"
[[many]]
name = "b"
[many.sub]
x = 1
["odd.name".'other']
y = """a ""quoted"" end"""
last = 1979-05-27T07:32:00Z
'''.replace("'it''", "'it'")


def test_lines_of_tricky_keys() -> None:
    """Long strings, comments, arrays, inline tables and repeated tables do not confuse it."""
    toml = toml_file.parse(TRICKY, "f", Path())
    expected = {
        ("first",): 2,
        ("quoted key",): 6,
        ("table",): 8,
        ("table", "inner"): 9,
        ("table", "inner", 1, "deep"): 11,
        ("table", "inner", 1, "deeper", "deepest"): 11,
        ("table", "inner", 2): 12,
        ("table", "dotted", "key"): 14,
        ("many", 0, "name"): 16,
        ("many", 1, "name"): 18,
        ("many", 1, "sub", "x"): 20,
        ("odd.name", "other", "y"): 22,
        ("odd.name", "other", "last"): 23,
    }
    assert {path: toml.lines.get(path) for path in expected} == expected


def paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterable[tuple[str | int, ...]]:
    """Every path into a value."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from paths(inner, (*path, number))


texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=8)
scalars = st.one_of(
    st.integers(-9, 9), st.booleans(), texts.map(lambda text: text.replace("\\", ""))
)


def toml_of(value: Any) -> str:
    """A value as TOML text."""
    match value:
        case bool():
            return str(value).lower()
        case dict():
            inner = ", ".join(f"{toml_of(key)} = {toml_of(one)}" for key, one in value.items())
            return "{" + inner + "}"
        case list():
            return "[\n" + ",\n".join(map(toml_of, value)) + "\n]"
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "")
    return str(value)


@given(
    st.dictionaries(
        texts,
        st.recursive(
            scalars,
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
            max_leaves=8,
        ),
        max_size=5,
    )
)
def test_every_path_that_the_reader_finds_has_a_line(value: dict[str, Any]) -> None:
    """The scanner and the standard reader agree on which keys there are, whatever is written."""
    lines = "".join(f"{toml_of(key)} = {toml_of(inner)}\n" for key, inner in value.items())
    toml = toml_file.parse(lines, "f", Path())
    assert set(paths(toml.values)) == set(toml.lines)
