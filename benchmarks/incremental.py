"""Editing one labeling function of fifty: what is computed again, and how long every stage takes.

    python benchmarks/incremental.py [--items 1000000] [--keep FOLDER]

A project with 1,000,000 distinct short real texts (twelve words each) and 50 labeling functions: 30 keyword
and regex functions, 10 expressions and lookups, 10 plain Python functions. Measured are the first full
vote, five edits of one function (two keyword lists, a regex, an expression, a Python function), an edit
taken back, and 1% more items; each as the two commands `labelkit vote` and `labelkit label`, and the edits
also in one process that opens the project, votes and labels. Every process starts anew, so Python's and
torch's start count. With --keep the project stays, and is used again at the next call.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _common import data_folder, show, write_json

SETS = ("imdb", "agnews", "sms", "youtube")
WORDS = 12
FUNCTIONS_FILE = "labeling_functions/functions.py"
LABELKIT = [sys.executable, "-c", "from labelkit.cli.main import main; main()"]
TOGETHER = """
import json, time
from labelkit import Project
with Project.open() as project:
    voted = project.vote()
    labeled = project.label()
    print(json.dumps({"vote": voted.seconds, "label": labeled.seconds, "computed": len(voted.computed)}))
"""
TARGET_SHARE, TARGET_EXTRA, TARGET_COMMAND = 1 / 50, 0.5, 6.0

WORDS_OF = {
    "pos": ("great", "good", "best", "love", "loved", "excellent", "wonderful", "amazing", "perfect"),
    "neg": ("bad", "worst", "awful", "terrible", "boring", "waste", "stupid", "poor", "horrible"),
}
HEADER = "import re\n\nfrom labelkit.lf import expression, keywords, labeling_function, lookup, regex\n\n"
PYTHON = {
    "py_first_person": '"pos" if row.text.lower().startswith(("i love", "i really", "one of the best")) else None',
    "py_exclaims": '"pos" if row.text.count("!") >= 2 else None',
    "py_questions": '"neg" if row.text.count("?") >= 2 else None',
    "py_shouts": '"neg" if sum(w.isupper() and len(w) > 3 for w in row.text.split()) >= 2 else None',
    "py_score": 'None if not (m := re.search(r"(\\d+)/10", row.text)) else "pos" if int(m[1]) > 6 else "neg"',
    "py_not_good": '"neg" if "not good" in row.text or "not very" in row.text else None',
    "py_money": '"neg" if "money" in row.text and "waste" in row.text else None',
    "py_news": '"pos" if row.source == "agnews" and "wins" in row.text else None',
    "py_long_words": '"pos" if max(map(len, row.text.split()), default=0) > 15 else None',
    "py_ends": '"neg" if row.text.rstrip().endswith(("...", "?!")) else None',
}
EDITS = {
    "keywords (1)": ("'kw_pos_0', ['great'", "'kw_pos_0', ['touching', 'great'", "'kw_pos_0', ['moving', 'great'"),
    "keywords (2)": ("'kw_neg_3', ['terrible'", "'kw_neg_3', ['clumsy', 'terrible'", "'kw_neg_3', ['flat', 'terrible'"),
    "regex": ("worst\\\\s+(movie|film|story|show)", "worst\\\\s+(movie|film)", "worst\\\\s+(movie|film|show)"),
    "expression": ("char_count > 90'", "char_count > 92'", "char_count > 93'"),
    "Python": ('if "not good" in', 'if "not so good" in', 'if "not that good" in'),
}
"""What is edited → what stands in the file, and what is put there first and second."""


def functions_text() -> str:
    """The file of the 50 labeling functions."""
    lines = [HEADER]
    for label, words in WORDS_OF.items():
        lines += [f"keywords('kw_{label}_{i}', {[words[i], words[i + 1]]!r}, label='{label}')" for i in range(8)]
        for i in range(7):
            pattern = rf"\b{words[i]}\s+(movie|film|story|show)"
            lines.append(f"regex('re_{label}_{i}', {pattern!r}, label='{label}')")
    lines += [
        f"expression('ex_{i}', {text!r}, label='{label}')"
        for i, (text, label) in enumerate(
            [("char_count > 90", "pos"), ("char_count < 45", "neg"), ("contains(text, 'score')", "pos"),
             ("source == 'agnews' and char_count > 85", "pos"), ("startswith(text, 'I ')", "neg"),
             ("endswith(text, '!')", "pos"), ("lower(text) == 'no'", "neg")]
        )
    ]  # fmt: skip
    lines += [
        f"lookup('look_{i}', {table!r}, field='source')"
        for i, table in enumerate([{"agnews": "pos"}, {"sms": "neg"}, {"youtube": "neg"}])
    ]
    for name, value in PYTHON.items():
        lines.append(f"\n\n@labeling_function()\ndef {name}(row):\n    return {value}")
    return "\n".join(lines) + "\n"


def chunks() -> Iterator[tuple[str, str]]:
    """(text, set) of every run of twelve words, from the texts' beginnings and then from further offsets."""
    texts = []
    for name in SETS:
        for path in sorted((data_folder() / name).glob("*.parquet")):
            texts += [(text.split(), name) for text in pq.read_table(path, columns=["text"])["text"].to_pylist()]
    for offset in (0, 6, 3, 9, 1, 7, 4, 10, 2, 8, 5, 11):
        for words, name in texts:
            for start in range(offset, len(words) - WORDS + 1, WORDS):
                yield " ".join(words[start : start + WORDS]), name


def make_items(count: int) -> pa.Table:
    """So many distinct texts in a random order that is the same at every call."""
    found: dict[str, str] = {}
    for text, name in chunks():
        found.setdefault(text, name)
        if len(found) == count:
            break
    else:
        sys.exit(f"the data has {len(found):,} distinct chunks, {count:,} were asked for")
    texts = list(found)
    order = np.random.default_rng(0).permutation(count)
    return pa.table(
        {
            "id": [f"i{number}" for number in range(count)],
            "text": [texts[place] for place in order],
            "source": [found[texts[place]] for place in order],
        }
    )


def make_project(folder: Path, items: int) -> Path:
    """The project with its items imported and nothing else done; ``more.parquet`` holds one per cent more."""
    from labelkit import Project

    table, more = make_items(items + items // 100), folder / "more.parquet"
    pq.write_table(table.slice(items), more)
    pq.write_table(table.slice(0, items), folder / "items.parquet")
    home = folder / "project"
    with Project.init(home, name="bench", labels=["pos", "neg"]) as project:
        started = time.perf_counter()
        project.import_items(folder / "items.parquet")
        print(f"imported {items:,} items in {time.perf_counter() - started:.1f} s")
    for file in (home / "labeling_functions").glob("*.py"):
        file.unlink()
    return home


def environment() -> dict[str, str]:
    """This process's, with compiled files allowed: users have them."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def process(home: Path, command: list[str]) -> tuple[float, dict[str, Any]]:
    """Seconds of a whole process, and the JSON that it printed."""
    started = time.perf_counter()
    done = subprocess.run(command, cwd=home, check=True, stdout=subprocess.PIPE, text=True, env=environment())
    return time.perf_counter() - started, json.loads(done.stdout)


def commands(home: Path, files: list[Path] | None = None) -> dict[str, Any]:
    """`labelkit vote` and `labelkit label` as two processes (after an import, if files are given)."""
    found: dict[str, Any] = {}
    if files:
        found["import_command"], _ = process(home, [*LABELKIT, "import", *map(str, files), "--json"])
    found["vote_command"], voted = process(home, [*LABELKIT, "vote", "--json"])
    found["label_command"], labeled = process(home, [*LABELKIT, "label", "--json"])
    found |= {"vote": voted["seconds"], "label": labeled["seconds"], "computed": len(voted["computed"])}
    return found


def edit(home: Path, old: str, new: str) -> None:
    """Change one place in the project's file of functions."""
    file = home / FUNCTIONS_FILE
    text = file.read_text(encoding="utf-8")
    if text.count(old) != 1:
        sys.exit(f"{old!r} stands {text.count(old)} times in {file}, expected once")
    file.write_text(text.replace(old, new), encoding="utf-8")


def measure(home: Path, more: Path) -> dict[str, Any]:
    """Every situation, in the order in which a user meets it."""
    (home / FUNCTIONS_FILE).write_text(functions_text(), encoding="utf-8")
    found: dict[str, Any] = {"first": commands(home)}
    found["nothing changed"] = commands(home)
    edits = []
    for kind, (written, first, second) in EDITS.items():
        edit(home, written, first)
        apart = commands(home)
        edit(home, first, second)
        seconds, together = process(home, [sys.executable, "-c", TOGETHER])
        edits.append({"edited": kind, **apart, "together": {"command": seconds, **together}})
    found["edits"] = edits
    (home / FUNCTIONS_FILE).write_text(functions_text(), encoding="utf-8")
    found["taken back"] = commands(home)
    found["1% more items"] = commands(home, [more])
    return found


def report(found: dict[str, Any], items: int) -> dict[str, Any]:
    """Print the tables; the figures that are held against the targets."""
    header = ["", "columns computed", "vote", "label", "`vote` command", "`label` command", "both"]
    rows = [
        _row(name, found[name]) for name in ("first", "nothing changed")
    ] + [_row(f"edit: {e['edited']}", e) for e in found["edits"]] + [
        _row(name, found[name]) for name in ("taken back", "1% more items")
    ]  # fmt: skip
    show(f"{items:,} items, 50 labeling functions, seconds", header, rows)
    together = [[f"edit: {e['edited']}", *_shown(e["together"], ("vote", "label", "command"))] for e in found["edits"]]
    show("Edits in one process that votes and labels, seconds", ["", "vote", "label", "whole process"], together)
    first, edits = found["first"], found["edits"]
    summary = {
        "first_vote": first["vote"],
        "edit_vote_median": statistics.median(e["vote"] for e in edits),
        "edit_vote_allowed": first["vote"] * TARGET_SHARE + TARGET_EXTRA,
        "edit_process_median": statistics.median(e["together"]["command"] for e in edits),
        "edit_commands_median": statistics.median(e["vote_command"] + e["label_command"] for e in edits),
        "edit_command_allowed": TARGET_COMMAND,
        "columns_computed": sorted({e["computed"] for e in edits} | {e["together"]["computed"] for e in edits}),
    }
    print(
        f"\nedit of one function: {summary['columns_computed']} columns computed;"
        f" vote {summary['edit_vote_median']:.2f} s (at most {summary['edit_vote_allowed']:.2f});"
        f" vote and label in one process {summary['edit_process_median']:.2f} s,"
        f" as two commands {summary['edit_commands_median']:.2f} s (at most {TARGET_COMMAND:.0f})"
    )
    return summary


def _row(name: str, figures: dict[str, Any]) -> list[Any]:
    both = figures["vote_command"] + figures["label_command"]
    return [
        name,
        figures["computed"],
        *_shown(figures, ("vote", "label", "vote_command", "label_command")),
        f"{both:.2f}",
    ]


def _shown(figures: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    return [f"{figures[name]:.2f}" for name in names]


def main() -> None:
    """Run and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="make the project here and leave it")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        home = make_project(folder, given.items)
        found = measure(home, folder / "more.parquet")
    summary = report(found, given.items)
    write_json("incremental", {"items": given.items, **summary, **found})


if __name__ == "__main__":
    main()
