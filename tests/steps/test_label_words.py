"""What a label run says: classes by name and in order, what would confirm it, and where a wrong option is set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labelkit import Project
from labelkit.errors import LabelModelError
from labelkit.labelmodels import CrowdLabelModel, LabelModel, label_model
from labelkit.steps.label_words import named_classes
from tests.conftest import FUNCTIONS, sample_rows, write_rows

NAMES = ("spam", "ham", "other")


def made(home: Path, *, known: str = "all", labels: tuple[str, ...] = ("spam", "ham"), settings: str = "") -> Path:
    """A project of 240 items with gold labels for all, for the "train" or the "test" split, or for "none"."""
    head, *rows = sample_rows(20)
    gold, split = head.index("gold"), head.index("split")
    for row in rows:
        row[gold] = row[gold] if known in ("all", row[split]) else ""
    with Project.init(home, name="texts", labels=list(labels)) as project:
        project.import_items(write_rows(home / "texts.csv", [head, *rows]))
    tied = 'regex("wins", "^win a", label="ham")\n'
    (home / "labeling_functions" / "functions.py").write_text(FUNCTIONS + tied, encoding="utf-8")
    toml = home / "labelkit.toml"
    text = toml.read_text(encoding="utf-8").replace("tuning_share = 0.1", "tuning_share = 0.5")
    toml.write_text(text.replace('name = "auto"', settings) if settings else text, encoding="utf-8")
    return home


def one_sided(k: int = 3) -> np.ndarray[Any, np.dtype[np.int8]]:
    """Votes of functions of one class each, on which confusion matrices collapse."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, k, 1_000)
    fires = rng.random((1_000, 6)) < np.where(truth[:, None] == np.arange(6) % k, 0.5, 0.1)
    return np.where(fires, np.arange(6) % k, -1).astype(np.int8)


class TestClassNames:
    def test_a_collapse_names_the_class(self) -> None:
        model = label_model("dawid-skene", cardinality=3).fit(one_sided())
        number = model.diagnostics["largest_class"]
        assert model.diagnostics["collapsed"] and f"into class {number}," in model.notes[0]
        notes = named_classes(model.notes, model.diagnostics, NAMES)
        assert f"into class {NAMES[number]}," in notes[0]
        assert f"class {number}" not in notes[0]

    def test_classes_that_no_source_votes_for(self) -> None:
        L = np.random.default_rng(0).integers(0, 2, (200, 6)).astype(np.int8)
        one, two = (CrowdLabelModel(k).fit(L) for k in (3, 4))
        assert "votes for class other and no known label is of it: it gets" in self.last(one, NAMES)
        assert "votes for class other, class last and no known label is of them: they get" in self.last(
            two, (*NAMES, "last")
        )

    @staticmethod
    def last(model: LabelModel, names: tuple[str, ...]) -> str:
        return named_classes(model.notes, model.diagnostics, names)[-1]

    def test_numbers_that_are_no_classes_stay(self) -> None:
        note = "the function class 1 agrees with none"
        assert named_classes([note], {}, NAMES) == [note]
        assert named_classes([note], {"largest_class": 0}, NAMES) == [note]

    def test_the_chosen_model_of_auto_is_asked(self) -> None:
        figures = {"chosen": "crowd", "model": {"largest_class": 1, "unseen_classes": [2]}}
        assert named_classes(["class 1, class 2"], figures, ("class 2", "b", "c")) == ["class b, class c"]

    def test_the_step_names_them(self, tmp_path: Path) -> None:
        home = made(tmp_path / "p", settings='name = "dawid-skene"')
        with Project.open(home) as project:
            project.vote()
            notes = project.label().notes
        assert len(notes) == 1 and ("into class spam," in notes[0] or "into class ham," in notes[0])


def test_the_diagnosis_of_doubtful_labels_says_so(tmp_path: Path) -> None:
    home = made(tmp_path / "p", settings='name = "dawid-skene"')
    with Project.open(home) as project:
        project.vote()
        told = project.label().notes
        assert f"the labels that are diagnosed here are doubtful: {told[0]}" in project.errors().notes
    (home / "labelkit.toml").write_text(
        (home / "labelkit.toml").read_text(encoding="utf-8").replace("dawid-skene", "weighted-majority"),
        encoding="utf-8",
    )
    with Project.open(home) as project:
        project.label()
        assert not any("doubtful" in note for note in project.errors().notes)


def test_a_run_that_is_reused_has_the_schemas_order_and_names(tmp_path: Path) -> None:
    home = made(tmp_path / "p", labels=("spam", "ham"))
    with Project.open(home) as project:
        first = project.run().labeled
        again = project.label()
        assert again.reused
        for one in (first, again):
            assert list(one.class_counts) == list(one.class_balance) == ["spam", "ham"]
        project.change_schema("rename", "spam", "ads")
        renamed = project.label()
    assert renamed.reused
    assert list(renamed.class_counts.items()) == [
        ("ads", first.class_counts["spam"]),
        ("ham", first.class_counts["ham"]),
    ]
    assert renamed.class_balance["ads"] == first.class_balance["spam"]


@pytest.mark.parametrize(
    ("known", "told"),
    [
        ("all", "with gold labels tell whether that holds; gold labels of training items are not used for it"),
        ("test", "with gold labels tell whether that holds"),
        ("train", "gold labels of training items are not used to confirm that, answers to tuning items can"),
        ("none", "there are no known labels yet that confirm it, answers to tuning items can"),
    ],
)
def test_what_confirms_the_models_own_estimate(tmp_path: Path, known: str, told: str) -> None:
    with Project.open(made(tmp_path / "p", known=known)) as project:
        project.vote()
        for result in (project.label(), project.label()):
            assert "by its own estimate" in result.why[1]
            assert told in result.why[1]
            assert ("training items" in result.why[1]) == (known in ("all", "train"))


def test_gold_labels_that_came_later_are_told_of_too(tmp_path: Path) -> None:
    home = made(tmp_path / "p", known="none")
    with Project.open(home) as project:
        project.vote()
        assert "there are no known labels yet" in project.label().why[1]
        head, *rows = sample_rows(20)
        train = [row for row in rows if row[head.index("split")] == "train"]
        project.import_items(write_rows(tmp_path / "again.csv", [head, *train]))
        project.vote()
        assert "gold labels of training items are not used" in project.label().why[1]


def test_a_few_tuning_answers_are_counted(tmp_path: Path) -> None:
    with Project.open(made(tmp_path / "p")) as project:
        project.run()
        queue, truth = project.queue(), project.items().set_index("id")["gold"]
        for item in list(queue[queue["role"] == "tuning"]["id"])[:8]:
            project.answer(item, truth[item], annotator="ann")
        result = project.label()
    assert result.standing is not None and result.standing["gold_n"] == 0 < result.standing["known"] <= 8
    counted = (
        f"{result.standing['known']} answers to covered tuning items are too few to confirm that (10 are enough); the"
    )
    assert counted in result.why[1]


@pytest.mark.parametrize(
    ("model", "options", "told"),
    [
        ("dawid-skene", "foo = 1", "has no option 'foo'; its options are n_iter, tol"),
        (
            "dawid-skene",
            'rates = "x"',
            "expected one of per-vote, per-item. The options of 'dawid-skene' are n_iter, tol",
        ),
        ("auto", "seed = -1", "seed is -1, expected a whole number of at least 0. The options of 'auto' are"),
        ("majority", "class_balance = [1.0]", "class_balance has 1 entries, expected 2"),
        ("snorkel", "prec_init = [0.5]", "prec_init must have shape 6"),
    ],
)
def test_a_wrong_option_says_where_it_is_set(tmp_path: Path, model: str, options: str, told: str) -> None:
    home = made(tmp_path / "p", settings=f'name = "{model}"\noptions = {{ {options} }}')
    with Project.open(home) as project:
        project.vote()
        with pytest.raises(LabelModelError) as refused:
            project.label()
    assert str(refused.value).startswith("[label_model] options in labelkit.toml: ")
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_votes_that_cannot_be_learned_from_are_no_wrong_option(tmp_path: Path) -> None:
    home = made(tmp_path / "p", settings='name = "snorkel"\noptions = { n_epochs = 5 }')
    (home / "labeling_functions" / "functions.py").write_text(
        'from labelkit import keywords\nkeywords("money", ["cash"], label="spam")\n', encoding="utf-8"
    )
    with Project.open(home) as project:
        project.vote()
        with pytest.raises(LabelModelError) as refused:
            project.label()
    assert "labelkit.toml" not in refused.value.message
