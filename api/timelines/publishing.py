"""Publishing: an authored document comes in, is judged, and new users begin on it.

Only a project's admin key publishes. The document is judged in a thread; every problem is a line of
the 422 with its JSON pointer, warnings come with the answer. The same document again publishes
nothing new. The document's JSON Schema is open to all. Rules: spec timelines 5.12.19, 5.12.21, 8.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import trio

from actors.timelines import document, publishing
from actors.timelines.document import BadDocument
from actors.timelines.findings import Problem as Finding
from actors.timelines.revision import Revision, compile_revision
from actors.timelines.schema import SCHEMA
from actors.timelines.timeline import TIMELINE, publication
from actors.timelines.timeline_words import RevisionPublished
from api.http import Answer, Call, answer
from api.timelines.admin import desk_of
from api.timelines.carrying import fact_of
from api.timelines.entrance import for_project_admin
from api.timelines.invalid import VALUE_ERROR, Detail, detail, invalid_all
from engine.messages import Address

BODY_BYTES_MAX = 10 * 1024 * 1024
"""Of a document (spec 5.12.21)."""


class Warned(msgspec.Struct, frozen=True):
    """Something in a document that works, and that nobody will see. `pointer`: RFC 6901."""

    pointer: str
    code: str
    message: str


class PublishedTimeline(msgspec.Struct, frozen=True):
    """What was published; `revision` is the hex hash of its canonical bytes."""

    id: str
    title: str
    revision: str
    warnings: list[Warned]


class Judged(NamedTuple):
    """A document that may be published, its canonical bytes, and what to warn of."""

    revision: Revision
    body: bytes
    warnings: tuple[Finding, ...]


def judged(body: bytes) -> Judged:
    """Read and judge a document; raises `BadDocument`. Takes seconds for the largest ones."""
    timeline = document.read(body)
    report = publishing.check(timeline)
    if report.problems:
        raise BadDocument(report.problems)
    canonical = document.write(timeline)
    return Judged(compile_revision(canonical), canonical, report.warnings)


async def publish(call: Call) -> Answer:
    """Put a document in force for new users: 201, or 200 if it is in force already.

    422 names every problem of the document, `loc` as always and `pointer` as RFC 6901. In
    maintenance, too, it can be done.
    """
    guest = await for_project_admin(call)
    try:
        made = await trio.to_thread.run_sync(judged, call.body)
    except BadDocument as bad:
        raise invalid_all(map(_wrong, bad.problems)) from None
    timeline = made.revision.document
    command = publication(made.revision, made.body)
    principal, key = guest.principal, call.idempotency_key
    address = Address(guest.project, TIMELINE.name, timeline.id)
    reply = await call.house.directory.ask(
        address, command, by=principal.who, principal=principal.name, key=key
    )
    fact = await fact_of(desk_of(call, guest), reply, key, RevisionPublished)
    warnings = [Warned(one.pointer, one.code, one.message) for one in made.warnings]
    body = PublishedTimeline(timeline.id, timeline.title, reply.state.revision, warnings)
    return answer(body, 200 if fact is None else 201)


def _wrong(found: Finding) -> Detail:
    kind = "jsondecode" if found.code == "not_json" else found.code
    wrong = detail(("body", *found.loc), found.message, f"{VALUE_ERROR}.{kind}")
    return {**wrong, "pointer": found.pointer}


async def schema(_call: Call) -> Answer:
    """The JSON Schema (2020-12) of an authored document."""
    return answer(SCHEMA)
