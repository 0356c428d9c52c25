"""Documents are decoded once, kept while there is room, and never mixed up.

Big ones are decoded in a thread, which here waits for what only the loop does: a gate that a test
opens. Who asks for a document that is being read waits for the same outcome.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing
from stage import PROJECT, Stage, open_stage

from engine.documents import DECODED_HERE_BYTES_MAX, Decode, Documents, NoDocument
from engine.effects import Document
from engine.ports import Entry


def upper(body: bytes) -> str:
    """One way to read a document."""
    return body.decode().upper()


async def test_a_document_is_decoded_once_per_way(autojump_clock):
    """Two ways to read the same bytes have a place each, whatever they are called."""
    async with open_stage() as stage:
        document = Document(b"abc")
        entry = Entry(project=PROJECT, at_ms=0, documents=(document,))
        stage.store.shelf.apply([entry], 0)
        documents = Documents(stage.store, 100)
        decoded: list[bytes] = []
        first, second = (lambda body: decoded.append(body) or 1), (lambda _body: 2)
        assert await documents.get(PROJECT, document.hash, first) == 1
        assert await documents.get(PROJECT, document.hash, first) == 1
        assert await documents.get(PROJECT, document.hash, second) == 2
        assert await documents.get(PROJECT, document.hash) == b"abc"
        assert decoded == [b"abc"]
        assert documents.statistics() == {"documents": 3, "bytes": 9}
        with pytest.raises(NoDocument):
            await documents.get("other", document.hash)


async def test_the_least_recently_used_leaves(autojump_clock):
    """Counted by bytes; the newest stays even where it alone is too big."""
    async with open_stage() as stage:
        made = [Document(bytes([65 + number]) * 40) for number in range(3)]
        made.append(Document(b"x" * 500))
        entry = Entry(project=PROJECT, at_ms=0, documents=tuple(made))
        stage.store.shelf.apply([entry], 0)
        documents = Documents(stage.store, 100)
        for document in (made[0], made[1], made[0], made[2]):
            await documents.get(PROJECT, document.hash, upper)
        stage.store.shelf.documents.pop((PROJECT, made[1].hash))
        assert await documents.get(PROJECT, made[0].hash, upper) == "A" * 40
        with pytest.raises(NoDocument):
            await documents.get(PROJECT, made[1].hash, upper)
        await documents.get(PROJECT, made[3].hash, upper)
        assert documents.statistics() == {"documents": 1, "bytes": 500}


# --- big ones, and several askers at once

BIG = Document(b"x" * (DECODED_HERE_BYTES_MAX + 1))
SMALL = Document(b"x" * DECODED_HERE_BYTES_MAX)
GATE_SECONDS = 5.0
"""How long a decoder waits for the loop before it gives up; only a failing test waits so long."""


class Gate:
    """A way to decode that waits until the loop lets it, and says how often it was used."""

    def __init__(self, error: Exception | None = None) -> None:
        self.is_open = threading.Event()
        self.threads: list[str] = []
        self.error = error

    def decode(self, body: bytes) -> int:
        """The size; raises the error, and `TimeoutError` if nobody opened the gate."""
        self.threads.append(threading.current_thread().name)
        if not self.is_open.wait(GATE_SECONDS):
            raise TimeoutError("the loop stood still")
        if self.error is not None:
            raise self.error
        return len(body)


class Asker:
    """Somebody who asks for a document, and what came of it."""

    def __init__(self) -> None:
        self.outcome: object = None
        self.scope = trio.CancelScope()

    async def ask(self, documents: Documents, hash_: str, decode: Decode) -> None:
        """Ask, unless cancelled."""
        with self.scope:
            try:
                self.outcome = await documents.get(PROJECT, hash_, decode)
            except (LookupError, NoDocument) as error:
                self.outcome = error


class SlowStore:
    """A store whose documents come when the test lets them; says how often it was asked."""

    def __init__(self, stage: Stage) -> None:
        self.may_answer = trio.Event()
        self.asked = 0
        self._stage = stage

    async def document(self, project: str, hash_: str) -> bytes | None:
        """The body as it is stored when the question comes, after a while."""
        self.asked += 1
        body = self._stage.store.shelf.documents.get((project, hash_))
        await self.may_answer.wait()
        return body


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """A stage with a big document and a small one."""
    async with open_stage(runs=()) as stage:
        entry = Entry(project=PROJECT, at_ms=0, documents=(BIG, SMALL))
        stage.store.shelf.apply([entry], 0)
        yield stage


async def test_a_big_one_is_decoded_off_the_loop(stage):
    """The decoder waits for what the loop does meanwhile: on the loop it would wait in vain."""
    gate, documents = Gate(), Documents(stage.store, 9**9)
    asker = Asker()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(asker.ask, documents, BIG.hash, gate.decode)
        await trio.testing.wait_all_tasks_blocked()
        assert asker.outcome is None
        gate.is_open.set()
    assert asker.outcome == len(BIG.body)
    assert documents.statistics() == {"documents": 1, "bytes": len(BIG.body)}


async def test_only_big_ones_go_to_a_thread(stage, monkeypatch):
    """A thread costs more than a small document, and bytes as they are cost nothing at all."""
    gate, documents = Gate(), Documents(stage.store, 9**9)
    monkeypatch.setattr(trio.to_thread, "run_sync", None)  # nobody may call it
    assert await documents.get(PROJECT, BIG.hash) == BIG.body
    monkeypatch.undo()
    gate.is_open.set()
    await documents.get(PROJECT, SMALL.hash, gate.decode)
    await documents.get(PROJECT, BIG.hash, gate.decode)
    here = threading.current_thread().name
    assert [name == here for name in gate.threads] == [True, False]


async def test_askers_at_once_share_one_decode(stage):
    """However many; another way to decode is another matter, and so is another document."""
    gate, other, documents = Gate(), Gate(), Documents(stage.store, 9**9)
    askers = [Asker() for _ in range(5)]
    async with trio.open_nursery() as nursery:
        for asker, decode in zip(askers, [gate.decode] * 4 + [other.decode], strict=True):
            nursery.start_soon(asker.ask, documents, BIG.hash, decode)
        await trio.testing.wait_all_tasks_blocked()
        gate.is_open.set()
        other.is_open.set()
    assert [asker.outcome for asker in askers] == [len(BIG.body)] * 5
    assert (len(gate.threads), len(other.threads), documents._readings) == (1, 1, {})


async def test_a_failure_is_told_to_all_who_wait(stage):
    """Once each, and not remembered: who asks later begins anew."""
    gate, documents = Gate(LookupError("torn")), Documents(stage.store, 9**9)
    askers = [Asker() for _ in range(3)]
    async with trio.open_nursery() as nursery:
        for asker in askers:
            nursery.start_soon(asker.ask, documents, BIG.hash, gate.decode)
        await trio.testing.wait_all_tasks_blocked()
        gate.is_open.set()
    assert [asker.outcome for asker in askers] == [gate.error] * 3
    assert (len(gate.threads), documents._readings) == (1, {})
    assert documents.statistics() == {"documents": 0, "bytes": 0}
    gate.error = None
    assert await documents.get(PROJECT, BIG.hash, gate.decode) == len(BIG.body)


async def test_who_leaves_leaves_the_others_nothing_broken(stage):
    """The reader is cancelled: one of those who wait reads, and all of them get it."""
    store = SlowStore(stage)
    documents = Documents(store, 9**9)  # type: ignore[arg-type]
    askers = [Asker() for _ in range(4)]
    async with trio.open_nursery() as nursery:
        for asker in askers:
            nursery.start_soon(asker.ask, documents, SMALL.hash, upper)
            await trio.testing.wait_all_tasks_blocked()
        assert store.asked == 1
        askers[1].scope.cancel()  # one who only waits is missed by nobody
        await trio.testing.wait_all_tasks_blocked()
        assert store.asked == 1
        askers[0].scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        assert store.asked == 2
        store.may_answer.set()
    assert [asker.outcome is None for asker in askers] == [True, True, False, False]
    assert askers[2].outcome is askers[3].outcome
    assert (store.asked, documents._readings) == (2, {})


async def test_who_is_cancelled_while_a_thread_decodes_has_worked_for_all(stage):
    """A thread cannot be stopped: its work is kept, and whoever waits for it gets it."""
    gate, documents = Gate(), Documents(stage.store, 9**9)
    first, second = Asker(), Asker()
    async with trio.open_nursery() as nursery:
        for asker in (first, second):
            nursery.start_soon(asker.ask, documents, BIG.hash, gate.decode)
            await trio.testing.wait_all_tasks_blocked()
        first.scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        gate.is_open.set()
    assert second.outcome == len(BIG.body)
    assert (len(gate.threads), documents._readings) == (1, {})


async def test_what_was_not_there_is_looked_for_again(stage):
    """It may have been stored after the first one looked: only failures to decode are shared."""
    store, new = SlowStore(stage), Document(b"new")
    documents = Documents(store, 9**9)  # type: ignore[arg-type]
    early, late = Asker(), Asker()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(early.ask, documents, new.hash, upper)
        await trio.testing.wait_all_tasks_blocked()
        entry = Entry(project=PROJECT, at_ms=0, documents=(new,))
        stage.store.shelf.apply([entry], 0)
        nursery.start_soon(late.ask, documents, new.hash, upper)
        await trio.testing.wait_all_tasks_blocked()
        store.may_answer.set()
    assert isinstance(early.outcome, NoDocument)
    assert late.outcome == "NEW"
