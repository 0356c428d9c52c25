"""Polling an upstream: when it is asked and how, what becomes a fact, and what goes wrong."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from flag_polls import ADDRESS, DATE, FILE, LATER, OTHER, URL, bucketing, open_polls, wait

from actors.flags.environment_words import SetPanic
from actors.flags.names import DecisionMode
from actors.secrets import Secret
from api.outgoing import Got
from engine.messages import Erase

HASH, OTHER_HASH = sha256(FILE).hexdigest(), sha256(OTHER).hexdigest()


@pytest.mark.covers("FS-047", "FS-056", "FS-058", "FS-072", "FS-087")
async def test_it_polls_at_the_start_and_at_its_interval(autojump_clock, tmp_path: Path) -> None:
    """The first poll is a fact with the file; unchanged ones are said in passing."""
    async with open_polls(tmp_path) as world:
        await world.declare()
        await wait(15)
        assert world.times == [0, 5, 10, 15]
        assert [each.headers.get("if-modified-since") for each in world.upstream.asked] == [
            None,
            DATE,
            DATE,
            DATE,
        ]
        assert world.updates == [HASH]
        (fact,) = world.facts
        assert fact["poll"] == {"status": 200, "lastUpdate": "2024-01-01T00:00:00.000Z"}
        assert (fact["who"], fact["sdkStatuses"]) == ("upstream", [3])
        assert world.polled == [{"status": 304, "lastUpdate": "2024-01-01T00:00:00.000Z"}] * 3
        assert world.polls.statistics() == {"polled": 1, "polls": 4, "failures": 0, "news": 1}
        assert await world.stage.put_all_to_sleep() == 1


@pytest.mark.covers("FS-048")
async def test_interval_zero_polls_once(autojump_clock, tmp_path: Path) -> None:
    """At the start, and never again, whatever came of it."""
    async with open_polls(tmp_path) as world:
        world.upstream.fail()
        await world.declare(polling_interval=0.0)
        await wait(100_000)
        assert len(world.upstream.asked) == 1
        assert (await world.state()).sdk_status == 0


@pytest.mark.covers("FS-058", "FS-072")
async def test_a_new_file_is_an_update(autojump_clock, tmp_path: Path) -> None:
    """It is in force at once, with who, before and after; its date is asked with from then on."""
    async with open_polls(tmp_path) as world:
        await world.declare()
        await wait(0)
        world.upstream.file, world.upstream.date = OTHER, LATER
        await wait(10)
        assert world.updates == [HASH, OTHER_HASH]
        assert world.facts[-1]["poll"]["lastUpdate"] == "2024-01-02T00:00:00.000Z"
        assert world.upstream.asked[-1].headers["if-modified-since"] == LATER
        live = await world.shelf.environments.find("env_1")
        assert live.prepared.document == OTHER


async def test_an_upstream_without_dates_is_told_by_the_file(
    autojump_clock, tmp_path: Path
) -> None:
    """It sends everything each time; only another file is a fact."""
    async with open_polls(tmp_path) as world:
        world.upstream.date = ""
        await world.declare()
        await wait(10)
        assert all("if-modified-since" not in each.headers for each in world.upstream.asked)
        assert (len(world.facts), len(world.polled)) == (1, 2)
        assert world.polled[0]["status"] == 200
        world.upstream.file = OTHER
        await wait(5)
        assert world.updates == [HASH, OTHER_HASH]


@pytest.mark.covers("FS-057")
async def test_a_failed_first_poll_and_its_end_are_facts(autojump_clock, tmp_path: Path) -> None:
    """It leaves the SDK not initialised and is tried again; failing again is said in passing."""
    async with open_polls(tmp_path) as world:
        world.upstream.fail()
        await world.declare()
        await wait(10)
        error = "cdn.example: nobody knows the name"
        assert world.facts == [{"poll": {"error": error}, "sdkStatuses": [0]}]
        assert world.polled == [{"error": error}] * 2
        assert [said.event for said in world.log.said] == ["poll_failed"]
        world.upstream.heal()
        await wait(5)
        assert world.facts[-1]["sdkStatuses"] == [3]
        assert (await world.state()).polling.error == ""


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Got(404, {}, b""), "cdn.example answered 404"),
        (Got(302, {"location": "https://elsewhere.example"}, b""), "cdn.example answered 302"),
        (Got(304, {}, b""), "cdn.example answered 304"),
        (Got(200, {}, b""), "the file is not valid: $"),
        (Got(200, {}, b'{"campaigns":3}'), "the file is not valid: $.campaigns"),
        (Got(200, {}, b"<html>"), "the file is not valid: $"),
    ],
)
async def test_an_answer_that_is_no_file_is_a_failure(
    autojump_clock, tmp_path: Path, answer: Got, words: str
) -> None:
    """What an operator may not put, an upstream may not bring; the words say why."""
    async with open_polls(tmp_path) as world:
        world.upstream.answer = answer
        await world.declare()
        await wait(5)
        assert world.facts[0]["poll"]["error"].startswith(words)
        assert world.updates == []
        assert len(world.upstream.asked) == 2


async def test_a_bad_file_leaves_the_good_one_in_force(autojump_clock, tmp_path: Path) -> None:
    """Visitors go on with what there is; the status stays."""
    async with open_polls(tmp_path) as world:
        await world.declare()
        await wait(0)
        world.upstream.answer = Got(200, {"last-modified": LATER}, b'{"campaigns":3}')
        await wait(5)
        state = await world.state()
        assert (state.hash, state.sdk_status, state.polling.last_modified) == (HASH, 3, DATE)


async def test_how_it_is_asked(autojump_clock, tmp_path: Path) -> None:
    """As the SDK asks; with the key that is kept elsewhere, the timeout, and the permission."""
    (tmp_path / "key").write_text("a-secret-key\n")
    async with open_polls(tmp_path) as world:
        key = Secret(file=str(tmp_path / "key"))
        await world.declare(upstream_key=key, timeout=7.0, upstream_private=True)
        await wait(0)
        (asked,) = world.upstream.asked
        assert asked.headers == {
            "content-type": "application/json",
            "x-sdk-client": "Python",
            "x-sdk-version": "4.0.5",
            "x-api-key": "a-secret-key",
        }
        assert (asked.url, asked.seconds, asked.private) == (URL, 7.0, True)


async def test_a_key_that_is_not_there_is_a_failure_without_its_place(
    autojump_clock, tmp_path: Path
) -> None:
    """Nobody is asked without it; where it should be, only our own log says, and only once."""
    async with open_polls(tmp_path) as world:
        await world.declare(upstream_key=Secret(file=str(tmp_path / "nowhere")))
        await wait(10)
        assert world.upstream.asked == []
        assert world.facts[0]["poll"] == {"error": "the upstream key cannot be read"}
        assert len(world.polled) == 2
        assert ["nowhere" in str(error) for error in world.log.broken] == [True]


@pytest.mark.parametrize("date", ["x" * 65, "caf\xe9", "a\x00b", "yesterday"])
async def test_what_is_no_date_is_not_trusted(autojump_clock, tmp_path: Path, date: str) -> None:
    """Only a short printable text is sent back; the update counts as of now."""
    async with open_polls(tmp_path) as world:
        world.upstream.date = date
        await world.declare()
        await wait(5)
        sent = world.upstream.asked[1].headers.get("if-modified-since")
        assert sent == ("yesterday" if date == "yesterday" else None)
        assert world.facts[0]["poll"]["lastUpdate"].startswith("2023-11-14T22:13:2")
        assert len(world.facts) == 1


# --- which environments


@pytest.mark.covers("FS-073")
@pytest.mark.parametrize("mode", [DecisionMode.BUCKETING_EDGE, DecisionMode.DECISION_API])
async def test_other_modes_are_never_polled(
    autojump_clock, tmp_path: Path, mode: DecisionMode
) -> None:
    """At the edge the file is given, and the decision door needs none."""
    async with open_polls(tmp_path) as world:
        await world.declare(decision_mode=mode)
        await world.declare("env_2", bucketing_url=None)
        await wait(100)
        assert world.upstream.asked == []
        assert world.polls.statistics()["polled"] == 0


async def test_other_settings_begin_anew(autojump_clock, tmp_path: Path) -> None:
    """A poll under way ends; another source is asked without the old one's date."""
    async with open_polls(tmp_path) as world:
        await world.declare()
        await wait(1)
        await world.declare(polling_interval=60.0)
        await wait(1)
        assert [each.headers.get("if-modified-since") for each in world.upstream.asked] == [
            None,
            DATE,
        ]
        world.upstream.delay_seconds = 100.0
        await world.declare(bucketing_url=f"{URL}?other")
        await wait(1)
        await world.declare(bucketing_url=f"{URL}?third")
        world.upstream.delay_seconds = 0.0
        await wait(1)
        assert [each.url.removeprefix(URL) for each in world.upstream.asked[2:]] == [
            "?other",
            "?third",
        ]
        assert "if-modified-since" not in world.upstream.asked[-1].headers
        assert world.upstream.most_under_way == 1


async def test_settings_that_are_about_something_else_disturb_nothing(
    autojump_clock, tmp_path: Path
) -> None:
    """The rhythm stays."""
    async with open_polls(tmp_path) as world:
        await world.declare()
        await wait(2)
        await world.declare(log_level=4)
        await world.directory.ask(ADDRESS, SetPanic(on=True))
        await wait(8)
        assert world.times == [0, 5, 10]


async def test_polling_stops_when_it_is_declared_away_or_erased(
    autojump_clock, tmp_path: Path
) -> None:
    """And begins again when it comes back."""
    async with open_polls(tmp_path) as world:
        await world.declare()
        await wait(1)
        await world.declare(bucketing_url=None)
        await wait(100)
        assert len(world.upstream.asked) == 1
        assert world.polls.statistics()["polled"] == 0
        await world.declare()
        await wait(1)
        assert len(world.upstream.asked) == 2
        await world.directory.ask(ADDRESS, Erase(privacy=True))
        await wait(100)
        assert len(world.upstream.asked) == 2


async def test_what_changes_twice_at_once_is_polled_by_one_task(
    autojump_clock, tmp_path: Path
) -> None:
    """Stopped and started again before the task noticed, it goes on."""
    async with open_polls(tmp_path) as world:
        world.upstream.delay_seconds = 1.0
        await world.declare()
        await wait(0.5)
        away, back = bucketing(bucketing_url=None), bucketing(timeout=3.0)
        await world.stage.deliver(away, back, address=ADDRESS)
        await wait(20)
        assert [each.seconds for each in world.upstream.asked[:2]] == [2.0, 3.0]
        assert world.upstream.most_under_way == 1
        assert world.polls.statistics()["polled"] == 1
