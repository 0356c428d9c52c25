"""Following links, by users and by themselves: what it does, in which order, what it refuses.

Each test is a sentence of spec timelines 5.5, 5.9, 5.12.1, 5.12.3, 5.12.9 or 5.12.11 with the
smallest timeline that shows it.
"""

from __future__ import annotations

import msgspec
import pytest
from timeline_small import Small, instant, moves, small

from actors.timelines.user_words import FollowLink, LinkFollowed
from engine.errors import Refused

OPEN = "add n 1"


def follow(world: Small, source: str, link: str) -> tuple[object, ...]:
    """Ask for a link from an event; raises what is refused."""
    return world.do(FollowLink(user_timeline_event_id=source, link_id=link))


# --- what a follow does (5.2, 5.5)


@pytest.mark.covers("TL-073", "TL-074")
def test_a_follow_leaves_the_event_and_opens_the_target() -> None:
    """ACTIVE to VISITED, then UNVISITED to ACTIVE, each logged at the instant of the follow."""
    world = Small(small("a b", "a:b"))
    world.at("08:05").follow("a:b")
    assert world.log() == ["08:00 +a", "08:05 -a", "08:05 +b"]


@pytest.mark.covers("TL-077")
def test_a_follow_is_a_fact_that_names_the_link_and_both_events() -> None:
    """A link's id is `FROM:TO`."""
    world = Small(small("a b", "a:b"))
    (event,) = follow(world, "a", "a:b")
    assert isinstance(event, LinkFollowed)
    assert (event.link, event.source, event.target) == ("a:b", "a", "b")


@pytest.mark.covers("TL-082")
def test_a_follow_is_counted_and_its_last_time_kept() -> None:
    """Through a loop a link is followed again; before the first time there is none."""
    world = Small(small("a b c", "a:b b:c c:b"))
    world.follow("a:b")
    assert "b:c" not in world.user().follows
    world.at("09:00").follow("b:c")
    world.follow("c:b")
    world.at("10:00").follow("b:c")
    follows = world.user().follows["b:c"]
    assert (follows.count, follows.last_ms) == (2, instant("10:00"))


@pytest.mark.covers("TL-023")
def test_several_links_give_a_choice_and_one_is_taken() -> None:
    """The other target stays closed, and the event is no way any more."""
    world = Small(small("a b c", "a:b a:c"))
    world.follow("a:c")
    assert world.states() == "(a) c"
    assert world.follow("a:b") is None


# --- what is refused (5.5)


@pytest.mark.parametrize(
    ("source", "link"),
    [("b", "b:c"), ("a", "a:x"), ("x", "x:b"), ("b", "a:b"), ("a", "")],
    ids=["not open", "no such link", "no such event", "link of another event", "no link"],
)
def test_what_cannot_be_followed_is_refused_and_changes_nothing(source: str, link: str) -> None:
    """The event must have that link, and be ACTIVE."""
    world = Small(small("a b c", "a:b b:c"))
    before = msgspec.json.encode(world.users["u"])
    with pytest.raises(Refused, match="followLink is not permitted now"):
        follow(world, source, link)
    assert msgspec.json.encode(world.users["u"]) == before


@pytest.mark.covers("TL-024", "TL-081")
def test_a_link_waits_for_all_of_its_condition() -> None:
    """Refused until each part passes."""
    plain = small("a b c d", "a:b c:d", when={"a:b": "c VISITED and s >= 1"})
    world = Small(plain)
    assert world.follow("a:b") is None
    world.follow("c:d")
    assert world.follow("a:b") is None
    world.set("s", "1")
    assert moves(world.follow("a:b")) == "-a +b"


def test_a_link_is_followable_before_its_targets_column() -> None:
    """`followable` does not require the column."""
    world = Small(small("a | b", "a:b"), max_steps=1)
    assert moves(world.follow("a:b")) == "-a"


def test_a_link_to_an_open_event_may_be_followed() -> None:
    """Nothing changes for the target, and the follow counts."""
    world = Small(small("a b c", "a:b c:b"))
    world.follow("a:b")
    been = world.user().events["b"]
    assert moves(world.at("09:00").follow("c:b")) == "-c"
    assert (world.user().events["b"], world.count("c:b")) == (been, 1)


def test_conditions_see_how_often_this_user_followed_a_link() -> None:
    """The second time around opens another way."""
    plain = small("a b c d", "a:b b:c c:b b:d", when={"b:d": "b:c followed at_least 2"})
    world = Small(plain)
    world.follow("a:b")
    for _ in range(2):
        assert world.follow("b:d") is None
        world.follow("b:c")
        world.follow("c:b")
    assert moves(world.follow("b:d")) == "-b +d"


# --- the order of a follow (5.12.3)


def test_the_order_of_a_follow() -> None:
    """The link's operations, the event's VISITED, the target's ACTIVE, then what settles."""
    do = {
        "a:b": "append w do,",
        "a.VISITED": "append w left,",
        "b.ACTIVE": "append w opened,",
        "c.ACTIVE": "append w settled",
    }
    world = Small(small("c a b", "a:b", do=do, threads={"c": "a VISITED"}))
    assert moves(world.follow("a:b")) == "-a +b +c"
    assert world.user().variables["w"] == "do,left,opened,settled"


def test_a_follow_counts_before_the_target_is_tried() -> None:
    """The target's thread may wait for the follow itself."""
    world = Small(small("a b", "a:b", threads={"b": "a:b followed at_least 1"}))
    assert moves(world.follow("a:b")) == "-a +b"


def test_the_target_is_tried_first_although_it_stands_later() -> None:
    """Others come after it in the order of the grid."""
    world = Small(small("x y a b", "a:b", threads={"y x": "a VISITED"}))
    assert moves(world.follow("a:b")) == "-a +b +x +y"


def test_a_target_whose_thread_needs_its_own_follow_opens() -> None:
    """The target's delivery sees the event left."""
    world = Small(small("a b", "a:b", threads={"b": "a VISITED"}))
    assert moves(world.follow("a:b")) == "-a +b"


def test_a_condition_is_tested_before_the_links_own_operations() -> None:
    """A link cannot make itself followable."""
    world = Small(small("a b", "a:b", when={"a:b": "n >= 1"}, do={"a:b": OPEN}))
    assert world.follow("a:b") is None


# --- automatic links (5.12.1)


def test_an_automatic_link_is_followed_by_itself_and_its_event_stays() -> None:
    """It counts, it is dated, and the target opens."""
    world = Small(small("a b", "a>b"))
    assert moves(world.begun) == "+a +b"
    assert world.begun is not None
    assert [(one.link, one.auto) for one in world.begun.follows] == [("a:b", True)]
    assert world.states() == "a b"
    assert world.count("a:b") == 1


def test_automatic_links_may_be_followed_too() -> None:
    """The event is ACTIVE: a user may leave it by that link, which counts once more."""
    world = Small(small("a b", "a>b"))
    assert moves(world.follow("a:b")) == "-a"
    assert world.count("a:b") == 2


def test_other_links_of_the_event_may_be_followed_after() -> None:
    """It stays ACTIVE."""
    world = Small(small("a b c", "a>b a:c"))
    assert moves(world.follow("a:c")) == "-a +c"


def test_automatic_links_go_by_cell_and_then_as_authored() -> None:
    """Their operations run in that order, once all openings are done."""
    do = {"a:y": "append w 1", "a:x": "append w 2", "b:x": "append w 3", "b.ACTIVE": "append w 0"}
    world = Small(small("a b | x y", "a>y a>x b>x", do=do), max_steps=1)
    assert world.user().variables["w"] == "0123"
    assert world.begun is not None
    assert [one.link for one in world.begun.follows] == ["a:y", "a:x", "b:x"]


def test_openings_come_before_automatic_links() -> None:
    """What opens later in the order opens before the first link fires."""
    do = {"a:x": "append w auto", "b.ACTIVE": "append w open,"}
    world = Small(small("a b x", "a>x", do=do))
    assert world.user().variables["w"] == "open,auto"
    assert moves(world.begun) == "+a +b +x"


def test_all_openings_come_before_automatic_links() -> None:
    """Those of a second pass too."""
    do = {"a:x": "append w auto", "o.ACTIVE": "append w open,"}
    world = Small(small("o a b x", "a>x", do=do, threads={"o": "b ACTIVE"}))
    assert world.user().variables["w"] == "open,auto"
    assert moves(world.begun) == "+a +b +o +x"


def test_automatic_links_fire_once_per_activation() -> None:
    """Not at the next settle, and again after the event was opened again."""
    plain = small("a b c", "a:b b>c b:b", do={"b:c": OPEN})
    world = Small(plain)
    world.follow("a:b")
    assert world.count("b:c") == 1
    assert world.settle() is None
    world.follow("b:b")
    assert (world.count("b:c"), world.user().variables["n"]) == (2, "2")


def test_an_automatic_link_waits_for_its_condition_while_its_event_is_open() -> None:
    """It fires at the settle at which the condition passes."""
    plain = small("a b c d", "a>b c:d", when={"a:b": "c VISITED"})
    world = Small(plain)
    assert moves(world.begun) == "+a +c"
    assert moves(world.follow("c:d")) == "-c +d +b"


def test_an_automatic_link_of_a_left_event_does_not_fire() -> None:
    """Only ACTIVE events have any."""
    plain = small("a b c d e", "a>b a:e c:d", when={"a:b": "c VISITED"})
    world = Small(plain)
    world.follow("a:e")
    assert moves(world.follow("c:d")) == "-c +d"
    assert world.count("a:b") == 0


def test_automatic_links_chain() -> None:
    """What one opens fires its own in the next round."""
    assert moves(Small(small("d c b a", "a>b b>c c>d")).begun) == "+a +b +c +d"


def test_an_automatic_link_opens_its_target_when_the_column_comes() -> None:
    """The target joins those that wait."""
    world = Small(small("a | b", "a>b"), max_steps=1)
    assert world.user().pending == ("b",)
    assert moves(world.progress()) == "+b"


def test_an_automatic_link_to_an_open_event_only_counts() -> None:
    """The target does not wait to open again once it is left."""
    world = Small(small("a b c d", "a>b c>b b:d"))
    assert world.count("c:b") == 1
    assert world.user().pending == ()
    assert moves(world.follow("b:d")) == "-b +d"
    assert world.settle() is None


def test_operations_of_an_automatic_link_may_let_an_earlier_one_fire() -> None:
    """Settling repeats until nothing changes."""
    plain = small("a b | x y", "a>x b>y", when={"a:x": "n >= 1"}, do={"b:y": OPEN})
    world = Small(plain)
    assert world.begun is not None
    assert [one.link for one in world.begun.follows] == ["b:y", "a:x"]


# --- flips (5.9, 5.12.11)


def flipped(world: Small, link: str) -> tuple[str, ...]:
    """Events appended for a follow."""
    walk = world.follow(link)
    assert walk is not None
    return walk.flipped


def test_open_events_whose_links_turn_followable_are_noted_in_order() -> None:
    """In (step, row) order, whatever the order of the causes."""
    when = {"x:z": "n >= 1", "y:z": "a VISITED"}
    world = Small(small("y a | x b z", "a:b x:z y:z", when=when, do={"a:b": OPEN}))
    assert flipped(world, "a:b") == ("y", "x")


def test_links_that_turn_the_other_way_are_noted_too() -> None:
    """From followable to not."""
    world = Small(small("a b x z", "a:b x:z", when={"x:z": "n == 0"}, do={"a:b": OPEN}))
    assert flipped(world, "a:b") == ("x",)


def test_links_that_stay_as_they_are_are_not_noted() -> None:
    """Their condition was looked at again and says the same."""
    world = Small(small("a b x z", "a:b x:z", when={"x:z": "n >= 2"}, do={"a:b": OPEN}))
    assert flipped(world, "a:b") == ()


def test_events_that_moved_are_not_noted_again() -> None:
    """They are among the changed ones anyway."""
    plain = small("a b c", "a:b b:c", when={"b:c": "a VISITED"})
    assert flipped(Small(plain), "a:b") == ()


def test_closed_events_are_not_noted() -> None:
    """Only ACTIVE ones have followable links."""
    plain = small("a b | x z", "a:b x:z", when={"x:z": "n >= 1"}, do={"a:b": OPEN})
    assert flipped(Small(plain, max_steps=1), "a:b") == ()


def test_what_time_and_others_turned_is_not_of_this_call() -> None:
    """The same instant and the same shared values are compared, before and after."""
    when = {"x:z": "after 09:00", "y:z": "s >= 1"}
    world = Small(small("a b x y z", "a:b x:z y:z", when=when))
    world.set("s", "1")
    assert flipped(world.at("10:00"), "a:b") == ()


def test_a_shared_value_that_this_call_wrote_turns_links() -> None:
    """An operation of the follow changed what another event's link waits for."""
    plain = small("a b x z", "a:b x:z", when={"x:z": "s >= 1"}, do={"a:b": "add s 1"})
    assert flipped(Small(plain), "a:b") == ("x",)


def test_a_count_by_all_turns_links() -> None:
    """The follow itself was the vote that was missing."""
    plain = small("a b x z", "a:b x:z", when={"x:z": "a:b followed_by_all 1"})
    assert flipped(Small(plain), "a:b") == ("x",)


# --- overflow (5.12.9)

HUGE = "9" * 64
PLACES = {
    "link": {"a:b": f"add n {HUGE}"},
    "left": {"a.VISITED": f"add n {HUGE}"},
    "opened": {"b.ACTIVE": f"add n {HUGE}"},
    "automatic": {"b:c": f"add n {HUGE}"},
}


@pytest.mark.parametrize("place", PLACES)
def test_a_number_that_grows_too_big_refuses_the_follow_and_changes_nothing(place: str) -> None:
    """Wherever the operation stands, the whole command is refused."""
    world = Small(small("a b c", "a:b b>c", do=PLACES[place]), variables={"n": "1"})
    before = msgspec.json.encode((world.users["u"], world.timeline))
    with pytest.raises(Refused) as refused:
        follow(world, "a", "a:b")
    assert refused.value.why == "variable_overflow"
    assert msgspec.json.encode((world.users["u"], world.timeline)) == before


def test_numbers_that_just_fit_are_kept() -> None:
    """64 digits are a value."""
    world = Small(small("a b", "a:b", do={"a:b": f"add n {HUGE}"}))
    world.follow("a:b")
    assert world.user().variables["n"] == HUGE


def test_a_text_that_grows_too_long_refuses_too() -> None:
    """4,096 characters are a value, one more is not."""
    plain = small("a b", "a:b b:b", do={"a:b": "append w x", "b:b": "append w x"})
    world = Small(plain, variables={"w": "y" * 4_095})
    world.follow("a:b")
    assert len(world.user().variables["w"]) == 4_096
    with pytest.raises(Refused, match="variable_overflow"):
        follow(world, "b", "b:b")


def test_shared_values_stay_as_they_were_when_an_overflow_refuses() -> None:
    """An operation before the one that overflows has not happened either."""
    world = Small(small("a b", "a:b", do={"a:b": f"add s 1; add n {HUGE}; add n 1"}))
    with pytest.raises(Refused, match="variable_overflow"):
        follow(world, "a", "a:b")
    assert world.shared.shared["s"].value == "0"
    assert world.timeline.version == 1
