"""The stores under test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import storage_worlds as worlds

from engine.limits import Limits
from engine.ports import Store
from storage.memory import MemoryStore
from storage.sqlite import SqliteStore, open_store

LIMITS = Limits(store_queue_entries_max=300, retention_chunk_facts=50)
Opener = Callable[[], AbstractAsyncContextManager[Any]]


@asynccontextmanager
async def _memory(_folder: Path, errors: list[BaseException]) -> AsyncIterator[Store]:
    store = MemoryStore(LIMITS, now_ms=lambda: worlds.NOW_MS, report=errors.append)
    yield store
    store.close()


@asynccontextmanager
async def _sqlite(folder: Path, errors: list[BaseException]) -> AsyncIterator[Store]:
    async with open_store(
        folder, LIMITS, (worlds.DoorView(),), now_ms=lambda: worlds.NOW_MS, report=errors.append
    ) as store:
        yield store


STORES = {"memory": _memory, "sqlite": _sqlite}


@pytest.fixture
def errors() -> list[BaseException]:
    """What the store reported."""
    return []


@pytest.fixture(params=list(STORES))
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, errors: list[BaseException]
) -> AsyncIterator[Store]:
    """Everything below is promised by both stores."""
    async with STORES[request.param](tmp_path, errors) as opened:
        yield opened


@pytest.fixture
async def sqlite(tmp_path: Path, errors: list[BaseException]) -> AsyncIterator[SqliteStore]:
    """The store in a file, in `tmp_path`."""
    async with _sqlite(tmp_path, errors) as opened:
        assert isinstance(opened, SqliteStore)
        yield opened
