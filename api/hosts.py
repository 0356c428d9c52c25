"""Which door a host name opens.

The original services' host names are mapped to our prefixes, and operators add their own. On a
mapped host every path is the door's, except the live socket, tickets and health; on any other host
a door works under its prefix. Only the Host header decides; port, case and a trailing dot do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from api.domain import Domain

EVERYWHERE = ("/healthz", "/readyz", "/v1/tickets", "/v1/live")


class Hosts:
    """The map from host name to prefix."""

    def __init__(self, domains: Iterable[Domain], added: Mapping[str, str]) -> None:
        self._prefixes = {host: f"/{domain.name}" for domain in domains for host in domain.hosts}
        self._prefixes |= {host.lower(): f"/{door}" for host, door in added.items()}

    def place(self, scope: Mapping[str, Any]) -> str:
        """The raw path of a request under its door's prefix; still percent-encoded."""
        raw: str = (scope.get("raw_path") or scope["path"].encode()).decode("ascii", "replace")
        host = ""
        if not raw.startswith("/"):
            host, raw = _absolute(raw)
        for name, value in scope["headers"]:
            if name == b"host":
                host = value.decode("latin-1")
                break
        prefix = self._prefixes.get(bare(host))
        if prefix is None or is_everywhere(raw):
            return raw
        return prefix + raw


def is_everywhere(path: str) -> bool:
    """True for the few paths that are ours on every host."""
    return path in EVERYWHERE or path.startswith("/v1/live/")


def bare(host: str) -> str:
    """A host name without port, trailing dot and case."""
    name = host if host.startswith("[") else host.partition(":")[0]
    return name.rstrip(".").lower()


def _absolute(target: str) -> tuple[str, str]:
    """Host and path of a request line in absolute form."""
    _, found, rest = target.partition("://")
    if not found:
        return "", "/" + target
    host, slash, path = rest.partition("/")
    return host, slash + path or "/"
