"""What a request about a visitor says besides its key: its command, and its haste.

Each command's body is known by a struct made from the command itself, so documents and judgement
are one. Rules: engine spec 4, 7.2; spec flags 10.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec
import msgspec.structs

from actors.flags.visitor import VISITOR
from api.http import Call, Problem
from engine.messages import Command

NOT_WAITING = "respond-async"


def body_of(command: type[Command]) -> type[msgspec.Struct]:
    """The struct of a command's body: its fields, without the tag that names the command."""
    fields = [
        (field.name, field.type, _default(field)) for field in msgspec.structs.fields(command)
    ]
    name = command.__name__ + "Body"
    return msgspec.defstruct(
        name, fields, rename="camel", forbid_unknown_fields=True, kw_only=True,
        namespace={"__doc__": command.__doc__}, module=__name__,
    )  # fmt: skip


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is msgspec.NODEFAULT:
        return msgspec.field(default=field.default)
    return msgspec.field(default_factory=field.default_factory)


COMMANDS: Mapping[str, type[Command]] = MappingProxyType(
    {name: command for name, command in VISITOR.commands.items() if command.public}
)
"""The visitor's public commands by name."""
BODIES: Mapping[str, type[msgspec.Struct]] = MappingProxyType(
    {name: body_of(command) for name, command in COMMANDS.items()}
)
"""The bodies that they take."""


def command_of(name: str, body: bytes) -> Command:
    """Read a command. Raises `UnknownCommand`, and 400 for a body that is not of its shape."""
    try:
        return VISITOR.parse(name, body)
    except msgspec.MsgspecError as error:
        raise Problem(400, "bad_request", str(error)) from None
    except (RecursionError, UnicodeDecodeError):
        raise Problem(400, "bad_request", "the body is not usable JSON") from None


def prefers_not_to_wait(call: Call) -> bool:
    """Whether the caller wants its answer before the fetch has ended (RFC 7240)."""
    wishes = call.headers.get("prefer", "").lower().split(",")
    return any(wish.partition(";")[0].strip() == NOT_WAITING for wish in wishes)
