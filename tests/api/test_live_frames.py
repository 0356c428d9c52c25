"""Finished frames: the bytes that go past the protocol's own encoding."""

from __future__ import annotations

import pytest
from wsproto.connection import Connection, ConnectionType
from wsproto.events import TextMessage

from api.live.frames import Pong
from api.live.rendering import line, text_frame, wire


def read(frame: bytes) -> str:
    """What a client's protocol makes of it."""
    client = Connection(ConnectionType.CLIENT)
    client.receive_data(frame)
    (event,) = client.events()
    assert isinstance(event, TextMessage)
    assert event.message_finished
    return event.data


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
def test_a_finished_frame_is_read_as_it_was_meant(size):
    """Every length form of RFC 6455, 5.2, as another implementation reads it."""
    text = "x" * size
    assert read(text_frame(text)) == text


def test_lengths_count_bytes():
    """Text that is not ASCII is measured as it travels."""
    text = "\u00e9" * 125
    assert read(text_frame(text)) == text


def test_a_line_is_made_once_whoever_takes_it():
    """Alone, the same bytes go to everybody; together they are one array."""
    one = line(Pong())
    assert wire([one]) is wire([one])
    assert read(wire([one])) == str(one)
    assert read(wire([one, one])) == f"[{one},{one}]"
    assert read(wire(["{}"])) == "{}"
