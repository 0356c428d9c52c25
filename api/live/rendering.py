"""From a committed fact to the line that listeners are sent, once whoever listens.

A `Line` is finished JSON that knows where it stands. The line of a fact in one form is made when
the first listener of that form hears it and is kept on the fact (`Told.rendered`), so a thousand
listeners cost one serialisation. Facts read from the store for somebody who was away are rendered
here too, in the same words.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from api.http import encode
from api.live.frames import Eph, Ev, raw
from api.patch import diff
from api.presenting import present_state
from api.times import rfc3339
from engine.hub import Said, Told
from engine.kind import Kind
from engine.messages import Fact, Stored


class Form(StrEnum):
    """What a listener is told of a fact."""

    DATA = "data"
    DELTA = "delta"
    DELTA_AND_DATA = "delta and data"
    STATE = "state"
    KIND = "kind"


class Line(str):
    """One finished frame. `is_event`: it may be dropped for a slow listener, and read again.

    `cloud` keeps the same as a CloudEvent, made when the first pure consumer takes it; `wire` keeps
    it as the bytes of a WebSocket frame, made when the first socket takes it alone.
    """

    __slots__ = ("cloud", "epoch", "is_event", "topic", "version", "wire")

    cloud: str | None
    wire: bytes | None
    epoch: str
    is_event: bool
    topic: str
    version: int


def line(
    frame: msgspec.Struct,
    topic: str = "",
    epoch: str = "",
    version: int = 0,
    *,
    is_event: bool = False,
) -> Line:
    """A frame as a line; `topic`, `epoch`, `version` say where a listener stands after it."""
    made = Line(encode(frame).decode())
    made.topic = topic
    made.epoch = epoch
    made.version = version
    made.is_event = is_event
    made.cloud = made.wire = None
    return made


def wire(lines: list[Any]) -> bytes:
    """What leaves together, as the bytes of one text frame."""
    if len(lines) > 1:
        return text_frame("[" + ",".join(lines) + "]")
    only = lines[0]
    if not isinstance(only, Line):
        return text_frame(only)
    if only.wire is None:
        only.wire = text_frame(only)
    return only.wire


def text_frame(text: str) -> bytes:
    """One unfragmented text frame from a server (RFC 6455, 5.2)."""
    payload = text.encode()
    size = len(payload)
    if size < 126:
        return b"\x81" + bytes((size,)) + payload
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2) + payload
    return b"\x81\x7f" + size.to_bytes(8) + payload


def event_line(frame: Ev) -> Line:
    """The line of an `ev`."""
    return line(frame, frame.topic, frame.epoch, frame.version, is_event=True)


# --- facts as they are committed


def told_line(told: Told, form: Form) -> Line:
    """The line of a committed fact, made once."""
    made: Line | None = told.rendered.get(form)
    if made is None:
        made = told.rendered[form] = event_line(FORMS[form](told))
    return made


def _data(told: Told) -> Raw:
    """The presented events, encoded once for all forms."""
    made: Raw | None = told.rendered.get("events")
    if made is None:
        made = told.rendered["events"] = raw(told.kind.present_events(told.fact.events))
    return made


def _plain(told: Told) -> Ev:
    return Ev(**_head(told), data=_data(told))


def _state(told: Told) -> Ev:
    return Ev(**_head(told), state=raw(present_state(told.kind, told.after.state)))


def _delta(told: Told) -> Ev:
    """A patch against the state before, or the state when that is smaller."""
    before = _shown(told.kind, told.before.state)
    after = _shown(told.kind, told.after.state)
    patch, state = encode(diff(before, after)), encode(after)
    if len(state) <= len(patch):
        return Ev(**_head(told), state=Raw(state))
    return Ev(**_head(told), patch=Raw(patch), base=told.before.version)


def _delta_and_data(told: Told) -> Ev:
    return msgspec.structs.replace(_delta(told), data=_data(told))


def _of_kind(told: Told) -> Ev:
    return Ev(
        topic=f"kind/{told.kind.name}",
        epoch=told.epoch.rpartition(".")[0],
        version=told.seq,
        time=rfc3339(told.fact.at_ms),
        name=told.fact.name,
        data=_data(told),
        actor=told.address.topic,
        actor_version=told.fact.version,
    )


FORMS: dict[Form, Callable[[Told], Ev]] = {
    Form.DATA: _plain,
    Form.DELTA: _delta,
    Form.DELTA_AND_DATA: _delta_and_data,
    Form.STATE: _state,
    Form.KIND: _of_kind,
}


def _head(told: Told) -> dict[str, Any]:
    return {
        "topic": told.address.topic,
        "epoch": told.epoch,
        "version": told.fact.version,
        "time": rfc3339(told.fact.at_ms),
        "name": told.fact.name,
    }


def _shown(kind: Kind[Any], state: Any) -> Any:
    return msgspec.to_builtins(present_state(kind, state), enc_hook=str)


def said_line(said: Said) -> Line:
    """The line of something passing, made once. It has no version: losing it loses no place."""
    made: Line | None = said.rendered.get("eph")
    if made is None:
        frame = Eph(topic=said.topic[1], name=said.name, data=raw(said.data))
        made = said.rendered["eph"] = line(frame)
    return made


# --- facts as the store keeps them


def stored_line(kind: Kind[Any], stored: Stored, epoch: str) -> Line:
    """The line of a stored fact on its actor's topic."""
    fact: Fact = kind.fact(stored)
    return event_line(
        Ev(
            topic=stored.address.topic,
            epoch=epoch,
            version=stored.version,
            time=rfc3339(stored.at_ms),
            name=fact.name,
            data=raw(kind.present_events(fact.events)),
        )
    )


def stored_kind_line(kind: Kind[Any], stored: Stored, epoch: str, redacted: bool) -> Line:
    """The line of a stored fact on its kind's topic; one that was redacted shows no data."""
    data = UNSET if redacted else raw(kind.present_events(kind.fact(stored).events))
    return event_line(
        Ev(
            topic=f"kind/{kind.name}",
            epoch=epoch,
            version=stored.seq,
            time=rfc3339(stored.at_ms),
            name=stored.name,
            data=data,
            actor=stored.address.topic,
            actor_version=stored.version,
        )
    )
