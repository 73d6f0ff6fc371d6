"""Nothing out of date is used without a word, and nothing runs that should not."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from labelkit import Project
from labelkit.errors import ExportError, FunctionFault, LabelModelError, ProjectDamaged, StepMissing
from tests.conftest import FUNCTIONS, Ran, sample_rows, write_rows


def settings(folder: Path, old: str, new: str) -> None:
    toml = folder / "labelkit.toml"
    text = toml.read_text(encoding="utf-8")
    assert old in text
    toml.write_text(text.replace(old, new, 1), encoding="utf-8")


def functions(folder: Path, text: str) -> None:
    (folder / "labeling_functions" / "functions.py").write_text(text, encoding="utf-8")


def states(project: Project) -> list[str]:
    return [step.state for step in project.status().steps]


def test_votes_found_stale_reach_every_later_step(folder: Path) -> None:
    words = folder / "words.txt"
    words.write_text("spam")
    functions(
        folder,
        FUNCTIONS
        + f"\n@labeling_function()\ndef told(row):\n    with open({str(words)!r}) as f:\n        return f.read()\n",
    )
    with Project.open(folder) as project:
        project.run()
        words.write_text("ham")
        result = project.run()
        assert result.voted.stale == ["told"]
        assert not result.labeled.reused
        assert not result.trained.reused
        assert states(project) == ["up to date"] * 4


def test_each_vote_checks_other_items(folder: Path) -> None:
    with Project.open(folder) as project:
        store = project._workspace.store
        assert [store.count_up("x") for _ in range(3)] == [1, 2, 3]


def test_explaining_never_runs_what_the_settings_name(folder: Path, tmp_path: Path) -> None:
    import shutil

    with Project.open(folder) as project:
        project.run()
    shutil.rmtree(folder / "texts.labelkit.cache")
    flag = tmp_path / "ran"
    settings(folder, 'name = "logistic"', f'name = "subprocess:Popen"\noptions = {{ args = ["touch", "{flag}"] }}')
    with Project.open(folder) as project:
        explained = project.explain("spam-0-1")
        assert project.status().items == 60
        project.export(tmp_path / "out.csv")
        assert project.doctor() == []
    assert any("features are not shown" in note for note in explained.notes)
    assert not flag.exists()


def test_a_real_answer_replaces_a_simulated_one(folder: Path) -> None:
    with Project.open(folder) as project:
        project.run()
        project.simulate(answers=10, batch=5, keep=True)
        simulated = [a.item for a in project._workspace.store.people.annotations() if a.simulated]
        waiting = {entry.item for entry in project.rank(size=40).queue}
        assert set(simulated) <= waiting
        ids = project._workspace.store.items.ids(simulated)
        active = [i for i, n in zip(ids, simulated, strict=True) if n not in project._workspace.store.people.roles()]
        gold = dict(zip(project.items()["id"], project.items()["gold"], strict=True))
        other = {"spam": "ham", "ham": "spam"}[gold[active[0]]]
        project.answer(active[0], other, annotator="ann")
        frame = project.labels().set_index("id")
        assert tuple(frame.loc[active[0], ["label", "source"]]) == (other, "human")
        assert project.status().disputed == 0


def test_an_edited_item_is_not_exported_with_its_old_prediction(folder: Path, tmp_path: Path) -> None:
    edited = write_rows(tmp_path / "e.csv", [["id", "text"], ["spam-0-1", "zzz qqq vvv"]])
    with Project.open(folder) as project:
        project.run()
        project.import_items(edited)
        assert states(project) == ["out of date"] * 4
        with pytest.raises(StepMissing, match="labelkit vote"):
            project.train()
        project.vote()
        project.label()
        for late in (project.rank, lambda: project.export(tmp_path / "x.csv")):
            with pytest.raises(StepMissing, match="labelkit train"):
                late()
        explained = project.explain("spam-0-1")
        assert explained.label is None and explained.outdated == "Run `labelkit train`"
        assert any("labelkit train" in note for note in explained.notes)
        project.run()
        assert states(project) == ["up to date"] * 4
        assert project.export(tmp_path / "x.csv").rows == 60


def test_explain_tells_a_label_that_is_out_of_date_from_one_that_nothing_decides(
    folder: Path, run: Callable[..., Ran]
) -> None:
    with Project.open(folder) as project:
        assert project.explain("spam-0-1").outdated is None
        assert "Label: none, nothing decides" in run("explain", "spam-0-1", "-p", folder).out
        project.run()
        project.label(force=True)
        project.answer("ham-0-1", "ham", annotator="ann")
        project.label()
    told = run("explain", "spam-0-1", "-p", folder).out
    assert "Label: out of date. Run `labelkit train`" in told and "nothing decides" not in told
    with Project.open(folder) as project:
        project.train()
    assert "Label: spam, by" in run("explain", "spam-0-1", "-p", folder).out


@pytest.mark.parametrize(
    ("step", "column", "key"),
    [
        ("vote", "parameters", "shards"),
        ("vote", "parameters", "functions"),
        ("label", "parameters", "vote_inputs"),
        ("label", "parameters", "content"),
        ("label", "parameters", "class_ids"),
        ("label", "parameters", "people"),
        ("label", "metrics", "covered"),
        ("train", "parameters", "label_inputs"),
        ("train", "parameters", "content"),
        ("train", "metrics", "audit"),
        ("train", "metrics", "scores"),
        ("rank", "parameters", "pool"),
    ],
)
def test_a_run_of_an_early_version_that_says_less_is_run_again(
    folder: Path, tmp_path: Path, step: str, column: str, key: str
) -> None:
    with Project.open(folder) as project:
        project.run()
        path = project.path
    with closing(sqlite3.connect(path)) as raw, raw:
        rows = raw.execute(
            f"update runs set {column} = json_remove({column}, ?) where step = ? returning id", (f"$.{key}", step)
        ).fetchall()
        assert rows
    with Project.open(folder) as project:
        state = {one.step: one for one in project.status().steps}[step]
        if column == "metrics" or key == "functions":
            assert state.state == "up to date"
        else:
            assert (state.state, state.why) == ("out of date", "what it rests on is not known: run it again")
        if step in ("label", "train") and key in ("vote_inputs", "label_inputs", "content", "class_ids"):
            with pytest.raises(StepMissing, match=f"labelkit {step}` rests on is not known"):
                project.export(tmp_path / "x.csv")


def test_an_item_that_moves_to_the_test_split_makes_models_out_of_date(folder: Path, tmp_path: Path) -> None:
    moved = [
        [*row[:3], "test", row[4]] if row[3] == "train" and row[0].endswith("-1") else row for row in sample_rows()
    ]
    with Project.open(folder) as project:
        project.run()
        before = project.train().trained_on
        project.answer("ham-1-1", "ham", annotator="ann")
        project.import_items(write_rows(tmp_path / "m.csv", moved))
        assert states(project)[1:] == ["out of date"] * 3
        with pytest.raises(StepMissing):
            project.export(tmp_path / "x.csv")
        result = project.run()
        assert result.trained.trained_on < before
        assert result.labeled.human == 0  # the answer is on a test item now: exported, never taught
        assert project.labels().set_index("id").loc["ham-1-1", "source"] == "human"


@pytest.mark.parametrize("name", ["texts.labelkit.db", "labelkit.toml", "texts.labelkit.db-wal", "input.csv"])
def test_an_export_takes_the_place_of_nothing_it_was_made_from(folder: Path, name: str) -> None:
    settings(folder, "files = []", 'files = ["input.csv"]')
    write_rows(folder / "input.csv", sample_rows())
    with Project.open(folder) as project:
        project.run()
        before = {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}
        with pytest.raises(ExportError, match="Export to another file"):
            project.export(folder / name, format="csv")
        assert {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()} == before


def test_nothing_to_export_yet(folder: Path, tmp_path: Path) -> None:
    with Project.open(folder) as project, pytest.raises(StepMissing, match="labelkit run"):
        project.export(tmp_path / "x.csv")


def test_items_that_arrive_during_an_export(folder: Path, tmp_path: Path) -> None:
    with Project.open(folder) as project, Project.open(folder) as other:
        project.run()
        from labelkit.steps import exporting

        workspace = project._workspace
        original = exporting._final

        def arriving(*arguments: object) -> object:
            other.import_items(write_rows(tmp_path / "n.csv", [["id", "text"], ["late", "arrival"]]))
            return original(*arguments)  # type: ignore[arg-type]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(exporting, "_final", arriving)
            with pytest.raises(StepMissing, match="during the export"):
                exporting.export(workspace, tmp_path / "x.csv")
        assert not (tmp_path / "x.csv").exists()


def test_a_class_without_evidence_gets_no_labels(folder: Path) -> None:
    with Project.open(folder) as project:
        project.run()
        project.change_schema("add", "unsure")
        assert "out of date" in states(project)
        result = project.run()
        assert result.labeled.class_counts["unsure"] == 0
        assert any("unsure" in note for note in result.labeled.notes)
        assert "unsure" not in set(project.labels()["label"])


def test_a_project_file_that_is_gone_is_not_begun_anew(folder: Path) -> None:
    with Project.open(folder) as project:
        project.run()
    for file in folder.glob("texts.labelkit.db*"):
        file.unlink()
    with pytest.raises(ProjectDamaged, match="backup"):
        Project.open(folder)
    assert not (folder / "texts.labelkit.db").exists()


def test_votes_follow_a_field_that_changes_its_type(folder: Path, tmp_path: Path) -> None:
    functions(
        folder, FUNCTIONS + "\n@labeling_function()\ndef seven(row):\n    return 'spam' if row.n == 7 else None\n"
    )
    rows = [["id", "text", "n"], *[[f"x{i}", "text", str(i)] for i in range(10)]]
    with Project.open(folder) as project:
        project.import_items(write_rows(tmp_path / "n.csv", rows))
        project.vote()
        assert project.votes()["seven"].notna().sum() == 1
        project.import_items(write_rows(tmp_path / "m.csv", [["id", "text", "n"], ["y", "text", "many"]]))
        project.vote()
        assert project.votes()["seven"].notna().sum() == 0


def test_faults_that_were_tolerated_are_errors_again(folder: Path) -> None:
    functions(folder, FUNCTIONS + "\n@labeling_function()\ndef bad(row):\n    return 1 // (len(row.text) - 14)\n")
    settings(folder, "fault_tolerant = false", "fault_tolerant = true")
    with Project.open(folder) as project:
        assert project.vote().faults["bad"] > 0
    settings(folder, "fault_tolerant = true", "fault_tolerant = false")
    with Project.open(folder) as project, pytest.raises(FunctionFault, match="bad"):
        project.vote()


def test_edited_code_of_a_custom_estimator_trains_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = folder / "mine_for_test.py"
    module.write_text("from sklearn.naive_bayes import MultinomialNB\nclass Mine(MultinomialNB):\n    pass\n")
    monkeypatch.syspath_prepend(str(folder))
    settings(folder, 'name = "logistic"', 'name = "mine_for_test:Mine"')
    with Project.open(folder) as project:
        project.run()
        assert project.train().reused
        module.write_text(module.read_text() + "    edited = True\n")
        assert not project.train().reused


def test_a_skip_takes_a_place_and_nothing_stays_out_of_date(folder: Path) -> None:
    with (folder / "labelkit.toml").open("a") as toml:
        toml.write("\n[annotation]\nanswers_per_item = 2\n")
    with Project.open(folder) as project:
        project.run()
        item = str(project.queue()["id"].iloc[0])
        project.answer(item, None, annotator="ann", reason="unclear")
        project.run()
        assert states(project) == ["up to date"] * 4


def test_simulating_with_two_answers_an_item_counts_what_it_stored(folder: Path) -> None:
    with (folder / "labelkit.toml").open("a") as toml:
        toml.write("\n[annotation]\nanswers_per_item = 2\n")
    with Project.open(folder) as project:
        project.run()
        result = project.simulate(answers=60, batch=10, keep=True)
        assert result.answers == project.status().simulated == 40
        assert result.notes


def test_without_a_train_split_there_is_nothing_to_learn_from(tmp_path: Path) -> None:
    rows = [[*row[:3], "test", row[4]] if row[0] != "id" else row for row in sample_rows()]
    with Project.init(tmp_path / "p", name="texts", labels=["spam", "ham"]) as project:
        project.import_items(write_rows(tmp_path / "t.csv", rows))
        functions(tmp_path / "p", FUNCTIONS)
        project.vote()
        with pytest.raises(LabelModelError, match="train split"):
            project.label()


def test_people_who_disagree_are_named_in_the_explanation(folder: Path) -> None:
    with Project.open(folder) as project:
        project.run()
        project.answer("ham-1-3", "spam", annotator="ann")
        project.answer("ham-1-3", "ham", annotator="bob")
        assert any("disagree" in note for note in project.explain("ham-1-3").notes)


def test_forced_runs_do_not_break_the_chain(folder: Path) -> None:
    with Project.open(folder) as project:
        project.run()
        for _ in range(6):  # more than the runs whose results are kept
            project.label(force=True)
        assert project.train().reused
        assert project.rank().reused
        assert len(project.labels()) == 60
        assert np.isfinite(project.labels()["weight"]).all()
