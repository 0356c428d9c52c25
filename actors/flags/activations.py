"""Bodies of `/activate`: a visitor has seen a variation.

A body is one activation or a batch of them, and all or nothing: one bad line refuses the whole
batch, with an answer that names the fields. `caid` carries the variation *group* id. An empty
batch is fine. Unknown members are ignored, because SDKs add some.
Rules: spec flags 1.3, 1.12.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from actors.flags.choices import json
from actors.flags.requests import VISITOR_CHARACTERS_MAX, RequestInvalid, decoded

ACTIVATIONS_MAX = 10_000  # an SDK sends a hundred; after an outage, what had piled up
MANDATORY = "Field is mandatory."
INVALID_CID = {"cid": "Invalid cid."}


class ActivationsInvalid(Exception):
    """The body is refused with 400. `errors` is a message per field, `body` the whole answer."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__(", ".join(f"{name}: {text}" for name, text in errors.items()))
        self.errors = errors

    @property
    def body(self) -> bytes:
        """The answer: `message` holds the errors as JSON text (spec flags 1.12)."""
        return json({"message": json({"status": "error", "errors": self.errors}).decode()})


class _Line(msgspec.Struct):
    cid: str | None = None
    vid: str | None = None
    caid: str | None = None
    vaid: str | None = None
    aid: str | None = None
    qt: float | None = None
    qa: bool | None = None


class _Whole(_Line):
    batch: list[_Line] | None = None


_BODY = msgspec.json.Decoder(_Whole)


@dataclass(frozen=True, slots=True)
class Activation:
    """One exposure. `queued_ms` is how long it waited at the client before it was sent."""

    visitor_id: str
    anonymous_id: str
    group_id: str
    variation_id: str
    queued_ms: int
    qa: bool


@dataclass(frozen=True, slots=True)
class Activations:
    """The activations of one body, for the environment `cid`."""

    cid: str
    items: tuple[Activation, ...]


def activations_body(body: bytes, activations_max: int = ACTIVATIONS_MAX) -> Activations:
    """Parse `/activate`, single or batch form.

    Raises `RequestInvalid` (not JSON, wrong type) or `ActivationsInvalid` (spec flags 1.12).
    """
    whole = decoded(_BODY, body)
    lines = [whole] if whole.batch is None else whole.batch
    if len(lines) > activations_max:
        raise RequestInvalid(f"{len(lines)} activations, at most {activations_max} are allowed")
    errors = {} if whole.cid else {"cid": MANDATORY}
    for line in lines:
        errors.update(_errors(line))
    if errors:
        raise ActivationsInvalid(errors)
    return Activations(whole.cid or "", tuple(_activation(line) for line in lines))


def _errors(line: _Line) -> dict[str, str]:
    fields = (("vid", line.vid), ("vaid", line.vaid), ("caid", line.caid))
    errors = {name: MANDATORY for name, value in fields if not value}
    for name, value in (("vid", line.vid), ("aid", line.aid)):
        if len(value or "") > VISITOR_CHARACTERS_MAX:
            errors[name] = f"Longer than {VISITOR_CHARACTERS_MAX} characters."
    return errors


def _activation(line: _Line) -> Activation:
    return Activation(
        line.vid or "",
        line.aid or "",
        line.caid or "",
        line.vaid or "",
        max(0, int(line.qt or 0)),
        bool(line.qa),
    )
