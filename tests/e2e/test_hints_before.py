"""Hints that are shown before the answer: before the first key, to be measured, and never where they would spoil it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labelkit import Project
from tests.annotating import ITEM, annotate, on_screen, saved
from tests.browsing import BROWSER_TESTS
from tests.conftest import sample_rows
from tests.serving import add_person, ran_project

pytestmark = BROWSER_TESTS

ANSWERS = 40


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = ran_project(tmp_path_factory.mktemp("hints") / "project", sample_rows(copies=12))
    file = home / "labelkit.toml"
    rules = "answers_per_item = 2\nhints_before = 0.5\ngold_share = 0.25\nbatch = 6\n"
    text = file.read_text(encoding="utf-8") + rules
    file.write_text(text, encoding="utf-8")
    add_person(home, "Ann", "annotator")
    add_person(home, "Bob", "annotator")
    return home


def told(home: Path, who: str) -> dict[str, tuple[str, str, bool]]:
    """Item → (role, what is noted of its hints, whether somebody else had answered it before it was given out)."""
    with Project.open(home) as project:
        rows = project._store.database.rows(
            "select i.id, a.role, json_extract(a.shown, '$.hints'), exists (select 1 from annotations o where"
            " o.item = a.item and o.annotator != a.annotator and o.answered_at <= l.claimed_at and o.role != 'gold')"
            " from annotations a join items i on i.item = a.item join leases l on l.token = a.lease_token"
            " join annotators p on p.id = a.annotator where p.name = ? order by a.id",
            (who,),
        )
    return {item: (role, hints, bool(others)) for item, role, hints, others in rows}


def answer_all(browser: Any, address: str, name: str) -> dict[str, bool]:
    """Item → whether hints were on screen before the key was pressed."""
    page = annotate(browser, address, name)
    seen: dict[str, bool] = {}
    for _ in range(ANSWERS):
        page.wait_for_selector(f"{ITEM}:visible")
        item = on_screen(page)
        seen[item] = page.locator(".lk-before").is_visible()
        if seen[item]:
            assert "Functions" in page.inner_text(".lk-before") or "Model" in page.inner_text(".lk-before")
        page.keyboard.press("1")
        page.wait_for_timeout(200)  # a press within the first moments of an item that came by itself counts for nothing
    saved(page)
    page.context.close()
    return seen


def test_what_is_seen_before_the_key_is_what_is_noted(browser: Any, address: str, home: Path) -> None:
    seen = answer_all(browser, address, "Ann")
    noted = told(home, "Ann")
    assert {item: noted[item][1] == "before" for item in seen} == seen
    shares = [seen[item] for item in seen if noted[item][0] == "active"]
    assert 0.2 < sum(shares) / len(shares) < 0.8 and len(shares) >= 12
    others = {noted[item][0]: seen[item] for item in seen if noted[item][0] != "active"}
    assert {"gold", "audit"} <= set(others) and not any(others.values())
    with Project.open(home) as project:
        assert project.anchoring().before.n == sum(shares)


def test_nobody_sees_hints_before_on_what_another_has_answered(browser: Any, address: str, home: Path) -> None:
    seen = answer_all(browser, address, "Bob")
    noted = told(home, "Bob")
    after_others = {item for item, (_, _, others) in noted.items() if others}
    assert len(after_others) >= 5 and not any(seen[item] for item in after_others & set(seen))
    assert {item: noted[item][1] == "before" for item in seen} == seen
