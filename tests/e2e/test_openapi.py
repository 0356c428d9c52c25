"""Our own OpenAPI document against the real daemon: whatever is sent, nothing breaks."""

from __future__ import annotations

from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings

STREAMS = ("/v1/live/sse", "/events/")
EXAMPLES = 12
EXAMPLE = Path(__file__).parents[2] / "examples" / "demo.toml"


@pytest.mark.slow
def test_no_request_that_the_document_allows_breaks_us(new_daemon):
    """Generated requests for every route and method, with and without a key: never a 5xx."""
    daemon = new_daemon().start("--apply", str(EXAMPLE))
    schema = schemathesis.openapi.from_url(f"{daemon.url}/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations()]
    tried = []
    for operation in operations:
        if not any(part in operation.path for part in STREAMS):
            tried.append(operation.label)
            for key in ("demo-admin-key", ""):
                _try(operation, key)
    assert len(tried) > 30
    with daemon.client() as client:
        assert client.get("/readyz").status_code == 200
    assert "Traceback" not in daemon.log
    assert not [line for line in daemon.lines if line.get("level") == "error"]


def _try(operation, key):
    headers = {"authorization": f"Bearer {key}"} if key else {}

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def never_breaks(case):
        response = case.call(headers=headers, timeout=10)
        assert response.status_code < 500, (operation.label, response.status_code, response.text)

    never_breaks()
