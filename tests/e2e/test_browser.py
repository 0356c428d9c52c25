"""A real browser: a page that shows an environment live, and a shop with the SDK's browser build.

Both pages are on another origin than the daemon, so whatever browsers demand of such pages is
demanded here: CORS with preflights, the project's list of origins, tickets in place of keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from certificates import self_signed
from e2e.browsing import Site, browsing, wait_until
from e2e.conftest import Daemon
from e2e.flag_world import FILE, Operator
from e2e.real_clients import HERE
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

pytestmark = pytest.mark.slow
CHANGES = ("PanicSet", "PanicSet", "BucketingChanged")


@pytest.fixture
def site() -> Iterator[Site]:
    """Somebody's web site."""
    found = Site()
    yield found
    found.close()


@pytest.fixture
def project_file(tmp_path: Path, site: Site) -> Path:
    """A project whose live door is open to pages of the site."""
    path = tmp_path / "project.toml"
    path.write_text(
        f'project = "demo"\nadmin_keys = ["{Daemon.admin_key}"]\n'
        f'[live]\norigins = ["{site.url}"]\n'
        '[flags.env_1]\napi_key = "api-key-of-env_1"\n'
    )
    return path


@pytest.fixture
def operators() -> Iterator[list[Operator]]:
    """Operators to be sent home at the end."""
    found: list[Operator] = []
    yield found
    for each in found:
        each.close()


def shown(browser: Chrome, what: str) -> str:
    """The text of an element of the page."""
    return browser.find_element(By.ID, what).text


def heard(browser: Chrome) -> dict[str, Any]:
    """What the page heard so far."""
    return dict(browser.execute_script("return window.heard"))


def test_a_page_shows_it_live_and_comes_back(
    new_daemon: Callable[[], Daemon],
    project_file: Path,
    site: Site,
    operators: list[Operator],
    tmp_path: Path,
) -> None:
    """The kill switch shows at once; after a restart the page resumes and misses nothing."""
    daemon = new_daemon().start("--apply", str(project_file))
    site.daemon_url, site.key = daemon.url, "api-key-of-env_1"
    operators.append(operator := Operator(daemon, "env_1"))
    before = operator.put(FILE)["version"]
    with browsing() as browser:
        browser.get(f"{site.url}/board.html?{urlencode({'daemon': daemon.url, 'env': 'env_1'})}")
        wait_until(
            browser, lambda: shown(browser, "phase") == "ready", "the page shows the environment"
        )
        wait_until(browser, lambda: heard(browser)["listening"], "the list listens")
        assert shown(browser, "version") == str(before)
        operator.panic(True)
        wait_until(browser, lambda: shown(browser, "phase") == "panic", "the page shows the panic")
        assert shown(browser, "status") == "open"
        browser.save_screenshot(str(tmp_path / "panic.png"))

        site.is_open = False
        port = daemon.port
        assert daemon.stop() == 0
        wait_until(
            browser, lambda: shown(browser, "status") in {"waiting", "connecting"}, "it noticed"
        )
        daemon.start(listen=f"127.0.0.1:{port}")
        operator.panic(False)
        operator.put({**FILE, "campaigns": FILE["campaigns"][:3]})
        assert shown(browser, "phase") == "panic", "nobody has let it in yet"
        site.is_open = True
        wait_until(browser, lambda: shown(browser, "campaigns") == "3", "the page caught up")
        assert shown(browser, "phase") == "ready"
        wait_until(browser, lambda: len(heard(browser)["events"]) == 3, "the list caught up")
        told = heard(browser)
        assert told["events"] == [[before + n, name] for n, name in enumerate(CHANGES, 1)]
        assert told["snapshots"] == 2, "the card was given the state anew, once"
        assert told["card"] == [["PanicSet", "admin_1"]], "with the state it hears the events"
        browser.save_screenshot(str(tmp_path / "resumed.png"))
        browser.execute_script("boards.forEach((each) => each.close())")
        wait_until(browser, lambda: shown(browser, "status") == "closed", "it left")


def test_a_page_of_another_origin_may_not_listen(
    new_daemon: Callable[[], Daemon], project_file: Path, site: Site
) -> None:
    """A page that the project does not list is sent away for good, though it has a ticket."""
    daemon = new_daemon().start("--apply", str(project_file))
    site.daemon_url, site.key = daemon.url, "api-key-of-env_1"
    with browsing() as browser:
        stranger = site.url.replace("127.0.0.1", "localhost")
        browser.get(f"{stranger}/board.html?{urlencode({'daemon': daemon.url, 'env': 'env_1'})}")
        wait_until(browser, lambda: shown(browser, "status") == "closed", "it was sent away")
        assert heard(browser)["events"] == []


def test_the_browser_build_works_unpatched(
    new_daemon: Callable[[], Daemon],
    project_file: Path,
    site: Site,
    operators: list[Operator],
    tmp_path: Path,
) -> None:
    """The SDK's browser build, its hosts leading to our TLS port: flags, exposures and hits."""
    if not (HERE / "node_modules").is_dir():
        pytest.skip("needs the published packages: npm ci --prefix tests/e2e")
    certificate, key = self_signed(tmp_path)
    daemon = new_daemon().start(
        *("--apply", str(project_file), "--tls-cert", str(certificate), "--tls-key", str(key))
    )
    operators.append(operator := Operator(daemon, "env_1", verify=False))
    operator.put(FILE)
    with browsing(theirs=f"127.0.0.1:{daemon.port}") as browser:
        browser.get(f"{site.url}/shop.html?{urlencode({'env': 'env_1', 'key': operator.key})}")
        wait_until(browser, lambda: shown(browser, "price") == "variation 2", "the flag arrived")
        wait_until(
            browser, lambda: operator.exposures() == {"vg1-2": 1}, "the exposure was counted"
        )
        wait_until(
            browser, lambda: operator.hits().get(("PAGEVIEW", "")) == 1, "the hit was counted"
        )
        told = dict(browser.execute_script("return window.told"))
        assert told["sdk"][-1] == 3
        assert told["flags"][-1] == "FETCHED"
        assert told["exposed"] == ["vg1-2"]
