"""Makes the pictures in ``docs/screenshots``: `make screenshots`.

It runs the sample project in a temporary folder, serves it, lets a few people answer through the API, signs in as a
lead with a real browser (``/usr/bin/chromium``, or what ``CHROMIUM`` names) and takes every page, light and dark.
"""

from __future__ import annotations

import csv
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from labelkit import Project
from labelkit.cli.commands.demo import prepare
from labelkit.steps.browsing import ItemFilter

HERE = Path(__file__).resolve().parent
OUT = HERE / "screenshots"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--hide-scrollbars"]
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
PASSWORD = "a long password for pictures"
LEAD, ANNOTATORS = "Ada", ("Mia", "Jonas", "Priya")
DAYS, A_DAY, NOW = 9, 26, 24
"""Days of earlier answers, answers of each person on such a day, answers of each person through the API."""
COLOURS = 256
MOST_BYTES = 150_000

sys.path.insert(0, str(HERE.parent / "app"))
from navigation import PAGES  # noqa: E402


def main() -> None:
    """Make all pictures anew."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "support-desk"
        print("running the sample project ...")
        truth = sample_project(home)
        with served(home) as address:
            print("people answer ...")
            for number, name in enumerate(ANNOTATORS):
                answer(address, name, truth, random.Random(number))
            OUT.mkdir(exist_ok=True)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                for scheme in ("light", "dark"):
                    take_all(browser, address, scheme, disputed(home))
                browser.close()


# ------------------------------------------------------------------ something to show


def sample_project(home: Path) -> dict[str, str]:
    """The sample project after some days of work; returns every item's gold label."""
    prepare(home)
    with (home / "sample_data" / "messages.csv").open(encoding="utf-8", newline="") as file:
        truth = {row["id"]: row["gold"] for row in csv.DictReader(file)}
    with Project.open(home) as project:
        project.settings().change({"answers_per_item": 2}, actor=LEAD)
    with Project.open(home) as project:
        project.run()
        team = project.team
        team.first_lead(LEAD, PASSWORD, actor="screenshots")
        for name, role in zip(ANNOTATORS, ("annotator", "annotator", "reviewer"), strict=True):
            team.add(name, role, PASSWORD, actor=LEAD)
        rng = random.Random(0)
        for day in range(DAYS, 0, -1):
            earlier_answers(project, truth, day, rng)
            if day % 2:
                project.run()
    return truth


def earlier_answers(project: Project, truth: dict[str, str], days_ago: int, rng: random.Random) -> None:
    """Answers of another day, as somebody would import them."""
    begin = datetime.now(UTC) - timedelta(days=days_ago)
    asked = project.queue()["id"].tolist()
    rng.shuffle(asked)
    file = project.root / "earlier.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        write = csv.writer(out)
        write.writerow(["item", "annotator", "label", "time"])
        for name in ANNOTATORS:
            for place, item in enumerate(asked[: rng.randrange(A_DAY // 2, A_DAY)]):
                at = begin + timedelta(seconds=9 * place)
                write.writerow([item, name, said(truth[item], project.schema.names, rng), at.isoformat()])
    project.import_annotations(file)


def said(label: str, labels: tuple[str, ...], rng: random.Random) -> str:
    """What somebody answers who is mostly right."""
    return label if rng.random() < 0.88 else rng.choice(labels)


@contextmanager
def served(home: Path) -> Iterator[str]:
    """A running server; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "labelkit.cli.main", "serve", "--port", str(port), "--project", str(home)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        server.stdout.readline()  # it says where it serves when it is ready
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=60)


def answer(address: str, name: str, truth: dict[str, str], rng: random.Random) -> None:
    """Some answers of one person through the API: labels, one skip, one flag."""
    labels = tuple(sorted(set(truth.values())))
    with httpx.Client(base_url=f"{address}/api", headers={"Origin": address}, trust_env=False, timeout=60) as api:
        api.post("/session", json={"name": name, "password": PASSWORD}).raise_for_status()
        client = f"pictures-{name}"
        items = api.post("/leases", json={"client": client, "want": NOW, "held": []}).raise_for_status().json()["items"]
        answers = [
            reply(item, sequence, said(truth.get(item["id"], labels[0]), labels, rng), rng)
            for sequence, item in enumerate(items, 1)
        ]
        if answers:
            api.post("/answers", json={"client": client, "answers": answers}).raise_for_status()


def reply(item: dict[str, Any], sequence: int, label: str, rng: random.Random) -> dict[str, Any]:
    """One answer; the fifth is a skip, the ninth a flag."""
    base = {key: item[key] for key in ("item", "token", "content")}
    base |= {"sequence": sequence, "seconds": round(rng.uniform(2, 9), 1)}
    if sequence == 5:
        return base | {"kind": "skip", "skip": "several_fit"}
    if sequence == 9:
        return base | {"kind": "flag", "comment": "This one names a customer."}
    return base | {"kind": "label", "label": label}


def disputed(home: Path) -> str:
    """The id of an item on which people disagree: its history is long."""
    with Project.open(home) as project:
        return project.browsing().page(ItemFilter(answered="disputed")).rows[0].id


# ------------------------------------------------------------------ pictures


def take_all(browser: Browser, address: str, scheme: str, item: str) -> None:
    """Every page in one colour scheme."""
    context = browser.new_context(viewport=WIDE, color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(address)
    page.get_by_test_id("login-name").wait_for()
    take(page, f"sign-in-{scheme}")
    page.get_by_test_id("login-name").fill(LEAD)
    page.get_by_test_id("login-password").fill(PASSWORD)
    page.get_by_test_id("login-submit").click()
    page.get_by_test_id("login-name").wait_for(state="detached")
    for place, each in enumerate(PAGES):
        page.goto(f"{address}/{each.file if place else ''}")  # the first one is where people land
        take(page, f"{each.file}-{scheme}")
    page.goto(f"{address}/items?item={item}")
    take(page, f"item-{scheme}")
    page.goto(f"{address}/functions?function=part_in_trouble")
    take(page, f"function-{scheme}")
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.goto(address)
    take(page, f"annotate-phone-{scheme}")
    context.close()


def take(page: Page, name: str) -> None:
    """One picture, when the page is quiet; as a small palette PNG."""
    quiet(page)
    picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
    for colours in (COLOURS, 128, 64):
        out = BytesIO()
        picture.quantize(colours, Image.Quantize.MAXCOVERAGE).save(out, "png", optimize=True)
        if out.tell() <= MOST_BYTES:
            break
    (OUT / f"{name}.png").write_bytes(out.getvalue())
    print(f"{name}.png  {out.tell() // 1000} kB")


def quiet(page: Page) -> None:
    """Wait until something is shown, nothing runs, and two looks are the same."""
    page.locator("[data-testid='stApp'][data-test-script-state='notRunning']").wait_for(timeout=60_000)
    busy = page.locator("[data-testid='stStatusWidget'], [data-testid='stSkeleton'], [data-testid='stSpinner']")
    until, before = time.monotonic() + 60, b""
    while time.monotonic() < until:
        page.wait_for_timeout(700)
        now = b"" if busy.count() else page.screenshot()
        if now and now == before:
            return
        before = now


if __name__ == "__main__":
    main()
