"""The report in a real browser without a network: no request, no error, no script, readable at every width."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labelkit import Project
from tests.browsing import BROWSER_TESTS
from tests.conftest import sample_rows
from tests.serving import HOSTILE, ran_project

pytestmark = BROWSER_TESTS


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = sample_rows()
    for row in rows[1:]:
        row[1] += f" {HOSTILE}"
    home = ran_project(tmp_path_factory.mktemp("report") / "project", rows)
    with Project.open(home) as project:
        project.report(home / "report.html")
    return home / "report.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_opens_offline_without_a_word_of_complaint(browser: Any, file: Path, scheme: str, width: int) -> None:
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}, offline=True)
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    assert page.title() == "The state of texts"
    assert page.locator("section").count() == 11
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the report"
    styled = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert styled == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(18, 22, 28)")  # the style is let through
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert (said, asked) == ([], [file.as_uri()])
    context.close()


def test_it_prints_on_paper_of_a4(browser: Any, file: Path) -> None:
    page = browser.new_page(color_scheme="dark", viewport={"width": 688, "height": 900})  # A4 less its margins
    page.goto(file.as_uri())
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("document.documentElement.scrollWidth") <= 688
    page.close()


def test_hostile_texts_are_seen_as_they_are(browser: Any, file: Path) -> None:
    page = browser.new_page()
    page.goto(file.as_uri())
    assert page.locator("q", has_text=HOSTILE[:60]).count() > 0
    assert page.locator("script, img, iframe, link").count() == 0
    page.close()
