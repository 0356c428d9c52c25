"""Visitors by the Python client: a way with the interface of the others.

Not a test. The client never raises, so of a refusal it only tells the line of log; what watchers
hear comes by its callbacks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from flag_client import Heard, Served, started
from visitor_driver import Answered, Driver, Exposure, FlagLooks, Looks, looks

from api.client import Flagship, Visitor

OPTIONS = (
    "decision_mode",
    "fetch_now",
    "timeout",
    "fetch_flags_buffering_time",
    "hit_deduplication_time",
)
"""Settings of an environment that are options of the client, too."""
OWN_TAGS = ("INITIALIZATION", "SDK STATUS", "BUCKETING")
"""Lines of the client about itself and its environment."""


class Client:
    """Each method is one of the SDK's in Python."""

    refuses = False
    asks_for_a_flag = True

    def __init__(self, sdk: Flagship, heard: Heard) -> None:
        self._sdk = sdk
        self._heard = heard
        self._visitors: dict[str, Visitor] = {}
        self._statuses: dict[str, list[str]] = defaultdict(list)

    async def do(self, who: str, method: str, data: Mapping[str, Any]) -> Answered:
        """Call it; when this returns the daemon has answered."""
        answered = await self.begin(who, method, data)
        await self._visitors[who].settled()
        return answered

    async def begin(self, who: str, method: str, data: Mapping[str, Any]) -> Answered:
        """Call it; what it leads to in the daemon may come later."""
        if method == "open":
            return self._open(who, data)
        call = getattr(self, f"_{method}")
        return Answered(0, await call(self._visitors[who], **data))

    def _open(self, who: str, data: Mapping[str, Any]) -> Answered:
        """The watcher is the visitor that was made first: it goes on hearing its topic."""

        def told(status: Any) -> None:
            self._statuses[who].append(f"{status.status} {status.reason}")

        is_first = who not in self._visitors
        self._visitors[who] = self._sdk.new_visitor(
            visitor_id=who,
            has_consented=data.get("hasConsented"),
            is_authenticated=data.get("isAuthenticated", False),
            context=data.get("context"),
            initial_campaigns=data.get("initialCampaigns"),
            initial_flags_data=data.get("initialFlagsData"),
            on_flags_status_changed=told if is_first else None,
        )
        return Answered()

    async def _updateContext(self, visitor: Visitor, context: Any) -> None:
        visitor.update_context(context)

    async def _clearContext(self, visitor: Visitor) -> None:
        visitor.clear_context()

    async def _authenticate(self, visitor: Visitor, visitorId: str) -> None:
        visitor.authenticate(visitorId)

    async def _unauthenticate(self, visitor: Visitor) -> None:
        visitor.unauthenticate()

    async def _setConsent(self, visitor: Visitor, hasConsented: bool) -> None:
        visitor.set_consent(hasConsented)

    async def _fetchFlags(self, visitor: Visitor) -> None:
        await visitor.fetch_flags()

    async def _getValue(
        self, visitor: Visitor, key: str, defaultValue: Any, visitorExposed: bool = True
    ) -> Any:
        return visitor.get_flags().get(key).get_value(defaultValue, visitorExposed)

    async def _visitorExposed(self, visitor: Visitor, key: str) -> None:
        await visitor.get_flags().get(key).visitor_exposed()

    async def _exposeAll(self, visitor: Visitor, keys: Any = None) -> None:
        collection = visitor.get_flags()
        if keys is not None:
            collection = collection.filter(lambda _flag, key, _all: key in keys)
        await collection.expose_all()

    async def _sendHit(self, visitor: Visitor, hit: Any) -> None:
        await visitor.send_hit(hit)

    async def _sendHits(self, visitor: Visitor, hits: Any) -> None:
        await visitor.send_hits(hits)

    async def look(self, who: str) -> Looks:
        """Its properties."""
        visitor = self._visitors[who]
        status = visitor.flags_status
        return looks({
            "flagsStatus": {"status": status.status, "reason": status.reason},
            "visitorId": visitor.visitor_id,
            "anonymousId": visitor.anonymous_id,
            "hasConsented": visitor.has_consented,
            "isAuthenticated": visitor.is_authenticated,
            "context": visitor.context,
        })  # fmt: skip

    async def flag(self, who: str, key: str) -> FlagLooks:
        """`get_flag`; reading it exposes nothing."""
        flag = self._visitors[who].get_flag(key)
        value = flag.get_value(None, visitor_exposed=False)
        return FlagLooks(str(flag.status), value, flag.metadata.variation_id, flag.exists())

    async def flags(self, who: str) -> list[dict[str, Any]]:
        """`to_json`."""
        return self._visitors[who].get_flags().to_json()

    async def sdk_status(self) -> str:
        """`get_status`."""
        return self._sdk.get_status().name

    def logs(self) -> list[str]:
        """What `on_log` was told, but for those that are about no visitor."""
        return [f"{level.name} {tag}" for level, tag, _ in self._heard.logs if tag not in OWN_TAGS]

    async def heard(self, who: str) -> tuple[list[str], list[Exposure]]:
        """What the callbacks were told; an exposure names its visitor, who began as `who`."""
        await self._visitors[who].settled()
        flags = [
            each.from_flag
            for each in self._heard.exposures
            if who == (each.exposed_visitor.anonymous_id or each.exposed_visitor.id)
        ]
        return self._statuses[who], [(each.key, each.value, each.default_value) for each in flags]

    async def close(self) -> None:
        """`close`."""
        await self._sdk.close()


@asynccontextmanager
async def over_the_client(served: Served, settings: Mapping[str, Any]) -> AsyncIterator[Driver]:
    """An SDK, with those settings that are its options."""
    options = {name: settings[name] for name in OPTIONS if name in settings}
    async with started(served, **options) as (sdk, heard):
        yield Client(sdk, heard)
