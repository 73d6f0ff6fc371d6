"""``Project.errors`` on small real projects: true counts, no peeking at test items, and what is missing is said."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from labelkit import Project
from labelkit.cli.common import plain
from labelkit.errors import ProjectError, StepMissing
from labelkit.sources import FieldMapping
from labelkit.steps.error_analysis import ErrorAnalysis
from labelkit.steps.importing import ImportOptions
from tests.conftest import FUNCTIONS, sample_rows, write_rows


def ids_in(found: ErrorAnalysis) -> set[str]:
    """Every item that an analysis names."""
    ids = {e for f in found.functions for b in f.buckets for e in b.examples}
    for part in (found.decisions, found.conflicts, found.clusters or (), found.next_steps):
        ids |= {example for entry in part for example in entry.examples}
    return ids


def make(home: Path, rows: list[list[str]], code: str = FUNCTIONS) -> Path:
    with Project.init(home, name="texts", labels=["spam", "ham"]) as project:
        project.import_items(write_rows(home / "rows.csv", rows))
        (home / "labeling_functions" / "functions.py").write_text(code, encoding="utf-8")
        project.vote()
    return home


def without_gold(rows: list[list[str]], *, keep_test: bool = False) -> list[list[str]]:
    head, *rest = rows
    return [head, *([i, t, g if keep_test and s == "test" else "", s, c] for i, t, g, s, c in rest)]


def test_it_needs_votes(folder: Path) -> None:
    with Project.open(folder) as project, pytest.raises(StepMissing, match="labelkit vote"):
        project.errors()


def test_majority_vote_decides_until_there_is_a_label_model(folder: Path) -> None:
    with Project.open(folder) as project:
        project.vote()
        found = project.errors()
        assert (found.decided_by, found.model) == ("majority vote", "majority")
        assert any("`labelkit label` has not run" in note for note in found.notes)
        project.label()
        found = project.errors()
        assert (found.decided_by, found.model) == ("the label model", project.config.label_model.name)
        assert not found.notes
        file = folder / "labeling_functions" / "functions.py"
        file.write_text(FUNCTIONS.replace('"cash", ', ""), encoding="utf-8")
        project.vote()
        found = project.errors()
        assert found.decided_by == "majority vote"
        assert any("`labelkit vote` has run since" in note for note in found.notes)


def test_counts_are_those_of_the_votes_and_test_items_stay_unseen(folder: Path) -> None:
    with Project.open(folder) as project:
        project.vote()
        found = project.errors()
        items = project.items().set_index("id")
        votes = project.votes()
    open_items = items.index[items["split"] != "test"]
    votes, gold = votes.loc[open_items], items.loc[open_items, "gold"]
    assert found.items == found.known == len(open_items) < len(items)
    assert found.covered == int(votes.notna().any(axis=1).sum())
    for function in found.functions:
        column = votes[function.name].dropna()
        assert function.votes == function.accuracy.n == len(column)
        if len(column):
            assert function.accuracy.value == pytest.approx((column == gold[column.index]).mean())
        for bucket in function.buckets:
            voted = votes[function.name]
            here = voted.isna() if bucket.vote is None else voted == bucket.vote
            assert bucket.items == int((here & (gold == bucket.gold)).sum())
    assert sum(bucket.items for bucket in found.decisions) == len(open_items)
    assert ids_in(found) <= set(open_items)
    assert set(found.texts) == ids_in(found) > set()
    assert all(found.texts[i] == items.loc[i, "text"] for i in found.texts)


def test_one_function(folder: Path) -> None:
    with Project.open(folder) as project:
        project.vote()
        found = project.errors(function="free")
        (function,) = found.functions
        assert function.name == "free"
        assert {bucket.vote for bucket in function.buckets} == {"spam", None}
        assert all(bucket.examples for bucket in function.buckets)
        assert all("free" in (c.function, c.other) for c in found.conflicts)
        assert all("free" in step.functions for step in found.next_steps)
        assert found.clusters is None


def test_unknown_and_renamed_functions(folder: Path) -> None:
    with Project.open(folder) as project:
        project.vote()
        with pytest.raises(ProjectError, match="Did you mean 'money'"):
            project.errors(function="mony")
        file = folder / "labeling_functions" / "functions.py"
        file.write_text(FUNCTIONS.replace("def polite", "def courteous"), encoding="utf-8")
        project.vote()
        with pytest.raises(
            ProjectError, match=r"no labeling function 'polite'.*there are money, free, .*renamed one needs"
        ):
            project.errors(function="polite")
        assert project.errors(function="courteous").functions[0].name == "courteous"


def test_uncovered_items_are_grouped_with_their_words(folder: Path) -> None:
    with Project.open(folder) as project:
        project.vote()
        found = project.errors()
        uncovered = project.votes().isna().all(axis=1)
    assert found.clusters
    assert sum(cluster.items for cluster in found.clusters) == found.items - found.covered
    assert all(uncovered[example] for cluster in found.clusters for example in cluster.examples)
    words = {trait.term for cluster in found.clusters for trait in cluster.traits}
    assert "see" in words  # "ok see you" is what no function knows


def test_everything_covered(tmp_path: Path) -> None:
    code = 'from labelkit import expression\nexpression("all", "word_count >= 0", label="ham")\n'
    with Project.open(make(tmp_path / "p", sample_rows(1), code)) as project:
        found = project.errors()
    assert found.clusters == ()
    assert found.covered == found.items
    kinds = [step.kind for step in found.next_steps]
    assert "class_without_votes" in kinds  # nothing votes for spam
    assert "uncovered" not in kinds


def test_without_known_labels(tmp_path: Path) -> None:
    with Project.open(make(tmp_path / "p", without_gold(sample_rows()))) as project:
        found = project.errors()
        assert found.known == 0
        assert found.decisions == ()
        assert any("no known labels" in note for note in found.notes)
        assert "no_known_labels" in [step.kind for step in found.next_steps]
        assert all(f.accuracy.n == 0 and not f.buckets for f in found.functions)
        assert any(f.others_items for f in found.functions)
        train = [i for i, s in zip(project.items()["id"], project.items()["split"], strict=True) if s == "train"]
        project.answer(train[0], "spam", annotator="ann")
        assert project.errors().known == 1


def test_labels_of_test_items_only_are_counted_but_not_shown(tmp_path: Path) -> None:
    with Project.open(make(tmp_path / "p", without_gold(sample_rows(), keep_test=True))) as project:
        found = project.errors()
        items = project.items().set_index("id")
    assert found.known == int((items["split"] == "test").sum())
    assert found.items == int((items["split"] != "test").sum())
    assert any("only known labels are on test items" in note for note in found.notes)
    assert sum(bucket.items for bucket in found.decisions) == found.known
    assert not set(items.index[items["split"] == "test"]) & ids_in(found)


def test_audit_items_are_neither_counted_nor_shown(folder: Path) -> None:
    with Project.open(folder) as project:
        project.run()
        before = project.errors()
        audit = [e.item for e in project._store.runs.queue(project.rank().run) if e.role == "audit"]
        names = set(project._store.items.ids(audit))
        after = project.errors()
    assert audit
    assert before.items == after.items
    assert not names & ids_in(after)
    with Project.open(folder) as project:
        split = project.items().set_index("id")["split"]
        assert after.items == len([i for i in split.index if split[i] != "test" and i not in names])


def test_everything_held_out(tmp_path: Path) -> None:
    rows = [[i, t, g, s if i == "id" else "test", c] for i, t, g, s, c in sample_rows(1)]
    with Project.open(make(tmp_path / "p", rows)) as project:
        found = project.errors()
    assert (found.items, found.covered, found.conflicts, found.clusters) == (0, 0, (), ())
    assert any("nothing that may be looked at" in note for note in found.notes)


def test_tabular_items_are_told_by_their_fields(tmp_path: Path) -> None:
    rows = [["id", "gold", "colour", "size"]]
    rows += [[f"i{n}", "spam" if n % 2 else "ham", ("red", "blue", "green")[n % 3], str(n)] for n in range(60)]
    home = tmp_path / "p"
    with Project.init(home, name="tabular", labels=["spam", "ham"]) as project:
        options = ImportOptions(mapping=FieldMapping(text=None))
        project.import_items(write_rows(tmp_path / "rows.csv", rows), options=options)
        code = 'from labelkit import expression\nexpression("red", "colour == \'red\'", label="ham")\n'
        (home / "labeling_functions" / "functions.py").write_text(code, encoding="utf-8")
        project.vote()
        found = project.errors()
    assert found.clusters
    terms = {trait.term for cluster in found.clusters for trait in cluster.traits}
    assert {"colour == 'blue'", "colour == 'green'"} & terms
    assert all(text.startswith("colour = ") for text in found.texts.values())


def test_a_random_part_stands_for_many_items(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelkit.steps.error_figures.LOOKED_AT", 30)
    monkeypatch.setattr("labelkit.steps.error_figures.GROUPED", 1)
    monkeypatch.setattr("labelkit.steps.error_figures.VOTES_REPEATED", 50)
    monkeypatch.setattr("labelkit.steps.error_figures.BUCKETS", 1)
    with Project.open(folder) as project:
        project.vote()
        found = project.errors()
        again = project.errors()
    assert (found.items, found.known) == (30, 40)
    for words in ("a random 30 of 40 items", "grouped by a random 1 of", "removing a function changes", "--function"):
        assert any(words in note for note in found.notes), words
    assert all(bucket.vote is not None for f in found.functions for bucket in f.buckets)
    assert repr(found) == repr(again)


def test_a_label_model_of_other_classes_is_not_asked_again(folder: Path) -> None:
    with Project.open(folder) as project:
        project.vote()
        project.label()
        project.change_schema("add", "news")
        found = project.errors()
    assert found.decided_by == "the label model"
    assert any("classes changed" in note for note in found.notes)
    assert "class_without_votes" in [step.kind for step in found.next_steps]


def test_it_is_json_and_frames(folder: Path) -> None:
    with Project.open(folder) as project:
        project.vote()
        found = project.errors()
    data = orjson.loads(orjson.dumps(plain(found), option=orjson.OPT_SERIALIZE_NUMPY))
    assert [f["name"] for f in data["functions"]] == [f.name for f in found.functions]
    assert data["next_steps"][0]["sentence"] == found.next_steps[0].sentence
    assert set(found.frame().columns) >= {"name", "votes", "accuracy", "accuracy_low", "accuracy_n", "chance"}
    for part in ("buckets", "decisions", "conflicts", "clusters", "next_steps"):
        assert len(found.frame(part)) == len(data[part]) if part != "buckets" else len(found.frame(part)) > 5
    assert set(found.frame("buckets")["function"]) == {f.name for f in found.functions}


def test_the_analysis_of_functions_ends_with_the_next_steps(folder: Path) -> None:
    with Project.open(folder) as project:
        project.vote()
        assert project.lfs().next_steps == [s.sentence for s in project.errors(limit=3, uncovered=False).next_steps]
        assert 1 <= len(project.lfs().next_steps) <= 3
