"""The grid of a timeline as a picture: alone, or with one user's states over it.

With a user, its own revision is drawn, after what is due is settled; without one the newest. The
picture is made in a thread, for a big grid takes its time. It holds no script, and is served so
that a browser would run none. What is drawn: `actors/timelines/drawing/`.
"""

from __future__ import annotations

from functools import partial

import trio

from actors.timelines.drawing import svg
from actors.timelines.user import USER
from api.http import Answer, Call
from api.timelines.admin import desk_of, timeline_of
from api.timelines.crowd import user_on
from api.timelines.entrance import Guest, for_admin
from api.timelines.looking import look

HEADERS = (
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
    ("X-Content-Type-Options", "nosniff"),
)
TYPE = "image/svg+xml; charset=utf-8"


async def draw(call: Call) -> Answer:
    """The grid as SVG; `user` names whose states are drawn over it."""
    guest = await for_admin(call)
    timeline = await timeline_of(call, guest.project)
    if user := call.query_one("user"):
        made = await _with_user(call, guest, timeline.address.id, user)
    else:
        directory = call.house.directory
        revision = await directory.document(USER, guest.project, timeline.state.revision)
        made = partial(svg, revision, None, timeline.state)
    picture = await trio.to_thread.run_sync(made)
    return Answer(200, picture.encode(), TYPE, HEADERS)


async def _with_user(call: Call, guest: Guest, timeline: str, user: str) -> partial[str]:
    desk = desk_of(call, guest)
    looker = (await look(desk, await user_on(desk, timeline, user))).looker
    return partial(svg, looker.revision, looker.user, looker.timeline, looker.now_ms)
