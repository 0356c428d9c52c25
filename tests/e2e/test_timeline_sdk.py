"""The published npm SDK `fictioneers`, as it is: what it sends, and how it gets here.

Two ways lead it to the daemon (timeline_world.py). These tests look at the package and at the ways;
what the SDK does on a timeline is in test_timeline_walks.py.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trio
from e2e.connect_proxy import ConnectProxy
from e2e.real_clients import HERE
from e2e.timeline_world import ENVIRONMENT, HOST, SECRET_KEY, VISIBLE_KEY, Thrown, node, world

pytestmark = pytest.mark.slow

AUTHORITY = f"{HOST}:443"
CREATED = {
    "published_timeline_id": "T",
    "timezone": "Europe/London",
    "disable_time_guards": False,
    "pause_at_beats": False,
    "max_steps": None,
}


def step(most: int | None = None) -> dict[str, Any]:
    """The body of a progression."""
    return {"max_steps": most, "pause_at_beats": True}


class Asked(NamedTuple):
    """One request; header names in lower case, the body decoded."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class Recorder(ThreadingHTTPServer):
    """Answers everything with next to nothing; `asked` has what came."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Recording)
        self.asked: list[Asked] = []

    @property
    def endpoint(self) -> str:
        """The base URL for the SDK."""
        return f"http://127.0.0.1:{self.server_port}/v1"


class _Recording(BaseHTTPRequestHandler):
    """One connection to the recorder."""

    server: Recorder

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"] or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        given = json.loads(body) if body else None
        self.server.asked.append(Asked(self.command, self.path, headers, given))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"access_token": "a-token", "expires_in": 3600, "data": null}')

    do_GET = do_POST = do_PATCH = do_DELETE = _answer

    def log_message(self, *_words: object) -> None:
        """It keeps no log."""


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    """A server that only listens."""
    with Recorder() as one:
        thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield one
        finally:
            one.shutdown()
            thread.join()


# --- the package


async def test_the_package_is_pinned_and_whole() -> None:
    """Version 1.5.0 is locked with its hash and installed; it has a default export only."""
    lock = json.loads((HERE / "package-lock.json").read_text())["packages"]
    assert lock[""]["dependencies"]["fictioneers"] == "1.5.0"
    assert lock["node_modules/fictioneers"]["integrity"].startswith("sha512-")
    async with node() as reader:
        installed = json.loads((HERE / "node_modules/fictioneers/package.json").read_text())
        assert installed["version"] == "1.5.0"
        assert await (await reader.sdk(SECRET_KEY)).ask("exports") == ["default"]


T = {"timelineId": "T"}
FLAGS = {"disableTimeGuards": True, "pauseAtBeats": True, "maxSteps": 3}
ASKED: list[tuple[str, dict[str, Any], str, str, Any]] = [
    ("getTimelines", {}, "GET", "/timelines", None),
    ("getTimeline", T, "GET", "/timelines/T", None),
    ("getTimelineEvents", T, "GET", "/timelines/T/timeline-events", None),
    ("getTimelineUsers", T, "GET", "/timelines/T/users", None),
    ("deleteTimelineUsers", T, "DELETE", "/timelines/T/users", None),
    ("getTimelineUser", T, "GET", "/timelines/T/users/alice-1", None),
    ("deleteTimelineUser", {**T, "userId": "b/2"}, "DELETE", "/timelines/T/users/b/2", None),
    ("getTimelineEventStateChanges", T, "GET", "/timelines/T/event-state-changes/", None),
    ("getUser", {}, "GET", "/users/me", None),
    ("deleteUser", {}, "DELETE", "/users/me", None),
    ("createUser", T, "POST", "/users", CREATED),
    (
        "createUser",
        {**T, **FLAGS},
        "POST",
        "/users",
        {**CREATED, "disable_time_guards": True, "pause_at_beats": True, "max_steps": 3},
    ),
    ("progressUserStep", {}, "POST", "/users/me/progress-step", step()),
    ("progressUserStep", {"maxSteps": "2"}, "POST", "/users/me/progress-step", step(2)),
    ("progressUserStep", {"maxSteps": "all"}, "POST", "/users/me/progress-step", step(None)),
    ("getUserTimelineEvents", {}, "GET", "/user-timeline-events", None),
    (
        "followLinkUserTimelineEvent",
        {"timelineEventId": "a", "linkId": "a:b"},
        "POST",
        "/user-timeline-events/a/follow-link",
        {"link_id": "a:b"},
    ),
]


async def test_what_the_sdk_asks(recorder: Recorder) -> None:
    """Each method sends this method, path and body; with a secret key no token is minted."""
    async with node(endpoint=recorder.endpoint) as reader:
        sdk = await reader.sdk(SECRET_KEY, "alice-1")
        for method, given, *_ in ASKED:
            await sdk.call(method, **given)
    sent = [(each.method, each.path, each.body) for each in recorder.asked]
    assert sent == [(method, f"/v1{path}", body) for _, _, method, path, body in ASKED]
    assert {each.headers["authorization"] for each in recorder.asked} == {SECRET_KEY}
    assert {each.headers["accept-encoding"] for each in recorder.asked} == {"application/json"}
    assert {each.headers["content-type"] for each in recorder.asked} == {"application/json"}
    named = {each.path for each in recorder.asked if "fictioneers-user-id" in each.headers}
    assert {path for path in named if "timelines/" in path} == set()
    assert len(named) == 5


@pytest.mark.parametrize(
    ("user", "header", "path"),
    [
        ("", "", ""),
        ("  a b ", "a b", "%20%20a%20b"),
        ("zoé", "zoé", "zo%C3%A9"),
        ("a雪", "a", "a%E9%9B%AA"),
        ("a/b?c", "a/b?c", "a/b?c"),
        ("a\r\nHost: x", "aHost: x", "aHost:%20x"),
    ],
)
async def test_what_becomes_of_a_user_id(
    recorder: Recorder, user: str, header: str, path: str
) -> None:
    """In the header it is Latin-1, the rest left out; in a path it is UTF-8, slashes as they are.

    So a header that is not UTF-8 is Latin-1, and an id beyond both is another id on the wire.
    """
    async with node(endpoint=recorder.endpoint) as reader:
        sdk = await reader.sdk(SECRET_KEY, user)
        await sdk.call("getUser")
        await sdk.call("getTimelineUser", **T)
    assert recorder.asked[0].headers["fictioneers-user-id"] == header
    assert recorder.asked[1].path == f"/v1/timelines/T/users/{path}"


async def test_a_visible_key_mints_a_token_when_one_is_needed(recorder: Recorder) -> None:
    """First a token for the user, then that token as Bearer, until it is old or another's."""
    async with node(endpoint=recorder.endpoint) as reader:
        sdk = await reader.sdk(VISIBLE_KEY, "alice-1")
        await sdk.call("getUser")
        await sdk.call("getUser")
        await sdk.ask("outlive")
        await sdk.call("getUser")
        await sdk.call("setUserId", userId="bob-2")
    sent = [(each.path, each.headers["authorization"], each.body) for each in recorder.asked]
    alice, bob = ({"user_id": user} for user in ("alice-1", "bob-2"))
    mint, me = ("/v1/auth/token", VISIBLE_KEY), ("/v1/users/me", "Bearer a-token", None)
    assert sent == [(*mint, alice), me, me, (*mint, alice), me, (*mint, bob)]
    assert [each for each in recorder.asked if "fictioneers-user-id" in each.headers] == []


# --- the ways


async def test_the_environment_alone_leads_here(tmp_path: Path, project: Path) -> None:
    """Through the proxy, over TLS, as the real host; other hosts are refused."""
    async with (
        world(tmp_path, ENVIRONMENT, project=project) as here,
        here.reader() as reader,
    ):
        sdk = await reader.sdk(SECRET_KEY, "alice-1")
        told = await sdk.ask("get", url=f"https://{HOST}/healthz")
        assert told["answer"] == {"status": 200, "data": {"status": "ok"}}
        assert reader.requests[0]["host"] == HOST
        elsewhere = await sdk.ask("get", url="https://example.org/")
        assert elsewhere["status"] == 403
        assert here.proxy is not None
        assert here.proxy.asked == [AUTHORITY, "example.org:443"]


async def test_the_certificate_is_looked_at(tmp_path: Path, project: Path) -> None:
    """Without the authority the SDK's client does not speak to us: the tunnel carries real TLS."""
    async with (
        world(tmp_path, ENVIRONMENT, project=project) as here,
        here.reader(NODE_EXTRA_CA_CERTS="") as reader,
    ):
        sdk = await reader.sdk(SECRET_KEY, "alice-1")
        with pytest.raises(Thrown) as thrown:
            await sdk.call("getUser")
        assert thrown.value.code == "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
        assert reader.requests == []


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"GET http://example.org/ HTTP/1.1\r\n\r\n", b"HTTP/1.1 405"),
        (b"CONNECT example.org:443 HTTP/1.1\r\n\r\n", b"HTTP/1.1 403"),
        (b"CONNECT nobody:443 HTTP/1.1\r\n\r\n", b"HTTP/1.1 502"),
        (b"CONNECT half", b""),
        (b"x" * 10_000, b""),
    ],
)
async def test_the_proxy_refuses(said: bytes, answer: bytes) -> None:
    """Another method, a host that is not on its list, a port where nobody listens, half a head."""
    proxy = ConnectProxy({"nobody:443": 1})
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            await nursery.start(proxy.serve)
            async with await trio.open_tcp_stream("127.0.0.1", proxy.port) as stream:
                await stream.send_all(said)
                await stream.send_eof()
                got = b"".join([bytes(chunk) async for chunk in stream])
                assert (got.startswith(answer), bool(got)) == (True, bool(answer))
            nursery.cancel_scope.cancel()
