"""The app in Debian's chromium: the browser, signing in, and what axe-core says of a page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.serving import LEAD, client

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
BROWSER_TESTS = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium: apt-get install chromium"),
]
"""The ``pytestmark`` of a file whose tests open a browser."""


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield opened
        opened.close()


def log_in(page: Any, name: str = LEAD[0], password: str = LEAD[1]) -> None:
    """Fill in the form that is on screen, or soon will be, and send it."""
    page.get_by_test_id("login-name").fill(name, timeout=60_000)
    page.get_by_test_id("login-password").fill(password)
    page.get_by_test_id("login-submit").click()


def sign_in(page: Any, address: str, name: str, path: str = "") -> Any:
    """Sign in as an annotator; the first page after it is Annotate."""
    page.goto(f"{address}/{path}")
    log_in(page, name)
    page.wait_for_selector('[data-testid="account"]', timeout=60_000)
    return page


def signed_in(browser: Any, address: str, name: str, path: str = "", **context: Any) -> Any:
    """A page of somebody whom the API has signed in already, in a browser context of its own."""
    opened = browser.new_context(**context)
    session = client(address, name)
    cookies = [{"name": cookie.name, "value": str(cookie.value), "url": address} for cookie in session.cookies.jar]
    session.close()
    opened.add_cookies(cookies)
    page = opened.new_page()
    page.goto(f"{address}/{path}")
    return page


def serious(page: Any, within: str | None = None) -> list[str]:
    """What axe-core finds on a page, or in one part of it, that is serious or critical."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context=within).response["violations"]
    return [
        f"{one['id']}: {node['html'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
