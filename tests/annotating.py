"""The Annotate page in a browser: opening it, reading what is on screen and what is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from labelkit import Project
from tests.browsing import signed_in
from tests.conftest import sample_rows
from tests.serving import ran_project

ITEM = '[data-testid="item-text"]'
ITEM_ID = '[data-testid="item-id"]'
SAVE = '[data-testid="save-state"]'

RECORD = """() => {
  window.presses = [];
  window.addEventListener('keydown', (event) => window.presses.push([
    event.key,
    document.querySelector('[data-testid="item-id"]').textContent,
    document.querySelector('[data-testid="item-text"]').textContent,
  ]), true);
}"""
"""Notes at every press what is on screen, before the page hears of it."""


class Stored(NamedTuple):
    """One answer as the project file has it; ``counts``: neither replaced nor taken back."""

    item: str
    kind: str
    label: str | None
    skip: str | None
    comment: str | None
    late: bool
    counts: bool
    text: str


def annotating_project(
    home: Path, settings: str = "", rows: list[list[str]] | None = None, *, places: int = 20, **ran: Any
) -> Path:
    """A project in which so many people may answer everything that is asked, without gold questions."""
    ran_project(home, rows or sample_rows(copies=20), **ran)
    file = home / "labelkit.toml"
    usual = f"answers_per_item = {places}\nhints_before = 0.0\ngold_share = 0.0\n"
    file.write_text(file.read_text(encoding="utf-8") + usual + settings, encoding="utf-8")
    return home


def annotate(browser: Any, address: str, name: str, path: str = "", **context: Any) -> Any:
    """A page of somebody who is signed in, with an item on screen, in a browser context of its own."""
    page = signed_in(browser, address, name, path, **context)
    page.wait_for_selector(f"{ITEM}:visible", timeout=60_000)
    return page


def on_screen(page: Any) -> str:
    """The id of the item that is on screen."""
    return str(page.text_content(ITEM_ID))


def saved(page: Any) -> None:
    """Wait until the server has acknowledged everything."""
    page.wait_for_selector(f'{SAVE}[data-state="saved"]', timeout=30_000)


def state(page: Any, wanted: str) -> str:
    """Wait for a state of saving; returns its words."""
    page.wait_for_selector(f'{SAVE}[data-state="{wanted}"]', timeout=30_000)
    return str(page.inner_text(SAVE))


def press(page: Any, keys: str) -> list[str]:
    """Press keys one after the other; returns the items that were on screen at each press."""
    seen = []
    for key in keys:
        seen.append(on_screen(page))
        page.keyboard.press(key)
    return seen


def stored(home: Path, who: str) -> list[Stored]:
    """Everything that this person ever answered, in order; what was taken back is marked by ``counts``."""
    with Project.open(home) as project:
        rows = project._store.database.rows(
            "select i.id, a.kind, a.label, a.skip_reason, a.comment, a.late, not exists"
            " (select 1 from annotations b where b.supersedes = a.id) and not a.outdated, i.text"
            " from annotations a join items i on i.item = a.item join annotators p on p.id = a.annotator"
            " where p.name = ? order by a.id",
            (who,),
        )
        names = project.schema
        return [
            Stored(
                item, kind, None if label is None else names.name_of(label), skip, comment, bool(late), bool(on), text
            )
            for item, kind, label, skip, comment, late, on, text in rows
        ]


def counting(home: Path, who: str) -> dict[str, str | None]:
    """Item → label of this person's answers that count; None for a skip or a flag."""
    return {one.item: one.label for one in stored(home, who) if one.counts and one.skip != "withdrawn"}
