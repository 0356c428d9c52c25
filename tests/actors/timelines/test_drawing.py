"""Drawings of timelines: nothing is left out, nothing overlaps, all text is harmless."""

from __future__ import annotations

import json
from collections import Counter
from functools import lru_cache
from itertools import combinations, pairwise
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import golden
import pytest
from hypothesis import given
from hypothesis import strategies as st
from timeline_document import alice, read
from timeline_small import small
from timeline_world import World, ms

from actors.timelines import drawing
from actors.timelines.drawing import svg
from actors.timelines.drawing import tracks as drawing_tracks
from actors.timelines.drawing.grid import CARD_WIDTH, Card, Grid
from actors.timelines.drawing.ways import Arrow, find_ways
from actors.timelines.revision import Revision
from actors.timelines.user_words import EventState

SVG = "{http://www.w3.org/2000/svg}"
BARE = small("a")
LABELS = st.one_of(st.none(), st.text(max_size=40), st.sampled_from(["W" * 60, "]]> & <b>", ""]))


def revision(plain: dict[str, Any]) -> Revision:
    """A document, compiled."""
    return Revision(read(plain))


@lru_cache(maxsize=1)
def everything(text: str) -> list[Element]:
    """All parts of a drawing, as an XML reader finds them."""
    return list(ElementTree.fromstring(text).iter())


def parts(text: str, kind: str) -> dict[str, Element]:
    """The parts of a class, by id; each must be there once."""
    found = [each for each in everything(text) if kind in classes(each)]
    names = [each.get("data-id", "") for each in found]
    assert len(names) == len(set(names))
    return dict(zip(names, found, strict=True))


def classes(part: Element) -> list[str]:
    """The classes of a part."""
    return part.get("class", "").split()


def words(part: Element) -> str:
    """What stands in a part, tooltips too."""
    return " ".join(part.itertext())


@st.composite
def grids(draw: st.DrawFn) -> dict[str, Any]:
    """A document with events anywhere, links from anywhere to anywhere, and any texts."""
    count, steps, lanes = draw(st.integers(1, 10)), draw(st.integers(1, 5)), draw(st.integers(1, 3))
    stretch = draw(st.sampled_from([1, 1, 40]))
    links = st.lists(
        st.tuples(st.integers(0, count - 1), LABELS, st.booleans(), st.booleans()),
        max_size=3,
        unique_by=lambda link: link[0],
    )
    events = [
        {
            "id": f"e{number}",
            "row": f"r{draw(st.integers(0, lanes - 1))}",
            "step": draw(st.integers(0, steps - 1)) * stretch,
            "narrative_event": {"id": f"n{number}", "title": draw(LABELS)},
            "links": [_link(*link) for link in draw(links)],
        }
        for number in range(count)
    ]
    last = max(event["step"] for event in events)
    beats = [0, *draw(st.lists(st.integers(1, last), max_size=2, unique=True))] if last else [0]
    guards = draw(st.lists(st.integers(1, last), max_size=4)) if last else []
    return BARE | {
        "rows": [{"id": f"r{lane}", "name": f"Row {lane}"} for lane in range(lanes)],
        "beats": [
            {"id": f"b{step}", "name": draw(st.text(max_size=30)), "start_step": step}
            for step in sorted(beats)
        ],
        "guards": [
            {"id": f"g{at}", "before_step": step, "when": {"event": "e0", "state": "VISITED"}}
            for at, step in enumerate(guards)
        ],
        "events": events,
    }


def _link(to: int, label: str | None, auto: bool, waits: bool) -> dict[str, Any]:
    when = {"when": {"event": "e0", "state": "VISITED"}} if waits else {}
    return {"to": f"e{to}", "label": label, "auto": auto} | when


def placed(plain: dict[str, Any]) -> tuple[Grid, list[Arrow]]:
    """A document's grid and arrows with their places."""
    grid = Grid(revision(plain), names_targets=False)
    return grid, find_ways(grid, 100)


# --- nothing is left out


@given(grids())
def test_everything_is_drawn_once(plain):
    """Whatever an author wrote, it is valid XML with each event, link, beat and guard once."""
    text = svg(revision(plain))
    assert parts(text, "card").keys() == {event["id"] for event in plain["events"]}
    assert parts(text, "beat").keys() == {beat["id"] for beat in plain["beats"]}
    assert parts(text, "guard").keys() == {guard["id"] for guard in plain["guards"]}
    links = {f"{one['id']}:{link['to']}" for one in plain["events"] for link in one["links"]}
    assert parts(text, "link").keys() == links
    rows = [words(each) for each in everything(text) if "row" in classes(each)]
    assert [row["name"] in text_ for row, text_ in zip(plain["rows"], rows, strict=True)]


def test_the_same_is_drawn_the_same():
    """Two compilations of one document, walked alike, give the same text."""
    assert svg(revision(alice())) == svg(revision(alice()))
    assert drawn(half_way()) == drawn(half_way())


# --- nothing lies on anything else


def inside(card: Card, one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether a level or upright line runs through a card."""
    (left, right), (top, bottom) = sorted((one[0], other[0])), sorted((one[1], other[1]))
    across = left < card.x + CARD_WIDTH and right > card.x
    return across and top < card.y + card.height and bottom > card.y


@given(grids())
def test_cards_stand_free(plain):
    """No two cards overlap, and each stands in its column and lane."""
    grid, _ = placed(plain)
    for one, other in combinations(grid.cards, 2):
        apart = abs(one.x - other.x) >= CARD_WIDTH
        assert apart or one.y + one.height <= other.y or other.y + other.height <= one.y
    for card in grid.cards:
        lane, column = grid.lanes[card.lane], grid.columns[card.column]
        assert (card.x, lane.row.id) == (column.x, card.cell.row.id)
        assert column.first <= card.cell.step <= column.last
        assert lane.top < lane.y <= card.y < card.y + card.height <= lane.y + lane.height
        assert lane.bottom <= grid.bottom


@given(grids())
def test_arrows_run_between_cards(plain):
    """Every stretch is level or upright, none crosses a card, and the ends touch the right ones."""
    grid, arrows = placed(plain)
    for arrow in arrows:
        for one, other in pairwise(arrow.points):
            assert one[0] == other[0] or one[1] == other[1]
            assert not any(inside(card, one, other) for card in grid.cards)
        for card, (x, y) in ((arrow.source, arrow.points[0]), (arrow.target, arrow.points[-1])):
            assert x in (card.x, card.right)
            assert card.y < y < card.y + card.height
        assert arrow.choice.way.target == arrow.target.cell.id


@given(grids())
def test_no_arrow_lies_on_another(plain):
    """Two arrows may cross and may arrive together, but never run in one line."""
    _, arrows = placed(plain)
    stretches = [(arrow, sorted(pair)) for arrow in arrows for pair in pairwise(arrow.points)]
    for (one, (a, b)), (other, (c, d)) in combinations(stretches, 2):
        if one is other or (one.target is other.target and b[1] == one.arrives == other.arrives):
            continue
        for fixed, along in ((0, 1), (1, 0)):
            if a[fixed] == b[fixed] == c[fixed] == d[fixed]:
                assert max(a[along], c[along]) >= min(b[along], d[along])


def test_steps_in_which_nothing_stands_take_little_room():
    """A leap over ten thousand columns is one narrow column that says so."""
    plain = small("a b") | {"guards": []}
    plain["events"][1]["step"] = 9_999
    text = svg(revision(plain))
    assert "1–9998" in text
    assert int(everything(text)[0].get("width", "")) < 1_000


def test_an_empty_cell_lets_arrows_through():
    """Where nothing stands between two events of a lane their arrow takes no detour.

    On a line that is taken it does.
    """
    straight = placed(small("a | | b", "a:b"))[1][0]
    around = placed(small("a | c | b", "a:b"))[1][0]
    assert len(straight.points) == 4
    assert len(around.points) == 6
    there, back = placed(small("a x | | b", "a:b b:a"))[1]
    assert there.leaves == back.leaves
    assert (len(there.points), len(back.points)) == (4, 6)


# --- what authors wrote is harmless


@pytest.mark.parametrize("bad", ["</text><script>", "\"&<>'", "\u202e\u0000\ufffe", "]]>"])
def test_hostile_text_is_text(bad):
    """Titles, labels, names and descriptions can neither break out nor turn other text round."""
    plain = alice()
    plain["title"] = plain["rows"][0]["name"] = plain["beats"][0]["name"] = bad
    plain["rows"][0]["description"] = plain["threads"][0]["name"] = bad
    plain["events"][0]["narrative_event"] |= {"title": bad, "description": bad}
    plain["events"][0]["links"][0]["label"] = bad
    text = svg(revision(plain))
    harmless = bad.replace("\u202e", "\ufffd").replace("\0", "\ufffd").replace("\ufffe", "\ufffd")
    assert not any(each in text for each in "\u202e\0\ufffe")
    assert harmless in words(parts(text, "card")["evBank"])
    assert harmless in words(parts(text, "beat")["beatHole"])
    assert harmless in words(parts(text, "link")["evBank:evHole"])
    assert {each.tag for each in everything(text)} == {
        SVG + tag for tag in ("svg", "style", "title", "rect", "path", "g", "text")
    }
    assert "http" not in text.replace('xmlns="http://www.w3.org/2000/svg"', "")


def test_hostile_ids_are_text():
    """Ids are judged before a document is published; a drawing does not rely on it."""
    plain = small("a b", "a:b")
    text = json.dumps(plain).replace('"a"', json.dumps('"><script>')).replace('"r0"', '"<&"')
    drawn = svg(revision(json.loads(text)))
    assert '"><script>' in parts(drawn, "card")
    assert '"><script>:b' in parts(drawn, "link")


def test_long_text_is_cut_and_kept_whole_beside_it():
    """What has no room ends in an ellipsis; the tooltip has all of it."""
    plain = alice()
    plain["events"][0]["narrative_event"]["title"] = long = "x" * 4_000
    card = parts(svg(revision(plain)), "card")["evBank"]
    lines = [each.text or "" for each in card.iter(SVG + "text")]
    assert lines[1].endswith("…")
    assert max(map(len, lines)) < 40
    assert (card.findtext(SVG + "title") or "").startswith(long)


# --- many


def test_too_many_arrows_are_left_out_and_it_says_so(monkeypatch):
    """Beyond the limit each card names where its links lead instead."""
    monkeypatch.setattr(drawing, "ARROWS_MAX", 10)
    assert len(parts(svg(revision(alice())), "link")) == 10
    monkeypatch.setattr(drawing, "ARROWS_MAX", 9)
    text = svg(revision(alice()))
    assert parts(text, "link") == {}
    assert "10 links: their arrows are left out" in text
    assert ">→ evTrial<" in text


def test_arrows_beyond_the_tracks_share_them_and_it_says_so(monkeypatch):
    """A crowd of links makes no picture of any width."""
    plain = small("a | b | c | d", "a:c a:d b:d")
    assert drawing.SHARED not in svg(revision(plain))
    monkeypatch.setattr(drawing_tracks, "TRACKS_MAX", 1)
    assert drawing.SHARED in svg(revision(plain))


def test_crowds_are_drawn():
    """Two thousand events in one cell, each linked to the next and to the first."""
    plain = small("a")
    ids = [f"e{number}" for number in range(2_000)]
    plain["events"] = [
        plain["events"][0] | {"id": id_, "links": [{"to": following}, {"to": "e0"}]}
        for id_, following in zip(ids, [*ids[1:], "e1"], strict=True)
    ]
    text = svg(revision(plain))
    assert text.count('class="link') == 4_000
    assert drawing.SHARED in text


# --- a user


def half_way() -> World:
    """Alice, who has drunk and eaten and waits for the morning."""
    world = World(alice(), ms("08:00"))
    world.create()
    follows = "evBank:evHole evHole:evDrink evDrink:evHole evHole:evEat evEat:evHole"
    for minute, link in enumerate(f"{follows} evHole:evDrink evDrink:evGarden".split(), 1):
        world.now_ms = ms(f"08:0{minute}")
        assert world.follow(link)
    return world


def drawn(world: World) -> str:
    """The world's timeline as its user sees it."""
    return svg(world.revision, world.user(), world.shared, world.now_ms)


def test_a_user_is_drawn_over_the_grid():
    """States, follows with their counts, the column reached, guards, and what is waited for."""
    text = drawn(half_way())
    states = Counter(kind for card in parts(text, "card").values() for kind in classes(card))
    assert [states[state] for state in EventState] == [6, 1, 4]
    assert "awaited" in classes(parts(text, "card")["evGarden"])
    followed = parts(text, "followed")
    assert len(followed) == 6
    assert "evHole:evDrink" in followed
    counts = [each.text for each in everything(text) if "count" in classes(each)]
    assert sorted(filter(None, counts)) == ["×1"] * 5 + ["×2"]
    guards = {id_: classes(guard)[-1] for id_, guard in parts(text, "guard").items()}
    assert guards == {"guardMorning": "waits", "guardCourt": "shut"}
    assert "here" in classes(parts(text, "beat")["beatHole"])
    assert 'class="step here"' in text
    assert "2023-02-03T08:07:00Z, at column 2, Down the Rabbit-Hole" in text
    waits = "waits for guardMorning: time from 2023-02-03T09:00:00, until 2023-02-03T09:00:00Z"
    assert waits in text
    assert "size = 10, keys = 1, tea_at = –, tarts_stolen = 0 (shared)" in text
    assert "delivered if evParty is VISITED – not yet" in text


def test_a_user_at_the_end_and_one_who_has_not_begun():
    """Where there is no column or no next one, it says so."""
    world = World(alice(), ms("08:00"))
    world.create(max_steps=0)
    text = drawn(world)
    assert "2023-02-03T08:00:00Z, not started" in text
    assert 'class="step here"' not in text
    world = World(small("a | b", guards={"g1": "n == 0"}), ms("08:00"))
    world.create()
    text = drawn(world)
    assert "at column 1, Beat 0, the end" in text
    assert classes(parts(text, "guard")["g1"]) == ["guard", "passed"]


def test_links_that_may_be_followed_stand_out():
    """Only those of ACTIVE events whose condition holds."""
    world = World(small("a | b c", "a:b a:c", when={"a:c": "n >= 1"}), ms("08:00"))
    world.create()
    is_open = [words(each) for each in everything(drawn(world)) if "open" in classes(each)]
    assert len(is_open) == 1
    assert "a:b" in is_open[0]


def test_golden_drawings():
    """The example alone, and with a user half way, as they were looked at."""
    golden.check("timelines/drawing/alice.svg", svg(revision(alice())))
    golden.check("timelines/drawing/alice-half-way.svg", drawn(half_way()))
