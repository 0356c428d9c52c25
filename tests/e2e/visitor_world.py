"""Real daemons whose visitors are asked for, watched, and waited for by what the log says.

Not a test. A `Node` comes back on the port that it had, so that others find it again; `Caller` is a
program that asks for one visitor; `Gate` stands for a service that answers when it is told to.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import msgspec
from e2e.conftest import ADMIN_KEY, Daemon
from e2e.flag_world import Json

from api.client import Update

Status = tuple[str, str]
OPENED: Status = ("FETCH_REQUIRED", "VISITOR_CREATED")
FETCHING: Status = ("FETCHING", "NONE")
FETCHED: Status = ("FETCHED", "NONE")
PANIC: Status = ("PANIC", "NONE")
FAILED: Status = ("FETCH_REQUIRED", "FETCH_ERROR")
FROM_CACHE: Status = ("FETCH_REQUIRED", "READ_FROM_CACHE")
SAID_SECONDS_MAX = 15.0


class Node(Daemon):
    """A daemon with a project file: `settings` has the lines of `[flags.ENV]` for each of them."""

    def __init__(self, folder: Path, name: str, settings: dict[str, str]) -> None:
        super().__init__(folder / name)
        self.data.parent.mkdir()
        self._heard = threading.Condition()
        self._http = httpx.Client(trust_env=False, timeout=20)
        self._project = self.data.with_name("project.toml")
        lines = [f'project = "{name}"', f'admin_keys = ["{ADMIN_KEY}"]']
        for env, more in settings.items():
            lines += [f"[flags.{env}]", f'api_key = "{key_of(env)}"', more]
        self._project.write_text("\n".join(lines), encoding="utf-8")

    def run(self, **environ: str) -> Node:
        """Start it, on the port that it had before. It takes no time to tell listeners to leave."""
        listen = f"127.0.0.1:{self.url.rpartition(':')[2] or 0}"
        environ = {"CALLBOARD_LIMITS_DRAIN_SPREAD_SECONDS": "0.1", **environ}
        self.start("--apply", str(self._project), listen=listen, environ=environ)
        return self

    def close(self) -> None:
        """End it if it still runs."""
        self._http.close()
        super().close()

    # --- its log

    def _hear(self, line: bytes) -> None:
        super()._hear(line)
        with self._heard:
            self._heard.notify_all()

    def said(self, after: int = 0, **members: object) -> Json:
        """Wait for a line of the log, behind the first `after` ones, with these members."""

        def found() -> Json | None:
            fits = (
                line
                for line in self.lines[after:]
                if all(line.get(name) == value for name, value in members.items())
            )
            return next(fits, None)

        with self._heard:
            line = self._heard.wait_for(found, SAID_SECONDS_MAX)
        assert line is not None, f"{members} was not said: {self.log}"
        return line

    # --- asking it

    def ask(
        self, method: str, path: str, body: Any = None, *, key: str = ADMIN_KEY, **headers: str
    ) -> httpx.Response:
        """Any request; `headers` have `_` for `-`."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._http.request(
            method,
            self.url + path,
            content=None if body is None else msgspec.json.encode(body),
            headers={"authorization": f"Bearer {key}", **given},
        )

    def put(self, env: str, *campaigns: Json, **members: object) -> None:
        """Publish a bucketing file."""
        got = self.ask("PUT", f"/flags/v1/{env}/bucketing", {"campaigns": campaigns, **members})
        assert got.status_code == 200, got.text

    def panic(self, env: str, on: bool) -> None:
        """Move the kill switch."""
        got = self.ask("POST", f"/flags/v1/{env}/panic", {"on": on})
        assert got.status_code == 200, got.text

    def flush(self, env: str) -> int:
        """Have the pools sent; the status."""
        return self.ask("POST", f"/flags/v1/{env}/flush", key=key_of(env)).status_code

    def environment(self, env: str) -> Json:
        """An environment's state."""
        shown: Json = self.ask("GET", f"/v1/actors/environment/{env}").json()["state"]
        return shown

    def counts(self, env: str) -> tuple[dict[str, int], dict[str, int]]:
        """How often each variation was seen, and how many hits of each type and name came."""
        report = self.ask("GET", f"/flags/v1/{env}/reports").json()
        seen = {each["variation"]: each["count"] for each in report["exposures"]}
        hits = {
            f"{each['type']} {each['name']}".strip(): each["count"]
            for each in report["hits"]
            if each["campaign"] is None
        }
        return seen, hits

    def visitor(self, env: str, handle: str) -> Caller:
        """Who asks for a visitor."""
        return Caller(self, env, handle)


class Caller:
    """A program that asks for one visitor, with the environment's server-side key."""

    def __init__(self, node: Node, env: str, handle: str) -> None:
        self.node, self.env, self.handle = node, env, handle
        self.path = f"/flags/v1/{env}/visitors"

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """A request below `visitors`."""
        return self.node.ask(method, self.path + path, body, key=key_of(self.env), **headers)

    def open(self, **given: Any) -> Json:
        """`newVisitor`, with consent unless it is said otherwise."""
        body = {"visitorId": self.handle, "hasConsented": True, **given}
        return answered(self.ask("POST", "", body), 200, 201)

    def do(self, command: str, **given: Any) -> Json:
        """Have a command carried out."""
        return answered(self.ask("POST", f"/{self.handle}/{command}", given), 200)

    def refused(self, command: str, **given: Any) -> int:
        """The status of a command that is refused."""
        got = self.ask("POST", f"/{self.handle}/{command}", given)
        assert got.status_code >= 400, got.text
        return got.status_code

    def shown(self) -> Json:
        """The visitor."""
        return answered(self.ask("GET", f"/{self.handle}"), 200)

    def flags(self) -> Json:
        """Values by key."""
        flags = answered(self.ask("GET", f"/{self.handle}/flags"), 200)["flags"]
        return {flag["key"]: flag["value"] for flag in flags}

    def fetch(self) -> Status:
        """Fetch the flags; how that ended."""
        return status_of(self.do("fetchFlags"))

    def statuses(self, after: int = 0) -> list[Status]:
        """What `onFlagsStatusChanged` was told by facts behind the version `after`."""
        path = f"/v1/actors/visitor/{self.env}:{self.handle}/facts?after={after}"
        facts = self.node.ask("GET", path).json()["facts"]
        return [status for fact in facts for status in statuses_in(fact["data"])]


def key_of(env: str) -> str:
    """The server-side key of an environment."""
    return f"api-key-of-{env}"


def answered(got: httpx.Response, *statuses: int) -> Json:
    """The body of an answer with one of these statuses."""
    assert got.status_code in statuses, got.text
    body: Json = got.json()
    return body


def status_of(visitor: Json) -> Status:
    """Status and reason of a visitor."""
    shown = visitor["flagsStatus"]
    return shown["status"], shown["reason"]


def statuses_in(data: Json) -> list[Status]:
    """The statuses that one fact tells, in order."""
    return [status_of(each) for each in data.get("transitions", [data]) if "flagsStatus" in each]


def statuses_of(update: Update) -> list[Status]:
    """The statuses that one update tells, in order."""
    return statuses_in(update.data) if update.kind == "event" else []


@contextmanager
def nodes(folder: Path) -> Iterator[Callable[[str, dict[str, str]], Node]]:
    """Makes nodes by name and settings; they end with the block."""
    made: list[Node] = []

    def make(name: str, settings: dict[str, str]) -> Node:
        made.append(Node(folder, name, settings))
        return made[-1]

    try:
        yield make
    finally:
        for node in made:
            node.close()


# --- a service that takes its time


class Gate(ThreadingHTTPServer):
    """Takes requests and answers with `answer` once it is `opened`; `asked` has what came."""

    daemon_threads = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.answer: Json = {"visitorId": "", "campaigns": []}
        self.asked: queue.Queue[tuple[str, dict[str, str], Any]] = queue.Queue()
        self.opened = threading.Event()

    @property
    def url(self) -> str:
        """Where it is, with a slash."""
        return f"http://127.0.0.1:{self.server_port}/"

    def handle_error(self, *_request: object) -> None:
        """Whoever asked has left: nobody needs to know."""


class _Answering(BaseHTTPRequestHandler):
    """One connection to the gate."""

    server: Gate
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Keep what was asked; answer when the gate opens."""
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.put((self.path, headers, msgspec.json.decode(body)))
        self.server.opened.wait(SAID_SECONDS_MAX)
        answer = msgspec.json.encode(self.server.answer)
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_words: object) -> None:
        """It keeps no log."""


@contextmanager
def gate() -> Iterator[Gate]:
    """A gate for the length of the block."""
    with Gate() as one:
        thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield one
        finally:
            one.opened.set()
            one.shutdown()
            thread.join()
