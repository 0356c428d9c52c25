"""Settings: defaults < file < `CALLBOARD_*` < flags, judged before anything starts.

One frozen value is built here and handed to the whole house. Whatever is wrong is said in one line
that names where the setting came from: the file and its line, the variable, or the flag. Secrets
are shown as stars by `masked`, and nowhere else.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, get_type_hints

import msgspec

from api import toml_file
from api.toml_file import BadFile, TomlFile
from engine.limits import Limits

PREFIX = "CALLBOARD_"
CLIENT_VARIABLES = frozenset({"CALLBOARD_KEY", "CALLBOARD_URL", "CALLBOARD_CONFIG"})
ORCHESTRATOR_PREFIXES = ("CALLBOARD_SERVICE_", "CALLBOARD_PORT")
"""Variables that container orchestrators make up for a service called callboard: not ours."""
KEY_CHARACTERS_MIN = 8
STARS = "********"


class BadSettings(BadFile):
    """A setting cannot be meant: one line, to be printed as it is."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How this daemon runs."""

    listen: tuple[str, ...] = ("127.0.0.1:8080",)
    """Where to listen: `HOST:PORT`, `[IPV6]:PORT`, `unix:PATH`, `fd://3`."""
    data: str = "data"
    """The data folder: database, lock, key file, media."""
    apply: tuple[str, ...] = ()
    """Project files applied before the daemon is ready."""
    tls_cert: str = ""
    """Certificate chain (PEM), for those without a proxy in front."""
    tls_key: str = ""
    """The certificate's private key (PEM)."""
    operator_key: str = ""
    """Creates projects and reads /metrics; nobody may while it is empty."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks whose X-Forwarded-For and X-Forwarded-Proto are believed."""
    hosts: dict[str, str] = {}
    """Further host names, each with the door it opens at the root."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What is worth a line; commands and requests are `info`."""
    log_format: Literal["json", "text"] = "json"
    """JSON for machines, text for people."""
    limits: Limits = Limits()
    """Every bound of the engine."""


class Loaded(msgspec.Struct, frozen=True):
    """Settings, and where each that is not a default came from."""

    settings: Settings
    origins: dict[str, str]


class _Given(msgspec.Struct, frozen=True):
    """One setting from one source. `strict`: the source has types of its own."""

    path: tuple[str, ...]
    value: Any
    origin: str
    strict: bool


TABLES = {"limits": get_type_hints(Limits), "hosts": str}
PATHS = frozenset({"data", "tls_cert", "tls_key", "apply"})
LISTS = frozenset({"listen", "apply", "trusted_proxies"})


def load(
    file: Path | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Loaded:
    """Read every source in order and judge the result. Raises `BadSettings`."""
    environ = os.environ if environ is None else environ
    given: dict[tuple[str, ...], _Given] = {}
    try:
        for source in (_from_file(file, environ), _from_environ(environ), _from_flags(flags or {})):
            for one in source:
                given[one.path] = one
        settings = _build(given.values())
    except BadSettings:
        raise
    except BadFile as error:
        raise BadSettings(str(error)) from None
    _judge(settings, {one.path[0]: one.origin for one in given.values()})
    return Loaded(settings, {".".join(one.path): one.origin for one in given.values()})


# --- the sources


def _from_file(file: Path | None, environ: Mapping[str, str]) -> Iterable[_Given]:
    if file is None:
        return
    toml = toml_file.read(file)
    for name, value in toml.values.items():
        if name in TABLES:
            if not isinstance(value, dict):
                raise toml.error(f"{name} is a table", name)
            for key, inner in value.items():
                yield _Given((name, key), inner, toml.place(name, key), True)
        elif name == "operator_key":
            try:
                value = toml_file.secret(value, toml.folder, environ)
            except ValueError as error:
                raise toml.error(f"operator_key: {error}", name) from None
            yield _Given((name,), value, toml.place(name), True)
        else:
            yield _Given((name,), _beside(toml, name, value), toml.place(name), True)


def _beside(toml: TomlFile, name: str, value: Any) -> Any:
    """Paths in a file are relative to the file."""
    if name not in PATHS:
        return value
    if isinstance(value, list):
        return [str(toml.folder / one) if isinstance(one, str) else one for one in value]
    return str(toml.folder / value) if isinstance(value, str) and value else value


def _from_environ(environ: Mapping[str, str]) -> Iterable[_Given]:
    for variable in sorted(environ):
        if (
            not variable.startswith(PREFIX)
            or variable in CLIENT_VARIABLES
            or variable.startswith(ORCHESTRATOR_PREFIXES)
        ):
            continue
        name, value = variable.removeprefix(PREFIX).lower(), environ[variable]
        if name.startswith("limits_"):
            yield _Given(("limits", name.removeprefix("limits_")), value, variable, False)
        elif name in TABLES:
            for pair in filter(None, (part.strip() for part in value.split(","))):
                key, equals, inner = pair.partition("=")
                if not equals:
                    raise BadSettings(f"{variable}: write NAME=VALUE, separated by commas")
                yield _Given((name, key.strip()), inner.strip(), variable, False)
        elif name in LISTS:
            parts = [part.strip() for part in value.split(",") if part.strip()]
            yield _Given((name,), parts, variable, False)
        else:
            yield _Given((name,), value, variable, False)


def _from_flags(flags: Mapping[str, Any]) -> Iterable[_Given]:
    for name, value in flags.items():
        if value is not None and value != ():
            yield _Given((name,), value, "--" + name.replace("_", "-"), False)


# --- judging


def _build(given: Iterable[_Given]) -> Settings:
    hints = get_type_hints(Settings)
    values: dict[str, Any] = {}
    for one in given:
        name = one.path[0]
        if name not in hints:
            raise BadSettings(f"{one.origin}: there is no setting {name!r}")
        if name in TABLES:
            table = TABLES[name]
            kind = table.get(one.path[1]) if isinstance(table, dict) else table
            if kind is None:
                raise BadSettings(f"{one.origin}: there is no setting {name}.{one.path[1]}")
            values.setdefault(name, {})[one.path[1]] = _convert(one, kind)
        else:
            values[name] = _convert(one, hints[name])
    return Settings(**{**values, "limits": Limits(**values.get("limits", {}))})


def _convert(one: _Given, kind: Any) -> Any:
    value = [one.value] if one.path[0] in LISTS and isinstance(one.value, str) else one.value
    try:
        converted = msgspec.convert(value, kind, strict=one.strict)
    except msgspec.ValidationError as error:
        raise BadSettings(f"{one.origin}: {'.'.join(one.path)}: {error}") from None
    if one.path[0] == "limits" and not 0 < converted < float("inf"):
        raise BadSettings(f"{one.origin}: {'.'.join(one.path)} is above 0")
    return converted


def _judge(settings: Settings, origins: Mapping[str, str]) -> None:
    """What no single type can say."""
    for name, reason in _complaints(settings):
        raise BadSettings(f"{origins.get(name, 'default')}: {name}: {reason}")


def _complaints(settings: Settings) -> Iterable[tuple[str, str]]:
    if not settings.listen:
        yield "listen", "name at least one address"
    for text in settings.listen:
        try:
            parse_listen(text)
        except ValueError as error:
            yield "listen", str(error)
    if bool(settings.tls_cert) != bool(settings.tls_key):
        yield "tls_cert" if settings.tls_cert else "tls_key", "tls_cert and tls_key go together"
    if 0 < len(settings.operator_key) < KEY_CHARACTERS_MIN:
        yield "operator_key", f"a key has {KEY_CHARACTERS_MIN} characters or more"
    for text in settings.trusted_proxies:
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            yield "trusted_proxies", f"{text!r} is not an address or network"
    named = {"tls_cert": (settings.tls_cert,), "tls_key": (settings.tls_key,)}
    for name, paths in (*named.items(), ("apply", settings.apply)):
        yield from ((name, f"there is no file {p}") for p in paths if p and not Path(p).is_file())


class Listen(msgspec.Struct, frozen=True):
    """One place to listen: `how` is `tcp`, `unix` or `fd`."""

    how: Literal["tcp", "unix", "fd"]
    host: str = ""
    port: int = 0
    path: str = ""
    fd: int = -1


def parse_listen(text: str) -> Listen:
    """Read one `listen` value; raise `ValueError` with a sentence."""
    if text.startswith("fd://"):
        number = text.removeprefix("fd://")
        if not (number.isascii() and number.isdigit()):
            raise ValueError(f"{text!r} is not fd://NUMBER")
        return Listen("fd", fd=int(number))
    if text.startswith("unix:"):
        if not (path := text.removeprefix("unix:")):
            raise ValueError("unix: needs a path")
        return Listen("unix", path=path)
    host, colon, port = text.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
        raise ValueError(f"{text!r} is not HOST:PORT, unix:PATH or fd://NUMBER")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"{text!r}: write an IPv6 address as [ADDRESS]:PORT")
    return Listen("tcp", host=host, port=int(port))


def masked(loaded: Loaded) -> str:
    """The settings as a TOML file, secrets as stars, with the origin of what is not a default."""
    lines: list[str] = []
    tables: list[str] = []
    for name, value in msgspec.to_builtins(loaded.settings).items():
        if name in TABLES:
            tables += ["", f"[{name}]"]
            tables += [_shown(loaded, key, inner, f"{name}.{key}") for key, inner in value.items()]
        else:
            hidden = STARS if name == "operator_key" and value else value
            lines.append(_shown(loaded, name, hidden, name))
    return "\n".join([*lines, *tables]) + "\n"


def _shown(loaded: Loaded, key: str, value: Any, path: str) -> str:
    origin = loaded.origins.get(path)
    written = key if toml_file.BARE_KEY.fullmatch(key) else msgspec.json.encode(key).decode()
    line = f"{written} = {msgspec.json.encode(value).decode()}"
    return f"{line}  # {origin}" if origin else line
