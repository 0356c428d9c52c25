"""The CDN's files: bucketing.json and accountSettings.json, with validators.

Clients poll with what they saw last and mostly get 304 without a body. Last-Modified is always
there, since one SDK never loads the file without it; a date matches only if it is exactly ours.
Rules: spec flags 0.4, 1.4, 1.5, 10.3; engine spec 7.4.
"""

from __future__ import annotations

from api.flags import entrance
from api.flags.environments import Live
from api.flags.shelf import shelf_of
from api.flags.wire import SHARED, json_answer
from api.http import Answer, Call, Problem

CACHE = ("Cache-Control", "no-cache")


def etags(header: str) -> tuple[str, ...]:
    """The tags of an If-Match or If-None-Match header: quoted, `*` as it is, weak ones as strong.

    A tag without quotes, as some clients write it, counts as quoted.
    """
    found = []
    for each in header.split(","):
        tag = each.strip().removeprefix("W/")
        if tag:
            found.append(tag if tag == "*" or tag.startswith('"') else f'"{tag}"')
    return tuple(found)


def is_unchanged(call: Call, live: Live) -> bool:
    """Whether the caller has what is in force; a tag counts before a date."""
    tags = call.headers.get("if-none-match")
    if tags is not None:
        seen = etags(tags)
        return live.etag in seen or "*" in seen
    return call.headers.get("if-modified-since") == live.last_modified


async def _environment(call: Call) -> Live:
    live = await entrance.without_key(call, shelf_of(call.house), call.parts["env"])
    if live is None:
        raise Problem(404, "no_environment", "there is no such environment")
    return live


async def bucketing_json(call: Call) -> Answer:
    """The file in force, with the panic in force; 404 while there is none."""
    live = await _environment(call)
    if live.body is None:
        raise Problem(404, "no_file", "no bucketing file was put yet")
    headers = (*SHARED, ("ETag", live.etag), ("Last-Modified", live.last_modified), CACHE)
    if is_unchanged(call, live):
        return Answer(304, headers=headers)
    return Answer(200, live.body, headers=headers)


async def account_settings_json(call: Call) -> Answer:
    """The account's switches, as the file has them."""
    return json_answer((await _environment(call)).account_settings)
