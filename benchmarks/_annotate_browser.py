"""The parts in a real browser: from key to next item, a burst of keys, what is stored, the first page."""

from __future__ import annotations

import json
import os
import sqlite3
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from _annotate_project import PASSWORD, add_members, make_project
from _annotate_server import Served, free_port
from _annotate_team import percentiles

from labelkit import Project

HERE = Path(__file__).resolve().parent
CHROMIUM = os.environ.get("LABELKIT_CHROMIUM", "/usr/bin/chromium")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")  # fmt: skip
OURS, PLAIN = '[data-testid="item-text"]', '.st-key-item-text [data-testid="stText"]'
BURST, BURST_SECONDS = 30, 0.04
# At every key: what is on screen. At every change of the item: when it was in the page, and when it was painted.
WATCH = """(selector) => {
  const shown = () => document.querySelector(selector)?.textContent ?? '';
  const log = window.watched = {keys: [], changes: []};
  performance.setResourceTimingBufferSize(5000);
  let before = shown();
  addEventListener('keydown', (event) => {
    if (/^[0-9]$/.test(event.key)) log.keys.push({at: event.timeStamp, key: event.key, text: shown()});
  }, true);
  new MutationObserver(() => {
    const text = shown();
    if (!text || text === before) return;
    before = text;
    const change = {at: performance.now(), text};
    log.changes.push(change);
    requestAnimationFrame(() => {
      const frame = new MessageChannel();
      frame.port1.onmessage = () => { change.painted = performance.now(); };
      frame.port2.postMessage(0);
    });
  }).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""
ACKNOWLEDGED = """() => performance.getEntriesByType('resource').filter((e) => e.name.endsWith('/api/answers'))
  .map((e) => (e.responseEnd - e.startTime) / 1000)"""


@contextmanager
def browser() -> Iterator[Any]:
    """Debian's chromium through Playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield running
        finally:
            running.close()


def sign_in(page: Any, address: str, name: str) -> None:
    """Through the page, as a person does."""
    page.goto(address)
    page.get_by_test_id("login-name").fill(name)
    page.get_by_test_id("login-password").fill(PASSWORD)
    page.get_by_test_id("login-submit").click()


@contextmanager
def plain_page(folder: Path, items: list[tuple[str, str]]) -> Iterator[str]:
    """A server of the plain page; gives its address."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "items.json").write_text(json.dumps(items), encoding="utf-8")
    port = free_port()
    options = {"server.port": port, "server.address": "127.0.0.1", "server.headless": "true",
               "server.fileWatcherType": "none", "browser.gatherUsageStats": "false",
               "browser.serverAddress": "127.0.0.1", "logger.hideWelcomeMessage": "true"}  # fmt: skip
    command = [sys.executable, "-m", "streamlit", "run", str(HERE / "plain_page" / "page.py")]
    command += [part for key, value in options.items() for part in (f"--{key}", str(value))]
    server = subprocess.Popen(
        command, cwd=folder, env={**os.environ, "PLAIN_PAGE": str(folder)}, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        for _ in range(600):
            try:
                opener.open(f"http://127.0.0.1:{port}/_stcore/health", timeout=2).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


def one(folder: Path, given: Path | None, presses: int) -> dict[str, Any]:
    """One annotator: ours and the plain page, side by side."""
    home = make_project(folder / "one", max(600, 4 * presses), given=given, queue=4 * presses, model="majority")
    add_members(home, ["Ann"], "annotator")
    with Project.open(home) as project:
        items = [(row.id, row.text) for row in project.queue().itertuples()]
        ids = dict(zip(project.items()["text"], project.items()["id"], strict=True))  # gold questions too
    with Served(home, "--no-trainer") as served, plain_page(folder / "plain", items) as plain, browser() as running:
        ours = running.new_context().new_page()
        sign_in(ours, served.address, "Ann")
        theirs = running.new_context().new_page()
        theirs.goto(plain)
        result: dict[str, Any] = {}
        for name, page, selector in (("labelkit", ours, OURS), ("plain page", theirs, PLAIN)):
            page.wait_for_selector(selector, timeout=60_000)
            page.wait_for_timeout(1500)
            page.evaluate(WATCH, selector)
            result[name] = _keys(page, presses)
            acknowledged = page.evaluate(ACKNOWLEDGED)
            result[name]["acknowledged"] = percentiles(acknowledged) | {"n": len(acknowledged)}
            _burst(page)
            stored = _stored_ours if name == "labelkit" else _stored_plain
            result[name] |= _compare(page, stored(home, folder), ids)
    return result


def _keys(page: Any, presses: int) -> dict[str, Any]:
    """Single presses: each waits until the next item is there, and a moment longer."""
    page.mouse.click(5, 300)
    for n in range(presses):
        seen = page.evaluate("window.watched.changes.length")
        page.keyboard.press(str(1 + n % 2))
        page.wait_for_function("(seen) => window.watched.changes.length > seen", arg=seen, timeout=20_000)
        page.wait_for_timeout(60)
    log = page.evaluate("window.watched")
    in_page, painted = [], []
    for key, change in zip(log["keys"], log["changes"], strict=True):
        in_page.append((change["at"] - key["at"]) / 1000)
        painted.append((change["painted"] - key["at"]) / 1000)
    return {"in the page": percentiles(in_page), "painted": percentiles(painted), "presses": presses}


def _burst(page: Any) -> None:
    """Thirty presses, 40 ms apart, whatever the page does; then until nothing is on its way any more."""
    page.evaluate("() => { window.watched.keys = []; window.watched.changes = []; }")
    began = time.perf_counter()
    for n in range(BURST):
        time.sleep(max(0.0, began + n * BURST_SECONDS - time.perf_counter()))
        page.keyboard.press(str(1 + n % 2))
    page.wait_for_timeout(4000)


def _compare(page: Any, stored: list[tuple[str, str]], ids: dict[str, str]) -> dict[str, Any]:
    """How many presses of the burst were stored as the item that was on screen, with the label that was pressed."""
    keys = page.evaluate("window.watched.keys")
    labels = {"1": "billing", "2": "bug", "3": "praise"}
    wanted = [(ids.get(key["text"], "?"), labels[key["key"]]) for key in keys]
    left = list(stored)
    right = 0
    for answer in wanted:
        if answer in left:
            left.remove(answer)
            right += 1
    return {"burst": {"pressed": len(keys), "right": right}}


def _stored_ours(home: Path, folder: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(f"file:{home / 'bench.labelkit.db'}?mode=ro", uri=True) as connection:
        return connection.execute(
            "select i.id, c.name from annotations a join items i on i.item = a.item join label_classes c"
            f" on c.id = a.label order by a.id desc limit {BURST}"
        ).fetchall()


def _stored_plain(home: Path, folder: Path) -> list[tuple[str, str]]:
    lines = (folder / "plain" / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    return [(item, label) for item, label in map(json.loads, lines[-BURST:])]


def first_page(folder: Path, items: int, given: Path | None, times: int) -> dict[str, Any]:
    """From the click that signs in to the first item, on a large project; the server is cold the first time."""
    began = time.perf_counter()
    home = make_project(folder / "first", items, given=given)
    built = time.perf_counter() - began
    add_members(home, [f"Person {n}" for n in range(times)], "annotator")
    took = []
    with Served(home, "--no-trainer") as served, browser() as running:
        for n in range(times):
            page = running.new_context().new_page()
            took.append(_until_first_item(page, served.address, f"Person {n}"))
            page.context.close()
    return {
        "items": items, "built_seconds": built, "cold_seconds": took[0], "median_seconds": statistics.median(took),
        "worst_seconds": max(took), "seconds": took,
    }  # fmt: skip


def _until_first_item(page: Any, address: str, name: str) -> float:
    sign_in_done: Callable[[], None] = page.get_by_test_id("login-submit").click
    page.goto(address)
    page.get_by_test_id("login-name").fill(name)
    page.get_by_test_id("login-password").fill(PASSWORD)
    began = time.perf_counter()
    sign_in_done()
    page.wait_for_function(f"document.querySelector('{OURS}')?.textContent", timeout=60_000, polling=20)
    return time.perf_counter() - began
