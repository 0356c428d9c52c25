"""Where a visitor's flags are, through each way: the transitions, and fetches that are one.

Spec flags 4.2 and 4.3, line by line.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from flag_door import COLOURS, file
from flag_others import DOWN, answer_of, got
from visitor_scenarios import BEHIND_OTHERS, run, through_each_way
from visitor_steps import (
    ALWAYS,
    CREATED,
    FAILED,
    FETCHED,
    FETCHING,
    FROM_CACHE,
    LOGGED_IN,
    LOGGED_OUT,
    PANICKED,
    SAID_NO,
    SAID_YES,
    UPDATED,
    AllAtOnce,
    Asked,
    Do,
    During,
    FlagIs,
    Is,
    Others,
    Panic,
    Scenario,
    Sdk,
    consents,
    fetches,
    logs_in,
    opens,
    updates,
)

from api.outgoing import Got, TimedOut

pytestmark = pytest.mark.slow

FETCH_ERROR = ("ERROR FETCH_FLAGS",)
GOES_WELL = (FETCHING, FETCHED)
STALE = ("WARNING GET_FLAG",)
FRONT = {**BEHIND_OTHERS, **ALWAYS}
CAMPAIGNS = [
    {
        "id": "c",
        "variationGroupId": "g",
        "variation": {"id": "x", "modifications": {"value": {"early": 1}}},
    }
]
BROKEN: dict[str, Got | Exception] = {
    "a status from 400 on": got({"campaigns": []}, 500),
    "no JSON": got(b"<html>"),
    "no connection": DOWN,
    "no answer in time": TimedOut("upstream.example: no answer within 2 s"),
}
EMPTY = {
    "no campaigns": got({"visitorId": "v"}),
    "204": got(b"", 204),
    "another content type": got(answer_of("one").body, content_type="text/plain"),
}

TRANSITIONS = [
    Scenario(
        "a new visitor must fetch",
        (
            opens(),
            Is(CREATED, "v", None, consented=True, authenticated=False, context={}),
            FlagIs("greeting", "NOT_FOUND", exists=False, logs=STALE),
        ),
        heard=(CREATED,),
        hits=(SAID_YES,),
    ),
    Scenario(
        "a new visitor fetches by itself",
        (opens(), Is(FETCHED), FlagIs("greeting", "FETCHED", "hello", "hello")),
        heard=(CREATED, FETCHING, FETCHED),
        hits=(SAID_YES,),
        settings={"fetch_now": True},
    ),
    Scenario(
        "initial flags are there, and must be fetched",
        (
            opens(initialCampaigns=CAMPAIGNS),
            Is(CREATED),
            FlagIs("early", "FETCH_REQUIRED", 1, "x", logs=STALE),
            fetches(),
            FlagIs("early", "NOT_FOUND", exists=False),
        ),
        heard=(CREATED, FETCHING, FETCHED),
        hits=(SAID_YES,),
    ),
    Scenario(
        "a context that changes must be fetched for",
        (
            opens(),
            fetches(),
            updates(age=3),
            Is(UPDATED, context={"age": 3}),
            fetches(),
            updates(age=3),
            Is(FETCHED),
            updates(age=True),
            Is(UPDATED, context={"age": True}),
            Do("clearContext"),
            Is(UPDATED, context={}),
            fetches(),
            Do("clearContext"),
            Is(FETCHED),
        ),
        heard=(CREATED, *GOES_WELL, UPDATED, *GOES_WELL, UPDATED, UPDATED, *GOES_WELL),
        hits=(SAID_YES,),
        settings=ALWAYS,
    ),
    Scenario(
        "another identity must be fetched for",
        (
            opens(),
            fetches(),
            logs_in("me"),
            Is(LOGGED_IN, "me", "v", authenticated=True),
            fetches(),
            Do("unauthenticate"),
            Is(LOGGED_OUT, "v", None, authenticated=False),
            FlagIs("greeting", "FETCH_REQUIRED", "hello", "hello", logs=STALE),
        ),
        heard=(CREATED, FETCHING, FETCHED, LOGGED_IN, FETCHING, FETCHED, LOGGED_OUT),
        hits=(SAID_YES,),
    ),
    Scenario(
        "consent leaves the status as it is",
        (opens(), fetches(), consents(False), Is(FETCHED, consented=False), consents(True)),
        heard=(CREATED, FETCHING, FETCHED),
        hits=(SAID_NO, SAID_YES),
    ),
    Scenario(
        "panic, and its end",
        (
            opens(),
            fetches(),
            Panic(True),
            Is(FETCHED),
            Sdk("SDK_INITIALIZED"),
            fetches(),
            Sdk("SDK_PANIC"),
            Is(PANICKED),
            FlagIs("greeting", "PANIC", exists=False, logs=STALE),
            Panic(False),
            Sdk("SDK_PANIC"),
            fetches(),
            Sdk("SDK_INITIALIZED"),
            Is(FETCHED),
            FlagIs("greeting", "FETCHED", "hello", "hello"),
        ),
        heard=(CREATED, FETCHING, FETCHED, FETCHING, PANICKED, FETCHING, FETCHED),
        hits=(SAID_YES,),
        settings=ALWAYS,
    ),
    Scenario(
        "panic of somebody else",
        (
            opens(),
            Others(answer_of(panic=True)),
            fetches(),
            Sdk("SDK_PANIC"),
            Is(PANICKED),
            Others(answer_of("one")),
            fetches(),
            Sdk("SDK_INITIALIZED"),
            FlagIs("one", "FETCHED", True, "one-1"),
        ),
        heard=(CREATED, FETCHING, PANICKED, FETCHING, FETCHED),
        hits=(SAID_YES,),
        settings=FRONT,
    ),
    *(
        Scenario(
            f"an error without a cache: {name}",
            (
                opens(),
                fetches(),
                Others(answer),
                Do("fetchFlags", logs=FETCH_ERROR),
                Is(FAILED),
                FlagIs("one", "NOT_FOUND", exists=False, logs=STALE),
            ),
            heard=(CREATED, FETCHING, FETCHED, FETCHING, FAILED),
            hits=(SAID_YES,),
            settings={**FRONT, "disable_cache": True},
        )
        for name, answer in BROKEN.items()
    ),
    *(
        Scenario(
            f"an error with a cache: {name}",
            (
                opens(),
                fetches(),
                Others(answer),
                Do("fetchFlags", logs=FETCH_ERROR),
                Is(FROM_CACHE),
                FlagIs("one", "FETCH_REQUIRED", True, "one-1", logs=STALE),
                Others(answer_of("two")),
                fetches(),
                FlagIs("two", "FETCHED", True, "two-1"),
            ),
            heard=(CREATED, FETCHING, FETCHED, FETCHING, FAILED, FROM_CACHE, FETCHING, FETCHED),
            hits=(SAID_YES,),
            settings=FRONT,
        )
        for name, answer in BROKEN.items()
    ),
    *(
        Scenario(
            f"an answer that says nothing: {name}",
            (
                opens(),
                Others(answer),
                fetches(),
                Is(FETCHED),
                FlagIs("one", "NOT_FOUND", exists=False),
                Others(answer_of("one")),
                fetches(),
                Others(answer),
                fetches(),
                FlagIs("one", "FETCHED", True, "one-1"),
            ),
            heard=(CREATED, *GOES_WELL * 3),
            hits=(SAID_YES,),
            settings=FRONT,
        )
        for name, answer in EMPTY.items()
    ),
    Scenario(
        "no bucketing file yet",
        (
            Sdk("SDK_INITIALIZING"),
            opens(),
            fetches(),
            Is(FETCHED),
            FlagIs("greeting", "NOT_FOUND", exists=False),
        ),
        heard=(CREATED, FETCHING, FETCHED),
        hits=(SAID_YES,),
        settings={"decision_mode": "BUCKETING"},
        bucketing=None,
    ),
    Scenario(
        "a change comes before the answer",
        (
            opens(),
            During(
                (
                    FlagIs("one", "NOT_FOUND", exists=False),
                    updates(age=3),
                    Is(UPDATED, context={"age": 3}),
                )
            ),
            Is(UPDATED, context={"age": 3}),
            FlagIs("one", "FETCH_REQUIRED", True, "one-1", logs=STALE),
            During((logs_in("me"),)),
            Is(LOGGED_IN, "me", "v"),
        ),
        heard=(CREATED, FETCHING, UPDATED, FETCHING, LOGGED_IN),
        heard_in_order=(CREATED, *GOES_WELL, UPDATED, *GOES_WELL, LOGGED_IN),
        hits=(SAID_YES,),
        settings=FRONT,
    ),
    Scenario(
        "an error comes after a change",
        (
            opens(),
            Others(DOWN),
            During((updates(age=3),), logs=FETCH_ERROR),
            Is(UPDATED, context={"age": 3}),
        ),
        heard=(CREATED, FETCHING, UPDATED),
        heard_in_order=(CREATED, FETCHING, FAILED, UPDATED),
        hits=(SAID_YES,),
        settings=FRONT,
    ),
    Scenario(
        "third-party segments join the context",
        (
            opens(),
            Others(got([{"visitor_id": "v", "segment": "s", "value": "gold", "partner": "p"}])),
            fetches(),
            Is(FETCHED, context={"p::s": "gold"}),
        ),
        heard=(CREATED, FETCHING, FETCHED),
        hits=(SAID_YES, "SEGMENT p::s=gold by v"),
        settings={
            "decision_mode": "BUCKETING",
            "fetch_third_party_data": True,
            "third_party_url": "https://segments.example/",
        },
        bucketing=file(COLOURS),
    ),
]

TOGETHER = [
    Scenario(
        "a fetch just after another one is none",
        (
            opens(),
            fetches(),
            Do("fetchFlags", logs=("INFO FETCH_FLAGS",)),
            Asked(1),
            updates(age=3),
            fetches(),
            Asked(2, {"visitorId": "v", "visitor_consent": True}),
            logs_in("me"),
            fetches(),
            Asked(3, {"visitorId": "me", "anonymousId": "v"}),
        ),
        heard=(CREATED, *GOES_WELL, UPDATED, *GOES_WELL, LOGGED_IN, *GOES_WELL),
        hits=(SAID_YES,),
        settings=BEHIND_OTHERS,
    ),
    Scenario(
        "0 seconds: every fetch is one",
        (opens(), fetches(), fetches(), Asked(2)),
        heard=(CREATED, FETCHING, FETCHED, FETCHING, FETCHED),
        hits=(SAID_YES,),
        settings=FRONT,
    ),
    Scenario(
        "fetches at the same time are one",
        (opens(), AllAtOnce(3), Is(FETCHED), FlagIs("one", "FETCHED", True, "one-1")),
        heard=(CREATED, FETCHING, FETCHED),
        hits=(SAID_YES,),
        settings=BEHIND_OTHERS,
    ),
    Scenario(
        "a fetch after an error is never buffered",
        (
            opens(),
            Others(DOWN),
            Do("fetchFlags", logs=FETCH_ERROR),
            Others(answer_of("one")),
            fetches(),
            Asked(2),
            Is(FETCHED),
        ),
        heard=(CREATED, FETCHING, FAILED, FETCHING, FETCHED),
        hits=(SAID_YES,),
        settings=BEHIND_OTHERS,
    ),
]


@through_each_way([*TRANSITIONS, *TOGETHER])
async def test_where_flags_are(scenario: Scenario, way: str, tmp_path: Path) -> None:
    """Through HTTP, the live socket and the Python client the same is seen."""
    await run(scenario, way, tmp_path)
