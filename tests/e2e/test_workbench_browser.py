"""The workbench in a real browser: matches are marked as text, and a hanging pattern holds up nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from labelkit.lf.declared import read_workbench
from tests.conftest import sample_rows
from tests.serving import HOSTILE, LEAD, client, ran_project, served

pytestmark = pytest.mark.slow

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
EVIL = '<img src=x onerror="document.title=1"> cash'


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = sample_rows(3)
    rows += [[f"evil-{n}", f"{EVIL} {HOSTILE}", "spam", "train", EVIL] for n in range(3)]
    rows += [["slow", "a" * 60 + "!", "ham", "train", "sms"], ["rtl", "مرحبا cash سلام", "spam", "train", "sms"]]
    return ran_project(tmp_path_factory.mktemp("workbench") / "project", rows)


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    with served(home) as address:
        yield address


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(address: str, chromium: Browser) -> Iterator[Page]:
    """The workbench, opened by the lead; nothing may be asked of another host."""
    context = chromium.new_context(viewport={"width": 1280, "height": 1000})
    elsewhere: list[str] = []
    context.on(
        "request", lambda r: elsewhere.append(r.url) if not r.url.startswith((address, "data:", "blob:")) else None
    )
    page = context.new_page()
    page.goto(address)
    page.get_by_test_id("login-name").fill(LEAD[0], timeout=30_000)
    page.get_by_test_id("login-password").fill(LEAD[1])
    page.get_by_test_id("login-submit").click()
    expect(page.get_by_role("link", name="Annotate")).to_be_visible(timeout=30_000)
    page.goto(f"{address}/workbench")
    expect(page.locator(".st-key-wb-word input")).to_be_visible(timeout=30_000)
    yield page
    context.close()
    assert elsewhere == []


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
