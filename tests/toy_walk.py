"""A fifth toy domain: walkers who follow a map, and the signposts where maps hang.

It shows a choice, because only the walk knows where it ends; a document that nobody but the
signpost can name; and a machine of a thing inside an actor, the boots, which the walker's own rule
fires.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum

import msgspec

from engine.effects import Document, Needs
from engine.kind import Kind
from engine.machine import Machine, Moment, Row
from engine.messages import Address, Command, Event, Snapshot

BAD_MAP = "torn"


class Post(msgspec.Struct, frozen=True):
    """A signpost. `map` is the hash of what hangs there."""

    phase: str = "standing"
    map: str = ""


class HangMap(Command, frozen=True):
    """Hang another map: names of places with spaces between them."""

    public = True
    places: str


class MapHung(Event, frozen=True):
    """This map hangs there now."""

    map: str


def _hang(_post: Post, command: HangMap, _moment: Moment) -> Iterator[Event | Document]:
    document = Document(command.places.encode())
    yield document
    yield MapHung(map=document.hash)


def _evolve_post(post: Post, event: Event) -> Post:
    return Post(map=event.map) if isinstance(event, MapHung) else post


POST = Kind[Post](
    name="post",
    state=Post,
    initial=lambda _id: Post(),
    machines=(Machine("post", ("standing",), (Row("standing", HangMap, "standing", _hang),)),),
    evolve=_evolve_post,
    events=(MapHung,),
)


class Way(StrEnum):
    """Where a walk may be."""

    WALKING = "walking"
    HOME = "home"
    LOST = "lost"


class Walker(msgspec.Struct, frozen=True):
    """Somebody on the way; `steps` so far, in boots."""

    way: Way = Way.WALKING
    steps: int = 0
    boots: str = "laced"


class Walk(Command, frozen=True):
    """Walk to a place on the map of a signpost; behind the last one is nothing."""

    public = True
    post: str = "p"
    leap: int = 0


class Stumble(Command, frozen=True):
    """What stones do to boots."""


class Tie(Command, frozen=True):
    """What a bench does for boots."""


class Walked(Event, frozen=True):
    """To a place; "" is nowhere."""

    place: str


class Laced(Event, frozen=True):
    """How the boots are now."""

    boots: str


BOOTS = Machine[str](
    "boots",
    ("laced", "loose"),
    (
        Row(("laced", "loose"), Stumble, "loose", why="stones are hard on boots"),
        Row("loose", Tie, "laced"),
    ),
    phase=lambda boots: boots,
)


def _map_of(seen: Mapping[Address, Snapshot]) -> tuple[str, ...]:
    return tuple(post.state.map for post in seen.values() if post.exists)


def _needs(_walker: Walker, command: Command) -> Needs:
    if isinstance(command, Walk):
        return Needs(actors=(Address("", "post", command.post),), then=_map_of)
    return Needs()


def _walk(walker: Walker, command: Walk, moment: Moment) -> Iterator[Event]:
    places = next(iter(moment.documents.values()), ())
    ahead = walker.steps + command.leap
    place = places[ahead] if ahead < len(places) else ""
    yield Walked(place=place)
    if place == "stones":
        yield Laced(boots=str(BOOTS.fire(walker.boots, Stumble(), moment).target))


def _evolve(walker: Walker, event: Event) -> Walker:
    match event:
        case Walked(place="home"):
            return Walker(Way.HOME, walker.steps + 1, walker.boots)
        case Walked(place=""):
            return Walker(Way.LOST, walker.steps, walker.boots)
        case Walked():
            return Walker(Way.WALKING, walker.steps + 1, walker.boots)
        case Laced(boots=boots):
            return msgspec.structs.replace(walker, boots=boots)
    return walker


def read_map(body: bytes) -> tuple[str, ...]:
    """The places of a map; raises `ValueError` on a torn one."""
    if body == BAD_MAP.encode():
        raise ValueError("the map is torn")
    return tuple(body.decode().split())


WALK = Machine[Walker](
    "walk",
    Way,
    (Row(Way.WALKING, Walk, (Way.WALKING, Way.HOME, Way.LOST), _walk, why="the map knows"),),
    phase=lambda walker: walker.way,
)

WALKER = Kind[Walker](
    name="walker",
    state=Walker,
    initial=lambda _id: Walker(),
    machines=(WALK,),
    evolve=_evolve,
    events=(Walked, Laced),
    needs=_needs,
    decode_document=read_map,
    parts=(BOOTS,),
)
