"""What the tests with a browser share. A file brings its own ``home``: the project that is served to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browsing import chromium
from tests.serving import served


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    """Where the file's project is served."""
    with served(home) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def visit(address: str, browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens pages, each in a browser profile of its own; nothing may be asked of another host."""
    contexts, elsewhere = [], []

    def make(path: str = "/", **options: object) -> Any:
        context = browser.new_context(**options)
        contexts.append(context)
        context.on(
            "request", lambda r: elsewhere.append(r.url) if not r.url.startswith((address, "data:", "blob:")) else None
        )
        page = context.new_page()
        page.goto(f"{address}{path}")
        return page

    yield make
    for context in contexts:
        context.close()
    assert elsewhere == []
