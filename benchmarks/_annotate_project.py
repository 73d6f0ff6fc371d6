"""Projects for the benchmark of the annotators' app: items, functions, a queue, accounts and sessions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from importing import WORDS

from labelkit import Project

LABELS = ("billing", "bug", "praise")
PASSWORD = "correct horse battery"
LEAD = "Lead"
FUNCTIONS = """
from labelkit import expression, keywords, regex

keywords("money", ["invoice", "refund", "price", "card"], label="billing")
keywords("broken", ["crash", "wrong", "missing", "slow"], label="bug")
keywords("thanks", ["great", "thanks", "love"], label="praise")
regex("cannot", r"\\bcannot (open|sync)", label="bug")
expression("short", "word_count <= 3", label="praise")
"""


@dataclass(frozen=True)
class Member:
    """Somebody with a session, as a signed-in browser has one."""

    name: str
    cookie: str


def texts(count: int, given: Path | None, *, first: int = 0) -> list[str]:
    """Distinct texts: generated, or those of a CSV or Parquet file with a column ``text``, over and over."""
    rng = np.random.default_rng([7, first])
    words = np.array(WORDS)
    if given is None:
        made = [" ".join(words[row]) for row in rng.integers(0, len(words), size=(count, 12))]
    else:
        table = pq.read_table(given, columns=["text"]) if given.suffix == ".parquet" else pa.csv.read_csv(given)
        known = table["text"].to_pylist()
        made = [known[(first + n) % len(known)] for n in range(count)]
    return [f"{text} ({first + n})" for n, text in enumerate(made)]


def write_items(path: Path, count: int, given: Path | None, *, first: int = 0, gold: bool = True) -> Path:
    """Items as a Parquet file; every twentieth is a test item with a gold label."""
    rng = np.random.default_rng(3)
    tested = [gold and n % 20 == 0 for n in range(count)]
    columns = {
        "id": [f"item-{first + n}" for n in range(count)],
        "text": texts(count, given, first=first),
        "gold": [LABELS[rng.integers(len(LABELS))] if test else None for test in tested],
        "split": ["test" if test else "train" for test in tested],
    }
    if not gold:
        del columns["gold"]
    pq.write_table(pa.table(columns), path)
    return path


def make_project(
    home: Path, count: int, *, given: Path | None = None, queue: int = 100, answers_per_item: int = 1,
    refit_after: int = 25, model: str = "auto",
) -> Path:  # fmt: skip
    """A project that ran once, so that its queue is there."""
    home.mkdir(parents=True)
    with Project.init(home, name="bench", labels=list(LABELS)) as project:
        project.import_items(write_items(home / "items.parquet", count, given))
    (home / "labeling_functions" / "functions.py").write_text(FUNCTIONS, encoding="utf-8")
    settings = home / "labelkit.toml"
    text = settings.read_text(encoding="utf-8").replace("size = 100", f"size = {queue}")
    text = text.replace('name = "auto"', f'name = "{model}"')
    text += f"\n[annotation]\nanswers_per_item = {answers_per_item}\n\n[serve]\nrefit_after = {refit_after}\n"
    settings.write_text(text, encoding="utf-8")
    with Project.open(home) as project:
        project.run()
    return home


def add_members(home: Path, names: Sequence[str], role: str) -> list[Member]:
    """Accounts of this role, each with a session."""
    members = []
    with Project.open(home) as project:
        for name in names:
            if project.team.account(name) is None:
                project.team.add(name, role, PASSWORD, actor="benchmark")
            token = project.team.sign_in(name, PASSWORD).token
            members.append(Member(name, f"{project.team.cookie_name}={token}"))
    return members


def save_members(path: Path, members: Sequence[Member]) -> None:
    """For the process that plays them."""
    path.write_text(json.dumps([[m.name, m.cookie] for m in members]), encoding="utf-8")
