"""What the Annotate page shows: hostile and unusual items, on a phone, in the dark, to assistive technology."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.annotating import (
    ITEM,
    ITEM_ID,
    SAVE,
    annotate,
    annotating_project,
    counting,
    on_screen,
    press,
    saved,
)
from tests.browsing import BROWSER_TESTS, serious, sign_in
from tests.serving import HOSTILE, add_person

pytestmark = BROWSER_TESTS

LABELS = ("spam *starred* :red[x]", "ham <b>bold</b>")
EVIL_NAME = "Eve <img src=x onerror=document.title='owned'> **b**"
TEXTS = {
    "hostile": HOSTILE,
    "links": "see http://localhost:1/a?b=c, javascript:alert(1) and HTTPS://example.invalid/x).",
    "rtl": "הקוד לא מגיע לטלפון 4471",
    "long": "one two three " * 3000 + "end",
    "lines": "first\n\n  second\ttab",
    "words": "Cash prizes, a PRIZE; cashier. Lunch meeting",
    "plain": "see you",
}
NESTED = {"lines": [{"sku": "A<b>1", "price": 2}, {"sku": "B2", "more": {"deep": [1, [2]]}}], "note": HOSTILE}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [["id", "text", "gold", "split", "channel", "order", "photo", "other"]]
    for place, (name, text) in enumerate([*TEXTS.items(), *((f"more-{n}", f"see you {n}") for n in range(20))]):
        pictures = ["https://pictures.invalid/a.png", "https://elsewhere.invalid/b.png"]
        rows.append([name, text, LABELS[place % 2], "train", "<i>sms</i>", json.dumps(NESTED), *pictures])
    settings = 'batch = 30\nimage_hosts = ["pictures.invalid"]\nhighlight = ["lunch meeting"]\n'
    home = annotating_project(tmp_path_factory.mktemp("looks") / "project", settings, rows, labels=LABELS)
    for name in (EVIL_NAME, "Phone", "Axe", "Dark", "Keyboard", "Narrow"):
        add_person(home, name, "annotator")
    return home


def every_item(page: Any) -> Iterator[str]:
    """Go through all items; the id of the one on screen each time."""
    for _ in range(len(TEXTS) + 20):
        yield on_screen(page)
        page.keyboard.press("1")


def test_all_items_are_shown_as_text_and_only_as_text(browser: Any, address: str) -> None:
    context = browser.new_context()
    asked: list[str] = []
    problems: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = annotate_in(context, address, EVIL_NAME)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.keyboard.press("h")
    seen = {}
    for item in every_item(page):
        seen[item] = page.text_content(ITEM)
        card = page.locator(".lk-card")
        assert card.locator("script, b, i, iframe, code, strong").count() == 0
        links = card.locator("a")
        for place in range(links.count()):
            found = links.nth(place)
            assert found.get_attribute("href").startswith(("http://", "https://"))
            assert found.get_attribute("rel") == "noopener noreferrer" and found.get_attribute("target") == "_blank"
        if item == "links":
            written = [links.nth(n).inner_text() for n in range(2)]
            assert written == ["http://localhost:1/a?b=c", "HTTPS://example.invalid/x"]
        if item == "words":
            assert card.locator(f"{ITEM} mark").all_inner_texts() == ["Cash", "PRIZE", "Lunch meeting"]
        if item == "rtl":
            assert page.evaluate(f"getComputedStyle(document.querySelector('{ITEM}')).direction") == "rtl"
        assert card.locator("table table").count() == 2  # the list of records, and the object in it
        assert card.locator('dd:has-text("<i>sms</i>")').count() == 1
    assert {name: seen[name] for name in TEXTS} == TEXTS
    page.click('[data-testid="account"]')
    assert page.inner_text('.lk-account [data-part="full"]') == EVIL_NAME
    assert page.locator(".lk-label span").all_inner_texts() == list(LABELS)
    assert (page.title(), problems) == ("labelkit", [])
    ours = (address, address.replace("http", "ws"), "data:", "blob:", "https://pictures.invalid/a.png")
    assert {url for url in asked if not url.startswith(ours)} == set()
    assert "https://pictures.invalid/a.png" in asked
    context.close()


def annotate_in(context: Any, address: str, name: str) -> Any:
    """A page of somebody who is signed in, in this context."""
    page = sign_in(context.new_page(), address, name)
    page.wait_for_selector(f"{ITEM}:visible", timeout=60_000)
    return page


def test_a_phone_has_everything_within_reach(browser: Any, address: str, home: Path) -> None:
    page = annotate(browser, address, "Phone", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    seen = []
    for place in range(8):  # short items and one of 42,000 characters: the buttons stay where they are
        label = page.locator(".lk-label").nth(place % 2)
        box = label.bounding_box()
        assert box["height"] >= 44 and box["x"] >= 0 and box["x"] + box["width"] <= 390
        assert box["y"] + box["height"] <= 844
        seen.append(on_screen(page))
        label.tap()
    page.tap('[data-testid="skip"]')
    page.tap('[data-testid="skip-unclear"]')
    page.tap('[data-testid="flag"]')
    page.tap('[data-testid="flag"]')
    page.wait_for_selector('[data-part="said"]:has-text("Say what is wrong first.")', state="attached")
    assert page.inner_text('[data-part="comment-help"]') == "Say what is wrong first."
    page.tap('[data-testid="flag-cancel"]')
    assert page.is_hidden('[data-testid="flag-cancel"]') and page.is_hidden('[data-part="comment-help"]')
    page.tap('[data-testid="flag"]')
    page.fill('[data-testid="comment"]', "a name in it")
    page.tap('[data-testid="flag"]')
    saved(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    answers = counting(home, "Phone")
    assert [answers[item] for item in seen] == [LABELS[n % 2] for n in range(8)] and len(answers) == 10
    guidelines = page.locator(".st-key-guidelines")
    assert not guidelines.is_visible()
    page.tap('button:has-text("Guidelines")')
    guidelines.wait_for(state="visible")
    assert page.is_visible(SAVE)
    page.tap('button:has-text("Guidelines")')
    guidelines.wait_for(state="hidden")
    page.context.close()


def test_guidelines_never_hide_what_a_key_answers(browser: Any, address: str) -> None:
    page = annotate(browser, address, "Narrow", viewport={"width": 1280, "height": 800})
    page.wait_for_selector(".st-key-guidelines")
    line = page.locator('[data-part="numbers"]')
    assert line.evaluate("part => part.scrollWidth <= part.clientWidth + 1")
    page.set_viewport_size({"width": 1000, "height": 800})
    page.wait_for_selector(".st-key-guidelines", state="hidden")
    page.keyboard.press("g")
    page.wait_for_selector(".st-key-guidelines")
    item = on_screen(page)
    page.keyboard.press("1")
    assert on_screen(page) == item
    page.click('[data-do="close-guidelines"]')
    page.wait_for_selector(".st-key-guidelines", state="hidden")
    page.keyboard.press("g")
    page.wait_for_selector(".st-key-guidelines")
    page.keyboard.press("Escape")
    page.wait_for_selector(".st-key-guidelines", state="hidden")
    page.keyboard.press("1")
    assert on_screen(page) != item
    page.set_viewport_size({"width": 1280, "height": 800})
    page.wait_for_selector(".st-key-guidelines")
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Any, address: str, scheme: str) -> None:
    name = {"light": "Axe", "dark": "Dark"}[scheme]
    page = annotate(browser, address, name, color_scheme=scheme, reduced_motion="reduce")
    page.wait_for_selector(".st-key-guidelines")
    background = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    assert background == {"light": "rgb(251, 251, 250)", "dark": "rgb(20, 22, 27)"}[scheme]
    assert serious(page) == []
    page.keyboard.press("h")
    press(page, "12")
    page.wait_for_selector(".lk-after .lk-chip")
    assert serious(page) == []
    page.keyboard.press("s")
    assert serious(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    assert serious(page) == []
    page.keyboard.press("?")
    assert serious(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    page.wait_for_selector(".lk-row")
    assert serious(page) == []
    page.keyboard.press("Escape")
    page.click('[data-testid="account"]')
    assert serious(page) == []
    page.context.close()


def test_the_keyboard_reaches_everything(browser: Any, address: str) -> None:
    page = annotate(browser, address, "Keyboard")
    reached: set[str] = set()
    for _ in range(80):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.dataset?.testid ?? document.activeElement.dataset?.do ?? ''"))
    wanted = {"skip", "flag", "comment", "help", "earlier", "account", "highlight", "guidelines"}
    assert wanted | {f"label-{label}" for label in LABELS} <= reached
    page.focus(f"[data-testid='label-{LABELS[0]}']")
    item = on_screen(page)
    page.keyboard.press("Enter")
    assert on_screen(page) != item
    page.keyboard.press("?")
    assert page.is_visible('dialog:has-text("undo, as often as you like")')
    page.keyboard.press("1")  # not while the list of keys is open
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.wait_for_selector(".st-key-guidelines", state="hidden")
    page.keyboard.press("g")
    page.wait_for_selector(".st-key-guidelines")
    assert page.get_attribute(f"div:has(> {ITEM})", "aria-live") == "polite"
    assert page.locator(f"{ITEM_ID}").count() == 1
    page.context.close()
