"""The daemon: everything is built here, in this order, and goes in the opposite one.

The store outlives the actors, the actors outlive the servers. A start opens the sockets, then the
store, applies project files, and only then is ready. A stop says so first, accepts nothing new,
sends live sockets away, lets requests and mailboxes finish within a limit, commits, and leaves with
nothing told that is not on disk.
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import trio

from actors import projects as projects_kind
from api import app as front
from api import apply, memory, project_file, routes
from api.config import BadSettings, Settings
from api.connections import Server
from api.credentials import Credentials
from api.domain import Domain
from api.domains import DOMAINS
from api.house import House
from api.lines import Lines
from api.live import door as live
from api.metrics import Metrics
from api.observer import Log, routed_logging
from api.outgoing import Outgoing
from api.seals import Seal
from api.sending import open_outbox
from api.sockets import Doorway, Patience
from api.systemd import ServiceManager
from api.times import WallClock
from api.toml_file import BadFile
from api.works import works
from engine.alarms import Alarms
from engine.directory import Directory
from engine.hub import Hub
from engine.kind import Kind
from storage import projects as projects_list
from storage.folder import KEY
from storage.sqlite import SqliteStore, open_store
from storage.store import View

LIVE_SECONDS_MAX = 1.0
"""For sockets to close after the last `bye`, which are spread over `drain_spread_seconds`."""
REQUESTS_SECONDS_MAX = 2.0
"""For requests under way."""
LEAVE_SECONDS_MAX = 2.0
"""For what the doors still send on; the rest is durable and goes at the next start."""
LOG_DESCRIPTOR = 2


# --- building


def kinds_of(domains: Iterable[Domain]) -> tuple[Kind[Any], ...]:
    """Every kind of actor: the projects', then each domain's."""
    return (projects_kind.KIND, *(kind for domain in domains for kind in domain.kinds))


def views_of(domains: Iterable[Domain]) -> tuple[View, ...]:
    """Every view of the store: the projects', then each domain's."""
    found = (domain.view() for domain in domains if domain.view is not None)
    return (projects_list.ProjectsView(), *found)


@asynccontextmanager
async def open_house(
    settings: Settings, log: Log, metrics: Metrics, domains: tuple[Domain, ...] = DOMAINS
) -> AsyncIterator[House]:
    """The house on its data folder, with nobody at the doors yet.

    Leaving it gives actors the rest of the drain time, then closes the store.
    """
    folder = Path(settings.data)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(
            open_store(
                folder,
                settings.limits,
                views_of(domains),
                report=lambda error: log.broke("store", error),
            )
        )
        actors = await stack.enter_async_context(trio.open_nursery())
        house = _furnish(settings, log, metrics, domains, store, actors)
        try:
            yield house
        finally:
            if not house.directory.is_closed:
                with trio.CancelScope(shield=True):
                    await house.directory.drain(REQUESTS_SECONDS_MAX)
            actors.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                await house.outgoing.aclose()


def _furnish(
    settings: Settings,
    log: Log,
    metrics: Metrics,
    domains: tuple[Domain, ...],
    store: SqliteStore,
    actors: trio.Nursery,
) -> House:
    clock, hub = WallClock(), Hub()
    directory = Directory(
        actors, kinds_of(domains), store, hub, clock, observer=log, limits=settings.limits
    )
    alarms = Alarms(directory)
    outbox = open_outbox(directory, domains, store)
    directory.note_alarm = alarms.note
    directory.note_effects = outbox.nudge
    credentials = Credentials(
        lambda hash_: store.read_now(lambda connection: projects_list.find(connection, hash_)),
        hub,
        clock,
        settings.operator_key,
    )
    house = House(
        settings=settings,
        store=store,
        tables=store,
        directory=directory,
        hub=hub,
        clock=clock,
        credentials=credentials,
        log=log,
        outgoing=Outgoing(),
        seal=Seal(Path(settings.data) / KEY),
        domains=domains,
        shelves={"metrics": metrics, "alarms": alarms, "outbox": outbox},
    )
    metrics.watch("live", live.open_live(house).statistics)
    log.private = frozenset(kind for domain in domains for kind in domain.private)
    _watch(metrics, house)
    for domain in domains:
        if domain.furnish is not None:
            domain.furnish(house)
    return house


def _watch(metrics: Metrics, house: House) -> None:
    """Everything with figures goes to the metrics."""
    metrics.gauge("callboard_draining", lambda: house.is_draining)
    metrics.watch("directory", house.directory.statistics)
    metrics.watch("hub", house.hub.statistics)
    metrics.watch("store", house.store.statistics)
    metrics.watch("outgoing", house.outgoing.statistics)
    for name in ("alarms", "outbox"):
        metrics.watch(name, house.shelves[name].statistics)
    for domain in house.domains:
        metrics.watch(domain.name, partial(_shelf_statistics, house, domain.name))


def _shelf_statistics(house: House, name: str) -> Mapping[str, float]:
    """What a door counts, once it has something to count with."""
    shelf = house.shelves.get(name)
    counted: Mapping[str, float] = shelf.statistics() if shelf is not None else {}
    return counted


async def apply_files(house: House, files: Iterable[str], who: str = "apply") -> list[apply.Report]:
    """Apply project files in order. Raises `BadFile` with the file's name."""
    reports = []
    for name in files:
        document = project_file.read(Path(name), house.domains)
        try:
            report = await apply.declare(house, document, who)
        except apply.BadDocument as error:
            raise BadFile(f"{name}: {error.detail}") from None
        house.log.say(
            "applied",
            file=name,
            project=report.project,
            applied=report.applied,
            unchanged=len(report.unchanged),
            not_named=report.not_named,
        )
        reports.append(report)
    return reports


# --- running


async def run(
    settings: Settings, when_ready: Callable[[list[str]], None] = lambda _addresses: None
) -> None:
    """Serve until SIGTERM or SIGINT. Raises `BadFile` or an engine error if it cannot start.

    `when_ready` is told once where the daemon listens.
    """
    memory.allow_many_files()
    lines, metrics = Lines(LOG_DESCRIPTOR), Metrics()
    log = Log(lines, level=settings.log_level, form=settings.log_format, counts=metrics)
    metrics.watch("log", lines.statistics)
    patience = Patience()
    metrics.watch("connections", patience.statistics)
    try:
        with routed_logging(log):
            check_hosts(settings)
            doorway = Doorway(settings, patience)
            try:
                async with open_house(settings, log, metrics) as house:
                    await _serve(house, doorway, patience, when_ready)
            finally:
                doorway.close()
            log.say("stopped")
    finally:
        lines.close()


async def _serve(
    house: House,
    doorway: Doorway,
    patience: Patience,
    when_ready: Callable[[list[str]], None],
) -> None:
    manager, log = ServiceManager(), house.log
    await apply_files(house, house.settings.apply)
    app = front.build(house, routes.table(house.domains))
    server = Server(app, doorway.listeners(), log)
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as received:
        async with trio.open_nursery() as nursery:
            await nursery.start(server.run)
            for work in works(house, manager):
                nursery.start_soon(work)
            memory.settle_collector()
            house.is_ready = True
            log.say("ready", listen=doorway.addresses, data=house.settings.data)
            manager.say("READY=1", f"MAINPID={os.getpid()}")
            when_ready(doorway.addresses)
            await anext(received)
            nursery.start_soon(_cut_short, received, nursery.cancel_scope)
            manager.say("STOPPING=1")
            await leave(house, server, patience)
            nursery.cancel_scope.cancel()


async def leave(house: House, server: Server, patience: Patience) -> None:
    """Stop in order: unready, closed to new ones, live sockets, requests, mailboxes."""
    limits, log = house.settings.limits, house.log
    house.is_draining = True
    log.say("leaving", awake=house.directory.statistics()["awake"], **patience.statistics())
    server.stop_accepting()
    patience.shorten()
    house.close_shelves()
    with trio.move_on_after(limits.drain_seconds_max) as whole:
        with trio.move_on_after(limits.drain_spread_seconds + LIVE_SECONDS_MAX):
            await live.live_door(house).drain()
        await server.let_go(REQUESTS_SECONDS_MAX)
        with trio.move_on_after(LEAVE_SECONDS_MAX):
            async with trio.open_nursery() as nursery:
                for domain in house.domains:
                    if domain.leave is not None:
                        nursery.start_soon(domain.leave, house)
        left = whole.deadline - trio.current_time()
        if not await house.directory.drain(max(0.0, left)):
            log.say("mailboxes_cut", **house.directory.statistics())


async def _cut_short(received: AsyncIterator[int], scope: trio.CancelScope) -> None:
    """A second signal: the operator has no patience left."""
    await anext(received)
    scope.cancel()


def check_hosts(settings: Settings) -> None:
    """Raise `BadSettings` for a host that is mapped to a door that is not there."""
    doors = [domain.name for domain in DOMAINS]
    for host, door in settings.hosts.items():
        if door not in doors:
            raise BadSettings(f"hosts: {host}: there is no door {door!r}; doors are {doors}")
