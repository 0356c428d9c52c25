"""A timeline's grid as SVG text, written by hand: no library, no script, nothing fetched.

Columns are steps, rows are lanes, beats are spans over columns, guards stand at the boundary
before a column, events are cards, links are arrows between them. With a user it shows how that one
sees it at an instant: the states of events, the links that were followed, the column reached, what
the user waits for. The same arguments give the same text. All that authors wrote is escaped.

`drawing_grid` says where things are, `drawing_ways` where arrows run, `drawing_head` and
`drawing_cards` how they look. Rules: spec timelines 1, 5.4, 8.
"""

from __future__ import annotations

from collections.abc import Iterator

from actors.timelines.drawing.cards import COLOURS, arrow, card, lane, text, title
from actors.timelines.drawing.grid import CARD_PAD, Grid
from actors.timelines.drawing.head import Head
from actors.timelines.drawing.style import STYLE
from actors.timelines.drawing.text import attribute, cut
from actors.timelines.drawing.user import Seen
from actors.timelines.drawing.ways import find_ways
from actors.timelines.drawing.words import condition_words
from actors.timelines.revision import Revision
from actors.timelines.timeline_words import Timeline
from actors.timelines.user_words import User

ARROWS_MAX = 6_000
"""More arrows than this are a grey field; each link then stands only in its card."""
WIDTH_MIN = 900
TITLE_SIZE, LINE_SIZE, LINE = 20, 12, 19
HEADING = 58
KEY = "grey: onward · violet: back, or within a column · dashed: by itself · upright bars: guards"
KEY_OF_USER = " · green and thick: followed · green dashed card: linked to, not open yet"
TOO_MANY = "{:,} links: their arrows are left out; each card says where its links lead"
SHARED = "where more lines run side by side than can be told apart, some share their way"


def svg(
    revision: Revision,
    user: User | None = None,
    timeline: Timeline | None = None,
    now_ms: int = 0,
) -> str:
    """Draw a definition; with a user, as it stands for that one at `now_ms` (ms, UTC).

    `timeline` holds the shared values; without it they are unset. A whole SVG document, with a line
    end at its end; up to 6,000 links have arrows.
    """
    seen = None if user is None else Seen(revision, user, timeline or Timeline(), now_ms)
    has_arrows = len(revision.ways) <= ARROWS_MAX
    lines = [] if seen is None else list(seen.sentences())
    lines += [] if has_arrows else [TOO_MANY.format(len(revision.ways))]
    grid = Grid(revision, names_targets=not has_arrows)
    head = Head(revision, HEADING + LINE * len(lines))
    arrows = find_ways(grid, head.bottom, has_arrows=has_arrows)
    threads = {thread.id: at for at, thread in enumerate(revision.document.threads)}
    width = max(grid.right + CARD_PAD, WIDTH_MIN)
    foot = list(_foot(revision, seen, is_shared=grid.is_shared))
    inside = [
        *(_line("line", one, HEADING - 8 + LINE * at, width) for at, one in enumerate(lines)),
        *(lane(one, grid.right) for one in grid.lanes),
        *head.svg(grid, seen),
        *(arrow(one, seen) for one in arrows),
        *(card(one, threads, seen) for one in grid.cards),
        *(_line(*one, grid.bottom + LINE * (at + 1), width) for at, one in enumerate(foot)),
    ]
    return _page(revision, inside, width, grid.bottom + LINE * (len(foot) + 1))


def _page(revision: Revision, inside: list[str], width: int, height: int) -> str:
    name = revision.document.title
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="timeline" role="img" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f"aria-label={attribute(name)}>",
        title(name, revision.id),
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{width}" height="{height}"/>',
        text("heading", CARD_PAD, 24, cut(name, width - 2 * CARD_PAD, TITLE_SIZE, bold=True)),
        *inside,
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _line(kind: str, line: str, y: int, width: int) -> str:
    words = text(kind, CARD_PAD, y, cut(line, width - 2 * CARD_PAD, LINE_SIZE))
    return f"<g>{title(line)}{words}</g>"


# --- the foot


def _foot(revision: Revision, seen: Seen | None, *, is_shared: bool) -> Iterator[tuple[str, str]]:
    """Lines below the grid, each with its class: what lines and colours mean, then the threads."""
    yield "key", KEY if seen is None else KEY + KEY_OF_USER
    if is_shared:
        yield "line", SHARED
    for number, thread in enumerate(revision.document.threads):
        words = "at once" if thread.delivery is None else f"if {condition_words(thread.delivery)}"
        state = ""
        if seen is not None:
            state = " – now" if seen.delivers(revision.holds[thread.id]) else " – not yet"
        named = thread.id if thread.name in ("", thread.id) else f"{thread.id}, {thread.name}"
        yield f"thread t{number % COLOURS}", f"◆ {named}: delivered {words}{state}"
