"""The dependent functions of a project, with advice that follows known labels."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from labelkit import Project
from labelkit.errors import StepMissing

HEAD = "from labelkit import expression\n"


def project(home: Path, functions: str, *, rows: int = 600, gold: bool = True, split: str = "train") -> Path:
    """A project of items with two random numbers; the label is spam where the first is below 50."""
    random = np.random.default_rng(0)
    with Project.init(home, name="numbers", labels=["spam", "ham"]) as made:
        file = home / "items.csv"
        with file.open("w", newline="", encoding="utf-8") as out:
            table = csv.writer(out)
            table.writerow(["id", "text", "a", "b", "gold", "split"])
            for number in range(rows):
                a, b = random.integers(0, 100, 2)
                label = "spam" if (a < 50) != (random.random() < 0.1) else "ham"
                table.writerow([f"i{number}", "text", a, b, label if gold else "", split])
        made.import_items(file)
    (home / "labeling_functions" / "functions.py").write_text(HEAD + functions, encoding="utf-8")
    return home


COPIES = """
expression("low", "a < 40", label="spam")
expression("under", "a <= 39", label="spam")
expression("lower", "a < 39", label="spam")
expression("corner", "a < 40 and b < 30", label="spam")
expression("high", "a >= 55", label="ham")
expression("any", "b < 35", label="ham")
"""


def test_copies_subsets_and_what_to_do(tmp_path: Path) -> None:
    with Project.open(project(tmp_path / "p", COPIES)) as opened:
        with pytest.raises(StepMissing, match="labelkit vote"):
            opened.dependencies()
        opened.vote()
        found = opened.dependencies()
        votes = opened.votes()
    pairs = {(pair.first, pair.second): pair for pair in found.pairs}
    assert {("low", "under"), ("low", "lower"), ("low", "corner")} <= set(pairs)
    assert not any(name in pair for pair in pairs for name in ("high", "any"))
    same, near, part = pairs["low", "under"], pairs["low", "lower"], pairs["low", "corner"]
    assert (same.kind, near.kind, part.kind) == ("copy", "copy", "subset")
    assert same.strength == 1.0
    assert same.advice == "Delete under: all its votes are low's too."
    count = votes.notna().sum()
    assert near.advice == f"Merge the two, or delete lower: all its {count['lower']:,} votes are low's too."
    assert part.advice == (
        "Delete corner unless the items that it finds deserve two votes:"
        f" all its {count['corner']:,} votes are low's too."
    )
    assert (part.first_votes, part.second_votes, part.both) == (count["low"], count["corner"], count["corner"])
    assert found.groups == [["low", "under", "lower"]]
    weights = {function.name: function.weight for function in found.functions}
    assert weights["low"] == weights["under"]  # these two share what one of them would have
    assert weights["low"] + weights["under"] + weights["lower"] == pytest.approx(1.0, abs=0.05)
    assert weights["corner"] == weights["high"] == weights["any"] == 1.0
    assert [function.votes for function in found.functions] == count.tolist()
    accuracy = {function.name: function.accuracy for function in found.functions}
    assert accuracy["high"].value == pytest.approx(0.9, abs=0.05)
    assert found.items == found.counted == 600
    assert found.notes == []
    assert "600 gold labels" in found.reference


def test_a_subset_that_is_right_more_often_is_kept(tmp_path: Path) -> None:
    functions = """
expression("wide", "b < 50", label="spam")
expression("sharp", "b < 50 and a < 45", label="spam")
expression("high", "a >= 55", label="ham")
"""
    with Project.open(project(tmp_path / "p", functions)) as opened:
        opened.vote()
        (pair,) = opened.dependencies().pairs
    assert (pair.first, pair.second, pair.kind) == ("wide", "sharp", "subset")
    assert pair.advice.startswith("Keep both: where sharp votes, it is right more often than wide is (9")


def test_correlated_functions_and_the_better_of_them(tmp_path: Path) -> None:
    functions = """
expression("low", "a < 30", label="spam")
expression("slanted", "a < 20 or b < 12", label="spam")
expression("high", "a >= 60", label="ham")
"""
    with Project.open(project(tmp_path / "p", functions, rows=2_000)) as opened:
        opened.vote()
        (pair,) = opened.dependencies().pairs
    assert pair.kind == "correlated"
    assert pair.advice.startswith("Keep low if one is enough, it is right more often (")
    assert f"{pair.same:,} votes in common" in pair.advice
    with Project.open(project(tmp_path / "q", functions, rows=2_000, gold=False)) as opened:
        opened.vote()
        table = opened.dependencies()
    assert table.pairs[0].advice.startswith("Keep both if each looks at something of its own; else merge them: ")
    assert table.reference == "nothing: there are no gold labels and no answers"


def test_gold_labels_of_the_test_split_are_said_to_be_that(tmp_path: Path) -> None:
    with Project.open(project(tmp_path / "p", COPIES, split="test")) as opened:
        opened.vote()
        assert any("test items" in note for note in opened.dependencies().notes)


@pytest.mark.parametrize(("functions", "note"), [
    ('expression("one", "a < 40", label="spam")', "there is one function, one"),
    ('expression("no", "a > 400", label="spam")\nexpression("never", "a > 500", label="ham")', "no, never abstained"),
    ('expression("no", "a > 400", label="spam")\nexpression("one", "a < 40", label="ham")', "no abstained"),
    ('expression("left", "a < 40", label="spam")\nexpression("right", "a > 60", label="spam")', None),
])  # fmt: skip
def test_where_nothing_depends_the_table_is_empty(tmp_path: Path, functions: str, note: str | None) -> None:
    with Project.open(project(tmp_path / "p", functions, rows=50)) as opened:
        opened.vote()
        found = opened.dependencies()
    assert (found.pairs, found.found, found.groups) == ([], 0, [])
    assert all(function.weight == 1.0 for function in found.functions)
    assert [text.startswith(note or "") for text in found.notes] == ([True] if note else [])


def test_all_functions_the_same(tmp_path: Path) -> None:
    functions = "\n".join(f'expression("f{number}", "a < 40", label="spam")' for number in range(8))
    with Project.open(project(tmp_path / "p", functions, rows=60)) as opened:
        opened.vote()
        found = opened.dependencies()
    assert found.groups == [[f"f{number}" for number in range(8)]]
    assert [(pair.first, pair.kind) for pair in found.pairs] == [("f0", "copy")] * 7
    assert all(function.weight == pytest.approx(1 / 8) for function in found.functions)
