"""Stories of both formats, imported, published and read to their ends."""

from __future__ import annotations

import msgspec
import pytest
from golden import check
from hypothesis import given, settings
from hypothesis import strategies as st
from timeline_stories import NAMES, Reading, notes_of, plain_of, story

from actors.timelines import document, publishing


@pytest.mark.parametrize("name", NAMES)
def test_golden_documents_of_stories(name: str) -> None:
    """The whole document, and everything that did not come along."""
    found = story(name)
    assert found.document is not None
    body = msgspec.json.format(document.write(found.document), indent=1).decode()
    listed = "".join(f"{line}: {what}\n" for line, what in notes_of(found))
    check(f"timelines/import/{name}.json", body + "\n")
    check(f"timelines/import/{name}.txt", listed)


@pytest.mark.parametrize("name", NAMES)
def test_every_story_may_be_published(name: str) -> None:
    """No problem, and no warning but for variables that only the text showed."""
    found = story(name)
    plain = plain_of(found)
    assert len(plain["events"]) >= 15
    assert found.document is not None
    warnings = publishing.check(found.document).warnings
    assert {warning.code for warning in warnings} <= {"unused"}


@settings(max_examples=30, deadline=None)
@given(name=st.sampled_from(NAMES), choices=st.lists(st.integers(0, 5), max_size=12))
def test_one_event_is_open_wherever_a_reader_goes(name: str, choices: list[int]) -> None:
    """Loops come round as often as they like, and nobody is in two places."""
    reading = Reading(story(name))
    for choice in choices:
        before = reading.at.id
        if not reading.choose(choice):
            break
        assert reading.at.id
        assert before in reading.world.user().events


def test_the_lighthouse_is_lit() -> None:
    """Harlowe: loops, a link that sets and goes, chains of conditions, visits asked by name."""
    reading = Reading(story("lighthouse.twee"))
    assert reading.at.id == "start"
    assert reading.read() == "The-Rock"
    assert reading.values("oil", "lamp_lit", "keeper") == ["2", "false", "Ines"]
    assert reading.read("Look into the shed", "Back to the rock") == "The-Rock"
    assert reading.values("oil") == ["3"]
    reading.read("Climb the stairs")
    for _ in range(2):
        reading.read("Knock at the door")
        assert reading.labels == ["Nobody answers"]
        reading.read("Nobody answers")
    reading.read("Knock at the door")
    assert reading.labels == ["A voice says come in"]
    assert reading.read("A voice says come in", "Ask for matches", "Thank him") == "Stairs"
    reading.read("Go on up")
    assert reading.labels == ["Light the lamp", "Look out of the window", "Go down again"]
    reading.read("Look out of the window", "Count the lights", "Enough", "Light the lamp")
    assert reading.labels == ["Wave at the third light", "Keep watch"]
    assert reading.read("Wave at the third light") == "Ship-Saved"
    assert reading.labels == []


def test_the_lighthouse_runs_dry() -> None:
    """A condition that sends elsewhere leaves no other choice."""
    reading = Reading(story("lighthouse.twee"))
    reading.read("Climb the stairs", "Go on up", "Search your pockets", "Well")
    assert reading.values("oil") == ["0"]
    assert reading.read("Go down again", "Go on up") == "Dry"
    assert reading.read("Sit in the dark") == "Wreck"


def test_the_market_is_bought_up() -> None:
    """SugarCube: setters on links, blocks of links, counted visits, a goto under a condition."""
    reading = Reading(story("market.twee"))
    reading.read("To the fishmonger", "Haggle")
    assert reading.values("coins", "haggled") == ["11", "true"]
    assert reading.read("Well then") == "Fish"
    assert "Haggle" not in reading.labels
    reading.read("Buy a trout", "Back")
    assert reading.values("coins", "basket") == ["7", "1"]
    assert reading.read("To the baker") == "Bread"
    assert reading.labels == ["Buy a rye loaf", "Buy nothing", "Mention the fish"]
    reading.read("Mention the fish", "Take it", "To the baker", "Buy a rye loaf", "On")
    assert reading.values("basket", "visits-Bread", "loaves") == ["3", "2", "2"]
    reading.read("To the fishmonger", "He will not talk of prices again", "Ask what else there is")
    assert reading.read("Tell him about the bread") == "Fish-Gossip"
    assert reading.read("Thank him", "Home with everything", "Unpack") == "Feast"


def test_the_market_without_a_purchase() -> None:
    """What was set first by a story's own passage, and a chain of two conditions."""
    reading = Reading(story("market.twee"))
    reading.read("To the florist")
    assert reading.values("flowers", "coins") == ["1", "10"]
    reading.read("Buy tulips", "On", "Home with something", "Unpack")
    assert reading.at.id == "Kitchen"
    assert reading.labels == ["Cook what there is"]
    assert reading.read("Cook what there is") == "Supper"


def test_the_museum_is_left() -> None:
    """Links of four forms and names with brackets, without any story format."""
    reading = Reading(story("museum.twee"))
    assert reading.read("the stairs") == "Upstairs"
    reading.read("Thimbles", "Count again", "Count again", "Back", "Down")
    reading.read("Keys", "Take one", "Hide", "Wait", "Sleep", "Listen")
    assert reading.at.narrative_event.title == "Morning"
    assert reading.read("Out") == "Street"
    assert reading.labels == []


def test_the_tram_is_taken_with_a_ticket() -> None:
    """Ink: once-only and sticky choices, stitches, sums, a label that is counted."""
    reading = Reading(story("tram.ink"))
    assert reading.read() == "stop"
    assert reading.labels == ["Read the timetable", "Count your coins", "Walk home"]
    reading.read("Read the timetable")
    assert reading.labels == ["Count your coins", "Wait for it", "Walk home"]
    reading.read("Count your coins", "Wait for it", "Buy a ticket")
    assert reading.values("coins", "ticket") == ["1", "true"]
    assert reading.labels == ["Look out", "Doze"]
    reading.read("Doze", "Doze")
    assert reading.labels == ["Look out", "Doze", "Sleep properly"]
    reading.read("Look out", "Talk to the driver")
    assert reading.labels == ["Ring the bell"]
    assert reading.read("Ring the bell", "Walk the rest") == "home"
    assert reading.labels == []


def test_the_tram_is_taken_without_a_ticket() -> None:
    """Ink: a conditional that leads away, a toggle, weave levels that gather."""
    reading = Reading(story("tram.ink"))
    reading.read("Read the timetable", "Wait for it", "Slip in at the back", "Offer a coin")
    assert reading.values("coins", "ticket") == ["2", "true"]
    again = Reading(story("tram.ink"))
    again.read("Walk home", "Take the park", "Right", "Turn round")
    assert again.at.id == "bridge"
    assert again.read("Look down", "Look down") == "bench"


def test_the_interview_is_a_weave() -> None:
    """Ink: choices three levels deep, gathers by level, a label that is led back to."""
    reading = Reading(story("interview.ink"))
    reading.read('"Thank you"', "Ask what this is about", '"I do not."')
    assert reading.values("trust", "lied") == ["8", "true"]
    assert reading.labels == ["Say it louder", "Shout", "Whisper"]
    reading.read("Say it louder", "Ask for tea", "Say it louder", "Drink")
    assert reading.at.id == "opening"
    assert reading.labels == []  # all are used: the story offers nothing more, as in Ink


def test_the_interview_ends_by_trust() -> None:
    """Ink: choices inside a conditional, a temporary variable, a chain of conditions."""
    reading = Reading(story("interview.ink"))
    reading.read('"Thank you"', "Ask what this is about", "Nod", "Nod again", "Whisper")
    assert reading.labels == ["Tell her everything", "Tell her half", "Look at the clock"]
    reading.read("Tell her everything")
    assert reading.values("honest") == ["7"]
    assert reading.labels == ["Out"]
    assert reading.read("Out") == "end"
    other = Reading(story("interview.ink"))
    other.read("Stay standing", "Ask for tea", "Whisper")
    assert other.labels == ["Tell her nothing", "Look at the clock"]
    other.read("Tell her nothing", "Cough", "Go")
    assert other.labels == ["Out"]


def test_the_garden_grows() -> None:
    """Ink: visit counts by number, texts compared and empty, a fallback choice."""
    reading = Reading(story("garden.ink"))
    reading.read("Push", "Go in", "Read the board", "Back")
    assert reading.values("note") == ["do not enter"]
    assert "Read the board" not in reading.labels
    reading.read("Obey the board", "Go in", "Sow", "Fetch water", "Sow")
    assert reading.values("seeds", "water", "visits-bed") == ["2", "0", "2"]
    reading.read("Fetch water")
    assert reading.read("Wait for spring") == "full-2"
    assert reading.labels == []


def test_the_garden_is_not_found() -> None:
    """Ink: a fallback is taken when every other choice is gone, and only then."""
    reading = Reading(story("garden.ink"))
    reading.read("Knock")
    assert reading.labels == ["Push"]
    plain = plain_of(story("garden.ink"))
    (look,) = [event for event in plain["events"] if event["id"] == "gate-look"]
    assert look["links"][-1].get("label") is None
    reading.read("Push")
    assert reading.labels == ["Go in"]
