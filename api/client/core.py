"""The parts of one started SDK, wired together: what the SDK's object and its visitors work with.

Everything goes over one live socket, which presents the API key; the bucketing file, for whoever
wants to be handed it, and the last word of `close` are the only HTTP requests.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from weakref import WeakValueDictionary

import httpx

from actors.flags.names import LogLevel, SdkStatus, Tag
from actors.flags.visitor import KIND as VISITOR
from api.client.background import Background
from api.client.connection import Connection
from api.client.conversation import Conversation, Job
from api.client.live import LiveClient
from api.client.logs import Logs
from api.client.mirror import Known, Mirror
from api.client.options import FlagshipConfig
from api.client.pool import Batch
from api.client.ports import HitPort, VisitorPort
from api.client.tracking import TrackingManager
from api.client.watching import Watch

CLIENT = "flagship-python"
TAGS = {"sendHits": Tag.ADD_HIT, "getValue": Tag.ADD_ACTIVATE, "visitorExposed": Tag.ADD_ACTIVATE}


class Core:
    """One SDK: its configuration, its socket, its pool. `is_started` from `start` to `stop`."""

    def __init__(self, env: str, api_key: str, config: FlagshipConfig) -> None:
        self.env = env
        self.config = config
        self.logs = Logs(config.log_level, config.on_log, config.log_manager)
        self.background = Background(self.logs)
        self.watch = Watch(config, self.logs, self.background, self.bucketing_file)
        self.visitors = VisitorPort(config, self.logs, self.background)
        hits = HitPort(config, self.logs)
        self.tracking = TrackingManager(config, self._order, hits, self.background, self.logs)
        self.is_started = False
        self._api_key = api_key
        self._connection: Connection | None = None
        self._conversations: WeakValueDictionary[str, Conversation] = WeakValueDictionary()

    @property
    def status(self) -> SdkStatus:
        """The SDK status now."""
        return self.watch.status

    async def start(self) -> None:
        """Connect, and begin to listen to the environment. Raises `ValueError` for a bad URL."""
        config = self.config
        live = LiveClient(config.live_url, self._api_key, "", CLIENT, config.trust)
        await self.background.open(config.nursery)
        connection = self._connection = Connection(live)
        self.is_started = True
        self.watch.move(SdkStatus.SDK_INITIALIZING)
        live.subscribe(f"environment/{self.env}", delta=False).tell(self.watch)
        self.background.start(connection.run)
        self.background.start(self._track)

    async def _track(self) -> None:
        await self.tracking.restore()
        await self.tracking.run()

    async def stop(self) -> None:
        """End the socket and all work."""
        self.is_started = False
        if self._connection is not None:
            await self._connection.close()
        await self.background.close()
        self.watch.move(SdkStatus.SDK_NOT_INITIALIZED)

    # --- visitors

    def converse(self, handle: str, mirror: Mirror) -> Conversation | None:
        """The conversation of a new visitor; None before the start."""
        if self._connection is None or not self.is_started:
            return None
        topic = f"{VISITOR}/{self.env}:{handle}"
        talk = Conversation(self._connection, self.background, self.logs, topic, mirror)
        self._conversations[handle] = talk
        return talk

    async def settled(self) -> None:
        """Wait until every visitor's commands have been answered."""
        for talk in list(self._conversations.values()):
            await talk.settled()
        await self.visitors.settled()

    def _order(self, batch: Batch) -> Job:
        """Hits of a visitor that nobody holds any more have a conversation of their own."""
        talk = self._conversations.get(batch.handle)
        if talk is None:
            talk = self.converse(batch.handle, Mirror(Known(batch.entries[0].visitor_id)))
        name, data = batch.command
        job = Job(name, data, batch.key, TAGS[name])
        if name == "getValue":
            job.quiet = (Tag.FLAG_VALUE,)  # said when the value was read
        return job.fail("the SDK was closed") if talk is None else talk.put(job)

    # --- over HTTP

    async def bucketing_file(self) -> Any:
        """The bucketing file in force, decoded; None, with a line of log, if there is none."""
        path = f"/flags/{quote(self.env, safe='')}/bucketing.json"
        try:
            return (await self._request("GET", path)).json()
        except (httpx.HTTPError, ValueError) as error:
            self.logs.error(Tag.BUCKETING, f"the bucketing file could not be read: {error}")
            return None

    async def flush_daemon(self) -> None:
        """Have the daemon send what it has pooled, too (FS-008)."""
        path = f"/flags/v1/{quote(self.env, safe='')}/flush"
        try:
            await self._request("POST", path)
        except httpx.HTTPError as error:
            text = f"the daemon sends its pool later: {error}"
            self.logs.say(LogLevel.WARNING, Tag.TRACKING_MANAGER, text)

    async def _request(self, method: str, path: str) -> httpx.Response:
        config = self.config
        async with httpx.AsyncClient(
            base_url=config.origin,
            headers={"x-api-key": self._api_key},
            timeout=config.timeout,
            verify=True if config.trust is None else config.trust,
        ) as client:
            answer = await client.request(method, path)
        return answer.raise_for_status()
