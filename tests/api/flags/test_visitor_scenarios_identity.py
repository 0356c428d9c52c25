"""Who a visitor is and what is known of it, through each way: identity, context, continuity.

Spec flags 4.7, line by line; XPC and one test for each visitor, over several visitors and with
programs that only ask the decision API (spec flags 3.2). Of the campaign `colours`, by their ids
alone, `ann` and `one` get `red`, and `bob`, `phone` and `v` get `blue`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from flag_door import COLOURS, campaign, file
from visitor_scenarios import run, through_each_way
from visitor_steps import (
    ALWAYS,
    CREATED,
    FETCHED,
    FETCHING,
    LOGGED_IN,
    LOGGED_OUT,
    SAID_NO,
    SAID_YES,
    UPDATED,
    Activates,
    Decides,
    Do,
    FlagIs,
    Is,
    Publishes,
    Scenario,
    consents,
    fetches,
    logs_in,
    opens,
    reads,
    updates,
)

pytestmark = pytest.mark.slow

GOES_WELL = (FETCHING, FETCHED)
SDK = {"fs_client": "Python", "fs_version": "4.0.5"}


class SomeId:
    """Any id that is not the visitor's."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and other not in ("", "v")

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "some id"


def said(*who: str) -> tuple[str, ...]:
    """The consent hits of those visitors."""
    return tuple(f"EVENT fs_consent Python:true by {each}" for each in who)


IDENTITY = [
    Scenario(
        "logging in and out",
        (
            opens(),
            Do("authenticate", {"visitorId": ""}, ("ERROR AUTHENTICATE",), refused=422),
            Do("unauthenticate", {}, ("ERROR UNAUTHENTICATE",), refused=409),
            Is(CREATED, "v", None, authenticated=False),
            logs_in("me"),
            Is(LOGGED_IN, "me", "v", authenticated=True, reserved={**SDK, "fs_users": "me"}),
            Do("authenticate", {"visitorId": "you"}, ("WARNING AUTHENTICATE",), refused=409),
            Is(LOGGED_IN, "me", "v"),
            Do("unauthenticate"),
            Is(LOGGED_OUT, "v", None, authenticated=False, reserved={**SDK, "fs_users": "v"}),
        ),
        heard=(CREATED, LOGGED_IN, LOGGED_OUT),
        hits=said("v"),
        covers=("FS-116", "FS-118"),
    ),
    Scenario(
        "a visitor who is known at creation",
        (
            opens(isAuthenticated=True),
            Is(CREATED, "v", SomeId(), authenticated=True),
            Do("authenticate", {"visitorId": "me"}, ("WARNING AUTHENTICATE",), refused=409),
            Do("unauthenticate"),
            Is(LOGGED_OUT, SomeId(), None, authenticated=False),
        ),
        heard=(CREATED, LOGGED_OUT),
        hits=("EVENT fs_consent Python:true by v/ANON",),
        covers=("FS-013",),
    ),
    Scenario(
        "consent that is not given is withheld",
        (opens(consented=None), Is(CREATED, consented=False)),
        heard=(CREATED,),
        hits=(SAID_NO,),
        covers=("FS-011",),
    ),
    Scenario(
        "a visitor that is opened again begins anew",
        (
            opens(context={"age": 3}),
            fetches(),
            logs_in("me"),
            Do(
                "open",
                {"hasConsented": True, "context": {"vip": True}},
                ("DEBUG ADD HIT",),  # what it consents to was just told
            ),
            Is(CREATED, "v", None, authenticated=False, context={"vip": True}),
            FlagIs("greeting", "NOT_FOUND", exists=False, logs=("WARNING GET_FLAG",)),
            fetches(),
            reads("greeting", "x", "hello"),
            reads("missing", "x", "x", "WARNING FLAG_VALUE"),
        ),
        heard=(CREATED, *GOES_WELL, LOGGED_IN, CREATED, *GOES_WELL),
        exposed=(("greeting", "hello", "x"),),
        hits=said("v"),
        activations=("hello by v",),
    ),
]

CONTEXT = [
    Scenario(
        "a new visitor has the keys of the SDK, and no others but those given",
        (
            opens(context={"sdk_deviceType": "phone"}),
            Is(CREATED, context={"sdk_deviceType": "phone"}, reserved={**SDK, "fs_users": "v"}),
            opens(who="w"),
            Is(CREATED, context={}, reserved={**SDK, "fs_users": "w"}, who="w"),
        ),
        heard=(CREATED,),
        hits=said("v", "w"),
        covers=("FS-194", "FS-198"),
    ),
    Scenario(
        "of a context the good entries are kept, at creation and later",
        (
            Do(
                "open",
                {"hasConsented": True, "context": {"age": 3, "": 1, "list": [], "none": None}},
                ("ERROR UPDATE CONTEXT",) * 3,
            ),
            Is(CREATED, context={"age": 3}, reserved={**SDK, "fs_users": "v"}),
            Do(
                "updateContext",
                {"context": {"vip": True, "rate": 0.5, "": 1, "object": {}}},
                ("ERROR UPDATE CONTEXT",) * 2,
            ),
            Is(UPDATED, context={"age": 3, "vip": True, "rate": 0.5}),
        ),
        heard=(CREATED, UPDATED),
        hits=said("v"),
        covers=("FS-107", "FS-109"),
    ),
    Scenario(
        "where nothing can be kept nothing changes",
        (
            opens(),
            fetches(),
            Do(
                "updateContext",
                {"context": {"": 1, "none": None}},
                ("ERROR UPDATE CONTEXT",) * 2,
                refused=422,
            ),
            Is(FETCHED, context={}),
        ),
        heard=(CREATED, *GOES_WELL),
        hits=said("v"),
    ),
    Scenario(
        "the keys of the SDK are nobody else's, and stay",
        (
            opens(context={"fs_users": "x", "fs_client": "x", "age": 3}),
            Is(CREATED, context={"age": 3}, reserved={**SDK, "fs_users": "v"}),
            updates(fs_version="x"),
            Is(CREATED),
            Do("clearContext"),
            Is(UPDATED, context={}, reserved={**SDK, "fs_users": "v"}),
        ),
        heard=(CREATED, UPDATED),
        hits=said("v"),
        covers=("FS-108", "FS-195"),
    ),
    Scenario(
        "predefined keys have their types",
        (
            opens(context={"sdk_osName": "centos", "sdk_lat": 48.8, "sdk_osVersionCode": 24}),
            Do(
                "updateContext",
                {"context": {"sdk_city": 5, "sdk_long": "2.3", "sdk_lat": True, "sdk_ip": "::1"}},
                ("ERROR UPDATE CONTEXT",) * 3,
            ),
            Is(
                UPDATED,
                context={
                    "sdk_osName": "centos",
                    "sdk_lat": 48.8,
                    "sdk_osVersionCode": 24,
                    "sdk_ip": "::1",
                },
            ),
        ),
        heard=(CREATED, UPDATED),
        hits=said("v"),
    ),
]

RED = FlagIs("colour", "FETCHED", "red", "red")
XPC = file(COLOURS, accountSettings={"enabledXPC": True})
SHAPES = campaign("shapes", ("square", 100, {"shape": "square"}))
ONE_TEST = file(COLOURS, SHAPES, accountSettings={"enabled1V1T": True})

CONTINUITY = [
    Scenario(
        "with XPC the variation outlasts the log-in, on a second device too",
        (
            opens(who="ann"),
            fetches("ann"),
            RED._replace(who="ann"),
            logs_in("bob", who="ann"),
            fetches("ann"),
            RED._replace(who="ann"),
            opens(),
            fetches(),
            FlagIs("colour", "FETCHED", "blue", "blue"),
            logs_in("bob"),
            fetches(),
            RED,
            Decides("bob", {"colours": "red"}),
            Decides("bob", {"colours": "red"}, anonymous="laptop"),
            Do("unauthenticate"),
            fetches(),
            FlagIs("colour", "FETCHED", "blue", "blue"),
        ),
        heard=(CREATED, *GOES_WELL, LOGGED_IN, *GOES_WELL, LOGGED_OUT, *GOES_WELL),
        hits=said("ann", "v"),
        bucketing=XPC,
    ),
    Scenario(
        "with XPC what a program decided counts for a visitor",
        (
            Decides("ann", {"colours": "red"}),
            Decides("bob", {"colours": "red"}, anonymous="ann"),
            opens(),
            logs_in("bob"),
            fetches(),
            RED,
        ),
        heard=(CREATED, LOGGED_IN, *GOES_WELL),
        hits=said("v"),
        bucketing=XPC,
    ),
    Scenario(
        "without XPC each id has a variation of its own",
        (
            opens(who="ann"),
            fetches("ann"),
            RED._replace(who="ann"),
            logs_in("bob", who="ann"),
            fetches("ann"),
            FlagIs("colour", "FETCHED", "blue", "blue", who="ann"),
            Decides("bob", {"colours": "blue"}, anonymous="ann"),
            opens(),
        ),
        heard=(CREATED,),
        hits=said("ann", "v"),
        bucketing=file(COLOURS),
    ),
    Scenario(
        "without consent nothing is carried over",
        (
            opens(consented=False, who="ann"),
            fetches("ann"),
            RED._replace(who="ann"),
            logs_in("bob", who="ann"),
            fetches("ann"),
            FlagIs("colour", "FETCHED", "blue", "blue", who="ann"),
            opens(consented=False),
            consents(True),
            logs_in("bob"),
            fetches(),
            FlagIs("colour", "FETCHED", "blue", "blue"),
        ),
        heard=(CREATED, LOGGED_IN, *GOES_WELL),
        hits=(SAID_NO, SAID_NO.replace("by v", "by ann"), SAID_YES),
        bucketing=XPC,
    ),
    Scenario(
        "by the SDK's own rules the anonymous variation is kept, with or without XPC",
        (
            opens(who="ann"),
            fetches("ann"),
            logs_in("bob", who="ann"),
            fetches("ann"),
            RED._replace(who="ann"),
            opens(),
            logs_in("bob"),
            fetches(),
            RED,
        ),
        heard=(CREATED, LOGGED_IN, *GOES_WELL),
        hits=(*said("ann", "v"), "SEGMENT  by ann", "SEGMENT  by bob/ann", "SEGMENT  by bob/v"),
        settings={"decision_mode": "BUCKETING"},
        bucketing=file(COLOURS),
    ),
    Scenario(
        "one test for a visitor: the first, until another one was seen",
        (
            opens(),
            fetches(),
            FlagIs("colour", "FETCHED", "blue", "blue"),
            FlagIs("shape", "NOT_FOUND", exists=False),
            Decides("v", {"colours": "blue"}),
            Activates("v", "shapes-group", "square"),
            fetches(),
            FlagIs("colour", "NOT_FOUND", exists=False),
            FlagIs("shape", "FETCHED", "square", "square"),
            Decides("v", {"shapes": "square"}),
        ),
        heard=(CREATED, *GOES_WELL, *GOES_WELL),
        hits=said("v"),
        activations=("square by v",),
        settings=ALWAYS,
        bucketing=ONE_TEST,
    ),
    Scenario(
        "one test for a visitor: seen by one, it counts for all who have its id",
        (
            opens(who="phone"),
            logs_in("bob", who="phone"),
            fetches("phone"),
            FlagIs("colour", "FETCHED", "blue", "blue", who="phone"),
            opens(),
            fetches(),
            Publishes(file(SHAPES, COLOURS, accountSettings={"enabled1V1T": True})),
            fetches("phone"),
            FlagIs("shape", "FETCHED", "square", "square", who="phone"),
            Do("visitorExposed", {"key": "shape"}, who="phone"),
            Publishes(ONE_TEST),
            logs_in("bob"),
            fetches(),
            FlagIs("colour", "NOT_FOUND", exists=False),
            FlagIs("shape", "FETCHED", "square", "square"),
            Decides("bob", {"shapes": "square"}),
        ),
        heard=(CREATED, *GOES_WELL, LOGGED_IN, *GOES_WELL),
        hits=said("phone", "v"),
        activations=("square by bob/phone",),
        settings=ALWAYS,
        bucketing=ONE_TEST,
    ),
    Scenario(
        "by the SDK's own rules a visitor may be in several tests",
        (
            opens(),
            fetches(),
            FlagIs("colour", "FETCHED", "blue", "blue"),
            FlagIs("shape", "FETCHED", "square", "square"),
        ),
        heard=(CREATED, *GOES_WELL),
        hits=(*said("v"), "SEGMENT  by v"),
        settings={"decision_mode": "BUCKETING"},
        bucketing=ONE_TEST,
    ),
]


@through_each_way([*IDENTITY, *CONTEXT, *CONTINUITY])
async def test_who_a_visitor_is(scenario: Scenario, way: str, tmp_path: Path) -> None:
    """Through HTTP, the live socket and the Python client the same is known."""
    await run(scenario, way, tmp_path)
