"""Review in a real browser: two people disagree, a reviewer decides by keyboard, the export has it."""

from __future__ import annotations

import csv
import re
import time
from pathlib import Path
from typing import Any

import pytest

from labelkit import Project
from labelkit.errors import StepMissing
from tests.annotating import ITEM, ITEM_ID, annotate, annotating_project, on_screen, saved, state
from tests.browsing import BROWSER_TESTS, serious
from tests.conftest import sample_rows
from tests.serving import HOSTILE, add_person, client

pytestmark = BROWSER_TESTS

DISPUTED = [f"spam-{copy}-{number}" for copy in range(10) for number in (1, 2)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = sample_rows(copies=12)
    next(row for row in rows if row[0] == DISPUTED[-1])[1] = HOSTILE
    settings = "tie_break_answers = 0\n"
    home = annotating_project(tmp_path_factory.mktemp("review") / "project", settings, rows, places=2)
    for name in ("Ann", "Ben"):
        add_person(home, name, "annotator")
    for name in ("Rita", "Rob"):
        add_person(home, name, "reviewer")
    with Project.open(home) as project:
        for item in DISPUTED:
            project.answer(item, "spam", annotator="Ann")
            project.answer(item, "ham", annotator="Ben", comment=HOSTILE)
    return home


def review(browser: Any, address: str, name: str = "Rita", **context: Any) -> Any:
    """The Review page of somebody who is signed in, with an item on screen."""
    return annotate(browser, address, name, "review", **context)


def decisions(home: Path, item: str) -> list[tuple[str, str | None, str | None, bool]]:
    """(reviewer, label, comment, stands) of everything that was decided on an item."""
    with Project.open(home) as project:
        return [(d["reviewer"], d["label"], d["comment"], d["stands"]) for d in project.explain(item).decisions]


def count(page: Any, which: str) -> int:
    return int(page.inner_text(f'[data-testid="list-{which}"] b'))


def exported(home: Path, item: str) -> dict[str, str]:
    """An item's row in the training set, as soon as the server's trainer is between two rounds."""
    until = time.monotonic() + 120
    while True:
        try:
            with Project.open(home) as project:
                project.export(home / "out.csv")
            break
        except StepMissing:
            assert time.monotonic() < until
            time.sleep(0.2)
    with (home / "out.csv").open(encoding="utf-8") as file:
        return next(row for row in csv.DictReader(file) if row["id"] == item)


def look_for(page: Any, wanted: str) -> None:
    """Put items off until this one is on screen."""
    for _ in range(len(DISPUTED) + 1):
        page.wait_for_selector(f"{ITEM}:visible")
        if on_screen(page) == wanted:
            return
        page.keyboard.press("n")
    raise AssertionError(f"{wanted} is not among the disputed items")


def test_two_people_disagree_and_the_reviewers_word_is_exported(browser: Any, address: str, home: Path) -> None:
    """The whole way: leases and answers through the API, the decision by keyboard, the training set."""
    sessions = {name: client(address, name) for name in ("Ann", "Ben")}
    wanted = None
    for name, label in (("Ann", "spam"), ("Ben", "ham")):
        leased = sessions[name].post("/leases", json={"client": f"page-of-{name}", "want": 1, "held": []}).json()
        item = leased["items"][0]
        wanted = wanted or item["id"]
        assert item["id"] == wanted
        answer = {"sequence": 1, "item": item["item"], "token": item["token"], "content": item["content"],
                  "kind": "label", "label": label, "seconds": 2.0}  # fmt: skip
        body = {"client": f"page-of-{name}", "annotator": name, "answers": [answer]}
        reply = sessions[name].post("/answers", json=body)
        assert reply.json()["results"][0]["status"] == "stored", reply.text
        sessions[name].close()
    page = review(browser, address)
    look_for(page, wanted)
    assert page.inner_text('[data-testid="answers"]').split()[:2] == ["Ann", "spam"]
    before = count(page, "disputed")
    page.keyboard.press("2")
    saved(page)
    assert count(page, "disputed") == before - 1 and count(page, "decided") == 1
    page.context.close()
    assert decisions(home, wanted) == [("Rita", "ham", None, True)]
    row = exported(home, wanted)
    assert (row["label"], row["source"]) == ("ham", "human")


def test_undo_comment_and_decide_again(browser: Any, address: str, home: Path) -> None:
    page = review(browser, address)
    item = on_screen(page)
    page.keyboard.press("1")
    assert on_screen(page) != item  # at once, without an answer of the server
    page.keyboard.press("u")
    assert on_screen(page) == item
    page.keyboard.press("c")
    page.keyboard.type("12 words, 2 readings")
    assert on_screen(page) == item
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    saved(page)
    assert decisions(home, item) == [
        ("Rita", "spam", None, False),
        ("Rita", "ham", "12 words, 2 readings", True),
    ]
    page.click('[data-testid="list-decided"]')
    page.wait_for_function(f"document.querySelector('{ITEM_ID}').textContent === '{item}'")
    assert "12 words, 2 readings" in page.inner_text('[data-testid="review-mode"]')
    page.keyboard.press("w")
    saved(page)
    assert [stands for *_, stands in decisions(home, item)] == [False, False]
    page.context.close()


def test_a_decision_of_another_reviewer_is_shown_instead_of_overruled(browser: Any, address: str, home: Path) -> None:
    page = review(browser, address)
    item = on_screen(page)
    rob = client(address, "Rob")
    shown = rob.post("/review/items", json={"want": 50}).json()["items"]
    seen = next(one for one in shown if one["id"] == item)
    given = {"sequence": 1, "label": "ham", **{key: seen[key] for key in ("item", "content", "state")}}
    body = {"client": "page-of-rob", "reviewer": "Rob", "decisions": [given]}
    assert rob.post("/review/decisions", json=body).json()["results"][0]["status"] == "stored"
    rob.close()
    page.keyboard.press("1")
    page.wait_for_selector('[data-testid="returned"]')
    page.keyboard.press("b")
    page.wait_for_selector('[data-testid="review-mode"]:has-text("Decided: ham, by Rob")')
    assert on_screen(page) == item and "has been decided" in page.inner_text(".lkr-notices")
    assert decisions(home, item)[-1] == ("Rob", "ham", None, True)
    page.click('[data-testid="label-spam"]')  # having seen it
    saved(page)
    assert decisions(home, item)[-1] == ("Rita", "spam", None, True)
    page.context.close()


def test_names_can_be_hidden_and_opinions_are_asked_for(browser: Any, address: str) -> None:
    page = review(browser, address)
    assert page.is_hidden('[data-testid="opinions"]')
    page.keyboard.press("e")
    page.wait_for_selector('[data-testid="opinions"]:has-text("guess")')
    assert "Ann" in page.inner_text('[data-testid="answers"]')
    page.keyboard.press("h")
    hidden = page.inner_text('[data-testid="answers"]')
    assert "Ann" not in hidden and "Person 1" in hidden
    page.reload()
    page.wait_for_selector(f"{ITEM}:visible")
    assert "Person 1" in page.inner_text('[data-testid="answers"]')
    page.context.close()


def test_keys_for_lists_and_guidelines(browser: Any, address: str, home: Path) -> None:
    (home / "guidelines.md").write_text("Spam sells something.", encoding="utf-8")
    page = review(browser, address)
    page.keyboard.press("g")
    page.wait_for_selector('text="Spam sells something."')
    page.keyboard.press("ArrowRight")
    page.wait_for_selector('[data-testid="list-waiting"][aria-pressed="true"]')
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector('[data-testid="list-disputed"][aria-pressed="true"]')
    page.wait_for_selector(f"{ITEM}:visible")
    assert page.inner_text('[data-testid="label-spam"] small') == "×1"
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d", page.inner_text('[data-testid="answers"]'))
    page.keyboard.press("?")
    assert page.is_visible('dialog:has-text("this list of keys")')
    page.context.close()


def test_who_answered_the_item_is_told_so(browser: Any, address: str, home: Path) -> None:
    with Project.open(home) as project:
        project.answer("spam-11-1", "spam", annotator="Rob")
        project.answer("spam-11-1", "ham", annotator="Ann")
    page = review(browser, address, "Rob")
    look_for(page, "spam-11-1")
    assert "Your own answer is one of these" in page.inner_text('[data-testid="review-mode"]')
    page.context.close()


def test_a_lost_connection_and_a_reload_lose_no_decision(browser: Any, address: str, home: Path) -> None:
    page = review(browser, address, "Rob")
    page.context.route("**/api/review/decisions", lambda route: route.abort())
    items = []
    for _ in range(2):
        items.append(on_screen(page))
        page.keyboard.press("2")
    assert "2 waiting" in state(page, "offline")
    page.context.unroute("**/api/review/decisions")
    page.reload()
    page.wait_for_selector(f"{ITEM}:visible", timeout=60_000)
    saved(page)
    for item in items:
        assert decisions(home, item)[-1] == ("Rob", "ham", None, True)
    page.context.close()


def test_texts_and_comments_are_only_ever_text(browser: Any, address: str) -> None:
    page = review(browser, address)
    look_for(page, DISPUTED[-1])
    assert page.text_content(ITEM) == HOSTILE
    assert page.text_content('[data-testid="answers"] blockquote') == HOSTILE
    assert page.title() != "owned"
    assert page.query_selector(".lk-review :is(script, strong, [href^='javascript:'])") is None
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_findings_of_axe(browser: Any, address: str, scheme: str) -> None:
    page = review(browser, address, color_scheme=scheme)
    for keys in ("", "e"):
        if keys:
            page.keyboard.press(keys)
            page.wait_for_selector('[data-testid="opinions"]:has-text("guess")')
        assert serious(page, ".lk-review") == []
    page.context.close()


def test_by_touch_on_a_phone(browser: Any, address: str, home: Path) -> None:
    page = review(browser, address, viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    item = on_screen(page)
    page.tap('[data-testid="label-ham"]')
    page.wait_for_function(f"document.querySelector('{ITEM_ID}').textContent !== '{item}'")
    saved(page)
    assert decisions(home, item)[-1][1] == "ham"
    for button in page.query_selector_all(".lkr-labels button, .lkr-tools button:not([hidden])"):
        box = button.bounding_box()
        assert box is None or min(box["width"], box["height"]) >= 44, button.inner_text()
    page.context.close()
