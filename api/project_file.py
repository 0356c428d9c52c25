"""The project file: what an operator declares, as one plain document.

Reading does three things and nothing else: it checks the shape (an unknown table or key is an error
with its line), fetches secrets from where the file says they are, and puts the text of named files
in place of their paths, to the letter. What comes out is the document that `PUT
/v1/projects/{project}` takes: applying a file and sending it are the same act.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from api import toml_file
from api.apply import is_project_name, read_keys
from api.domain import Domain
from api.toml_file import BadFile, TomlFile

FILE_BYTES_MAX = 10_000_000
"""A file that is put into the document: the limit of the route that would take it alone."""
LIVE_KEYS = ("public", "origins")


def read(
    path: Path, domains: Iterable[Domain], environ: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Read a project file into its document. Raises `BadFile`: one line with file and line."""
    return document(toml_file.read(path), domains, os.environ if environ is None else environ)


def document(
    toml: TomlFile, domains: Iterable[Domain], environ: Mapping[str, str]
) -> dict[str, Any]:
    """Make the document of a project file that was read already."""
    doors = {domain.name: domain for domain in domains}
    made: dict[str, Any] = {"project": _project(toml)}
    for name, value in toml.values.items():
        if name == "project":
            continue
        if name == "admin_keys":
            made[name] = _admin_keys(toml, value, environ)
        elif name == "live":
            made[name] = _live(toml, value)
        elif name in doors:
            made[name] = _door(toml, doors[name], value, environ)
        else:
            what = "table" if isinstance(value, dict) else "key"
            known = ", ".join(("project", "admin_keys", "live", *doors))
            raise toml.error(f"unknown {what} {name!r}; a project file has {known}", name)
    for door in doors.values():
        if door.name in made:
            _judge(toml, door, made["project"], made[door.name])
    return made


def _project(toml: TomlFile) -> str:
    name = toml.values.get("project")
    if name is None:
        raise toml.error("the key `project` is missing")
    if not isinstance(name, str) or not is_project_name(name):
        raise toml.error("project is 1 to 64 letters, digits, _ or -", "project")
    return name


def _admin_keys(toml: TomlFile, value: Any, environ: Mapping[str, str]) -> list[str]:
    if not isinstance(value, list):
        raise toml.error("admin_keys is a list of keys", "admin_keys")
    keys: list[str] = []
    for number, one in enumerate(value):
        try:
            key = toml_file.secret(one, toml.folder, environ)
            read_keys([*keys, key], "admin_keys")
        except ValueError as error:
            raise toml.error(str(error), "admin_keys", number) from None
        keys.append(key)
    return keys


def _live(toml: TomlFile, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise toml.error("live is a table", "live")
    for key, inner in value.items():
        if key not in LIVE_KEYS:
            raise toml.error(f"unknown key {key!r}; [live] has public and origins", "live", key)
        if key == "public" and not isinstance(inner, bool):
            raise toml.error("live.public is true or false", "live", key)
        if key == "origins" and not _is_texts(inner):
            raise toml.error("live.origins is a list of origins", "live", key)
    return dict(value)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


# --- a door's table


def _door(toml: TomlFile, door: Domain, value: Any, environ: Mapping[str, str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise toml.error(f"{door.name} is a table", door.name)
    return {
        key: _inlined(toml, door, inner, environ, (door.name, key)) for key, inner in value.items()
    }


def _inlined(
    toml: TomlFile,
    door: Domain,
    value: Any,
    environ: Mapping[str, str],
    path: tuple[str | int, ...],
) -> Any:
    """A value with secrets fetched and files in place of their paths."""
    if path[-1] in door.files and isinstance(value, str):
        return _contents(toml, value, path)
    if path[-1] in door.files and _is_texts(value):
        return [_contents(toml, one, (*path, number)) for number, one in enumerate(value)]
    if isinstance(value, list):
        return [
            _inlined(toml, door, one, environ, (*path, number)) for number, one in enumerate(value)
        ]
    if not isinstance(value, dict):
        return _plain(toml, value, path)
    if len(value) == 1 and isinstance(value.get("env", value.get("file")), str):
        try:
            return toml_file.secret(value, toml.folder, environ)
        except ValueError as error:
            raise toml.error(f"{_dotted(path)}: {error}", *path) from None
    return {key: _inlined(toml, door, inner, environ, (*path, key)) for key, inner in value.items()}


def _plain(toml: TomlFile, value: Any, path: tuple[str | int, ...]) -> Any:
    """TOML can say things that JSON cannot: dates stay text, nan and inf are refused."""
    if isinstance(value, float) and not abs(value) < float("inf"):
        raise toml.error(f"{_dotted(path)} is not a usable number", *path)
    return value if isinstance(value, str | bool | int | float) else str(value)


def _contents(toml: TomlFile, name: str, path: tuple[str | int, ...]) -> str:
    """The text of a JSON file named relative to the project file."""
    try:
        with (toml.folder / name).open("rb") as file:
            body = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        reason = f"{_dotted(path)}: {name} cannot be read: {error.strerror or error}"
        raise toml.error(reason, *path) from None
    if len(body) > FILE_BYTES_MAX:
        raise toml.error(f"{_dotted(path)}: {name} is above {FILE_BYTES_MAX:,} bytes", *path)
    try:
        msgspec.json.decode(body)
        return body.decode()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise toml.error(f"{_dotted(path)}: {name} is not usable JSON: {error}", *path) from None


def _judge(toml: TomlFile, door: Domain, project: str, table: Mapping[str, Any]) -> None:
    """Let the door read its own table; what it refuses gets the line it speaks of."""
    try:
        for _item in door.items(project, table):
            pass
    except BadFile:
        raise
    except (ValueError, TypeError, msgspec.MsgspecError) as error:
        path = _meant(toml, door.name, str(error))
        raise toml.error(_with_file(toml, door, path, str(error)), *path) from None


def _meant(toml: TomlFile, door: str, reason: str) -> tuple[str | int, ...]:
    """The key or item that a door's sentence names, the longest first; else the door's table."""
    mine = sorted((path for path in toml.lines if path[0] == door), key=len, reverse=True)
    for path in mine:
        if re.search(rf"(?<![\w.-]){re.escape(_dotted(path))}(?![\w-])", reason):
            return path
    for path in mine:
        if len(path) > 1 and isinstance(path[-1], str) and f"{path[-1]!r}" in reason:
            return path
    return (door,)


def _with_file(toml: TomlFile, door: Domain, path: tuple[str | int, ...], reason: str) -> str:
    """The reason, with the name of the file that it is about where that is one of several."""
    if len(path) < 2 or path[-2] not in door.files or not isinstance(path[-1], int):
        return reason
    name: Any = toml.values
    for part in path:
        name = name[part]
    return reason.replace(_dotted(path), f"{_dotted(path)} ({name})", 1)


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(str(part) for part in path)
