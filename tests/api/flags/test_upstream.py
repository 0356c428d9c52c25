"""Requests to other people's services, and what their answers mean."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flag_door import open_door
from flag_others import got, live_of, put_others
from hypothesis import given
from hypothesis import strategies as st

from actors.flags.names import LogLevel
from actors.flags.settings import Settings
from actors.flags.visitor_words import Outcome, Person, Visitor
from actors.secrets import Secret
from api.flags import upstream
from api.outgoing import Forbidden, Got, TimedOut

CONTEXT = {"fs_client": "Python", "fs_version": "4.0.5", "fs_users": "v", "age": 31}
PERSON = Person("v", None, CONTEXT)
VISITOR = Visitor("env_1", "v", consented=True, person=PERSON)
SETTINGS = Settings(decision_api_url="https://up.example/v2/", third_party_url="https://t.example")
ONE = {"id": "c", "variationGroupId": "g", "variation": {"id": "x"}}


@pytest.mark.covers("FS-046")
def test_a_decision_is_asked_as_the_sdk_does() -> None:
    """URL, body and headers of spec 1.1 and 1.2; `trigger_hit` is false."""
    request = upstream.decision_request(SETTINGS, VISITOR, "key-1")
    url = "https://up.example/v2/env_1/campaigns?exposeAllKeys=true&extras[]=accountSettings"
    assert request.url == url
    assert msgspec.json.decode(request.body) == {
        "visitorId": "v",
        "anonymousId": None,
        "trigger_hit": False,
        "visitor_consent": True,
        "context": CONTEXT,
    }
    assert request.headers == {
        "content-type": "application/json",
        "x-sdk-client": "Python",
        "x-sdk-version": "4.0.5",
        "x-api-key": "key-1",
    }


def test_an_environment_may_have_another_id_there() -> None:
    """`upstream_env` takes our id's place, escaped as a part of a path; no key, no header."""
    settings = msgspec.structs.replace(SETTINGS, upstream_env="a/b", decision_api_url="http://x")
    known = Person("w", "v", {})
    request = upstream.decision_request(settings, Visitor("env_1", "v", person=known), None)
    assert request.url.startswith("http://x/a%2Fb/campaigns?")
    assert "x-api-key" not in request.headers
    body = msgspec.json.decode(request.body)
    assert (body["anonymousId"], body["visitor_consent"]) == ("v", False)


ANSWERS: dict[str, tuple[Got, Outcome, str]] = {
    "campaigns": (got({"campaigns": [ONE]}), Outcome.OK, ""),
    "no campaign": (got({"campaigns": []}), Outcome.OK, ""),
    "another spelling of the type": (
        got({"campaigns": []}, content_type="Application/JSON; charset=utf-8"),
        Outcome.OK,
        "",
    ),
    "panic": (got({"campaigns": [ONE], "panic": True}), Outcome.PANIC, ""),
    "no panic": (got({"campaigns": [], "panic": False}), Outcome.OK, ""),
    "no member": (got({"visitorId": "v"}), Outcome.NOTHING, ""),
    "null": (got({"campaigns": None}), Outcome.NOTHING, ""),
    "a list": (got([]), Outcome.NOTHING, ""),
    "empty": (Got(204, {}, b""), Outcome.NOTHING, ""),
    "another type": (got(b"<html>", content_type="text/html"), Outcome.NOTHING, ""),
    "no type": (Got(200, {}, b'{"campaigns":[]}'), Outcome.NOTHING, ""),
    "not JSON": (got(b"{"), Outcome.ERROR, "not JSON"),
    "not UTF-8": (got(b'"\xff"'), Outcome.ERROR, "not JSON"),
    "bad campaigns": (got({"campaigns": [{"id": 1}]}), Outcome.ERROR, "not valid"),
    "400": (got({"campaigns": []}, 400), Outcome.ERROR, "400"),
    "500": (got({"campaigns": []}, 500), Outcome.ERROR, "500"),
    "a redirect": (got({"campaigns": []}, 302), Outcome.ERROR, "302"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_ends_a_fetch(name: str) -> None:
    """Errors, panic, and answers without campaigns are told apart (spec flags 4.2)."""
    answer, outcome, error = ANSWERS[name]
    decided = upstream.read_decision(answer)
    assert decided.outcome is outcome
    assert error in decided.error
    assert bool(decided.error) == (outcome is Outcome.ERROR)


def test_experience_continuity_is_read_from_the_account_settings() -> None:
    """`enabledXPC` of `extras.accountSettings` says whether exposures carry over."""
    for extras, carries in (
        ({"accountSettings": {"enabledXPC": True}}, True),
        ({"accountSettings": {"enabledXPC": False}}, False),
        ({"accountSettings": None}, False),
        ([], False),
    ):
        answer = got({"campaigns": [], "extras": extras})
        assert upstream.read_decision(answer).carries is carries


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["campaigns", "id", "variation", "panic", "x"]), inner)
    ),
)


@given(JSON | st.binary(max_size=20), st.integers(200, 599))
def test_no_answer_breaks_the_reader(body: Any, status: int) -> None:
    """Whatever comes is one of four outcomes, and a list of segments or a failure."""
    answer = got(body, status)
    assert upstream.read_decision(answer).outcome in Outcome
    try:
        segments, _ = upstream.read_segments(answer, VISITOR)
    except upstream.Failed:
        return
    assert all(isinstance(value, str | bool | int | float) for value in segments.values())


# --- third-party segments


def test_segments_become_context_keys() -> None:
    """`partner::segment`, only scalars; the visitor's id is a part of the path (spec 1.8)."""
    named = Visitor("env_1", "v", person=Person("a/b é"))
    request = upstream.segments_request(SETTINGS, named)
    assert request.url == "https://t.example/accounts/env_1/segments/a%2Fb%20%C3%A9"
    listed = [
        {"visitor_id": "v", "segment": "s1", "value": "yes", "partner": "p"},
        {"visitor_id": "v", "segment": "s2", "value": ["no"], "partner": "p"},
        {"visitor_id": "v", "segment": "s3", "value": 3, "partner": "q"},
    ]
    segments, notes = upstream.read_segments(got(listed), VISITOR)
    assert segments == {"p::s1": "yes", "q::s3": 3}
    assert [(note.level, "p::s2" in note.text) for note in notes] == [(LogLevel.ERROR, True)]


# --- calls


async def test_a_call_has_the_timeout_and_no_more(tmp_path: Path) -> None:
    """The environment's seconds, and whether private addresses are allowed, go with it."""
    async with open_door(tmp_path, timeout=0.5, decision_api_url="https://up.example/") as door:
        others = put_others(door, TimedOut("up.example: no whole answer within 0.5 s"))
        decided = await upstream.ask(door.house, await live_of(door), VISITOR)
        assert decided.outcome is Outcome.ERROR
        assert "within 0.5 s" in decided.error
        assert [(each.seconds, each.private) for each in others.asked] == [(0.5, False)]


async def test_an_address_that_is_not_allowed_is_an_error(tmp_path: Path) -> None:
    """What the way out refuses ends the fetch."""
    async with open_door(tmp_path, decision_api_url="http://127.0.0.1/") as door:
        put_others(door, Forbidden("127.0.0.1: its address is not public"))
        decided = await upstream.ask(door.house, await live_of(door), VISITOR)
        assert (decided.outcome, "not public" in decided.error) == (Outcome.ERROR, True)


async def test_a_missing_key_is_an_error_that_shows_nothing(tmp_path: Path) -> None:
    """The visitor's facts do not say where the key was looked for; the log does."""
    async with open_door(tmp_path, decision_api_url="https://up.example/") as door:
        others = put_others(door, got({"campaigns": []}))
        live = await live_of(door)
        secret = Secret(file=str(tmp_path / "no-such-file"))
        settings = msgspec.structs.replace(live.settings, upstream_key=secret)
        decided = await upstream.ask(
            door.house, dataclasses.replace(live, settings=settings), VISITOR
        )
        assert decided.outcome is Outcome.ERROR
        assert "no-such-file" not in decided.error
        assert others.asked == []
        assert any(b"no-such-file" in line for line in door.admin.lines)


async def test_the_key_is_presented(tmp_path: Path) -> None:
    """A sealed one is opened for the call, and stands in no log line."""
    key = "s3cret-key"
    async with open_door(tmp_path, decision_api_url="https://up.example/") as door:
        others = put_others(door, got({"campaigns": []}))
        live, secret = await live_of(door), Secret(sealed=door.house.seal.seal(key))
        settings = msgspec.structs.replace(live.settings, upstream_key=secret)
        await upstream.ask(door.house, dataclasses.replace(live, settings=settings), VISITOR)
        assert others.asked[0].headers["x-api-key"] == key
        assert not any(key.encode() in line for line in door.admin.lines)
