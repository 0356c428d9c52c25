"""Unpublishing, and users that go over to another definition.

Users stay on the definition that they began on until somebody orders otherwise, and what was
unpublished goes on for whoever is on it. A dry run decides for everybody and stores nothing. An
order for a few answers when all are done; one for a crowd answers after its one commit, and goes on
by a sweep that a crash neither repeats nor cuts short. Only with a project's admin key, and in
maintenance too. Rule: spec timelines 5.12.19.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import msgspec

from actors.timelines.answers.shapes import HTTPValidationError
from actors.timelines.document import BadDocument
from actors.timelines.migrating.orders import BEHIND, MIGRATION, MigrateUsers
from actors.timelines.timeline_words import Unpublish
from actors.timelines.user import USER
from actors.timelines.user_words import Migrate
from api.http import NO_CONTENT, Answer, Call, Problem, Route, answer
from api.timelines.admin import desk_of, timeline_of
from api.timelines.cors import ADMIN
from api.timelines.entrance import checked_user, for_project_admin
from api.timelines.errors import body_of, invalid, present
from api.timelines.looking import Desk
from api.timelines.migrating_users import Wanted, carried_out, rehearsed
from api.timelines.migration_report import USERS_MAX, Migration
from engine.documents import NoDocument
from engine.errors import Refused
from engine.messages import Address
from storage.timelines.queries import count_behind, on_revisions, sweeps

HASH = re.compile(r"[0-9a-f]{64}")
UNKNOWN = "there is no such revision of this timeline"
UNDER_WAY = "Another migration of this timeline is under way."


class MigrateRequest(msgspec.Struct, frozen=True, kw_only=True, rename={"only": "from"}):
    """Who goes over to what. Revisions are hashes, as publishing answers them.

    `to` null or absent: the newest. `only` (`from`): just users on that one; else who is on any
    other. `users`: just these, at most 1,000. `dry_run`: nothing is stored.
    """

    to: str | None = None
    only: str | None = None
    users: list[str] | None = None
    dry_run: bool = False


class OrderedMigration(msgspec.Struct, frozen=True):
    """A migration that goes on by itself; `migrating` is how many users it is about."""

    timeline_id: str
    revision: str
    migrating: int


class OnRevision(msgspec.Struct, frozen=True):
    """How many users are on a definition."""

    revision: str
    users: int


class UnderWay(msgspec.Struct, frozen=True, rename={"only": "from"}):
    """A migration that is not at its end. `is_stuck`: it failed too often; order it again."""

    to: str
    only: str | None
    is_stuck: bool


class MigrationProgress(msgspec.Struct, frozen=True):
    """How far migrations are. `newest` is the definition that was published last."""

    timeline_id: str
    newest: str
    revisions: list[OnRevision]
    under_way: list[UnderWay]


# --- unpublishing


async def unpublish(call: Call) -> Answer:
    """Let nobody begin on the timeline any more: 204, also if nobody may. Its users go on."""
    guest = await for_project_admin(call)
    timeline = await timeline_of(call, guest.project)
    principal = guest.principal
    try:
        await call.house.directory.ask(
            timeline.address,
            Unpublish(),
            by=principal.who,
            principal=principal.name,
            key=call.idempotency_key,
        )
    except Refused:
        return NO_CONTENT  # it is so already
    return NO_CONTENT


# --- migrating


async def migrate(call: Call) -> Answer:
    """Have users go over to another definition (spec 5.12.19).

    200 with the report for a dry run, and for `users` when each of them is done; 202 for a crowd.
    404 no such timeline, 409 another migration is under way, 422 no such revision.
    """
    desk = desk_of(call, await for_project_admin(call))
    given = body_of(call, MigrateRequest)
    wanted = await _wanted(call, desk, given)
    if given.dry_run:
        return answer(await rehearsed(desk, wanted))
    await _check_alone(desk, wanted)
    if wanted.users is not None:
        return answer(await carried_out(desk, wanted, wanted.users))
    return answer(await _ordered(call, desk, wanted), 202)


async def _wanted(call: Call, desk: Desk, given: MigrateRequest) -> Wanted:
    """What was asked for, judged. Raises 404 and 422."""
    timeline = await timeline_of(call, desk.principal.project)
    if given.only is not None and not HASH.fullmatch(given.only):
        raise invalid(("body", "from"), UNKNOWN)
    if given.users is not None and len(given.users) > USERS_MAX:
        raise invalid(("body", "users"), f"ensure this value has at most {USERS_MAX} items")
    users = None
    if given.users is not None:
        users = [checked_user(user, ("body", "users")) for user in dict.fromkeys(given.users)]
    revision = timeline.state.revision if given.to is None else given.to
    await _check_revision(desk, timeline.address, revision)
    return Wanted(timeline.address, Migrate(revision=revision, only=given.only), users)


async def _check_revision(desk: Desk, timeline: Address, revision: str) -> None:
    """The definition was once published for this timeline. Raises 422."""
    if HASH.fullmatch(revision):
        try:
            found = await desk.house.directory.document(USER, timeline.project, revision)
        except (NoDocument, BadDocument):
            pass
        else:
            if found.id == timeline.id:
                return
    raise invalid(("body", "to"), UNKNOWN)


# --- for a crowd


async def _ordered(call: Call, desk: Desk, wanted: Wanted) -> OrderedMigration:
    """One commit; the sweep goes on behind the answer."""
    query = partial(count_behind, project=wanted.timeline.project, key=wanted.key)
    number = await desk.house.tables.read(query)
    order, principal = wanted.order, desk.principal
    await desk.house.directory.ask(
        Address(wanted.timeline.project, MIGRATION.name, wanted.timeline.id),
        MigrateUsers(revision=order.revision, only=order.only),
        by=principal.who,
        principal=principal.name,
        key=call.idempotency_key,
    )
    return OrderedMigration(wanted.timeline.id, order.revision, number)


async def _check_alone(desk: Desk, wanted: Wanted) -> None:
    """Two orders at once would leave users now here, now there. Raises 409."""
    own = wanted.key.removeprefix(f"{wanted.timeline.id}:")
    for key, is_stuck in await _sweeps(desk, wanted.timeline):
        if key != own and not is_stuck:
            raise Problem(409, "migrating", UNDER_WAY)


async def _sweeps(desk: Desk, timeline: Address) -> list[tuple[str, bool]]:
    query = partial(sweeps, project=timeline.project, list_=BEHIND, timeline=timeline.id)
    return await desk.house.tables.read(query)


async def progress(call: Call) -> Answer:
    """How many users are on which definition, and what is under way."""
    guest = await for_project_admin(call)
    timeline = await timeline_of(call, guest.project)
    address = timeline.address
    query = partial(on_revisions, project=guest.project, timeline=address.id)
    found: dict[str, int] = await call.house.tables.read(query)
    orders = await _sweeps(desk_of(call, guest), address)
    body = MigrationProgress(
        timeline_id=address.id,
        newest=timeline.state.revision,
        revisions=[OnRevision(*one) for one in found.items()],
        under_way=[_under_way(key, is_stuck) for key, is_stuck in orders],
    )
    return answer(body)


def _under_way(key: str, is_stuck: bool) -> UnderWay:
    to, _, only = key.partition(":")
    return UnderWay(to, only or None, is_stuck)


# --- routes

TIMELINE_PATH = "/timelines/{timeline_id}"
UNPROCESSABLE: dict[int, Any] = {422: HTTPValidationError}
ROUTES = (
    Route(
        "DELETE", TIMELINE_PATH, unpublish, "handler", summary="Unpublish a timeline",
        answers={204: None, **UNPROCESSABLE}, present=present, cors=True, tag=ADMIN,
    ),
    Route(
        "POST", f"{TIMELINE_PATH}/migrate", migrate, "handler",
        summary="Have users go over to another revision", body=MigrateRequest, body_required=False,
        answers={200: Migration, 202: OrderedMigration, 409: None, **UNPROCESSABLE},
        present=present, cors=True, tag=ADMIN,
    ),
    Route(
        "GET", f"{TIMELINE_PATH}/migrate", progress, "handler",
        summary="How many users are on which revision",
        answers={200: MigrationProgress, **UNPROCESSABLE}, present=present, cors=True, tag=ADMIN,
    ),
)  # fmt: skip
"""Below the door's prefixes."""
