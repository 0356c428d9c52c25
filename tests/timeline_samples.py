"""One sample of each stored event of a timeline and its users, for the golden files."""

from __future__ import annotations

from actors.timelines.legacy_words import Bookmarked, Completed
from actors.timelines.migrating.orders import MigrationOrdered
from actors.timelines.settings import Configured, Service, ServiceSet, Settings
from actors.timelines.timeline_words import (
    Contributed,
    Declared,
    RevisionPublished,
    RevisionUnpublished,
    VariableSet,
)
from actors.timelines.user_words import (
    Dropped,
    EventState,
    Followed,
    LinkFollowed,
    Migrated,
    Move,
    Place,
    Progress,
    Progressed,
    Settled,
    Stamp,
    Standing,
    UserCreated,
    Walk,
)
from engine.messages import Event

AT = 1_675_411_200_000
HOLE, TEA = Place("beatHole", "Down the Rabbit-Hole"), Place("beatTea", "A Mad Tea-Party")
WAITING = Standing(Progress.WAITING, HOLE, "guardMorning", AT + 3_600_000, due_ms=AT + 3_600_000)
FULL = Walk(
    at_ms=AT,
    standing=WAITING,
    seen=7,
    is_virtual=True,
    step=2,
    moves=(
        Move("evBank", EventState.VISITED, AT, 2),
        Move("evHole", EventState.ACTIVE, AT, 2),
    ),
    follows=(Followed("evBank:evHole", AT), Followed("evHole:evEat", AT, True)),
    beats=(Stamp("beatHole", AT),),
    passed=(Stamp("guardMorning", AT),),
    pending=("evGarden",),
    fired=("evHole:evEat",),
    variables={"size": "10"},
    shared={"tarts_stolen": "1"},
    counted={"evHole:evEat": 1},
    flipped=("evDrink",),
    interests=("tarts_stolen",),
)
EMPTY = Walk(at_ms=AT, standing=Standing(Progress.NOT_STARTED))
PAUSED = Walk(
    at_ms=AT, standing=Standing(Progress.PAUSED, HOLE, new_beat=TEA), step=2, pending=(), fired=()
)
ENDED = Walk(at_ms=AT, standing=Standing(Progress.ENDED, TEA, ended=True), step=7)
USER_EVENTS: tuple[Event, ...] = (
    UserCreated(
        timeline="AliceTimeline00000001",
        revision="ab" * 32,
        zone="Europe/London",
        times_disabled=True,
        pauses=True,
        shares=True,
        variables={"size": "100", "tea_at": ""},
        walk=FULL,
    ),
    UserCreated(
        timeline="T",
        revision="cd" * 32,
        zone="UTC",
        times_disabled=False,
        pauses=False,
        shares=False,
        variables={},
        walk=EMPTY,
    ),
    UserCreated(
        timeline="T",
        revision="cd" * 32,
        zone="UTC",
        times_disabled=False,
        pauses=False,
        shares=False,
        variables={},
        walk=EMPTY,
        max_steps=0,
    ),
    Progressed(walk=FULL),
    Progressed(walk=PAUSED),
    Progressed(walk=PAUSED, max_steps=2, pauses=True),
    LinkFollowed(link="evBank:evHole", source="evBank", target="evHole", walk=FULL),
    Completed(source="evBank", walk=FULL),
    Completed(source="evBank", skipped=True, walk=ENDED),
    Settled(walk=FULL),
    Settled(walk=ENDED),
    Migrated(
        former="ab" * 32,
        revision="cd" * 32,
        shares=True,
        dropped=Dropped(
            step=9,
            events=("evBank", "evHole"),
            pending=("evGarden",),
            links=("evBank:evHole",),
            beats=("beatHole",),
            variables=("keys", "size"),
        ),
        variables={"size": "", "hats": "3"},
        walk=FULL,
    ),
    Migrated(
        former="cd" * 32,
        revision="ab" * 32,
        shares=False,
        dropped=Dropped(),
        variables={},
        walk=EMPTY,
    ),
)
MIGRATION_EVENTS: tuple[Event, ...] = (
    MigrationOrdered(revision="cd" * 32, only=None, at_ms=AT, who="admin_1"),
    MigrationOrdered(revision="cd" * 32, only="ab" * 32, at_ms=AT, who="admin_1"),
)
BOOKMARKED = Bookmarked(timeline_event_id="evBank")
"""The one fact of a user that is no walk."""
TIMELINE_EVENTS: tuple[Event, ...] = (
    RevisionPublished(
        revision="ab" * 32,
        title="Alice's Adventure In Wonderland",
        description="A dream",
        declared=(
            Declared("size", "user", "number", "100"),
            Declared("tarts_stolen", "shared", "number", "0"),
        ),
        counts=("evHole:evEat",),
        at_ms=AT,
    ),
    RevisionPublished(
        revision="cd" * 32, title="T", description=None, declared=(), counts=(), at_ms=AT
    ),
    RevisionUnpublished(),
    VariableSet(name="tarts_stolen", value="1", at_ms=AT),
    Contributed(shared={"tarts_stolen": "2"}, follows={"evHole:evEat": 1}, at_ms=AT),
    Contributed(shared={}, follows={"evHole:evEat": -1}, at_ms=AT),
)
SETTINGS_EVENTS: tuple[Event, ...] = (
    Configured(settings=Settings()),
    ServiceSet(status=Service.MAINTENANCE, who="ann"),
)
"""More of them stand in the tests of the settings."""
