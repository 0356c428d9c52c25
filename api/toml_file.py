"""A TOML file that knows on which line each of its keys stands.

The standard reader gives values without places, so a second, small scanner walks the same text and
notes where keys begin. It runs only on text that the reader accepted, so it need not judge, only
follow: headers, dotted and quoted keys, strings over several lines, arrays, inline tables.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

KeyPath = tuple[str | int, ...]
BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
SCALAR = re.compile(r"[^,\]}\n#]*")
STRINGS = (
    re.compile(r'"""(?:[^\\]|\\.)*?"""(?:"{0,2})', re.DOTALL),
    re.compile(r"'''.*?'''(?:'{0,2})", re.DOTALL),
    re.compile(r'"(?:[^"\\\n]|\\.)*"'),
    re.compile(r"'[^'\n]*'"),
)
AT_LINE = re.compile(r" \(at line (\d+), column \d+\)$")


class BadFile(ValueError):
    """A file that an operator wrote cannot be meant. The text is one line: place, then reason."""


class TomlFile(msgspec.Struct, frozen=True):
    """Values, and the line of each key by its path (numbers are places in arrays)."""

    name: str
    folder: Path
    values: dict[str, Any]
    lines: dict[KeyPath, int]

    def place(self, *path: str | int) -> str:
        """Where a key stands: `FILE:LINE`; the nearest table above it if it has no line itself."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return f"{self.name}:{self.lines[path[:length]]}"
        return f"{self.name}:1"

    def error(self, reason: str, *path: str | int) -> BadFile:
        """The error to raise about the key at `path`."""
        return BadFile(f"{self.place(*path)}: {reason}")


def read(path: Path) -> TomlFile:
    """Read a TOML file; raise `BadFile` with its line where it is not one."""
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise BadFile(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise BadFile(f"{path}:1: the file is not UTF-8 text") from None
    return parse(text, str(path), path.parent)


def parse(text: str, name: str, folder: Path) -> TomlFile:
    """Read TOML text that came from a file called `name` in `folder`."""
    text = text.replace("\r\n", "\n")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reason = str(error)
        found = AT_LINE.search(reason)
        line = int(found[1]) if found else text.count("\n") + 1
        raise BadFile(f"{name}:{line}: {AT_LINE.sub('', reason)}") from None
    return TomlFile(name, folder, values, _Scanner(text).lines())


def secret(value: Any, folder: Path, environ: Mapping[str, str]) -> str:
    """A secret as text, from `{env = "NAME"}`, or from `{file = "PATH"}` without its last newline.

    Raises `ValueError` with a sentence that does not show the secret.
    """
    match value:
        case str():
            return value
        case {"env": str(name), **rest} if not rest:
            if name not in environ:
                raise ValueError(f"the environment variable {name} is not set")
            return environ[name]
        case {"file": str(name), **rest} if not rest:
            try:
                return (folder / name).read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
                raise ValueError(f"{name} cannot be read: {reason}") from None
    raise ValueError('a secret is text, {env = "NAME"} or {file = "PATH"}')


class _Scanner:
    """Walks valid TOML once and notes the line of every key."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._counted = 0
        self._lines: dict[KeyPath, int] = {}
        self._sizes: dict[KeyPath, int] = {}

    def lines(self) -> dict[KeyPath, int]:
        """Every path, with the line on which its key begins (the first, where tables reopen)."""
        table: KeyPath = ()
        while self._blank() and self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
        return self._lines

    def _blank(self) -> bool:
        return self._match(BLANK) is not None

    def _match(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self._text, self._at)
        if found is None:
            return None
        self._at = found.end()
        return found[0]

    def _skip(self, mark: str) -> bool:
        self._blank()
        if not self._text.startswith(mark, self._at):
            return False
        self._at += len(mark)
        return True

    def _note(self, path: KeyPath) -> None:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        for length in range(1, len(path) + 1):
            self._lines.setdefault(path[:length], self._line)

    def _header(self) -> KeyPath:
        array = self._skip("[[")
        if not array:
            self._skip("[")
        path = self._inside(self._keys())
        if array:
            self._sizes[path] = self._sizes.get(path, -1) + 1
            path = (*path, self._sizes[path])
        self._note(path)
        self._skip("]]" if array else "]")
        return path

    def _inside(self, keys: KeyPath) -> KeyPath:
        """Where a header leads: a name that is an array of tables means its newest table."""
        path: KeyPath = ()
        for number, key in enumerate(keys):
            path = (*path, key)
            if path in self._sizes and number < len(keys) - 1:
                path = (*path, self._sizes[path])
        return path

    def _keys(self) -> KeyPath:
        keys = [self._key()]
        while self._skip("."):
            keys.append(self._key())
        return tuple(keys)

    def _key(self) -> str:
        self._blank()
        bare = self._match(BARE_KEY)
        if bare is not None:
            return bare
        quoted = self._match(STRINGS[2]) or self._match(STRINGS[3]) or '""'
        return str(tomllib.loads(f"key = {quoted}")["key"])

    def _pair(self, table: KeyPath) -> None:
        self._blank()
        start = self._at
        path = (*table, *self._keys())
        after, self._at = self._at, start
        self._note(path)
        self._at = after
        self._skip("=")
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        self._blank()
        if any(self._match(pattern) is not None for pattern in STRINGS):
            return
        if self._skip("["):
            number = 0
            while not self._skip("]"):
                self._note((*path, number))
                self._value((*path, number))
                self._skip(",")
                number += 1
        elif self._skip("{"):
            while not self._skip("}"):
                self._pair(path)
                self._skip(",")
        else:
            self._match(SCALAR)
