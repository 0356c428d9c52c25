"""The SDK: `from api.client import Flagship`.

    fs = await Flagship.start("env_1", KEY, FlagshipConfig(url="http://127.0.0.1:8080"))
    visitor = Flagship.new_visitor(visitor_id="v1", has_consented=True, context={"age": 31})
    await visitor.fetch_flags()
    colour = visitor.get_flag("colour").get_value("blue")
    await Flagship.close()

Every method works on the class, where it means the instance that was started last, and on an
instance. It runs on trio, over one live socket to the daemon, and nothing that goes wrong there
raises. Rules: spec flags 4.7, 4.8; ledger FS-001 to FS-024.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

import trio

from actors.flags.contexts import Value
from actors.flags.names import LogLevel, SdkStatus, Tag
from actors.flags.visitor_world import VERSION
from api.client.core import Core
from api.client.opening import Given, open_visitor
from api.client.options import FlagshipConfig, in_force
from api.client.visitor import OnStatus, Visitor

P = ParamSpec("P")
R = TypeVar("R")
SETTLE_SECONDS_MAX = 10.0
"""For what is under way when `close` is called; hits have their own timeout after it."""


class either(Generic[P, R]):
    """A method that works on an instance, and on the class: there it means the current instance."""

    def __init__(self, method: Callable[Concatenate[Any, P], R]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    def __get__(self, instance: Flagship | None, owner: type[Flagship]) -> Callable[P, R]:
        """The method, bound."""
        bound: Callable[P, R] = self._method.__get__(instance or owner.current())
        return bound


class Flagship:
    """One started SDK. Get it from `start`."""

    _current: Flagship | None = None

    def __init__(self, core: Core) -> None:
        self._core = core
        self._visitor: Visitor | None = None

    @classmethod
    def current(cls) -> Flagship:
        """The instance that class-level calls mean; before the first start one that is idle."""
        if cls._current is None:
            cls._current = Flagship(Core("", "", in_force(None)))
        return cls._current

    @classmethod
    async def start(
        cls, env_id: str, api_key: str, config: FlagshipConfig | None = None
    ) -> Flagship:
        """Start the SDK for an environment, and make it the current one (FS-001, FS-002).

        `env_id` names an environment of the daemon, `api_key` is a server-side key of it. Returns
        when the environment's status is known, or after the timeout: then the SDK is initialising,
        and goes on trying in the background. Without id or key, or with a URL that is none, nothing
        is raised: there is an ERROR line (`INITIALIZATION`) and the status is SDK_NOT_INITIALIZED.
        An instance that was started before goes on for whoever holds it, until its own `close`.
        """
        core = Core(env_id, api_key, in_force(config))
        instance = cls._current = Flagship(core)
        logs = core.logs
        if not (_is_text(env_id) and _is_text(api_key)):
            logs.error(Tag.START, "an environment id and an API key are needed")
            return instance
        try:
            await core.start()
        except ValueError as error:
            logs.error(Tag.START, str(error))
            return instance
        with trio.move_on_after(core.config.timeout):
            await core.watch.heard.wait()
        if core.watch.heard.is_set():
            logs.say(LogLevel.INFO, Tag.START, f"the SDK has started in version {VERSION}")
        else:
            text = f"no answer within {core.config.timeout:g} s; it goes on trying"
            logs.say(LogLevel.WARNING, Tag.START, text)
        return instance

    @either
    def new_visitor(
        self,
        *,
        visitor_id: str | None = None,
        has_consented: bool | None = None,
        is_authenticated: bool = False,
        context: Mapping[str, Value] | None = None,
        should_save_instance: bool = False,
        initial_campaigns: Any = None,
        initial_flags_data: Sequence[Mapping[str, Any]] | None = None,
        on_flags_status_changed: OnStatus | None = None,
    ) -> Visitor:
        """A new visitor, at once (FS-003). Sends `open`, then fetches if `fetch_now` (FS-023).

        `visitor_id`: text of 1 to 256 characters; without one it is a new UUID4 (FS-009).
        `has_consented`: left out it counts as False, with a WARNING line (FS-011); False flushes
        the visitor cache (FS-012). `is_authenticated`: an anonymous id is made for the visitor
        (FS-013). `context`: keys are text, values text, boolean or number; other entries are
        skipped with an ERROR line (FS-014, FS-016). `should_save_instance`: `get_visitor` returns
        this one (FS-017, FS-018). `initial_flags_data` (as `to_json` gives it) or, without it,
        `initial_campaigns` (of a decision's answer): flags before the first fetch (FS-019 to
        FS-021). `on_flags_status_changed(status)` is called at each change (FS-022, FS-025).

        Before the start the visitor works without a daemon: an ERROR line, no fetches, no hits,
        and every value is the default (FS-004).
        """
        given = Given(
            visitor_id,
            has_consented,
            is_authenticated,
            context,
            initial_campaigns,
            initial_flags_data,
        )
        visitor = open_visitor(self._core, given, on_flags_status_changed)
        if should_save_instance:
            self._visitor = visitor
        return visitor

    @either
    def get_status(self) -> SdkStatus:
        """The SDK status, 0 to 3 (FS-005)."""
        return self._core.status

    @either
    def get_config(self) -> FlagshipConfig:
        """The configuration in use, with defaults filled in (FS-006)."""
        return self._core.config

    @either
    def get_visitor(self) -> Visitor | None:
        """The visitor that was saved last, or None (FS-007)."""
        return self._visitor

    @either
    async def close(self) -> None:
        """Send everything that was collected, here and in the daemon's pool, and end (FS-008).

        Hits that the daemon does not take within the timeout stay in the hit cache, if there is
        one. Afterwards the SDK is SDK_NOT_INITIALIZED, until another `start`.
        """
        core = self._core
        if not core.is_started:
            return
        with trio.move_on_after(min(SETTLE_SECONDS_MAX, core.config.timeout)):
            await core.settled()
        await core.tracking.flush()
        with trio.move_on_after(core.config.timeout):
            await core.tracking.settled()
        await core.flush_daemon()
        await core.stop()


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)
