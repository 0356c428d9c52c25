"""The door's limits are settings, and each is reached."""

from __future__ import annotations

import pytest
from houses import open_caller

from engine.limits import Limits

THREE = {"a": 1, "b": 2, "c": 3}
DOCUMENT = {"flags": {"env_1": {"api_key": "api-key-1", "bucketing": {"campaigns": []}}}}
KEY = {"x-api-key": "api-key-1"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/flags/v2/env_1/campaigns", {"visitorId": "v", "context": THREE}),
        ("/flags/v2/env_1/events", {"visitorId": "v", "type": "CONTEXT", "data": THREE}),
        ("/ofrep/v1/evaluate/flags", {"context": {"targetingKey": "v", **THREE}}),
        ("/flags/", {"cid": "env_1", "t": "BATCH", "h": [{}, {}, {}]}),
        ("/flags/v2/activate", {"cid": "env_1", "batch": [{}, {}, {}]}),
    ],
)
async def test_a_body_that_brings_too_much_is_refused(tmp_path, path, body):
    """Above the setting a body is a clear 400 and nothing is stored."""
    limits = Limits(context_keys_max=2, body_items_max=2)
    async with open_caller(tmp_path, document=DOCUMENT, limits=limits) as caller:
        got = await caller.with_key("")("POST", path, body, KEY)
        assert got.status == 400, got.body
        assert b"at most 2" in got.body
