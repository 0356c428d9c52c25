"""Settings of `[flags.ENV]`: defaults, ranges, options whose home is elsewhere, secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from flag_door import Door, open_door
from houses import open_caller

from actors.flags.environment_words import Configure
from actors.flags.names import CacheStrategy, DecisionMode, LogLevel
from actors.flags.settings import ELSEWHERE, Settings
from actors.secrets import Secret
from api.apply import declare
from api.domain import Item
from api.flags.door import DOMAIN
from api.flags.items import items
from api.seals import Seal, reveal
from engine.messages import Address
from storage.folder import KEY

ADDRESS = Address("demo", "environment", "env_1")
PLAIN = "the-upstream-key"


def item(**settings: Any) -> Item:
    """The settings' item of an environment that is declared so."""
    return next(iter(items("demo", {"env_1": settings})))


def declared(**settings: Any) -> Settings:
    """What the environment is told."""
    ((kind, env, command),) = item(**settings).commands
    assert (kind, env) == ("environment", "env_1")
    assert isinstance(command, Configure)
    return command.settings


@pytest.mark.covers("FS-039", "FS-041", "FS-044", "FS-047", "FS-049", "FS-064")
def test_defaults_are_those_of_the_configuration_table() -> None:
    """An environment that says nothing."""
    settings = declared()
    assert settings.decision_mode == "DECISION-API"
    assert settings.fetch_now is True
    assert settings.timeout == 2
    assert settings.log_level == LogLevel.ALL == 9
    assert settings.decision_api_url is None
    assert settings.polling_interval == 5
    assert settings.hit_deduplication_time == 2.5
    assert settings.disable_cache is False
    assert settings.fetch_third_party_data is False
    assert settings.fetch_flags_buffering_time == 2
    assert settings.cache_strategy is CacheStrategy.PERIODIC_CACHING
    assert (settings.pool_size, settings.batch_seconds) == (100, 10)


@pytest.mark.covers("FS-075")
@pytest.mark.parametrize("mode", ["DECISION-API", "BUCKETING", "BUCKETING_EDGE"])
def test_the_three_modes(mode: str) -> None:
    """As they are written in the configuration, the hyphen included."""
    assert declared(decision_mode=mode).decision_mode == mode
    assert [*DecisionMode] == ["DECISION-API", "BUCKETING", "BUCKETING_EDGE"]


def test_the_combined_example_is_accepted() -> None:
    """Its values are what the environment has (one of them is a browser's; FS-069)."""
    settings = declared(
        decision_mode="BUCKETING",
        timeout=10,
        log_level=3,
        cache_strategy=1,
        pool_max_size=10,
        batch_intervals=100,
    )
    shown = msgspec.to_builtins(settings)
    assert {name: shown[name] for name in ("decisionMode", "timeout", "logLevel")} == {
        "decisionMode": "BUCKETING",
        "timeout": 10,
        "logLevel": 3,
    }
    assert (settings.pool_size, settings.batch_seconds, settings.cache_strategy) == (10, 100, 1)


@pytest.mark.covers("FS-042")
@pytest.mark.parametrize(
    "key",
    ["timeout", "polling_interval", "hit_deduplication_time", "fetch_flags_buffering_time"],
)
def test_zero_is_the_lower_bound_of_times(key: str) -> None:
    """Zero means something; below it nothing does."""
    assert getattr(declared(**{key: 0}), key) == 0
    assert refusal(**{key: -0.1}) == f"flags.env_1.{key} is 0 or above"
    assert refusal(**{key: float("nan")}) == f"flags.env_1.{key} is not a usable number"
    assert refusal(**{key: float("inf")}) == f"flags.env_1.{key} is not a usable number"


@pytest.mark.parametrize("seconds", [0, 0.01, 86_400])
def test_polls_have_a_pause_between_them(seconds: float) -> None:
    """Its bounds are allowed; so is 0, which polls once."""
    assert declared(polling_interval=seconds).polling_interval == seconds


def refusal(**settings: Any) -> str:
    """The sentence with which settings are refused."""
    with pytest.raises(ValueError, match=r"flags\.env_1") as error:
        item(**settings)
    return str(error.value)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("token_days", 0, " is above 0"),
        ("hit_days", -1, " is above 0"),
        ("timeout", 601, " is at most 600 seconds"),
        ("hit_deduplication_time", 3_601, " is at most 3600 seconds"),
        ("fetch_flags_buffering_time", 1e300, " is at most 86400 seconds"),
        ("polling_interval", 1e300, " is at most 86400 seconds"),
        ("polling_interval", 0.0099, " is 0 or at least 0.01 seconds"),
        ("polling_interval", 5e-324, " is 0 or at least 0.01 seconds"),
        ("assignment_days", 1e300, " is at most 36500 days"),
        ("hit_days", 1e300, " is at most 36500 days"),
        ("report_days", 1e300, " is at most 36500 days"),
        ("token_days", 36_501, " is at most 36500 days"),
        ("timeout", "2", ": Expected `float`, got `str`"),
        ("timeout", True, ": Expected `float`, got `bool`"),
        ("fetch_now", 1, ": Expected `bool`, got `int`"),
        ("pool_max_size", 7.5, ": Expected `int`, got `float`"),
        ("decision_mode", "API", " is one of DECISION-API, BUCKETING, BUCKETING_EDGE"),
        ("decision_mode", "DECISION_API", " is one of DECISION-API, BUCKETING, BUCKETING_EDGE"),
        ("decision_mode", None, " is one of DECISION-API, BUCKETING, BUCKETING_EDGE"),
        ("log_level", 10, " is one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"),
        ("log_level", True, " is one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"),
        ("log_level", "ERROR", " is one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"),
        ("cache_strategy", 2, " is one of 0, 1, 3"),
        ("upstream_env", 3, ": Expected `str | null`, got `int`"),
    ],
)
def test_values_out_of_their_range_are_refused(key: str, value: object, words: str) -> None:
    """The sentence names environment and key."""
    assert refusal(**{key: value}) == f"flags.env_1.{key}{words}"


@pytest.mark.parametrize(("size", "seconds"), [(4, 0.5), (-1, 10_801), (0, -3)])
def test_the_pool_falls_back_to_its_defaults(size: int, seconds: float) -> None:
    """As the SDK does, so these are no errors (spec flags 5)."""
    settings = declared(pool_max_size=size, batch_intervals=seconds)
    assert (settings.pool_size, settings.batch_seconds) == (100, 10)


URLS = ("decision_api_url", "bucketing_url", "third_party_url", "hits_url", "activate_url")


@pytest.mark.parametrize("key", URLS)
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://decision.example/", "begins with http:// or https:// and names a host"),
        ("decision.example", "begins with http:// or https:// and names a host"),
        ("https://", "begins with http:// or https:// and names a host"),
        ("https://h:0/", "begins with http:// or https:// and names a host"),
        ("https://h:x/", "cannot be read as a URL"),
        ("https://[::1/", "cannot be read as a URL"),
        ("https://me:secret@decision.example/", "holds no user and no password"),
        ("https://decision.example/#part", "has no fragment"),
        ("https://decision.example/#", "has no fragment"),
        ("https://decision example/", "is a URL of 1 to 2048 printable characters"),
        ("", "is a URL of 1 to 2048 printable characters"),
        ("https://decision.example/" + "x" * 2_048, "is a URL of 1 to 2048 printable characters"),
    ],
)
def test_a_url_that_we_would_not_call_is_refused(key: str, url: str, words: str) -> None:
    """And a password in it is not repeated."""
    assert refusal(**{key: url}) == f"flags.env_1.{key} {words}"


def test_bases_end_in_a_slash_and_hold_no_query() -> None:
    """Paths are joined to them; other URLs are called as they are."""
    for key in ("decision_api_url", "third_party_url"):
        for url in ("http://127.0.0.1:8080/v2", "http://127.0.0.1:8080/v2/"):
            assert getattr(declared(**{key: url}), key) == "http://127.0.0.1:8080/v2/"
        assert refusal(**{key: "https://h/?a=b"}).endswith("has no query: paths are joined to it")
    url = "https://cdn.example/env_1/bucketing.json?a=b"
    assert declared(bucketing_url=url).bucketing_url == url


@pytest.mark.parametrize("key", sorted(ELSEWHERE))
def test_other_options_name_their_home(key: str) -> None:
    """Whoever copies the SDK's configuration is told where each part goes."""
    sentence = refusal(**{key: True})
    assert sentence.startswith(f"flags.env_1.{key}: this is no setting of an environment: ")
    assert key not in Settings.__struct_fields__


# --- the upstream's key


def test_where_a_key_is_kept_only_the_daemon_may_say() -> None:
    """A document that somebody sends must not choose which file or variable we show to others."""
    for there in ({"env": "HOME"}, {"file": "key"}, {"sealed": "a.b.c.d.e"}, 3):
        sentence = refusal(upstream_key=there)
        assert sentence.endswith("is a text; where it is kept only a project file may say")
    assert declared(upstream_key=Secret(env="KEY")).upstream_key == Secret(env="KEY")


@pytest.mark.parametrize("text", ["", "x" * 65_537, "two words", "caf\xe9", "a\r\nhost: b"])
def test_a_key_is_what_a_header_can_hold(text: str) -> None:
    """And what is refused is not repeated."""
    assert refusal(upstream_key=text) == (
        "flags.env_1.upstream_key is 1 to 65536 printable ASCII characters"
    )


def test_a_key_given_as_text_is_sealed_when_it_is_applied(tmp_path: Path) -> None:
    """It is compared by its hash: the same key is the same item, however it is sealed."""
    one, again = (item(upstream_key=PLAIN, timeout=3) for _ in range(2))
    other = item(upstream_key=f"{PLAIN}-2", timeout=3)
    assert one.value == again.value != other.value
    assert PLAIN.encode() not in one.value
    assert one.commands == ()
    seal = Seal(tmp_path / "seal.key")
    assert one.sealed is not None
    ((_, _, command),) = one.sealed(seal)
    assert isinstance(command, Configure)
    assert command.settings.upstream_key is not None
    assert PLAIN not in str(command)
    assert reveal(command.settings.upstream_key, seal) == PLAIN
    assert command.settings.timeout == 3


def on_disk(folder: Path) -> bytes:
    """Everything that is kept."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_a_plain_key_is_nowhere(door: Door, tmp_path: Path) -> None:
    """Not in facts, answers, logs or on the disk; and applying it again changes nothing."""
    document = {"project": "demo", "flags": {"env_1": {"upstream_key": PLAIN}}}
    sent = await door.admin("PUT", "/v1/projects/demo", document)
    assert sent.status == 200
    assert "flags.env_1.settings" in (await declare(door.house, document, "test")).unchanged
    state = (await door.house.directory.peek(ADDRESS)).state
    assert reveal(state.settings.upstream_key, door.house.seal) == PLAIN
    shown = await door.admin("GET", "/v1/actors/environment/env_1")
    assert shown.json()["state"]["settings"]["upstreamKey"] == {"sealed": "..."}
    facts = await door.admin("GET", "/v1/actors/environment/env_1/facts")
    assert state.settings.upstream_key.sealed.encode() not in facts.body + shown.body
    assert PLAIN.encode() not in on_disk(tmp_path) + facts.body + shown.body + b"".join(
        door.admin.lines
    )


async def test_settings_of_a_house_are_shown_in_the_sdks_names(tmp_path: Path) -> None:
    """What was declared is what listeners and clients see, the SDK status beside it."""
    async with open_door(tmp_path, decision_mode="BUCKETING", timeout=10, others=False) as door:
        shown = (await door.admin("GET", "/v1/actors/environment/env_1")).json()["state"]
        assert (shown["settings"]["decisionMode"], shown["settings"]["timeout"]) == (
            "BUCKETING",
            10,
        )
        assert shown["sdkStatus"] == 1
        facts = (await door.admin("GET", "/v1/actors/environment/env_1/facts")).json()["facts"]
        assert facts[0]["data"]["sdkStatuses"] == [1]


async def test_a_lost_key_file_is_noticed_when_the_project_is_applied_again(tmp_path: Path) -> None:
    """The document is the same, but nothing sealed before can be opened: it is sealed anew."""
    document = {"project": "demo", "flags": {"env_1": {"upstream_key": PLAIN}}}
    async with open_caller(tmp_path, domains=(DOMAIN,)) as caller:
        first = await declare(caller.house, document, "test")
        again = await declare(caller.house, document, "test")
        assert ("flags.env_1.settings" in first.applied, again.applied) == (True, ())
        (tmp_path / KEY).unlink()
        caller.house.seal = Seal(tmp_path / KEY)
        assert "flags.env_1.settings" in (await declare(caller.house, document, "test")).applied
        state = (await caller.house.directory.peek(ADDRESS)).state
        assert reveal(state.settings.upstream_key, caller.house.seal) == PLAIN
