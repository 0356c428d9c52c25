"""A headless Chromium, and a little web server for the pages it opens.

The browser reaches this machine only: every other name is unknown to it, and the hosts of the
original service lead to the daemon. The web server is somebody else's site: it holds the key that
pages must not see, and hands out tickets while its gate is open.
"""

from __future__ import annotations

import http.server
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from e2e.real_clients import HERE, SECONDS_MAX
from selenium import webdriver
from selenium.webdriver.support.wait import WebDriverWait

FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--disable-extensions", "--window-size=900,700", "--no-proxy-server"),
    "--ignore-certificate-errors",
)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def browsing(theirs: str = "") -> Iterator[webdriver.Chrome]:
    """A browser; `theirs` is where the original service's hosts lead. Skips without Chromium."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("needs chromium and chromedriver, which are not installed here")
    known = f"MAP *.flagship.io {theirs}," if theirs else ""
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for flag in (
        *FLAGS,
        f"--host-resolver-rules={known}MAP * ~NOTFOUND,EXCLUDE 127.0.0.1,EXCLUDE localhost",
    ):
        options.add_argument(flag)
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield chrome
    finally:
        chrome.quit()


def wait_until(browser: webdriver.Chrome, is_so: Callable[[], Any], what: str) -> None:
    """Look again and again, and give up after a while."""
    waiting = WebDriverWait(browser, SECONDS_MAX, poll_frequency=0.02)
    waiting.until(lambda _: is_so(), f"not within {SECONDS_MAX} s: {what}")


class Site:
    """A web server with our pages. While `is_open`, `/ticket` fetches one with the key."""

    def __init__(self) -> None:
        self.is_open = True
        self.daemon_url, self.key = "", ""
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(*site.file(self.path.partition("?")[0]))

            def do_POST(self) -> None:
                self._answer(*site.ticket())

            def _answer(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_given: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def url(self) -> str:
        """Its origin."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def file(self, path: str) -> tuple[int, str, bytes]:
        """A page of `clients/`, or the browser build of the published SDK."""
        if path == "/sdk.js":
            script = HERE / "node_modules/flagship-5/dist/index.browser.umd.js"
            return 200, "text/javascript; charset=utf-8", script.read_bytes()
        page = HERE / "clients" / path.removeprefix("/")
        if page.suffix != ".html" or not page.is_file():
            return 404, "text/plain", b"no such page"
        return 200, "text/html; charset=utf-8", page.read_bytes()

    def ticket(self) -> tuple[int, str, bytes]:
        """A ticket for the page, if the gate is open and the daemon there."""
        if not self.is_open:
            return 503, "text/plain", b"not now"
        headers = {"Authorization": f"Bearer {self.key}"}
        try:
            answer = httpx.post(f"{self.daemon_url}/v1/tickets", headers=headers, trust_env=False)
        except httpx.HTTPError:
            return 502, "text/plain", b"no daemon"
        return 200, "application/json", json.dumps(answer.json()).encode()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
