"""What could lose an answer or give it to somebody else: connections, restarts, tabs, other people, full storage."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labelkit import Project
from tests.annotating import (
    ITEM,
    ITEM_ID,
    annotate,
    annotating_project,
    counting,
    on_screen,
    press,
    saved,
    state,
    stored,
)
from tests.browsing import BROWSER_TESTS, sign_in
from tests.serving import add_person, client, free_port, start

pytestmark = BROWSER_TESTS

PEOPLE = (
    "Counter",
    "Cut",
    "Restart",
    "Left",
    "Right",
    "Ann",
    "Bob",
    "Revoked",
    "Twin",
    "Full",
    "Leaver",
    "Late",
    "Other",
)
DISPUTED = ["spam-0-1", "spam-0-2", "spam-1-1", "spam-1-2"]

NOTE_DIALOGS = """() => new MutationObserver(() => {
  window.covered ||= document.querySelector('[data-testid="stDialog"]') !== null;
}).observe(document.body, {childList: true, subtree: true})"""
"""Notes whether Streamlit has covered the page."""


class Served:
    """A server that can be stopped and started again at the same address."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[str] = start(home, self.port)

    def stop(self) -> None:
        self.process.terminate()
        self.process.communicate(timeout=30)

    def start(self) -> None:
        self.process = start(self.home, self.port)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = "batch = 4\ntie_break_answers = 0\n"
    home = annotating_project(tmp_path_factory.mktemp("lost") / "project", settings, places=1)
    for name in PEOPLE:
        add_person(home, name, "annotator")
    add_person(home, "Rita", "reviewer")
    with Project.open(home) as project:
        for item in DISPUTED:
            project.answer(item, "spam", annotator="Dan")
            project.answer(item, "ham", annotator="Eva")
    return home


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[Served]:
    running = Served(home)
    yield running
    running.stop()


def test_without_a_connection_one_goes_on_and_everything_arrives(browser: Any, server: Served, home: Path) -> None:
    page = annotate(browser, server.address, "Cut")
    page.context.set_offline(True)
    seen = press(page, "121")
    assert state(page, "offline") == "Offline, 3 waiting"
    assert stored(home, "Cut") == []
    press(page, "1")
    page.wait_for_selector('h2:has-text("The server cannot be reached")')  # the batch of four is answered
    page.keyboard.press("u")
    assert len(set(seen)) == 3 and on_screen(page) not in seen
    page.context.set_offline(False)
    saved(page)
    assert counting(home, "Cut") == dict(zip(seen, ("spam", "ham", "spam"), strict=True))
    page.context.close()


def test_a_restart_of_the_server_loses_nothing(browser: Any, server: Served, home: Path) -> None:
    page = annotate(browser, server.address, "Restart")
    seen = press(page, "1")
    saved(page)
    server.stop()
    seen += press(page, "22")
    assert state(page, "offline") == "Offline, 2 waiting"
    server.start()
    saved(page)
    seen += press(page, "1")
    saved(page)
    assert counting(home, "Restart") == dict(zip(seen, ("spam", "ham", "ham", "spam"), strict=True))
    assert not any(one.late for one in stored(home, "Restart"))
    page.context.close()


def test_review_goes_on_while_the_server_is_down(browser: Any, server: Served, home: Path) -> None:
    page = annotate(browser, server.address, "Rita", "review")
    page.evaluate(NOTE_DIALOGS)
    server.stop()
    page.wait_for_function("window.covered", timeout=60_000)
    page.wait_for_selector('[data-testid="stDialog"]', state="detached")
    item = on_screen(page)
    page.keyboard.press("2")
    assert on_screen(page) != item
    assert state(page, "offline") == "Offline, 1 waiting"
    server.start()
    saved(page)
    with Project.open(home) as project:
        assert [one["label"] for one in project.explain(item).decisions] == ["ham"]
    page.context.close()


def test_what_waits_is_counted_by_items(browser: Any, server: Served, home: Path) -> None:
    page = annotate(browser, server.address, "Counter")
    page.route("**/api/answers", lambda route: route.abort())
    seen = press(page, "111u2")
    assert state(page, "offline") == "Offline, 3 waiting"  # answers, an undo and another answer to the third
    page.unroute("**/api/answers")
    saved(page)
    assert counting(home, "Counter") == dict(zip(seen[:3], ("spam", "spam", "ham"), strict=True))
    page.context.close()


def test_two_people_never_get_the_same_item(browser: Any, server: Served, home: Path) -> None:
    left, right = (annotate(browser, server.address, name) for name in ("Left", "Right"))
    for key in "1212121":
        for page in (left, right):
            page.wait_for_selector(f"{ITEM}:visible")
            page.keyboard.press(key)
    saved(left)
    saved(right)
    ours, theirs = counting(home, "Left"), counting(home, "Right")
    assert len(ours) == len(theirs) == 7 and not set(ours) & set(theirs)
    left.context.close()
    right.context.close()


def test_the_next_person_never_sends_the_last_ones_answers(browser: Any, server: Served, home: Path) -> None:
    page = annotate(browser, server.address, "Ann")
    page.evaluate("navigator.sendBeacon = () => false")  # what a page sends as it closes gets past set_offline
    page.context.set_offline(True)
    seen = press(page, "12")
    assert state(page, "offline") == "Offline, 2 waiting"
    page.goto("about:blank")
    page.context.clear_cookies()  # the session is over, the browser stays
    page.context.set_offline(False)
    sign_in(page, server.address, "Bob")
    page.wait_for_selector(f"{ITEM}:visible")
    assert state(page, "saved") == "Saved"
    his = press(page, "1")
    saved(page)
    assert counting(home, "Bob") == {his[0]: "spam"} and counting(home, "Ann") == {}
    page.goto("about:blank")
    page.context.clear_cookies()
    sign_in(page, server.address, "Ann")
    page.wait_for_selector(f"{ITEM}:visible")
    saved(page)
    assert counting(home, "Ann") == {seen[0]: "spam", seen[1]: "ham"}
    assert len(stored(home, "Bob")) == 1
    page.context.close()


def test_who_signs_in_in_another_tab_stops_this_one(browser: Any, server: Served, home: Path) -> None:
    page = annotate(browser, server.address, "Other")
    item = on_screen(page)
    page.context.clear_cookies()
    sign_in(page.context.new_page(), server.address, "Bob")
    page.wait_for_selector('.lk-notice:has-text("Bob")')
    page.keyboard.press("1")
    assert on_screen(page) == item and page.is_disabled('[data-testid="label-spam"]')
    assert counting(home, "Other") == {} and item not in counting(home, "Bob")
    page.context.close()


def test_a_revoked_session_is_said_and_its_answers_wait_for_the_same_person(
    browser: Any, server: Served, home: Path
) -> None:
    page = annotate(browser, server.address, "Revoked")
    page.context.clear_cookies()  # for the server this is a session that is over
    seen = press(page, "1")
    page.wait_for_selector('.lk-notice:has-text("You are not signed in any more")')
    assert state(page, "halted") == "Stopped, 1 waiting"
    page.keyboard.press("2")
    page.click('.lk-notice button:has-text("Sign in")')
    sign_in(page, server.address, "Revoked")
    page.wait_for_selector(f"{ITEM}:visible")
    saved(page)
    assert counting(home, "Revoked") == {seen[0]: "spam"}
    page.context.close()


def test_pages_of_other_roles_stay_closed(browser: Any, server: Served) -> None:
    page = annotate(browser, server.address, "Twin")
    page.goto(f"{server.address}/items")
    page.wait_for_selector('[data-testid="stAlert"]:has-text("Your role (annotator) does not show you this page")')
    page.context.close()


def test_a_duplicated_tab_is_another_client_with_other_items(browser: Any, server: Served, home: Path) -> None:
    page = annotate(browser, server.address, "Twin")
    identity = "window.labelkitAnnotate.desk.tab.id"
    with page.expect_popup() as opened:
        page.evaluate("window.open(location.href)")  # a copy of the storage of this tab goes with it
    twin = opened.value
    twin.wait_for_selector(f"{ITEM}:visible", timeout=60_000)
    assert twin.evaluate(identity) != page.evaluate(identity)
    assert on_screen(twin) != on_screen(page)
    seen = press(page, "1") + press(twin, "2")
    saved(page)
    saved(twin)
    assert counting(home, "Twin") == {seen[0]: "spam", seen[1]: "ham"}
    before = page.evaluate(identity)
    twin.close()
    page.reload()
    page.wait_for_selector(f"{ITEM}:visible")
    assert page.evaluate(identity) == before
    page.context.close()


def test_a_browser_that_keeps_nothing_says_so_and_still_sends(browser: Any, server: Served, home: Path) -> None:
    context = browser.new_context()
    context.add_init_script(
        "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }"
    )
    page = sign_in(context.new_page(), server.address, "Full")
    page.wait_for_selector(f"{ITEM}:visible")
    seen = press(page, "12")
    page.wait_for_selector('.lk-notice:has-text("Do not close this tab")')
    saved(page)
    assert list(counting(home, "Full")) == seen
    context.close()


def test_signing_out_sends_first_and_warns_where_it_cannot(browser: Any, server: Served, home: Path) -> None:
    page = annotate(browser, server.address, "Leaver")
    page.route("**/api/answers", lambda route: route.abort())
    seen = press(page, "1")
    assert state(page, "offline") == "Offline, 1 waiting"
    page.click('[data-testid="account"]')
    page.click('[data-testid="sign-out"]')
    page.wait_for_selector('.lk-account:has-text("1 answer could not be sent")')
    assert page.inner_text(".lk-notice") == "Signing out: 1 answer unsent."
    assert state(page, "halted") == "Signing out, 1 waiting"
    choices = page.locator(".lk-account-box button:visible").all_inner_texts()
    assert choices == ["Stay signed in", "Sign out, keep them here for me", "Sign out and delete them"]
    page.click('[data-do="stay"]')
    assert page.locator(".lk-notice").count() == 0 and page.locator(".lk-account-box button:visible").count() == 1
    page.unroute("**/api/answers")
    page.click('[data-testid="sign-out"]')
    page.wait_for_selector('[data-testid="login-name"]')
    assert counting(home, "Leaver") == {seen[0]: "spam"}
    kept = page.evaluate("[...Object.keys(localStorage), ...Object.keys(sessionStorage)].filter(k => /Leaver/.test(k))")
    assert kept == []
    page.context.close()


def test_a_late_answer_is_kept_and_said(browser: Any, server: Served, home: Path) -> None:
    page = annotate(browser, server.address, "Late")
    mine = page.evaluate("window.labelkitAnnotate.desk.tab.id")
    session = client(server.address, "Late")  # gives back what the page holds, as if its time were over
    assert session.post("/leases/release", json={"client": mine}).status_code == 204
    session.close()
    seen = press(page, "1")
    page.wait_for_selector(f'.lk-notice:has-text("Saved, but after the time"):has-text("{seen[0]}")')
    assert [(one.item, one.late) for one in stored(home, "Late")] == [(seen[0], True)]
    page.context.close()


def test_a_queue_that_is_empty_says_so(browser: Any, server: Served) -> None:
    page = annotate(browser, server.address, "Cut")
    nothing = {"items": [], "progress": {"answered": 3, "today": 3, "left": 0, "batch_of": None}, "ended": []}
    page.route("**/api/leases", lambda route: route.fulfill(json=nothing))
    while page.is_visible(ITEM_ID):
        page.keyboard.press("1")
    page.wait_for_selector('h2:has-text("Nothing is waiting for you")')
    page.unroute("**/api/leases")
    page.click('[data-testid="look-again"]')
    page.wait_for_selector(f"{ITEM}:visible")
    page.context.close()
