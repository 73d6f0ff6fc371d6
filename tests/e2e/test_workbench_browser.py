"""The workbench in a real browser: matches are marked as text, and a hanging pattern holds up nobody."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from labelkit.lf.declared import read_workbench
from tests.browsing import BROWSER_TESTS, log_in
from tests.conftest import sample_rows
from tests.serving import HOSTILE, LEAD, client, ran_project

pytestmark = BROWSER_TESTS

EVIL = '<img src=x onerror="document.title=1"> cash'


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = sample_rows(3)
    rows += [[f"evil-{n}", f"{EVIL} {HOSTILE}", "spam", "train", EVIL] for n in range(3)]
    rows += [["slow", "a" * 60 + "!", "ham", "train", "sms"], ["rtl", "مرحبا cash سلام", "spam", "train", "sms"]]
    return ran_project(tmp_path_factory.mktemp("workbench") / "project", rows)


@pytest.fixture
def page(address: str, visit: Callable[..., Page]) -> Page:
    """The workbench, opened by the lead."""
    page = visit(viewport={"width": 1280, "height": 1000})
    log_in(page)
    expect(page.get_by_role("link", name="Annotate")).to_be_visible(timeout=30_000)
    page.goto(f"{address}/workbench")
    expect(page.locator(".st-key-wb-word input")).to_be_visible(timeout=30_000)
    return page


def enter(page: Page, key: str, text: str) -> None:
    page.locator(f".st-key-{key} input").fill(text)
    page.keyboard.press("Enter")


def test_matches_are_marked_and_hostile_texts_stay_texts(page: Page, home: Path) -> None:
    title = page.title()
    enter(page, "wb-word", "cash")
    marks = page.locator(".lk-hits mark")
    expect(marks.first).to_be_visible(timeout=30_000)
    assert {text.lower() for text in marks.all_inner_texts()} == {"cash"}
    shown = page.locator(".lk-hits").first
    enter(page, "wb-word", "script")
    expect(shown.get_by_text('<img src=x onerror="document.title=1">').first).to_be_visible(timeout=30_000)
    assert shown.locator("img, script, a, strong").count() == 0 and page.title() == title
    assert page.locator(".lk-hits p").first.get_attribute("dir") == "auto"
    enter(page, "wb-name", EVIL)
    page.get_by_role("button", name="Save function").click()
    expect(page.get_by_text("That counts after the next")).to_be_visible(timeout=30_000)
    ((placed),) = read_workbench(home)
    assert placed.entry.name == EVIL and placed.entry.keywords == ("cash", "script")
    assert page.title() == title and page.locator("img[src='x']").count() == 0


def test_a_pattern_that_never_ends_is_stopped_while_the_api_answers(page: Page, address: str) -> None:
    page.get_by_text("Regex", exact=True).click()
    enter(page, "wb-pattern", r"^(a+)+(?!\w).\1")
    api = client(address)
    for _ in range(20):
        assert api.get("/session").json()["name"] == LEAD[0]
    api.close()
    expect(page.get_by_text("did not come back within 2 s and was ended")).to_be_visible(timeout=30_000)
    enter(page, "wb-pattern", r"fr[e]+")
    expect(page.locator(".lk-hits mark").first).to_have_text("free", timeout=30_000)


def test_results_follow_typing_and_enter_adds_the_word(page: Page) -> None:
    field = page.locator(".st-key-wb-word input")
    field.press_sequentially("cash", delay=20)
    marks = page.locator(".lk-hits mark")
    expect(marks.first).to_have_text("cash", timeout=30_000, ignore_case=True)
    expect(field).to_have_value("cash")  # what is typed is not taken away
    expect(page.locator("[class*=st-key-wb-word-0]")).to_have_count(0)
    field.fill("lunch")
    expect(marks.first).to_have_text("lunch", timeout=30_000, ignore_case=True)
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-wb-word-0")).to_be_visible(timeout=30_000)
    expect(field).to_have_value("")
    expect(marks.first).to_have_text("lunch", ignore_case=True)
    page.get_by_role("button", name="lunch").click()  # what was typed before comes back from nowhere
    expect(page.get_by_text("Nothing to try yet")).to_be_visible(timeout=30_000)
    page.get_by_text("Regex", exact=True).click()
    pattern = page.locator(".st-key-wb-pattern input")
    pattern.press_sequentially("fr[e", delay=20)
    expect(page.get_by_text("unterminated character set")).to_be_visible(timeout=30_000)
    pattern.press_sequentially("]+", delay=20)
    expect(marks.first).to_have_text("free", timeout=30_000)
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_text("Nothing to try yet")).to_be_visible(timeout=30_000)
