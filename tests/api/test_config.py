"""Settings: which source wins, and what is said of one that cannot be meant."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from api.config import BadSettings, Settings, load, masked, parse_listen


def settings(file: Path | None = None, environ: dict[str, str] | None = None, **flags: Any) -> Any:
    """Load from the given sources only."""
    return load(file, environ or {}, flags).settings


def written(tmp_path: Path, text: str) -> Path:
    """A settings file."""
    path = tmp_path / "callboard.toml"
    path.write_text(text)
    return path


def test_without_sources_the_defaults_hold() -> None:
    """Nothing given: the defaults, on loopback."""
    assert settings() == Settings()
    assert settings().listen == ("127.0.0.1:8080",)


def test_later_sources_win(tmp_path: Path) -> None:
    """Defaults < file < environment < flags, setting by setting."""
    file = written(
        tmp_path,
        'data = "in-file"\nlog_level = "error"\nlog_format = "text"\n'
        "[limits]\nneeds_max = 3\nmailbox_commands_max = 4\n",
    )
    environ = {"CALLBOARD_LOG_LEVEL": "warning", "CALLBOARD_LIMITS_NEEDS_MAX": "5"}
    found = settings(file, environ, log_level="debug")
    assert found.data == str(tmp_path / "in-file")
    assert found.log_format == "text"
    assert found.log_level == "debug"
    assert found.limits.needs_max == 5
    assert found.limits.mailbox_commands_max == 4


def test_lists_and_tables_come_from_the_environment_too() -> None:
    """Commas separate the members of lists, NAME=VALUE those of tables."""
    environ = {
        "CALLBOARD_LISTEN": "127.0.0.1:1, unix:door",
        "CALLBOARD_HOSTS": "a.example=flags,b.example=stories",
    }
    found = settings(environ=environ)
    assert found.listen == ("127.0.0.1:1", "unix:door")
    assert found.hosts == {"a.example": "flags", "b.example": "stories"}


def test_variables_of_clients_and_orchestrators_are_not_settings() -> None:
    """A key for clients, and what an orchestrator makes up for a service of our name, are left."""
    environ = {
        "CALLBOARD_KEY": "a-client-key",
        "CALLBOARD_URL": "http://here",
        "CALLBOARD_SERVICE_HOST": "10.0.0.1",
        "CALLBOARD_PORT": "tcp://10.0.0.1:80",
    }
    assert settings(environ=environ) == Settings()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("dat = 1", "callboard.toml:1: there is no setting 'dat'"),
        ("\n\nlog_level = 3", "callboard.toml:3: log_level: Expected `str`, got `int`"),
        ("[limits]\n# more\nneeds = 1", "callboard.toml:3: there is no setting limits.needs"),
        ("[limits]\nneeds_max = 0", "callboard.toml:2: limits.needs_max is above 0"),
        ("[limits]\nneeds_max = '1'", "callboard.toml:2: limits.needs_max: Expected `int`"),
        ("limits = 3", "callboard.toml:1: limits is a table"),
        ("data = 'a\nb'", "callboard.toml:1: "),
        ("data = ", "callboard.toml:1: Invalid value"),
        ("listen = ['here']", "callboard.toml:1: listen: 'here' is not HOST:PORT"),
        ("listen = []", "callboard.toml:1: listen: name at least one address"),
        ("trusted_proxies = ['x']", "callboard.toml:1: trusted_proxies: 'x' is not"),
        ("operator_key = 'short'", "callboard.toml:1: operator_key: a key has 8 characters"),
        ("operator_key = {env = 'NOT'}", "callboard.toml:1: operator_key: the environment"),
        ("tls_cert = 'a.pem'", "callboard.toml:1: tls_cert: tls_cert and tls_key go together"),
        ("apply = ['none.toml']", "callboard.toml:1: apply: there is no file"),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path: Path, text: str, reason: str) -> None:
    """One line: file, line, reason."""
    with pytest.raises(BadSettings) as caught:
        settings(written(tmp_path, text))
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bad_variable_or_flag_is_named() -> None:
    """The variable or the flag stands where a file's line would."""
    with pytest.raises(BadSettings, match=r"^CALLBOARD_LOGLEVEL: there is no setting 'loglevel'"):
        settings(environ={"CALLBOARD_LOGLEVEL": "info"})
    with pytest.raises(BadSettings, match=r"^CALLBOARD_LIMITS_NEEDS_MAX: limits.needs_max: "):
        settings(environ={"CALLBOARD_LIMITS_NEEDS_MAX": "many"})
    with pytest.raises(BadSettings, match=r"^CALLBOARD_HOSTS: write NAME=VALUE"):
        settings(environ={"CALLBOARD_HOSTS": "a.example"})
    with pytest.raises(BadSettings, match=r"^--log-format: log_format: Invalid enum value 'xml'"):
        settings(log_format="xml")
    with pytest.raises(BadSettings, match=r"no-such-file.toml: No such file"):
        settings(Path("no-such-file.toml"))


def test_the_operator_key_comes_from_elsewhere(tmp_path: Path) -> None:
    """A secret may stand in a variable or in a file beside the settings."""
    (tmp_path / "key").write_text("secret-in-file\n")
    assert settings(written(tmp_path, "operator_key = {file = 'key'}")).operator_key == (
        "secret-in-file"
    )
    found = settings(written(tmp_path, "operator_key = {env = 'KEY'}"), {"KEY": "secret-outside"})
    assert found.operator_key == "secret-outside"


def test_show_masks_secrets_and_names_origins(tmp_path: Path) -> None:
    """What `config show` prints is TOML, holds no secret, and says where settings came from."""
    file = written(tmp_path, "operator_key = 'a-secret-key'\n[hosts]\n'x.example' = 'flags'\n")
    text = masked(load(file, {"CALLBOARD_DATA": "elsewhere"}, {}))
    assert "a-secret-key" not in text
    assert 'data = "elsewhere"  # CALLBOARD_DATA' in text
    shown = tomllib.loads(text)
    assert shown["operator_key"] == "********"
    assert shown["hosts"] == {"x.example": "flags"}
    assert shown["limits"]["needs_max"] == Settings().limits.needs_max


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:80", "127.0.0.1", 80),
        ("[::1]:0", "::1", 0),
        ("a.example:65535", "a.example", 65535),
    ],
)
def test_addresses_are_read(text: str, host: str, port: int) -> None:
    """HOST:PORT, with brackets around IPv6."""
    listen = parse_listen(text)
    assert (listen.how, listen.host, listen.port) == ("tcp", host, port)


def test_other_places_to_listen_are_read() -> None:
    """Unix sockets and descriptors passed by a service manager."""
    assert parse_listen("unix:/run/door").path == "/run/door"
    assert parse_listen("fd://3").fd == 3


@pytest.mark.parametrize("text", ["", "80", ":80", "::1:80", "a:-1", "a:65536", "fd://x", "unix:"])
def test_other_texts_are_no_address(text: str) -> None:
    """Whatever cannot be meant is refused with a sentence."""
    with pytest.raises(ValueError, match=r"not|needs|write"):
        parse_listen(text)
