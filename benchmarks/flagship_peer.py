"""PyPI `flagship` in bucketing mode evaluates visitors: run by the Python that has the package.

`python flagship_peer.py CAMPAIGNS VISITORS`, two JSON files. The SDK starts with its logs off and
loads the campaigns once from a server in its own process, which then ends; the visitors are made;
only then the clock runs, while each fetches its flags. Nothing is sent meanwhile: the next poll and
the next batch of hits are hours away. The answer is one line of JSON.

The package has no setting for its addresses: four globals of one of its modules are set here. The
second, barer pass also takes the hit out, which the SDK makes at every evaluation, and leaves out
the text for its log, which it writes even when nobody reads it: targeting and allocation are left.
"""

from __future__ import annotations

import gc
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from time import perf_counter
from typing import Any

from flagship import Flagship, http_helper
from flagship.config import Bucketing
from flagship.log_manager import LogLevel
from flagship.status import Status
from flagship.status_listener import StatusListener
from flagship.tracking_manager import TrackingManagerConfig
from flagship.visitor import Visitor

READY_SECONDS_MAX = 20.0
POLLING_MS, SENDING_MS = 3_600_000, 10_800_000
"""Long after everything is over."""
POOL_HITS_MAX = 5_000
"""The most that the SDK takes as size of its pool: a full pool would be sent in between."""


class Listener(StatusListener):
    """Tells when the SDK has its file."""

    def __init__(self) -> None:
        self.ready = threading.Event()

    def on_status_changed(self, new_status: Status) -> None:
        """The status changed."""
        if new_status is Status.READY:
            self.ready.set()


@contextmanager
def serving(campaigns: bytes) -> Iterator[str]:
    """A server on the loopback that has the file; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
            self.send_header("Content-Length", str(len(campaigns)))
            self.end_headers()
            self.wfile.write(campaigns)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def start(campaigns: bytes) -> None:
    """Start the SDK and wait until it has read the file."""
    listener = Listener()
    tracking = TrackingManagerConfig(time_interval=SENDING_MS, max_pool_size=POOL_HITS_MAX)
    with serving(campaigns) as url:
        http_helper.URL_DECISION_API = f"{url}/v2/"
        http_helper.URL_ACTIVATE = f"{url}/v2/activate"
        http_helper.URL_TRACKING = f"{url}/"
        http_helper.URL_BUCKETING = f"{url}/{{}}/bucketing.json"
        config = Bucketing(
            log_level=LogLevel.NONE,
            status_listener=listener,
            polling_interval=POLLING_MS,
            tracking_manager_config=tracking,
        )
        Flagship.start("bench", "bench-key", config)
        if not listener.ready.wait(READY_SECONDS_MAX):
            raise RuntimeError("the SDK got no file")


def evaluate(asked: list[dict[str, Any]], work: Callable[[Any], object]) -> tuple[float, list[Any]]:
    """Have that done for visitors that are new; how many a second, and the visitors."""
    found = [
        Flagship.new_visitor(
            each["visitorId"],
            instance_type=Visitor.Instance.NEW_INSTANCE,
            context=each["context"],
        )
        for each in asked
    ]
    gc.collect()
    started = perf_counter()
    for visitor in found:
        work(visitor)
    return len(found) / (perf_counter() - started), found


def barely() -> Callable[[Any], object]:
    """The SDK's targeting and allocation without its hit."""
    manager = Flagship.new_visitor("nobody")._configuration_manager.decision_manager
    manager.send_context_hit = lambda _visitor: None
    evaluation: Callable[[Any], object] = manager.get_campaigns_modifications
    return evaluation


def flags_of(visitor: Any) -> dict[str, list[Any]]:
    """A visitor's flags: where each comes from, and its value."""
    return {
        key: [each.campaign_id, each.variation_group_id, each.variation_id, each.value]
        for key, each in visitor._modifications.items()
    }


def main() -> None:
    """Evaluate everybody twice, and answer."""
    campaigns, visitors = (Path(name).read_bytes() for name in sys.argv[1:])
    asked = json.loads(visitors)
    start(campaigns)
    fetched, found = evaluate(asked, lambda visitor: visitor.fetch_flags())
    hits = found[0]._configuration_manager.tracking_manager.hitQueue.qsize()
    if hits != 2 * len(asked):
        raise RuntimeError(f"{hits} hits wait: some were sent while the clock ran")
    flags = [flags_of(each) for each in found]
    bare, _ = evaluate(asked, barely())
    print(json.dumps({"fetched": fetched, "bare": bare, "flags": flags}))


if __name__ == "__main__":
    main()
