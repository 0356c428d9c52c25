"""Who really calls, behind a proxy that is trusted to say so.

`X-Forwarded-For` is believed only as far as trusted proxies wrote it: from the right, the first
address that is not a trusted proxy's is the caller. `X-Forwarded-Proto` is believed of them too.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, MutableMapping
from typing import Any

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Proxies:
    """The networks of trusted proxies."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks: tuple[Network, ...] = tuple(
            ipaddress.ip_network(text, strict=False) for text in networks
        )

    def unwrap(self, scope: MutableMapping[str, Any]) -> None:
        """Put the caller's own address and scheme into the scope."""
        client = scope.get("client")
        if not self._networks or client is None or not self._trusts(client[0]):
            return
        forwarded, scheme = "", ""
        for name, value in scope["headers"]:
            if name == b"x-forwarded-for":
                forwarded = f"{forwarded},{value.decode('latin-1')}"
            elif name == b"x-forwarded-proto":
                scheme = value.decode("latin-1").rpartition(",")[2].strip().lower()
        address = self._caller(forwarded)
        if address:
            scope["client"] = (address, client[1])
        if scheme in {"http", "https"}:
            scope["scheme"] = scheme if scope["type"] == "http" else f"ws{scheme[4:]}"

    def _caller(self, forwarded: str) -> str:
        found = ""
        for text in reversed(forwarded.split(",")):
            address = text.strip()
            if not address:
                continue
            found = address
            if not self._trusts(address):
                break
        return found if _is_address(found) else ""

    def _trusts(self, text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
