"""The Annotate page in a real browser: quick keys never land on the wrong item; text is only ever text."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labelkit import Project
from tests.conftest import sample_rows
from tests.serving import HOSTILE, ran_project, served

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
LABELS = ("spam *starred* :red[x]", "ham <b>bold</b>")

RECORD = """() => {
  window.presses = [];
  const read = (what) => document.querySelector(`.st-key-item-${what} [data-testid="stText"]`)?.textContent;
  window.addEventListener('keydown', (event) => {
    window.presses.push([event.key, read('id') ?? null, read('text') ?? null]);
  }, true);
}"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = sample_rows()
    translate = dict(zip(("spam", "ham"), LABELS, strict=True))
    for row in rows[1:]:
        row[1], row[2] = f"{row[1]} {HOSTILE}", translate[row[2]]
    return ran_project(tmp_path_factory.mktemp("e2e") / "project", rows, LABELS)


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    with served(home) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield opened
        opened.close()


def annotate(browser: Any, address: str, who: str) -> Any:
    page = browser.new_page()
    page.goto(f"{address}/annotate?annotator={who}")
    page.wait_for_selector(".st-key-labels button", timeout=60_000)
    return page


def stored(home: Path, who: str) -> list[tuple[str, str]]:
    """(item id, label) of everything this person answered, in order; also what was replaced."""
    with Project.open(home) as project:
        rows = project._store.database.rows(
            "select i.id, a.label from annotations a join items i on i.item = a.item"
            " join annotators p on p.id = a.annotator where p.name = ? and a.kind = 'label' order by a.id",
            (who,),
        )
        return [(item, project.schema.name_of(label)) for item, label in rows]


def seen(home: Path, presses: list[list[str]]) -> set[tuple[str, str]]:
    """(item id, label) of every press of a label's key, by the text that was on screen.

    The text is what a person reads. It is drawn before the rest of the page: for a moment the small id
    below it may still be the last item's.
    """
    with Project.open(home) as project:
        frame = project.items()
    by_text = dict(zip(frame["text"], frame["id"], strict=True))
    assert len(by_text) == len(frame)
    return {(by_text[text], LABELS[int(key) - 1]) for key, _, text in presses if key in "12" and text}


def test_quick_presses_count_for_the_item_on_screen_or_not_at_all(browser: Any, address: str, home: Path) -> None:
    page = annotate(browser, address, "Quick")
    page.evaluate(RECORD)
    deadline = time.monotonic() + 120
    while len(stored(home, "Quick")) < 10 and time.monotonic() < deadline:
        for key in "121221":  # a burst: most of it meets a screen that is answered already
            page.keyboard.press(key)
            page.wait_for_timeout(40)
        page.wait_for_timeout(400)
    page.wait_for_timeout(1500)
    presses = page.evaluate("window.presses")
    on_screen = seen(home, presses)
    answers = stored(home, "Quick")
    assert len(answers) >= 10
    assert len({item for item, _ in answers}) == len(answers)
    assert set(answers) <= on_screen
    page.close()


def test_undo_under_quick_presses_never_moves_an_answer(browser: Any, address: str, home: Path) -> None:
    page = annotate(browser, address, "Undoer")
    page.evaluate(RECORD)
    for key in "1212u1u2u2u1212u1u12":
        page.keyboard.press(key)
        page.wait_for_timeout(150)
    page.wait_for_timeout(1500)
    on_screen = seen(home, page.evaluate("window.presses"))
    answers = stored(home, "Undoer")
    assert answers and set(answers) <= on_screen
    page.close()


def test_hostile_text_is_shown_as_it_is(browser: Any, address: str, home: Path) -> None:
    page = annotate(browser, address, "Reader")
    shown = page.text_content('.st-key-item-text [data-testid="stText"]')
    with Project.open(home) as project:
        item = project.item(page.text_content('.st-key-item-id [data-testid="stText"]'))
    assert item is not None and shown == item.text and HOSTILE in shown
    assert page.title() != "owned"
    assert page.query_selector(".st-key-item a, .st-key-item strong, .st-key-item script, .st-key-item code") is None
    labels = [button.inner_text() for button in page.query_selector_all(".st-key-labels button")]
    assert [label.split("\n")[0] for label in labels] == list(LABELS)
    page.close()


def test_digits_in_the_comment_are_no_answers(browser: Any, address: str, home: Path) -> None:
    page = annotate(browser, address, "Writer")
    item = page.text_content('.st-key-item-id [data-testid="stText"]')
    page.click(".st-key-others input")
    page.keyboard.type("12 o'clock, 1 or 2")
    assert stored(home, "Writer") == []
    page.click(".st-key-labels button >> nth=1")
    page.wait_for_function(
        "(was) => document.querySelector('.st-key-item-id [data-testid=\"stText\"]')?.textContent !== was", arg=item
    )
    assert stored(home, "Writer") == [(item, LABELS[1])]
    with Project.open(home) as project:
        (answer,) = [a for a in project._store.people.annotations() if a.annotator == "Writer"]
    assert answer.comment == "12 o'clock, 1 or 2"
    page.close()


def test_a_reload_keeps_name_and_item(browser: Any, address: str) -> None:
    page = browser.new_page()
    page.goto(f"{address}/annotate")
    page.fill(".st-key-login-name input", "Returning")
    page.keyboard.press("Enter")
    page.wait_for_selector(".st-key-item-id")
    item = page.text_content('.st-key-item-id [data-testid="stText"]')
    page.reload()
    page.wait_for_selector(".st-key-item-id")
    assert page.text_content('.st-key-item-id [data-testid="stText"]') == item
    page.close()


@pytest.mark.parametrize("path", ["", "items", "functions"])
def test_every_page_asks_nothing_of_the_internet(browser: Any, address: str, path: str) -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}/{path}")
    page.wait_for_selector("h1", timeout=60_000)
    page.wait_for_timeout(1000)
    ours = (address, address.replace("http", "ws"), "data:", "blob:")
    assert [url for url in asked if not url.startswith(ours)] == []
    page.close()
