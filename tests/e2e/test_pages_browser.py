"""The leads' pages in a real browser: the dashboard lives, names of a project are text, nothing fails on a phone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from labelkit import Project
from tests.browsing import BROWSER_TESTS, log_in
from tests.conftest import sample_rows
from tests.serving import HOSTILE, ran_project

pytestmark = BROWSER_TESTS

LABELS = {"spam": "**spam** <b>x</b>", "ham": "[ham](javascript:alert(1))"}
PAGES = ("home", "items", "functions", "settings")
QUIET = "[data-testid='stApp'][data-test-script-state='notRunning']"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = sample_rows()
    for row in rows[1:]:
        row[1], row[2], row[4] = f"{HOSTILE} {row[1]}", LABELS[row[2]], HOSTILE
    return ran_project(tmp_path_factory.mktemp("pages") / "project", rows, labels=(LABELS["spam"], LABELS["ham"]))


@pytest.fixture(scope="module")
def page(address: str, browser: Any) -> Any:
    """Signed in as a lead; everything that the page says on its console is in ``page.said``."""
    opened = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    opened.said = []
    opened.on("pageerror", lambda error: opened.said.append(str(error)))
    opened.goto(f"{address}/home")
    log_in(opened)
    opened.get_by_test_id("loop-items").wait_for(timeout=60_000)
    return opened


def number(page: Any, part: str) -> str:
    """The large number of one part of the loop."""
    return str(page.get_by_test_id(f"loop-{part}").locator(".lk-number").inner_text())


def test_the_dashboard_follows_answers_without_a_reload(home: Path, address: str, page: Any) -> None:
    page.goto(f"{address}/home")
    page.get_by_test_id("loop-items").wait_for(timeout=60_000)
    assert (number(page, "items"), number(page, "vote"), number(page, "annotate")) == ("60", "5", "0")
    with Project.open(home) as project:
        project.answer("ham-0-1", LABELS["ham"], annotator="Ann")
    one = page.get_by_test_id("loop-annotate").locator(".lk-number", has_text=re.compile("^1$"))
    one.wait_for(timeout=60_000)
    assert page.said == []


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_and_runs_nothing_of_a_project(address: str, page: Any, name: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{address}/{name}")
    page.locator(QUIET).wait_for(timeout=60_000)
    page.locator("h1").first.wait_for(timeout=60_000)
    page.locator("[data-testid='stSkeleton'], [data-testid='stSpinner']").first.wait_for(
        state="detached", timeout=60_000
    )
    assert page.title() != "owned" and page.said == []
    assert page.locator("a[href^='javascript']").count() == 0
    assert page.locator("[data-testid='stMain'] b", has_text=re.compile("^x$")).count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("[data-testid='stAlertContentError'], [data-testid='stException']").count() == 0


def test_an_item_is_shown_as_it_is(address: str, page: Any) -> None:
    page.set_viewport_size({"width": 1280, "height": 844})
    page.goto(f"{address}/items?item=spam-0-1")
    text = page.locator(".st-key-item-text [data-testid='stText']")
    text.wait_for(timeout=60_000)
    assert text.inner_text() == f"{HOSTILE} free prize inside 0"
    assert page.title() != "owned"
