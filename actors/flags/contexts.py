"""A visitor's context: what callers give is judged entry by entry.

A good entry is kept, whatever stands beside it; a bad one is skipped with a note that names the
key, never the value, because values are about a person. Three keys belong to the SDK: who gives
them is not told so, and they come back after every change.
Rules: spec flags 4.7; ledger FS-107 to FS-111, FS-195 to FS-204.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

import msgspec

from actors.flags.names import (
    FLAGSHIP_CLIENT,
    FLAGSHIP_VERSION,
    FLAGSHIP_VISITOR,
    NUMBERS,
    PREDEFINED,
    RESERVED,
    LogLevel,
    Tag,
)
from actors.flags.requests import CONTEXT_KEYS_MAX
from engine.effects import Note

KEY_CHARACTERS_MAX = 256  # a name that a person gave to something
VALUE_CHARACTERS_MAX = 8_192  # as much as a hit may hold: a URL with all of its parameters
SIZE_MAX = 64_000  # characters of all keys and texts: a visitor is small, and there are many
KEY_CHARACTERS_SHOWN = 64  # enough to find it
NOTES_MAX = 20  # enough to mend a context in one go; noise must not fill a log
NUMBER_MAX = 1.7976931348623157e308  # the highest number of JavaScript, and of JSON as most read it
DIGEST_BYTES = 8  # of one visitor, two contexts in a row are compared

Value = str | int | float | bool
"""What a context may hold. Compare contexts by `digest`: to Python, `True` equals `1`."""

Context = dict[str, Value]

NOTHING: Mapping[str, Value] = {}


def judge(
    given: object,
    tag: Tag,
    *,
    old: Mapping[str, Value] = NOTHING,
    keys_max: int = CONTEXT_KEYS_MAX,
) -> tuple[Context, tuple[Note, ...]]:
    """The good entries of what a caller gave, and an ERROR note for each that is skipped.

    Skipped are: a key that is no string, empty, or longer than 256 characters; a value that is no
    string, boolean or finite number, or a string longer than 8,192 characters; half a surrogate
    pair; a predefined key with a value of another type; new keys beyond `keys_max`, and entries
    beyond 64,000 characters in all, those of the context `old` counted. `fs_client`, `fs_version`
    and `fs_users` are ignored without a note.
    More than twenty notes become one that counts the rest. What is no object changes nothing.
    """
    if not isinstance(given, Mapping):
        return {}, (_note(tag, "a context is an object of keys and values"),)
    kept: Context = {}
    notes: list[Note] = []
    room, left = keys_max - len(old), SIZE_MAX - sum(map(_size, old.items()))
    for key, value in given.items():
        if key in RESERVED:
            continue
        wrong = _wrong(key, value)
        if not wrong and key not in old:
            room -= 1
            wrong = "" if room >= 0 else f"a context has at most {keys_max} keys"
        if not wrong:
            left -= _size((key, value)) - (_size((key, old[key])) if key in old else 0)
            wrong = "" if left >= 0 else f"a context has at most {SIZE_MAX} characters"
        if wrong:
            notes.append(_note(tag, f"{_named(key)} is skipped: {wrong}"))
        else:
            kept[key] = value
    return kept, _shortened(notes, tag)


def has_good(given: Mapping[str, object]) -> bool:
    """Whether `judge`, without an old context, would keep anything; the first good entry does."""
    return any(key not in RESERVED and not _wrong(key, value) for key, value in given.items())


def updated(old: Mapping[str, Value], given: Mapping[str, Value]) -> Context:
    """The context after an update: given keys replace or join, the others stay (FS-107)."""
    return {**old, **given}


def with_reserved(
    context: Mapping[str, Value], visitor_id: str, client: str, version: str
) -> Context:
    """The context with the three keys of the SDK set (FS-202 to FS-204)."""
    reserved = {
        FLAGSHIP_CLIENT: client,
        FLAGSHIP_VERSION: version,
        FLAGSHIP_VISITOR: visitor_id,
    }
    return {**context, **reserved}


def digest(context: Mapping[str, Value]) -> str:
    """Hex that is equal for equal contexts, whatever the order of keys; `1` is not `True`."""
    text = msgspec.json.encode(context, order="sorted")
    return blake2b(text, digest_size=DIGEST_BYTES).hexdigest()


def is_unicode(text: str) -> bool:
    """Whether a text can be written as UTF-8; half a surrogate pair cannot."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _size(entry: tuple[str, Value]) -> int:
    """The characters of an entry; a number counts as eight."""
    key, value = entry
    return len(key) + (len(value) if isinstance(value, str) else 8)


def _wrong(key: object, value: object) -> str:
    """What is wrong with an entry, in words; "" for a good one."""
    if not isinstance(key, str) or not key:
        return "a key is a string, and not empty"
    if len(key) > KEY_CHARACTERS_MAX:
        return f"a key has at most {KEY_CHARACTERS_MAX} characters"
    if not is_unicode(key):
        return "a key is valid Unicode"
    types = PREDEFINED.get(key)
    if types and (isinstance(value, bool) or not isinstance(value, types)):
        return f"this key takes a {' or a '.join(_kinds(types))}"
    return _wrong_value(value)


def _wrong_value(value: object) -> str:
    if isinstance(value, str):
        if len(value) > VALUE_CHARACTERS_MAX:
            return f"a text has at most {VALUE_CHARACTERS_MAX} characters"
        return "" if is_unicode(value) else "a text is valid Unicode"
    if isinstance(value, int | float):
        return "" if abs(value) <= NUMBER_MAX else "a number is finite"
    return "a value is a string, a boolean or a number"


def _kinds(types: tuple[type, ...]) -> list[str]:
    kinds = (("string", str), ("number", NUMBERS[0]))
    return [name for name, kind in kinds if kind in types]


def _named(key: object) -> str:
    """A key as a log shows it: escaped, and not too long."""
    return repr(key[:KEY_CHARACTERS_SHOWN]) if isinstance(key, str) else "a key"


def _note(tag: Tag, text: str) -> Note:
    return Note(LogLevel.ERROR, tag, text)


def _shortened(notes: list[Note], tag: Tag) -> tuple[Note, ...]:
    more = len(notes) - NOTES_MAX
    if more <= 0:
        return tuple(notes)
    return (*notes[:NOTES_MAX], _note(tag, f"{more} more entries are skipped"))
