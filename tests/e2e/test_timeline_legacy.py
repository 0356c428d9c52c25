"""The npm SDK of 2022 walks on a real daemon, as it is published.

It knows no links: it completes events, which follows every link that can be followed. So its Alice
takes both doors of the hall and is never ten inches high; in its timeline the garden's door is
higher. The SDK comes below `/api/v1`, or below `/v1` of a project that speaks old names.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from e2e.real_clients import HERE, Client, running
from e2e.timeline_world import (
    PROPERTY,
    SECRET_KEY,
    TIMELINE,
    UNSET,
    Json,
    Sdk,
    project_file,
    world,
)

pytestmark = pytest.mark.slow

ON_ALICE = {"timelineId": TIMELINE}
GONE = {"data": None, "error": None, "meta": None, "status": 204}
"""What the SDK makes of any DELETE."""
DEPRECATED = {
    "data": None,
    "error": "This API endpoint has been deprecated.",
    "meta": None,
    "status": 299,
}
"""What it answers itself for routes that were gone in its own time."""
MISSING = "User not found."


class Reader:
    """A Node process with the SDK."""

    def __init__(self, client: Client, endpoint: str) -> None:
        self.client, self._endpoint = client, endpoint

    async def sdk(self, user: str | None) -> Sdk:
        """A new instance for that user, with the secret key; without a user it makes one up."""
        one = Sdk(self.client, str(user))
        given = {"apiKey": SECRET_KEY, "userId": user, "endpoint": self._endpoint}
        await one.ask("make", **given)
        return one

    @property
    def requests(self) -> list[Json]:
        """What was sent so far."""
        return self.client.all("request")


@asynccontextmanager
async def reading(folder: Path, prefix: str, **settings: Any) -> AsyncIterator[Reader]:
    """A daemon with the timeline, and a process whose SDK comes to it below that prefix.

    Skips without Node or packages.
    """
    found = shutil.which("node")
    if found is None:
        pytest.skip("needs node, which is not installed here")
    if not (HERE / "node_modules" / "fictioneers-node-sdk").is_dir():
        pytest.skip("needs the published packages: npm ci --prefix tests/e2e")
    project = project_file(folder, **settings)
    higher_door(folder / "alice.json")
    command = [found, str(HERE / "fictioneers" / "old.mjs")]
    async with world(folder, PROPERTY, project=project) as here:
        with running(command, UNSET, HERE) as client:
            yield Reader(client, f"{here.daemon.url}/timelines{prefix}")


def higher_door(file: Path) -> None:
    """The little door in the hall lets anybody through who has the key."""
    plain = json.loads(file.read_text(encoding="utf-8"))
    (drink,) = [one for one in plain["events"] if one["id"] == "evDrink"]
    (garden,) = [link for link in drink["links"] if link["to"] == "evGarden"]
    garden["when"]["all"][0]["value"] = "300"
    file.write_text(json.dumps(plain), encoding="utf-8")


def opened(answer: Json) -> list[str]:
    """What came within reach, as the game of that time finds its next question."""
    states = answer["meta"]["changed_timeline_event_states"]
    return [one["timeline_event_id"] for one in states if one["state"] == "AVAILABLE"]


WALK = [
    ("evBank", ["evHole"]),
    ("evHole", ["evDrink", "evEat"]),
    ("evDrink", ["evGarden", "evHole"]),
    ("evGarden", ["evParty"]),
    ("evParty", ["evRiddle", "evNote"]),
    ("evRiddle", []),
]
"""Events as they are completed up to the court's door, and what each opens."""


async def walk(sdk: Sdk) -> None:
    """Create a user without time guards and go to the end."""
    created = await sdk.call("createUser", **ON_ALICE, disableTimeGuards=True)
    assert created["data"]["narrative_state"]["current_step"] is None
    begun = await sdk.call("progressUserStoryStateEvents", maxSteps=None, pauseAtBeats=False)
    opening, *rest = begun["meta"]["changed_timeline_events"]
    assert (opening["id"], [one["id"] for one in rest]) == ("evBank", ["evWatch"])
    assert opening["narrative_event_custom_data"] == {"button_text": "Get up"}
    assert (opening["narrative_event_type"], rest[0]["narrative_event_type"]) == (
        "ACTIVITY",
        "SIMPLE",
    )
    for event, expected in WALK:
        answer = await complete(sdk, event)
        assert opened(answer) == expected, event
    last = await sdk.call("progressUserStoryStateEvents", maxSteps="1")
    assert (last["data"]["current_step"], opened(last)) == (6, ["evTrial"])
    last = await sdk.call("progressUserStoryStateEvents")
    assert last["data"]["end_of_timeline_reached"] is True
    assert opened(await complete(sdk, "evTrial")) == ["evWake"]
    assert opened(await complete(sdk, "evWake")) == []


async def complete(sdk: Sdk, event: str, state: str = "COMPLETED") -> Json:
    """Mark an event, which the answer then shows."""
    answer: Json = await sdk.call("updateUserTimelineEvent", timelineEventId=event, state=state)
    assert (answer["data"]["id"], answer["data"]["state"]) == (event, state)
    return answer


@pytest.mark.parametrize(
    ("prefix", "settings"),
    [("/api/v1", {}), ("/v1", {"legacy": True})],
    ids=["old prefix", "old names everywhere"],
)
async def test_the_old_sdk_walks_to_the_end(
    tmp_path: Path, prefix: str, settings: dict[str, Any]
) -> None:
    """Every method of the SDK, from nobody to nobody."""
    async with reading(tmp_path, prefix, **settings) as reader:
        sdk = await reader.sdk("alice-1")
        assert (await sdk.call("getUser"))["error"]["detail"] == MISSING
        await walk(sdk)
        state = await look_as_user(sdk)
        await look_as_admin(sdk, state)
        await tokens(sdk, await reader.sdk("bob-2"))
        for method in ("getUserInteractables", "getUserInteractable", "updateUserInteractable"):
            assert await sdk.call(method) == DEPRECATED
        assert await sdk.call("getUserTimelineHooks") == {"detail": "Not Found"}
        assert await sdk.call("deleteUser") == GONE
        assert (await sdk.call("getUser"))["error"]["detail"] == MISSING
        check_requests(reader)


async def look_as_user(sdk: Sdk) -> Json:
    """What the user reads at the end; its story state."""
    story = await sdk.call("getUserStoryState")
    for event in ("evHole", "evWake"):
        story = await sdk.call("updateUserStoryState", currentTimelineEventId=event)
    state: Json = story["data"]
    assert (state["current_timeline_event_id"], state["timeline_event_id_history"]) == (
        "evWake",
        ["evHole"],
    )
    assert (await sdk.call("getUserStoryState"))["data"] == state
    user = (await sdk.call("getUser", includeNarrativeState=True))["data"]
    assert user["narrative_state"] == state
    events = (await sdk.call("getUserTimelineEvents"))["data"]
    states = {one["id"]: one["state"] for one in events}
    still_open = {"evWatch", "evHole", "evEat", "evNote"}
    assert states == {id_: "AVAILABLE" if id_ in still_open else "COMPLETED" for id_ in states}
    return state


async def look_as_admin(sdk: Sdk, state: Json) -> None:
    """The Admin methods answer without envelope, in old names."""
    (timeline,) = await sdk.call("getTimelines")
    assert await sdk.call("getTimeline", **ON_ALICE) == timeline
    grid = await sdk.call("getTimelineEvents", **ON_ALICE)
    assert {one["type"] for one in grid} == {"ACTIVITY", "SIMPLE"}
    (user,) = await sdk.call("getTimelineUsers", **ON_ALICE)
    assert user["narrative_state"] == state
    assert await sdk.call("getTimelineUser", **ON_ALICE) == user
    log = await sdk.call("getTimelineEventStateChanges", **ON_ALICE)
    assert {one["esc_type"] for one in log} == {"AVAILABLE", "COMPLETED"}
    assert {one["user_id"] for one in log} == {"alice-1"}


async def tokens(sdk: Sdk, spare: Sdk) -> None:
    """The SDK mints a token when it wants one, and keeps it until it is old.

    If its `getAccessToken` is called while it has one, it takes the whole answer for the next.
    """
    kept = await sdk.call("setAccessToken")
    assert 3000 < kept["expiresIn"] <= 3600
    assert (await sdk.call("setAccessToken"))["accessToken"] == kept["accessToken"]
    await spare.call("setAccessToken")
    assert (await spare.call("getAccessToken"))["expiresIn"] == 3600
    assert (await spare.call("getUser"))["error"]["message"] == "Unauthorized."


def check_requests(reader: Reader) -> None:
    """The Audience API is spoken to with tokens, the Admin API with the key."""
    keyed = {one["path"] for one in reader.requests if one["authorization"] == SECRET_KEY}
    assert {("/auth/" in path or "/timelines/" in path) for path in keyed} == {True}
    others = [one for one in reader.requests if one["path"] not in keyed]
    assert {one["authorization"].partition(" ")[0] for one in others} == {"Bearer"}


async def test_skipping_and_other_users(tmp_path: Path) -> None:
    """A skip is called so and goes on; admins delete one user, then all."""
    async with reading(tmp_path, "/api/v1") as reader:
        users = [await reader.sdk(user) for user in ("alice-1", "bob-2", None)]
        for sdk in users:
            await sdk.call("createUser", **ON_ALICE, disableTimeGuards=True, pauseAtBeats=True)
            answer = await sdk.call("progressUserStoryStateEvents")
            assert (answer["data"]["current_step"], answer["data"]["pause_at_beats"]) == (2, True)
        alice, _, unnamed = users
        assert opened(await complete(alice, "evBank", "SKIPPED")) == ["evHole"]
        events = (await alice.call("getUserTimelineEvents"))["data"]
        assert [one["id"] for one in events if one["state"] == "SKIPPED"] == ["evBank"]
        again = await alice.call(
            "updateUserTimelineEvent", timelineEventId="evBank", state="COMPLETED"
        )
        assert again["error"]["content"] == [{"reason": "not_active"}]
        assert uuid.UUID(await unnamed.call("getUserId")).version == 4
        await unnamed.call("setUserId", userId="bob-2")
        assert (await unnamed.call("getUser"))["data"]["id"] == "bob-2"
        assert await alice.call("deleteTimelineUser", **ON_ALICE, userId="bob-2") == GONE
        left = await alice.call("getTimelineUsers", **ON_ALICE)
        assert (len(left), "bob-2" in {one["id"] for one in left}) == (2, False)
        assert await alice.call("deleteTimelineUsers", **ON_ALICE) == GONE
        assert await alice.call("getTimelineUsers", **ON_ALICE) == []
