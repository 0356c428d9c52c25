"""One poll of an upstream's bucketing file: what is asked, and what the answer means.

The question carries the date of the file that we have, as the upstream gave it, so that an
unchanged file is not sent; an upstream that gives no date sends it each time, and is told by its
hash. What comes is judged like a file that an operator puts. A failure is put in words without a
secret. Rules: spec flags 1.1, 1.4, 4.8; ledger FS-056 to FS-058, FS-072.
"""

from __future__ import annotations

import hashlib
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import msgspec

from actors.flags.bucketing import BucketingInvalid
from actors.flags.environment_words import Environment, Polled, PollFailed, PollResult
from actors.flags.visitor_world import CLIENT, VERSION
from actors.secrets import Secret
from api.flags.changes import read_file
from api.flags.environments import Prepared
from api.outgoing import Got, Unreachable
from api.seals import SecretMissing, reveal
from api.times import rfc3339

if TYPE_CHECKING:
    from api.house import House

FILE_BYTES_MAX = 10_000_000
"""As much as an operator may put."""
POLL_SECONDS_MAX = 10.0
"""Of a poll, its body included, whatever the timeout: others wait for its place."""
DATE_CHARACTERS_MAX = 64
"""An HTTP date has 29; what is longer is none, and is not sent back."""
ERROR_CHARACTERS_MAX = 500
"""Of the reason why a poll failed, which is stored and pushed."""


class Source(NamedTuple):
    """Where and how an environment is polled; `interval` and `timeout` are seconds."""

    url: str
    interval: float
    timeout: float
    key: Secret | None
    is_private: bool


class Found(NamedTuple):
    """What a poll came to; `prepared` is the file where it is another one than before."""

    command: Polled | PollFailed
    prepared: Prepared | None = None


class NotUsable(Exception):
    """There is no answer that means anything; the words say why."""


def source_of(state: Environment | None) -> Source | None:
    """Where an environment is polled; None: nowhere."""
    if state is None or (url := state.settings.polled_url) is None:
        return None
    settings = state.settings
    return Source(
        url,
        settings.polling_interval,
        settings.timeout,
        settings.upstream_key,
        settings.upstream_private,
    )


async def poll(house: House, state: Environment, source: Source) -> Found:
    """Ask once, and judge the answer. Every trouble that an upstream can make is a `PollFailed`.

    The whole answer comes within the timeout, and within `POLL_SECONDS_MAX` where that is longer.
    """
    try:
        got = await house.outgoing.request(
            "GET",
            source.url,
            headers=_headers(house, state, source),
            seconds=min(source.timeout, POLL_SECONDS_MAX),
            private=source.is_private,
            body_bytes_max=FILE_BYTES_MAX,
        )
        return await _judged(state, source, got, house.clock.now_ms())
    except BucketingInvalid as invalid:
        why = f"the file is not valid: {invalid.path}: {invalid.reason}"
    except (Unreachable, NotUsable) as error:
        why = str(error)
    return Found(PollFailed(url=source.url, error=why[:ERROR_CHARACTERS_MAX]))


def _headers(house: House, state: Environment, source: Source) -> dict[str, str]:
    """As the SDK asks (spec flags 1.1). Raises `NotUsable` without the key that there should be.

    Where the key is kept is for our own log only.
    """
    headers = {
        "content-type": "application/json",
        "x-sdk-client": CLIENT,
        "x-sdk-version": VERSION,
    }
    if source.key is not None:
        try:
            headers["x-api-key"] = reveal(source.key, house.seal)
        except SecretMissing as error:
            if state.polling.result is not PollResult.FAILED:  # else it was said before
                house.log.broke("upstream_key", error, host=_host(source))
            raise NotUsable("the upstream key cannot be read") from None
    if state.hash and state.polling.last_modified:
        headers["if-modified-since"] = state.polling.last_modified
    return headers


async def _judged(state: Environment, source: Source, got: Got, now_ms: int) -> Found:
    """What an answer means. Raises `NotUsable`, `BucketingInvalid`."""
    known = state.polling
    modified, update = known.last_modified, known.last_update
    prepared: Prepared | None = None
    hash_ = known.hash
    if got.status == 200:
        if not state.hash or hashlib.sha256(got.body).hexdigest() != known.hash:
            hash_, prepared = await read_file(got.body)
        given = _date(got.headers.get("last-modified", ""))
        if prepared is not None or given != modified:
            modified, update = given, _moment(given, now_ms)
    elif got.status != 304 or not (state.hash and modified):  # a 304 that we did not ask for
        raise NotUsable(f"{_host(source)} answered {got.status}")
    command = Polled(
        url=source.url,
        status=got.status,
        hash=hash_,
        last_modified=modified,
        last_update=update,
    )
    if prepared is None:
        return Found(command)
    body, summary = prepared.document, prepared.summary
    return Found(msgspec.structs.replace(command, body=body, summary=summary), prepared)


def _date(text: str) -> str:
    """A Last-Modified as it may be sent back; "": there is none."""
    is_usable = len(text) <= DATE_CHARACTERS_MAX and text.isascii() and text.isprintable()
    return text if is_usable else ""


def _moment(date: str, now_ms: int) -> str:
    """An HTTP date as RFC 3339; now, where it is none."""
    try:
        return rfc3339(int(parsedate_to_datetime(date).timestamp() * 1000))
    except (ValueError, OverflowError, OSError):
        return rfc3339(now_ms)


def _host(source: Source) -> str:
    return urlsplit(source.url).hostname or ""
