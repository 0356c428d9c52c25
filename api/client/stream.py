"""The bytes under the live socket: opened here, so that whoever opened them can close them.

The WebSocket library leaves its stream to the garbage collector when the server closes first, so
the client opens and closes the stream itself and lends it out in between. TLS is agreed upon here
as well: a certificate that is not trusted is final, every other trouble may pass.
"""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

import trio

from api.client.updates import LiveClosed

Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]
CONNECT_SECONDS_MAX = 15.0
NOT_TRUSTED = 1015
"""RFC 6455: the TLS handshake failed, because nobody vouches for the certificate."""


async def open_stream(url: str, trust: ssl.SSLContext | None) -> Stream:
    """Connect to the host of `ws://` or `wss://`; `trust` says whom to believe (None: as usual).

    Raises `ValueError` for another URL, `OSError`, `TooSlowError`, `LiveClosed` if not trusted.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"ws", "wss"} or not parts.hostname:
        raise ValueError(f"{url!r} is not ws://HOST or wss://HOST")
    with trio.fail_after(CONNECT_SECONDS_MAX):
        if parts.scheme == "ws":
            return await trio.open_tcp_stream(parts.hostname, parts.port or 80)
        secured = await trio.open_ssl_over_tcp_stream(
            parts.hostname, parts.port or 443, https_compatible=True, ssl_context=trust
        )
        try:
            await secured.do_handshake()
        except BaseException as error:
            await trio.aclose_forcefully(secured)
            if isinstance(error, trio.BrokenResourceError):
                raise _why(error) from error
            raise
        return secured


def _why(error: trio.BrokenResourceError) -> Exception:
    cause = error.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return LiveClosed(NOT_TRUSTED, f"the certificate is not trusted: {cause.verify_message}")
    return OSError(f"no TLS handshake: {cause or error}")
