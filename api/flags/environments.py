"""The live table: every environment's file, compiled, ready for the next request.

A decision wakes no actor. It finds its environment here by id, with everything that can be made
once made already. The table follows the facts of environments: when a change is told, the entry is
swapped in the same plain function, before whoever asked for the change is answered; requests under
way go on with what they hold. An entry that is not there is read from the store by the first who
asks, and the others wait for it. Rules: spec flags 10.2, 10.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import trio

from actors.flags import answers
from actors.flags.bucketing import BucketingFile, parse
from actors.flags.compiled import Compiled, compile_file, with_panic
from actors.flags.digests import summary_of
from actors.flags.environment import KIND
from actors.flags.environment_words import Environment, Summary
from actors.flags.names import SdkStatus
from actors.flags.reports import campaigns_by_group
from actors.flags.settings import Settings
from api.times import http_date
from engine.directory import Directory
from engine.hub import Told
from engine.messages import Address, Snapshot

ENVIRONMENTS_MAX = 1_000
"""Entries held; beyond it the one that was read first is read again when asked for."""
THREAD_BYTES_MIN = 100_000
"""A file from here on is compiled in a thread: some milliseconds that others need not wait."""
PANIC_ONLY = b'{"panic":true}'
EMPTY_FILE = BucketingFile()


@dataclass(frozen=True)
class Prepared:
    """A file read and compiled; the environment's own panic is added when it goes live.

    `campaigns` is the campaign id by group, `variations` the ids of each group. `compiled` is for
    the decision door; `local`, made when it is first wanted, for visitors who decide by the SDK's
    rules.
    """

    document: bytes
    file: BucketingFile
    compiled: Compiled
    summary: Summary
    campaigns: dict[str, str]
    variations: dict[str, frozenset[str]]

    @cached_property
    def local(self) -> Compiled:
        """The file by the rules of the SDK (spec flags 10.4)."""
        return compile_file(self.file, "sdk")


@dataclass(frozen=True, slots=True)
class Live:
    """An environment as requests see it: never changed, only replaced.

    `body` is bucketing.json (None: there is none); `sdk_status` what visitors see of it.
    """

    project: str
    env: str
    version: int
    settings: Settings
    hash: str
    etag: str
    last_modified_ms: int
    last_modified: str
    compiled: Compiled
    body: bytes | None
    account_settings: bytes
    prepared: Prepared
    sdk_status: SdkStatus


def prepare(document: bytes) -> Prepared:
    """Read and compile a file; raises `BucketingInvalid`."""
    file = parse(document)
    groups = [group for campaign in file.campaigns for group in campaign.groups]
    variations = {each.id: frozenset(one.id for one in each.variations) for each in groups}
    return Prepared(
        document,
        file,
        compile_file(file, "server"),
        summary_of(file, document),
        campaigns_by_group(file),
        variations,
    )


NOTHING = Prepared(b"", EMPTY_FILE, compile_file(EMPTY_FILE, "server"), Summary(), {}, {})


async def prepare_soon(document: bytes) -> Prepared:
    """As `prepare`, but a big file does not hold the others up."""
    if len(document) < THREAD_BYTES_MIN:
        return prepare(document)
    return await trio.to_thread.run_sync(prepare, document)


async def local_soon(prepared: Prepared) -> Compiled:
    """`prepared.local`, but a big file does not hold the others up."""
    if "local" not in vars(prepared) and len(prepared.document) >= THREAD_BYTES_MIN:
        return await trio.to_thread.run_sync(lambda: prepared.local)
    return prepared.local


def go_live(address: Address, version: int, state: Environment, prepared: Prepared) -> Live:
    """What requests see of an environment in that state, with that file."""
    body: bytes | None = None
    if state.hash:
        body = answers.bucketing_document(prepared.file, prepared.document, state.panic)
    elif state.panic:
        body = PANIC_ONLY
    return Live(
        address.project,
        address.id,
        version,
        state.settings,
        state.hash,
        state.etag,
        state.last_modified_ms,
        http_date(state.last_modified_ms),
        with_panic(prepared.compiled, state.panic),
        body,
        answers.account_settings(prepared.file),
        prepared,
        state.sdk_status,
    )


class Environments:
    """Live environments by id. `project_of` looks an id up in the store's list."""

    def __init__(self, directory: Directory, project_of: Callable[[str], str | None]) -> None:
        self.live: dict[str, Live] = {}
        self._directory = directory
        self._project_of = project_of
        self._expected: dict[str, Prepared] = {}
        self._loading: dict[str, trio.Event] = {}
        self._newest: dict[str, int] = {}
        directory.hub.follow(KIND, self._hear)

    async def find(self, env: str) -> Live | None:
        """The environment of that id, read from the store if need be; None: there is none."""
        while (live := self.live.get(env)) is None:
            loading = self._loading.get(env)
            if loading is not None:
                await loading.wait()
                continue
            project = self._project_of(env)
            if project is None:
                return None
            await self._load(Address(project, KIND, env))
        return live

    async def prepared(self, project: str, hash_: str) -> Prepared:
        """A stored file, compiled."""
        found = self._expected.get(hash_)
        if found is None:
            document = await self._directory.documents.get(project, hash_)
            found = await prepare_soon(document)
        return found

    @contextmanager
    def expecting(self, hash_: str, prepared: Prepared) -> Iterator[None]:
        """Hold a compiled file while it is put, so that its fact swaps it in at once."""
        self._expected[hash_] = prepared
        try:
            yield
        finally:
            self._expected.pop(hash_, None)

    # --- keeping up

    async def _load(self, address: Address) -> None:
        loading = self._loading[address.id] = trio.Event()
        try:
            while True:
                snapshot = await self._directory.peek(address)
                prepared = NOTHING
                if snapshot.exists and snapshot.state.hash:
                    prepared = await self.prepared(address.project, snapshot.state.hash)
                if snapshot.version >= self._newest.get(address.id, 0):
                    break
            self._put(snapshot, prepared)
        finally:
            del self._loading[address.id]
            self._newest.pop(address.id, None)
            loading.set()

    def _put(self, snapshot: Snapshot, prepared: Prepared) -> None:
        address = snapshot.address
        state = snapshot.state if snapshot.exists else Environment()
        self.live[address.id] = go_live(address, snapshot.version, state, prepared)
        if len(self.live) > ENVIRONMENTS_MAX:
            del self.live[next(iter(self.live))]

    def _hear(self, told: Told) -> None:
        """A change was committed. Plain: runs between the commit and the reply."""
        env, after = told.address.id, told.after
        if env in self._loading:
            self._newest[env] = after.version
        before = self.live.pop(env, None)
        if not after.exists:
            return
        prepared = self._expected.get(after.state.hash) if after.state.hash else NOTHING
        if prepared is None and before is not None and before.hash == after.state.hash:
            prepared = before.prepared
        if prepared is not None:
            self._put(after, prepared)

    def statistics(self) -> dict[str, float]:
        """How many environments are live."""
        return {"environments": len(self.live)}
