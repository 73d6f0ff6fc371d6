"""Answering in a real browser: every press counts for the item that was on screen, and everything can be undone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labelkit import Project
from tests.annotating import (
    ITEM_ID,
    RECORD,
    annotate,
    annotating_project,
    counting,
    on_screen,
    press,
    saved,
    state,
    stored,
)
from tests.browsing import BROWSER_TESTS
from tests.serving import add_person

pytestmark = BROWSER_TESTS


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = annotating_project(tmp_path_factory.mktemp("annotate") / "project", "batch = 12\n")
    for name in (
        "Burst",
        "Undoer",
        "Keys",
        "Writer",
        "Reloader",
        "Reviser",
        "Toucher",
        "Reader",
        "Learner",
        "Rekeyed",
        "Goal",
    ):
        add_person(home, name, "annotator")
    return home


def test_a_burst_of_30_presses_is_stored_for_what_was_on_screen_at_each(browser: Any, address: str, home: Path) -> None:
    page = annotate(browser, address, "Burst")
    page.evaluate(RECORD)
    for place in range(30):
        page.keyboard.press("12"[place % 2])
        page.wait_for_timeout(40)
    saved(page)
    presses = page.evaluate("window.presses")
    assert len(presses) == 30 and len({item for _, item, _ in presses}) == 30
    seen = [(item, "spam" if key == "1" else "ham", text) for key, item, text in presses]
    assert [(one.item, one.label, one.text) for one in stored(home, "Burst")] == seen
    assert "30 of" in page.inner_text('[data-testid="progress"]')
    page.context.close()


def test_undo_goes_back_over_several_batches_without_waiting(browser: Any, address: str, home: Path) -> None:
    page = annotate(browser, address, "Undoer")
    assert page.is_disabled('[data-testid="undo"]')
    seen = press(page, "1" * 20)
    assert len(set(seen)) == 20
    last = on_screen(page)
    back = [on_screen(page) for _ in range(20) if page.keyboard.press("u") is None]
    assert back == seen[::-1]
    assert page.is_disabled('[data-testid="undo"]')
    again = press(page, "2" * 20)
    assert again == seen and on_screen(page) == last
    saved(page)
    assert counting(home, "Undoer") == dict.fromkeys(seen, "ham")
    assert "20 of" in page.inner_text('[data-testid="progress"]')
    page.context.close()


def test_only_plain_presses_answer(browser: Any, address: str, home: Path) -> None:
    page = annotate(browser, address, "Keys")
    item = on_screen(page)
    for keys in ("Control+1", "Alt+1", "Meta+1", "9", "Shift", "Enter", "x"):
        page.keyboard.press(keys)
    page.evaluate("""() => {
      const send = (more) => document.body.dispatchEvent(
        new KeyboardEvent('keydown', {key: '1', code: 'Digit1', bubbles: true, ...more}));
      send({repeat: true}); send({isComposing: true}); send({keyCode: 229});
    }""")
    assert on_screen(page) == item
    page.keyboard.down("1")  # held: the first press answers, its repeats do not
    after = on_screen(page)
    for _ in range(5):
        page.keyboard.down("1")
    page.keyboard.up("1")
    assert after != item and on_screen(page) == after
    page.evaluate("""document.body.dispatchEvent(
      new KeyboardEvent('keydown', {key: '&', code: 'Digit1', bubbles: true}))""")  # the digit's place, in France
    page.wait_for_function(f"document.querySelector('{ITEM_ID}').textContent !== '{after}'")
    saved(page)
    assert counting(home, "Keys") == {item: "spam", after: "spam"}
    page.context.close()


def test_skip_flag_and_comment_are_keys_too_and_lose_nothing_that_was_typed(
    browser: Any, address: str, home: Path
) -> None:
    page = annotate(browser, address, "Writer")
    skipped, flagged, commented, plain = [on_screen(page)], [], [], []
    page.keyboard.press("s")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "menuitem"
    page.keyboard.press("Escape")
    assert on_screen(page) == skipped[0]
    page.keyboard.press("s")
    page.keyboard.press("2")  # the second reason, not the second label
    flagged.append(on_screen(page))
    page.keyboard.press("f")  # asks for the comment
    page.keyboard.type("12 names, 1 phone")
    page.keyboard.press("Escape")
    assert page.input_value('[data-testid="comment"]') == "12 names, 1 phone"
    assert on_screen(page) == flagged[0]
    page.keyboard.press("f")
    commented.append(on_screen(page))
    page.keyboard.press("c")
    page.keyboard.type("1 or 2?")
    page.keyboard.press("Enter")
    page.keyboard.press("1")
    plain.append(on_screen(page))
    assert page.input_value('[data-testid="comment"]') == ""
    page.keyboard.press("u")
    assert page.input_value('[data-testid="comment"]') == "1 or 2?"
    page.keyboard.press("2")
    page.keyboard.press("2")
    saved(page)
    rows = [(one.item, one.kind, one.label, one.skip, one.comment) for one in stored(home, "Writer") if one.counts]
    assert rows == [
        (skipped[0], "skip", None, "several_fit", None),
        (flagged[0], "flag", None, None, "12 names, 1 phone"),
        (commented[0], "label", "ham", None, "1 or 2?"),
        (plain[0], "label", "ham", None, None),
    ]
    page.context.close()


def test_a_reload_in_mid_batch_goes_on_where_it_was(browser: Any, address: str, home: Path) -> None:
    page = annotate(browser, address, "Reloader")
    seen = press(page, "12121")
    page.keyboard.press("c")
    page.keyboard.type("half a thought")
    on_turn = on_screen(page)
    page.reload()
    page.wait_for_selector(f'{ITEM_ID}:has-text("{on_turn}")', timeout=60_000)
    saved(page)
    before = counting(home, "Reloader")
    assert list(before) == seen
    page.keyboard.press("u")
    assert on_screen(page) == seen[-1]
    page.keyboard.press("2")
    assert on_screen(page) == on_turn
    press(page, "11")
    saved(page)
    answered = counting(home, "Reloader")
    assert len(answered) == 7 and answered[seen[-1]] == "ham" and answered[on_turn] == "spam"
    page.context.close()


def test_back_and_earlier_answers_can_be_revised(browser: Any, address: str, home: Path) -> None:
    page = annotate(browser, address, "Reviser")
    seen = press(page, "1111")
    on_turn = on_screen(page)
    press(page, "bb")
    assert on_screen(page) == seen[-2]
    assert page.get_attribute('[data-testid="label-spam"]', "aria-pressed") == "true"
    page.keyboard.press("2")  # changes it and goes on
    assert on_screen(page) == seen[-1]
    page.keyboard.press("n")
    assert on_screen(page) == on_turn
    saved(page)
    fresh = browser.new_context(storage_state=page.context.storage_state()).new_page()
    fresh.goto(address)  # another day: nothing of that page is left but the account
    fresh.wait_for_selector(f"{ITEM_ID}:visible", timeout=60_000)
    fresh.keyboard.press("e")
    fresh.click(f'.lk-row:has-text("{seen[0]}")')
    fresh.wait_for_selector(f'{ITEM_ID}:has-text("{seen[0]}")')
    fresh.keyboard.press("2")
    fresh.wait_for_function(f"document.querySelector('{ITEM_ID}').textContent !== '{seen[0]}'")
    saved(fresh)
    assert counting(home, "Reviser") == {seen[0]: "ham", seen[1]: "spam", seen[2]: "ham", seen[3]: "spam"}
    fresh.keyboard.press("u")  # the change is taken back, not the answer
    saved(fresh)
    assert counting(home, "Reviser")[seen[0]] == "spam"
    fresh.context.close()
    page.context.close()


def test_an_open_page_takes_new_keys_and_says_so(browser: Any, address: str, home: Path) -> None:
    page = annotate(browser, address, "Rekeyed")
    with Project.open(home) as project:
        project.settings().change({"keys": {"spam": "x"}}, actor="test")
    try:
        page.evaluate("window.labelkitAnnotate.desk.signOfLife()")
        page.wait_for_selector('.lk-notice:has-text("The keys have changed. They are now spam: x, ham: 2")')
        page.wait_for_timeout(800)  # a press just after the change may be meant for the old keys
        seen = press(page, "1x2")
        assert seen[0] == seen[1]
        saved(page)
        assert counting(home, "Rekeyed") == {seen[1]: "spam", seen[2]: "ham"}
    finally:
        with Project.open(home) as project:
            project.settings().change({"keys": {}}, actor="test")
    page.context.close()


def test_the_goal_of_the_day_never_grows(browser: Any, address: str) -> None:
    page = annotate(browser, address, "Goal")
    told = "([today, left]) => window.labelkitAnnotate.desk.counted({answered: 500 + today, today, left})"
    numbers = page.locator('[data-part="numbers"]')
    for today, left, words in ((5, 300, "5 of 100"), (5, 68, "5 of 80"), (6, 240, "6 of 80"), (80, 200, "80 today")):
        page.evaluate(told, [today, left])
        assert numbers.inner_text().startswith(words) and f"{500 + today} in all" in numbers.inner_text()
    page.context.close()


def test_labels_can_be_clicked(browser: Any, address: str, home: Path) -> None:
    page = annotate(browser, address, "Toucher")
    item = on_screen(page)
    page.click('[data-testid="label-ham"]')
    assert on_screen(page) != item
    page.click('[data-testid="skip"]')
    page.click('[data-testid="skip-language"]')
    saved(page)
    assert [(one.label, one.skip) for one in stored(home, "Toucher")] == [("ham", None), (None, "language")]
    page.click('[data-testid="undo"]')
    page.click('[data-testid="undo"]')
    assert on_screen(page) == item
    state(page, "saved")
    assert counting(home, "Toucher") == {}
    page.context.close()


def test_hints_come_after_the_answer(browser: Any, address: str) -> None:
    page = annotate(browser, address, "Learner")
    assert page.locator(".lk-hints").count() == 0
    item = on_screen(page)
    page.keyboard.press("1")
    page.wait_for_selector(f'.lk-after:has-text("{item}")')
    assert "Functions" in page.inner_text(".lk-after") and "Model" in page.inner_text(".lk-after")
    page.context.close()


def test_other_pages_of_the_app_and_back_lose_nothing(browser: Any, address: str, home: Path) -> None:
    page = annotate(browser, address, "Reader")
    seen = press(page, "11")
    on_turn = on_screen(page)
    page.click('[data-testid="stTopNavLink"]:has-text("Account")')
    page.wait_for_selector(ITEM_ID, state="detached")
    page.keyboard.press("1")  # nobody hears it
    page.click('[data-testid="stTopNavLink"]:has-text("Annotate")')
    page.wait_for_selector(f'{ITEM_ID}:has-text("{on_turn}")')
    page.keyboard.press("2")  # one listener, so one answer
    saved(page)
    assert counting(home, "Reader") == {seen[0]: "spam", seen[1]: "spam", on_turn: "ham"}
    page.context.close()
