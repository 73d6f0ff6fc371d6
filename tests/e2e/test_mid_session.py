"""What happens to somebody who is at work: another role, a refusal that comes late, a server that asks to wait."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labelkit import Project
from tests.annotating import ITEM, ITEM_ID, annotate, annotating_project, counting, on_screen, press, saved, state
from tests.browsing import BROWSER_TESTS, log_in, signed_in
from tests.conftest import sample_rows
from tests.serving import LEAD, add_person, client

pytestmark = BROWSER_TESTS

DISPUTED = [f"spam-{copy}-{number}" for copy in range(6) for number in (1, 2)]
REFUSED = '[data-testid="returned"]'
HALTED = '.lkr-notice[data-kind="halted"]'


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = "tie_break_answers = 0\nbatch = 4\n"
    home = annotating_project(tmp_path_factory.mktemp("mid") / "project", settings, sample_rows(copies=8), places=2)
    for name in ("Ann", "Ben", "Gone", "Slow"):
        add_person(home, name, "annotator")
    for name in ("Rita", "Rob", "Ria", "Rosa"):
        add_person(home, name, "reviewer")
    with Project.open(home) as project:
        for item in DISPUTED:
            project.answer(item, "spam", annotator="Ann")
            project.answer(item, "ham", annotator="Ben")
    return home


def review(browser: Any, address: str, name: str) -> Any:
    page = signed_in(browser, address, name, "review")
    page.wait_for_selector(f"{ITEM}:visible", timeout=60_000)
    return page


def decide(page: Any, label: str) -> str:
    """Press a button, which no page takes for a key meant for the item before; returns what it decided on."""
    item = on_screen(page)
    page.click(f'[data-testid="label-{label}"]')
    return item


def given_role(home: Path, name: str, role: str) -> None:
    with Project.open(home) as project:
        project.team.set_role(name, role, actor="test")


def decided(home: Path, item: str) -> list[tuple[str, str | None]]:
    with Project.open(home) as project:
        return [(one["reviewer"], one["label"]) for one in project.explain(item).decisions]


def decide_as(address: str, name: str, item: str, label: str) -> None:
    """Somebody else decides an item meanwhile."""
    session = client(address, name)
    shown = session.post("/review/items", json={"want": 50}).json()["items"]
    seen = next(one for one in shown if one["id"] == item)
    given = {"sequence": 1, "label": label, **{key: seen[key] for key in ("item", "content", "state")}}
    body = {"client": f"a-page-of-{name}-{seen['item']}", "reviewer": name, "decisions": [given]}
    (result,) = session.post("/review/decisions", json=body).json()["results"]
    session.close()
    assert result["status"] == "stored"


def is_on_screen(page: Any, item: str) -> None:
    page.wait_for_function(f"document.querySelector('{ITEM_ID}').textContent === '{item}'")


def test_who_may_not_review_any_more_is_told_and_the_decisions_wait(browser: Any, address: str, home: Path) -> None:
    page = review(browser, address, "Rita")
    page.context.set_offline(True)
    items = [decide(page, "spam"), decide(page, "ham")]
    assert "2 waiting" in state(page, "offline")
    given_role(home, "Rita", "annotator")
    page.context.set_offline(False)
    assert "2 waiting" in state(page, "halted")
    words = page.inner_text(HALTED)
    assert "your role (annotator) does not allow this" in words and "Ask a lead" in words
    assert "keeps 2 decisions of yours" in words
    item = on_screen(page)
    page.keyboard.press("1")  # would be one more that cannot be sent
    page.keyboard.press("n")
    page.keyboard.press("n")
    assert page.is_visible(HALTED) and item != on_screen(page)  # said until it is over
    assert page.is_disabled('[data-testid="label-spam"]') and decided(home, items[0]) == []

    page.click(f"{HALTED} button")
    page.wait_for_selector('[data-testid="stAlert"]:has-text("Your role (annotator) does not show you this page")')
    given_role(home, "Rita", "reviewer")
    page.reload()
    page.wait_for_selector(f"{ITEM}:visible", timeout=60_000)
    saved(page)
    assert [decided(home, one) for one in items] == [[("Rita", "spam")], [("Rita", "ham")]]
    page.context.close()


def test_who_looks_for_items_learns_of_the_new_role_too(browser: Any, address: str, home: Path) -> None:
    page = review(browser, address, "Ria")
    given_role(home, "Ria", "annotator")
    page.click('[data-testid="list-decided"]')
    page.wait_for_selector(f'{HALTED}:has-text("You may not decide here any more")')
    page.context.close()


def test_another_role_does_not_disturb_who_answers(browser: Any, address: str, home: Path) -> None:
    page = annotate(browser, address, "Gone")
    seen = press(page, "1")
    saved(page)
    given_role(home, "Gone", "data scientist")
    seen += press(page, "2")
    saved(page)
    with Project.open(home) as project:
        project.team.deactivate("Gone", actor="test")
    page.wait_for_selector('[data-testid="login-name"]', timeout=30_000)
    assert counting(home, "Gone") == dict(zip(seen, ("spam", "ham"), strict=True))
    page.context.close()


def test_a_refusal_that_comes_late_leaves_what_is_read(browser: Any, address: str, home: Path) -> None:
    page = review(browser, address, "Rosa")
    page.context.set_offline(True)
    item = decide(page, "spam")
    assert "1 waiting" in state(page, "offline")
    reading = on_screen(page)
    decide_as(address, "Rob", item, "ham")
    page.context.set_offline(False)
    page.wait_for_selector(f'{REFUSED}:has-text("{item}")')
    saved(page)
    assert on_screen(page) == reading and "has been decided" in page.inner_text(REFUSED)
    decide(page, "ham")  # goes to what was read
    saved(page)
    assert decided(home, reading) == [("Rosa", "ham")] and decided(home, item) == [("Rob", "ham")]
    next_one = on_screen(page)
    assert next_one not in (item, reading) and page.is_visible(REFUSED)
    page.keyboard.press("b")
    is_on_screen(page, item)
    assert "Decided: ham, by Rob" in page.inner_text('[data-testid="review-mode"]')
    assert "has been decided" in page.inner_text(".lkr-notices") and page.locator(REFUSED).count() == 0
    decide(page, "spam")  # having seen it
    saved(page)
    assert decided(home, item) == [("Rob", "ham"), ("Rosa", "spam")]
    is_on_screen(page, next_one)
    page.context.close()


NOTE_REQUESTS = """path => {
  window.asked = [];
  const real = window.fetch;
  window.fetch = (where, ...more) => {
    if (String(where) === `/api${path}`) window.asked.push(performance.now());
    return real(where, ...more);
  };
}"""
BACK_ONLINE = "() => { for (let n = 0; n < 5; n += 1) window.dispatchEvent(new Event('online')); }"


@pytest.mark.parametrize("path", ["/answers", "/leases"])
def test_a_server_that_asks_to_wait_is_left_alone_so_long(browser: Any, address: str, home: Path, path: str) -> None:
    page = annotate(browser, address, "Slow")
    page.evaluate(NOTE_REQUESTS, path)
    refused = 0

    def busy(route: Any) -> None:
        nonlocal refused
        refused += 1
        if refused > 2:
            route.continue_()
            return
        error = {"error": {"kind": "TooBusy", "message": "much is waiting", "hint": None}}
        headers = {"retry-after": "2", "content-type": "application/json"}
        route.fulfill(status=503, headers=headers, body=json.dumps(error))

    page.route(f"**/api{path}", busy)
    with page.expect_response(f"**/api{path}"):
        seen = press(page, "1111")  # the whole batch: another is wanted at once
    page.evaluate(BACK_ONLINE)  # nothing that happens in the page makes it ask before its time
    page.wait_for_function("window.labelkitAnnotate.desk.current !== null", timeout=60_000)
    saved(page)
    first, second, third = page.evaluate("window.asked")[:3]
    assert second - first >= 2000 and third - second >= 2000
    assert set(seen) <= set(counting(home, "Slow"))
    page.context.close()


def test_annotate_is_found_under_its_name(visit: Callable[..., Any], address: str) -> None:
    page = visit("/annotate")
    log_in(page, LEAD[0])
    page.wait_for_selector(f"{ITEM}:visible", timeout=60_000)
    assert page.get_by_text("Page not found").count() == 0 and page.url in (f"{address}/", address)
    page.goto(f"{address}/annotate")
    page.wait_for_selector(f"{ITEM}:visible", timeout=60_000)
    assert page.get_by_text("Page not found").count() == 0
