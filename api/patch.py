"""The difference between two JSON values as an RFC 6902 patch, and back.

Pure. `diff` makes `add`, `remove` and `replace` only; `apply` also understands `move`, `copy` and
`test`, so that it is a whole implementation. Lists are compared by their common start and end,
which is what happens to lists in practice: something is added, removed or replaced in one place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

Operation = dict[str, Any]


class BadPatch(ValueError):
    """The patch cannot be applied to this value."""


def diff(before: Any, after: Any) -> list[Operation]:
    """Operations that turn `before` into `after`, to be applied in order."""
    return list(_diff(before, after, ""))


def _diff(before: Any, after: Any, path: str) -> Iterator[Operation]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _diff_objects(before, after, path)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _diff_lists(before, after, path)
    elif not _same(before, after):
        yield {"op": "replace", "path": path, "value": after}


def _diff_objects(before: dict[str, Any], after: dict[str, Any], path: str) -> Iterator[Operation]:
    for name in before:
        if name not in after:
            yield {"op": "remove", "path": f"{path}/{_escape(name)}"}
    for name, value in after.items():
        inner = f"{path}/{_escape(name)}"
        if name not in before:
            yield {"op": "add", "path": inner, "value": value}
        else:
            yield from _diff(before[name], value, inner)


def _diff_lists(before: list[Any], after: list[Any], path: str) -> Iterator[Operation]:
    start = _common(before, after, min(len(before), len(after)))
    end = _common(before[::-1], after[::-1], min(len(before), len(after)) - start)
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    shared = min(len(old), len(new))
    for index in range(shared):
        yield from _diff(old[index], new[index], f"{path}/{start + index}")
    for index in range(len(old) - 1, shared - 1, -1):
        yield {"op": "remove", "path": f"{path}/{start + index}"}
    for index in range(shared, len(new)):
        yield {"op": "add", "path": f"{path}/{start + index}", "value": new[index]}


def _common(before: Sequence[Any], after: Sequence[Any], most: int) -> int:
    for index in range(most):
        if not _same(before[index], after[index]):
            return index
    return most


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: `true` is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


# --- applying


def apply(value: Any, operations: Sequence[Operation]) -> Any:
    """`value` after the operations; `value` itself is left as it was. Raises `BadPatch`."""
    result = deepcopy(value)
    for operation in operations:
        try:
            result = _apply_one(result, operation)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise BadPatch(f"{operation.get('op')} {operation.get('path')}: {error}") from None
    return result


def _apply_one(value: Any, operation: Operation) -> Any:
    path = _parts(operation["path"])
    match operation["op"]:
        case "add":
            return _add(value, path, deepcopy(operation["value"]))
        case "remove":
            return _remove(value, path)
        case "replace":
            _look(value, path)
            return _add(_remove(value, path), path, deepcopy(operation["value"]))
        case "move":
            source = _parts(operation["from"])
            if path[: len(source)] == source and len(path) > len(source):
                raise ValueError("a value cannot be moved into itself")
            moved = _look(value, source)
            return _add(_remove(value, source), path, moved)
        case "copy":
            return _add(value, path, deepcopy(_look(value, _parts(operation["from"]))))
        case "test":
            if not _same(_look(value, path), operation["value"]):
                raise ValueError("the value is another one")
            return value
    raise ValueError("there is no such operation")


def _parts(pointer: str) -> list[str]:
    if pointer == "":
        return []
    if not pointer.startswith("/"):
        raise ValueError("a pointer starts with a slash")
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/")]


def _look(value: Any, path: Sequence[str]) -> Any:
    for part in path:
        value = value[_index(value, part) if isinstance(value, list) else part]
    return value


def _index(value: list[Any], part: str) -> int:
    if not (part.isascii() and part.isdigit()) or (part != "0" and part[0] == "0"):
        raise ValueError("not an index")
    return int(part)


def _add(value: Any, path: Sequence[str], new: Any) -> Any:
    if not path:
        return new
    parent, last = _look(value, path[:-1]), path[-1]
    if isinstance(parent, list):
        index = len(parent) if last == "-" else _index(parent, last)
        if index > len(parent):
            raise IndexError("beyond the end")
        parent.insert(index, new)
    elif isinstance(parent, dict):
        parent[last] = new
    else:
        raise TypeError("nothing can be added there")
    return value


def _remove(value: Any, path: Sequence[str]) -> Any:
    if not path:
        return None
    parent, last = _look(value, path[:-1]), path[-1]
    if isinstance(parent, list):
        del parent[_index(parent, last)]
    else:
        del parent[last]
    return value
