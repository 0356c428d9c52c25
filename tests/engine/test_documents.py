"""Documents are decoded once, kept while there is room, and never mixed up."""

from __future__ import annotations

import pytest
from stage import PROJECT, open_stage

from engine.documents import Documents, NoDocument
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
        documents._put((PROJECT, made[3].hash, upper), "again", 500)  # two readers at once
        assert documents.statistics() == {"documents": 1, "bytes": 500}
