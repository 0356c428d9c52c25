"""The settings in `[flags.ENV]`, judged one by one.

A value that cannot be meant is said with environment and key. A URL ends where paths are joined to
it; a secret is never part of one. A secret given as text is taken out of the settings, so that it
can be sealed before anything is stored; only a file that the daemon itself reads may name where a
secret is, since whoever sends a document must not choose which of our files we show to others.
Rules: ledger FS-039 to FS-068; spec flags 5; engine spec 5.5.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from actors.flags.settings import ELSEWHERE, Settings
from actors.secrets import Secret
from api.seals import SECRET_BYTES_MAX

SETTINGS = {field.name: field.type for field in msgspec.structs.fields(Settings)}
SECRET = "upstream_key"
DAYS = ("assignment_days", "hit_days", "report_days", "token_days")
ABOVE_ZERO = (*DAYS, "daily_rows_max")
NOT_NEGATIVE = (
    "timeout",
    "fetch_flags_buffering_time",
    "polling_interval",
    "hit_deduplication_time",
)
BASES = ("decision_api_url", "third_party_url")
URLS = (*BASES, "bucketing_url", "hits_url", "activate_url")
TIMEOUT_SECONDS_MAX = 600.0
"""Somebody waits for the answer of an upstream; nobody waits longer."""
DAYS_MAX = 36_500.0
"""A century: more than that is for ever, and no clock counts it."""
MAXIMA = {
    "timeout": (TIMEOUT_SECONDS_MAX, "seconds"),
    "fetch_flags_buffering_time": (86_400.0, "seconds"),
    "polling_interval": (86_400.0, "seconds"),
    "hit_deduplication_time": (3_600.0, "seconds"),  # a visitor remembers what it sent as long
    **dict.fromkeys(DAYS, (DAYS_MAX, "days")),
}
"""The highest value of a setting, and its unit."""
MINIMA = {"polling_interval": (0.01, "seconds")}
"""The lowest value above 0, and its unit: polls without a pause would leave nobody else a turn."""
URL_CHARACTERS_MAX = 2_048
"""What servers and proxies let through."""


class Declared(NamedTuple):
    """The settings, and the text of the secret that is not among them yet ("": none)."""

    settings: Settings
    secret: str = ""


def read(name: str, given: Mapping[str, Any]) -> Declared:
    """The settings of the environment that the sentence calls `name`. Raises `ValueError`."""
    values: dict[str, Any] = {}
    for key, value in given.items():
        values[key] = _value(f"{name}.{key}", key, value)
    secret = values.pop(SECRET, None)
    is_text = isinstance(secret, str)
    settings = Settings(**values, **({} if is_text else {SECRET: secret}))
    return Declared(settings, secret if is_text else "")


def elsewhere(key: str) -> str:
    """The home of an option of the SDK that is no setting here; "": it is none at all."""
    home = ELSEWHERE.get(key)
    return f"this is no setting of an environment: {home}" if home else ""


def _value(place: str, key: str, value: object) -> Any:
    if key == SECRET:
        return _secret(place, value)
    wanted = SETTINGS[key]
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        return _member(place, wanted, value)
    try:
        made = msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        raise ValueError(f"{place}: {error}") from None
    if made is None:
        return None
    if key in URLS:
        return _url(place, key, made)
    _check_range(place, key, made)
    return made


def _member(place: str, wanted: type[Enum], value: object) -> Enum:
    """The values are those of the SDK: a text or a number, and no boolean."""
    for member in wanted:
        if type(value) is type(member.value) and value == member.value:
            return member
    known = ", ".join(str(member.value) for member in wanted)
    raise ValueError(f"{place} is one of {known}")


def _check_range(place: str, key: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    if not math.isfinite(value):
        raise ValueError(f"{place} is not a usable number")
    if key in ABOVE_ZERO and value <= 0:
        raise ValueError(f"{place} is above 0")
    if key in NOT_NEGATIVE and value < 0:
        raise ValueError(f"{place} is 0 or above")
    least, unit = MINIMA.get(key, (0.0, ""))
    if 0 < value < least:
        raise ValueError(f"{place} is 0 or at least {least:g} {unit}")
    most, unit = MAXIMA.get(key, (math.inf, ""))
    if value > most:
        raise ValueError(f"{place} is at most {most:g} {unit}")


def _url(place: str, key: str, url: str) -> str:
    """A URL as we call it; one that paths are joined to ends in a slash."""
    if not 0 < len(url) <= URL_CHARACTERS_MAX or not all("!" <= one <= "~" for one in url):
        raise ValueError(f"{place} is a URL of 1 to {URL_CHARACTERS_MAX} printable characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"{place} cannot be read as a URL") from None
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise ValueError(f"{place} begins with http:// or https:// and names a host")
    if "@" in parts.netloc:
        raise ValueError(f"{place} holds no user and no password")
    if parts.fragment or "#" in url:
        raise ValueError(f"{place} has no fragment")
    if key not in BASES:
        return url
    if "?" in url:
        raise ValueError(f"{place} has no query: paths are joined to it")
    return url if url.endswith("/") else f"{url}/"


def _secret(place: str, value: object) -> Secret | str | None:
    if value is None or isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{place} is a text; where it is kept only a project file may say")
    if not 0 < len(value) <= SECRET_BYTES_MAX or not all("!" <= one <= "~" for one in value):
        raise ValueError(f"{place} is 1 to {SECRET_BYTES_MAX} printable ASCII characters")
    return value
