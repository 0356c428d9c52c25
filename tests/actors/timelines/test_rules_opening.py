"""When events open: columns, links, threads, roots, and the order in which settling goes.

Each test is a sentence of spec timelines 5.2, 5.3, 5.6, 5.12.1, 5.12.2, 5.12.4 or 5.12.5 with the
smallest timeline that shows it.
"""

from __future__ import annotations

import pytest
from timeline_small import Small, instant, moves, small

# --- the three requirements (5.2)


@pytest.mark.covers("TL-066", "TL-111")
def test_an_event_opens_when_its_column_is_reached() -> None:
    """A root opens with its column, not before."""
    world = Small(small("a | b | c"), max_steps=1)
    assert (world.states(), world.user().step) == ("a", 0)
    assert moves(world.progress(1)) == "+b"
    assert moves(world.progress(1)) == "+c"


@pytest.mark.covers("TL-075")
def test_an_event_that_a_link_leads_to_needs_a_follow_and_its_column() -> None:
    """A reached target without a follow stays closed; a followed one waits for its column."""
    reached = Small(small("a | b", "a:b"))
    assert reached.states() == "a"
    assert moves(reached.follow("a:b")) == "-a +b"
    ahead = Small(small("a | b", "a:b"), max_steps=1)
    assert moves(ahead.follow("a:b")) == "-a"
    assert ahead.user().pending == ("b",)
    assert moves(ahead.progress()) == "+b"
    assert ahead.user().pending == ()


def test_a_thread_holds_back_what_is_reached_and_linked_to() -> None:
    """All three must hold: column, link, thread."""
    world = Small(small("a b c", "a:b", threads={"b": "c VISITED"}))
    assert moves(world.follow("a:b")) == "-a"
    assert world.states() == "(a) c"


def test_siblings_stay_open() -> None:
    """Following a link leaves the events beside it as they are."""
    world = Small(small("a b c", "a:c"))
    world.follow("a:c")
    assert world.states() == "(a) b c"


def test_an_event_without_links_stays_open_for_good() -> None:
    """Nothing but a follow leaves an event."""
    world = Small(small("a | b | c"))
    world.at("23:00").settle()
    world.progress()
    assert world.states() == "a b c"


def test_a_left_event_opens_again_when_a_link_to_it_is_followed_again() -> None:
    """VISITED to ACTIVE, through a loop: `since` is the last time, the first visit stays known."""
    world = Small(small("a b c", "a:b b:c c:b"))
    world.follow("a:b")
    world.at("09:00").follow("b:c")
    assert moves(world.at("10:00").follow("c:b")) == "-c +b"
    been = world.user().events["b"]
    assert (been.active_ms, been.visited_ms) == (instant("10:00"), instant("09:00"))


# --- the order of openings (5.3)


def test_openings_go_by_column_then_row() -> None:
    """Columns from the left, in each the rows from the top."""
    assert moves(Small(small("a b | c d")).begun) == "+a +b +c +d"


def test_events_of_one_cell_open_as_authored() -> None:
    """Equal in column and row: the order of the document decides (5.12.12)."""
    plain = small("a b c")
    for event in plain["events"]:
        event["row"] = "r0"
    plain["events"].reverse()
    assert moves(Small(plain).begun) == "+c +b +a"


def test_rows_order_events_and_not_ids_nor_the_document() -> None:
    """The order of rows counts, wherever an event stands among the events."""
    plain = small("b a")
    plain["events"].reverse()
    assert moves(Small(plain).begun) == "+b +a"


def test_columns_that_are_passed_in_one_call_open_one_after_the_other() -> None:
    """Each step is settled before the next: what a column opens is seen by the next guard."""
    world = Small(small("a | b | c", do={"b.ACTIVE": "add n 1"}, guards={"g2": "n >= 1"}))
    assert world.user().step == 2


def test_settling_passes_over_the_cells_again_and_again() -> None:
    """What opens late may open something earlier in the order: in the next pass."""
    threads = {"a": "b ACTIVE", "b": "c ACTIVE", "d": "c ACTIVE"}
    assert moves(Small(small("a b c d", threads=threads)).begun) == "+c +d +b +a"


@pytest.mark.parametrize("scope", ["n", "s"])
def test_operations_of_an_opening_may_open_more(scope: str) -> None:
    """`on.ACTIVE` of the lower event lets the upper one open in the next pass."""
    plain = small("a b", do={"b.ACTIVE": f"add {scope} 1"}, threads={"a": f"{scope} >= 1"})
    assert moves(Small(plain).begun) == "+b +a"


def test_what_an_opening_does_is_seen_further_on_in_the_same_pass() -> None:
    """No second pass is needed for events that come later in the order."""
    do = {"b.ACTIVE": "add n 1"}
    world = Small(small("a b c d", do=do, threads={"a c": "n >= 1"}))
    assert moves(world.begun) == "+b +c +d +a"


def test_what_an_opening_releases_further_on_joins_the_pass() -> None:
    """What it releases further up waits for the next one."""
    threads = {"p": "a VISITED", "o q": "p ACTIVE"}
    world = Small(small("o a b p q", "a:b", threads=threads))
    assert moves(world.follow("a:b")) == "-a +b +p +q +o"


# --- threads (5.6, 5.12.4)


def test_a_thread_delivers_however_far_the_user_has_walked() -> None:
    """An event that was passed long ago opens when its thread delivers."""
    world = Small(small("a c | b | d", "d:b", threads={"a": "b ACTIVE"}))
    assert (world.states(), world.user().step) == ("c d", 2)
    assert moves(world.follow("d:b")) == "-d +b +a"


def test_the_end_does_not_wait_for_threads() -> None:
    """`end_of_timeline_reached` ignores what threads hold back."""
    world = Small(small("a b", threads={"b": "a VISITED"}))
    assert world.user().standing.ended
    assert world.states() == "a"


@pytest.mark.covers("TL-116")
def test_the_end_is_the_last_column() -> None:
    """It says nothing about threads or links, and nothing is the end before the last column."""
    world = Small(small("a | b c", "a:b", threads={"c": "n >= 1"}), max_steps=1)
    assert not world.user().standing.ended
    world.progress(1)
    assert world.user().standing.ended
    assert world.states() == "a"


def test_a_delivery_is_not_latched() -> None:
    """The thread delivered `a`; by the time that `b` is reached it does not deliver any more."""
    plain = small("a x | b", do={"x.ACTIVE": "set n 1"}, threads={"a b": "n == 0"})
    world = Small(plain)
    assert world.states() == "a x"
    assert world.user().standing.ended


def test_a_delivery_is_tested_for_each_event() -> None:
    """The first event of a thread may end the delivery of the second, in the same settle."""
    plain = small("a b", do={"a.ACTIVE": "add n 1"}, threads={"a b": "n == 0"})
    assert moves(Small(plain).begun) == "+a"


# --- beats (5.12.4)


def test_entering_a_beat_comes_before_the_columns_settle() -> None:
    """`on_enter` has run when the column's events are tried."""
    plain = small("a | b", beats="0 1", do={"b1": "add n 1"}, threads={"b": "n >= 1"})
    assert moves(Small(plain).begun) == "+a +b"


def test_entering_a_beat_may_close_what_its_column_would_open() -> None:
    """The column was never settled without it."""
    plain = small("a | b", beats="0 1", do={"b1": "add n 1"}, threads={"b": "n == 0"})
    assert moves(Small(plain).begun) == "+a"


def test_a_beat_is_entered_with_its_first_column_only() -> None:
    """Later columns of the beat do not enter it again."""
    world = Small(small("a | b | c | d", beats="0 1 3", do={"b1": "add n 1"}))
    assert world.user().variables["n"] == "1"
    assert [beat.id for walk in world.walks() for beat in walk.beats] == ["b0", "b1", "b3"]


def test_the_first_beat_is_entered_with_the_first_step() -> None:
    """Before any step there is no beat, and nothing of it has run."""
    world = Small(small("a", do={"b0": "add n 1"}), max_steps=0)
    assert (world.user().variables["n"], world.user().beats) == ("0", {})
    world.progress()
    assert world.user().variables["n"] == "1"


# --- roots and self links (5.12.5)


def test_a_root_is_what_nothing_links_to() -> None:
    """Only roots open by themselves."""
    world = Small(small("a b c", "a:b b:c"))
    assert {cell.id for cell in world.revision.cells if cell.is_root} == {"a"}
    assert world.states() == "a"


def test_a_link_from_itself_counts_as_incoming() -> None:
    """An event that only links to itself never opens."""
    world = Small(small("a b", "b:b"))
    assert world.states() == "a"


def test_a_link_from_a_later_column_counts_as_incoming() -> None:
    """An event that is linked from further right waits for that follow."""
    world = Small(small("a b | c", "c:a"))
    assert world.states() == "b c"
    assert moves(world.follow("c:a")) == "-c +a"


def test_a_link_to_itself_leaves_the_event_and_opens_it_again() -> None:
    """Both hops are transitions, and both operations run."""
    do = {"b.VISITED": "add n 10", "b.ACTIVE": "mul n 2"}
    world = Small(small("a b", "a:b b:b", do=do))
    assert moves(world.follow("a:b")) == "-a +b"
    assert moves(world.at("09:00").follow("b:b")) == "-b +b"
    assert world.user().variables["n"] == "20"
    been = world.user().events["b"]
    assert (been.active_ms, been.visited_ms) == (world.now_ms, world.now_ms)


def test_a_root_opens_once() -> None:
    """A root that was left does not open again by itself."""
    world = Small(small("a b", "a:b"))
    world.follow("a:b")
    assert world.settle() is None
    assert world.progress() is None
    assert world.states() == "(a) b"


# --- pending (5.12.2)


def test_a_follow_to_an_open_event_counts_and_does_not_open_it_later() -> None:
    """With A:B, C:B, B:D: following C:B while B is ACTIVE counts; B does not reopen after B:D."""
    world = Small(small("a b c d", "a:b c:b b:d"))
    world.follow("a:b")
    assert moves(world.follow("c:b")) == "-c"
    assert world.count("c:b") == 1
    assert world.user().pending == ()
    assert moves(world.follow("b:d")) == "-b +d"
    world.progress()
    assert world.settle() is None
    assert world.states() == "(a) (b) (c) d"


def test_opening_takes_an_event_off_the_waiting_ones() -> None:
    """Two follows before the column is reached open it once."""
    world = Small(small("a b | c d", "a:c b:c c:d"), max_steps=1)
    world.follow("a:c")
    world.follow("b:c")
    assert world.user().pending == ("c",)
    assert moves(world.progress()) == "+c"
    assert moves(world.follow("c:d")) == "-c +d"
    assert world.settle() is None


def test_a_held_event_stays_waiting_until_its_thread_delivers() -> None:
    """It waits as linked-to; one delivery opens it."""
    world = Small(small("a b c d", "a:b c:d", threads={"b": "c VISITED"}))
    world.follow("a:b")
    assert world.user().pending == ("b",)
    assert moves(world.follow("c:d")) == "-c +d +b"
    assert world.user().pending == ()


def test_a_left_event_that_is_linked_to_again_waits_for_its_thread() -> None:
    """Reopening has the same three requirements."""
    plain = small("a b", "a:b b:b", do={"b:b": "add n 1"}, threads={"b": "n == 0"})
    world = Small(plain)
    world.follow("a:b")
    assert moves(world.follow("b:b")) == "-b"
    assert world.user().pending == ("b",)
    assert world.states() == "(a) (b)"
