"""What travels: addresses are checked, names are camelCase on the wire, commands are strict."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy import Chime, ChimeSet, Closed, Opened, SetCode, Shut

from engine.messages import (
    Address,
    AlarmDue,
    BadAddress,
    Command,
    Erased,
    Event,
    Fact,
    Snapshot,
    check_id,
)

ADDRESS = Address("project", "door", "front")


def test_an_address_reads_like_a_path():
    """Logs show the whole address, a topic only what is inside the project."""
    assert str(ADDRESS) == "project/door/front"
    assert ADDRESS.topic == "door/front"


@pytest.mark.parametrize("good", ["a", "a b", "é" * 600, "a/b?c#d", "\U0001f6aa", " "])
def test_any_text_may_be_an_id(good):
    """An id is any text of printable characters within the limit."""
    assert check_id(good, 1_200) == good


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("", "1 to 1200 bytes, not 0"),
        ("é" * 601, "not 1202"),
        ("a\x00b", "control"),
        ("a\nb", "control"),
        ("\x7f", "control"),
        ("\x85", "control"),
        ("\ud800", "Unicode"),
    ],
)
def test_a_bad_id_is_refused(bad, why):
    """Empty, too long, control characters and halves of characters are no ids."""
    with pytest.raises(BadAddress, match=why) as caught:
        check_id(bad, 1_200)
    assert caught.value.code == "bad_address"


@given(st.text(max_size=50))
def test_ids_are_judged_by_their_bytes(text):
    """What is accepted fits the limit and survives UTF-8; nothing else breaks the check."""
    try:
        check_id(text, 40)
    except BadAddress:
        return
    assert 1 <= len(text.encode()) <= 40
    assert not any(ord(character) < 32 for character in text)


def test_commands_are_named_with_a_small_letter():
    """A command's wire name is its class name with a small first letter."""
    assert (SetCode.wire_name(), Shut.wire_name()) == ("setCode", "shut")


def test_events_keep_their_class_name():
    """An event's wire name is its class name, in facts and in pushes."""
    assert (ChimeSet.wire_name(), Opened.wire_name()) == ("ChimeSet", "Opened")


def test_fields_are_camel_case_on_the_wire():
    """Python's names stay in Python: commands and events speak JSON's."""
    assert msgspec.json.encode(Chime(in_ms=5)) == b'{"command":"chime","inMs":5}'
    assert msgspec.json.encode(Closed(by_itself=True)) == b'{"event":"Closed","byItself":true}'
    assert msgspec.json.decode(b'{"command":"chime","inMs":5}', type=Chime) == Chime(in_ms=5)


@pytest.mark.parametrize("body", [b'{"inMs":5,"extra":1}', b'{"in_ms":5}', b'{"inMs":"5"}', b"{}"])
def test_a_command_is_read_strictly(body):
    """Unknown fields, wrong names, wrong types and missing fields are errors of the caller."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=Chime)


def test_an_event_is_read_leniently():
    """A field that an older program wrote and we no longer know does not stop the fold."""
    event = msgspec.json.decode(b'{"event":"Closed","was":"open"}', type=Closed)
    assert event == Closed()


def test_commands_are_not_public_unless_they_say_so():
    """What strangers may send is a decision of each command."""
    assert not Command.public
    assert not AlarmDue.public
    assert Shut.public


def test_messages_cannot_be_changed():
    """What was decided on is what is stored and told."""
    with pytest.raises(AttributeError):
        SetCode(code="1").code = "2"
    with pytest.raises(AttributeError):
        Closed().by_itself = True


def test_a_fact_is_named_by_its_first_event():
    """One command, one fact: its name is that of the first of its events, its body all of them."""
    fact = Fact(3, 10, (Closed(by_itself=True), Opened()))
    assert fact.name == "Closed"
    assert fact.body == b'[{"event":"Closed","byItself":true},{"event":"Opened"}]'
    assert fact.body is fact.body, "a fact is serialised once"


def test_an_actor_exists_while_it_has_a_state():
    """No history and a tombstone are both nobody."""
    assert not Snapshot(ADDRESS, 0, 0, None, "").exists
    assert not Snapshot(ADDRESS, 4, 0, None, "erased").exists
    assert Snapshot(ADDRESS, 1, 0, object(), "locked").exists


def test_an_erasure_counts_what_went():
    """The last fact says whether it was for privacy, and how much it took along."""
    erased = Erased(privacy=True, counts={"facts": 3})
    body = msgspec.json.encode(erased)
    assert body == b'{"event":"Erased","privacy":true,"counts":{"facts":3}}'
    assert isinstance(erased, Event)
