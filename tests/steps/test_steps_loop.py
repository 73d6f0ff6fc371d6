"""The loop on a small real project: what each step leaves, and how answers flow back into all of them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from labelkit import Project
from labelkit.errors import AnnotationError, ConfigError
from labelkit.sources import FieldMapping
from labelkit.steps.importing import ImportOptions
from labelkit.store import NewAnnotation
from tests.conftest import FUNCTIONS, sample_rows, write_rows


def names(project: Project, column: str = "label") -> dict[str, str | None]:
    frame = project.labels()
    return dict(zip(frame["id"], frame[column].where(frame[column].notna(), None), strict=True))


def edit(folder: Path, old: str, new: str) -> None:
    file = folder / "labeling_functions" / "functions.py"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_the_loop_labels_every_item(folder: Path) -> None:
    with Project.open(folder) as project:
        result = project.run()
        assert result.imported is None  # no files are configured
        assert result.voted.computed == ["money", "free", "meeting", "short", "polite"]
        assert result.labeled.covered > 40
        assert result.trained.scores["end_model"]["accuracy"]["value"] > 0.9
        assert [e.rank for e in result.ranked.queue] == list(range(1, len(result.ranked.queue) + 1))
        frame = project.labels()
    fixed = ["id", "text", "label", "p_spam", "p_ham", "source", "rule", "answers", "weight", "split"]
    assert list(frame.columns) == [*fixed, "channel"]
    assert len(frame) == 60
    assert set(frame["source"]) == {"label_model", "end_model"}
    assert ((frame["p_spam"] + frame["p_ham"] - 1).abs() < 1e-5).all()


def test_a_second_run_does_nothing_again(folder: Path) -> None:
    with Project.open(folder) as project:
        first = project.run()
        again = project.run()
        assert again.voted.computed == []
        assert again.labeled.reused
        assert again.trained.reused
        assert again.ranked.reused
        assert (again.labeled.run, again.trained.run, again.ranked.run) == (
            first.labeled.run, first.trained.run, first.ranked.run,
        )  # fmt: skip
        assert not project.label(force=True).reused


def test_editing_one_function_computes_one_column_and_reverting_none(folder: Path) -> None:
    with Project.open(folder) as project:
        project.run()
        edit(folder, '["cash", "prize"]', '["cash", "prize", "phone"]')
        assert project.vote().computed == ["money"]
        assert not project.label().reused
        edit(folder, '["cash", "prize", "phone"]', '["cash", "prize"]')
        assert project.vote().computed == []
        edit(folder, '"""People who know us say thanks."""', '"""Another docstring."""  # and a comment')
        assert project.vote().computed == []


def test_a_function_that_depends_on_what_it_cannot_be_seen_to_read_is_found_stale(folder: Path) -> None:
    words = folder / "words.txt"
    words.write_text("cash")
    edit(folder, "@labeling_function()", f"""@labeling_function()
def from_file(row):
    with open({str(words)!r}) as file:
        return "spam" if file.read() in row.text else None


@labeling_function()""")  # fmt: skip
    with Project.open(folder) as project:
        project.vote()
        assert project.vote().stale == []
        words.write_text("lunch")
        assert project.vote().stale == ["from_file"]
        assert project.vote().stale == []


def test_uncovered_items_abstain_and_keep_the_prior_row(folder: Path) -> None:
    with Project.open(folder) as project:
        project.run()
        workspace = project._workspace
        run = workspace.store.runs.latest("label")
        assert run is not None
        probabilities, labels = workspace.label_probabilities(run)
        votes = project.votes()
    uncovered = votes.isna().all(axis=1).to_numpy()
    assert uncovered.any()
    assert (labels[uncovered] == -1).all()
    assert (abs(probabilities[uncovered] - 0.5) < 1e-6).all()


def test_answers_count_at_once_in_every_step(folder: Path) -> None:
    with Project.open(folder) as project:
        project.run()
        frame = project.labels()
        asked = frame[(frame["split"] == "train") & (frame["label"] == "spam")]["id"].tolist()
        active = [i for i in asked if i not in roles(project)]
        before = project.lfs()
        contradicted = active[0]
        project.answer(contradicted, "ham", annotator="ann")
        assert [s.state for s in project.status().steps] == ["up to date", "out of date", "out of date", "out of date"]
        after = project.lfs()
        assert sum(f.contradicted for f in after.functions) > sum(f.contradicted for f in before.functions) == 0
        assert not project.label().reused
        trained = project.train()
        assert trained.human == 1
        ranked = project.rank()
        assert contradicted not in set(project.queue()["id"])
        assert ranked.pool == 39
        assert names(project)[contradicted] == "ham"
        assert names(project, "source")[contradicted] == "human"
        explained = project.explain(contradicted)
        assert (explained.label, explained.source) == ("ham", "human")
        assert explained.answers[0]["annotator"] == "ann"


def roles(project: Project) -> dict[str, str]:
    """id → role of the items drawn at random."""
    stored = project._workspace.store.people.roles()
    return dict(zip(project._workspace.store.items.ids(list(stored)), stored.values(), strict=True))


def test_random_answers_move_the_class_balance(folder: Path) -> None:
    with Project.open(folder) as project:
        project.run()
        tuning = [i for i, role in roles(project).items() if role == "tuning"]
        assert tuning
        for place, item in enumerate(tuning):  # answers of one class alone would say nothing
            project.answer(item, "ham" if place else "spam", annotator="ann")
        assert project.label().class_balance["ham"] > 0.5


def test_audit_answers_only_measure(folder: Path, tmp_path: Path) -> None:
    """Right or wrong, they change the estimate and nothing else."""
    with Project.open(folder) as project:
        project.run()
    found = []
    for name, flip in (("right", False), ("wrong", True)):
        home = tmp_path / name
        shutil.copytree(folder, home)
        with Project.open(home) as project:
            audit = [i for i, role in roles(project).items() if role == "audit"]
            gold = dict(zip(project.items()["id"], project.items()["gold"], strict=True))
            for item in audit:
                label = {"spam": "ham", "ham": "spam"}[gold[item]] if flip else gold[item]
                project.answer(item, label, annotator="ann")
            assert project.label().human == 0
            trained = project.train()
            assert trained.human == 0
            assert trained.audit["n"] == len(audit) > 0
            assert {names(project, "split")[item] for item in audit} == {"audit"}
            run = project._workspace.store.runs.latest("train")
            assert run is not None
            found.append((trained.audit["value"], project._workspace.predictions(run).tobytes()))
    assert found[0][0] > found[1][0]
    assert found[0][1] == found[1][1]


def test_people_who_disagree_decide_nothing_until_adjudicated(folder: Path) -> None:
    with Project.open(folder) as project:
        project.run()
        project.answer("ham-1-3", "spam", annotator="ann")
        project.answer("ham-1-3", "ham", annotator="bob")
        assert project.status().disputed == 1
        assert names(project, "source")["ham-1-3"] != "human"
        project.answer("ham-1-3", "ham", annotator="cid")
        assert project.status().disputed == 0
        assert names(project, "source")["ham-1-3"] == "human"


def test_a_changed_mind_supersedes_and_a_changed_item_asks_again(folder: Path, tmp_path: Path) -> None:
    with Project.open(folder) as project:
        project.run()
        project.answer("ham-1-3", "spam", annotator="ann")
        project.answer("ham-1-3", "ham", annotator="ann")
        assert names(project)["ham-1-3"] == "ham"
        project.import_items(write_rows(tmp_path / "c.csv", [["id", "text"], ["ham-1-3", "quite another text"]]))
        project.run()
        assert names(project, "source")["ham-1-3"] != "human"
        assert [a["superseded"] for a in project.explain("ham-1-3").answers] == [True, False]


def test_imported_answers(folder: Path, tmp_path: Path) -> None:
    rows = [["item", "annotator", "label", "time"], ["ham-1-3", "ann", "ham", "2026-03-01T10:00:00Z"],
            ["ham-1-4", "ann", "1", "2026-03-01T10:00:05Z"]]  # fmt: skip
    file = write_rows(tmp_path / "answers.csv", rows)
    with Project.open(folder) as project:
        project.run()
        assert project.import_annotations(file).added == 2
        assert project.import_annotations(file).added == 0
        assert {names(project, "source")[i] for i in ("ham-1-3", "ham-1-4")} == {"human"}


def test_simulating_leaves_the_project_as_it_is(folder: Path) -> None:
    with Project.open(folder) as project:
        project.run()
        before = project.labels()
        result = project.simulate(answers=10, batch=5)
        assert [p.answers for p in result.curve] == [0, 5, 10]
        assert result.curve[-1].test_accuracy is not None
        assert project.status().answers == project.status().simulated == 0
        pd.testing.assert_frame_equal(project.labels(), before)


def test_simulated_answers_that_are_kept_are_never_exported_as_human(folder: Path) -> None:
    with Project.open(folder) as project:
        project.run()
        project.simulate(answers=10, batch=5, keep=True)
        assert project.status().simulated == 10
        assert project.status().answers == 0
        assert "human" not in set(project.labels()["source"])
        assert (project.labels()["weight"] < 1).all()
        manifest = json.loads(project.export(folder / "out.csv").manifest.read_text())  # type: ignore[union-attr]
        assert manifest["settings"]["simulated_answers_behind_the_models"] == 10
        project.answer("ham-1-3", "ham", annotator="ann")
        assert names(project, "source")["ham-1-3"] == "human"


def test_an_answer_needs_an_item_a_label_and_a_person(folder: Path) -> None:
    with Project.open(folder) as project:
        with pytest.raises(AnnotationError, match="'nobody'"):
            project.answer("nobody", "ham", annotator="ann")
        with pytest.raises(AnnotationError, match="name"):
            project.answer("ham-1-3", "ham", annotator=" ")
        with pytest.raises(AnnotationError, match="reason"):
            project.answer("ham-1-3", None, annotator="ann")


class TestSchema:
    def test_renaming_relabels_nothing(self, folder: Path) -> None:
        with Project.open(folder) as project:
            project.run()
            project.answer("ham-1-3", "ham", annotator="ann")
            before = names(project)
            project.change_schema("rename", "ham", "fine")
            after = names(project)
        assert after == {i: "fine" if label == "ham" else label for i, label in before.items()}
        assert 'labels = ["spam", "fine"]' in (folder / "labelkit.toml").read_text()
        with Project.open(folder) as project:
            assert project.vote().computed == []  # functions still say "ham", an earlier name
            assert {v for row in project.votes().to_numpy() for v in row if isinstance(v, str)} == {"spam", "fine"}
            with pytest.raises(ConfigError, match="rename"):
                (folder / "labelkit.toml").write_text(
                    (folder / "labelkit.toml").read_text().replace('"fine"', '"good"')
                )
                Project.open(folder)

    def test_adding_reordering_and_merging(self, folder: Path) -> None:
        with Project.open(folder) as project:
            project.run()
            before = names(project)
            project.change_schema("add", "other")
            project.change_schema("reorder", "other", "ham", "spam")
            assert project.schema.names == ("other", "ham", "spam")
            assert names(project) == before
            assert list(project.labels().columns[3:6]) == ["p_other", "p_ham", "p_spam"]
            project.run()
            assert project.vote().computed == []
            project.change_schema("merge", "other", "ham")
            assert set(names(project).values()) <= {"spam", "ham"}
            project.run()
        toml = folder / "labelkit.toml"
        toml.write_text(toml.read_text().replace('["ham", "spam"]', '["ham", "spam", "later"]'))
        with Project.open(folder) as project:
            assert project.schema.names == ("ham", "spam", "later")
            assert project.schema.ids == (1, 0, 3)


def test_the_same_project_gives_the_same_bytes_in_any_process(tmp_path: Path) -> None:
    """Twice from scratch, in processes with other hash seeds."""
    code = (
        "import sys; from labelkit import Project; p = Project.open(sys.argv[1]); p.run()\n"
        "p.answer('ham-1-3', 'ham', annotator='ann')\n"
        "p.run(); [p.export(f'{sys.argv[1]}/out.{kind}') for kind in ('csv', 'jsonl', 'parquet')]"
    )
    found = []
    for seed in ("1", "2"):
        home = tmp_path / seed / "project"
        with Project.init(home, name="texts", labels=["spam", "ham"]) as project:
            project.import_items(write_rows(tmp_path / "texts.csv", sample_rows()))
        (home / "labeling_functions" / "functions.py").write_text(FUNCTIONS, encoding="utf-8")
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", code, str(home)], check=True, env=environment)
        found.append([hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(home.glob("out.*"))])
    assert len(found[0]) == 6
    assert found[0] == found[1]


def test_the_export_reads_in_pandas(folder: Path) -> None:
    with Project.open(folder) as project:
        project.run()
        result = project.export(folder / "out.parquet")
        project.export(folder / "out.csv")
        project.export(folder / "out.jsonl")
        expected = project.labels()
    assert result.rows == 60
    assert result.sha256 == hashlib.sha256((folder / "out.parquet").read_bytes()).hexdigest()
    frames = [
        pd.read_parquet(folder / "out.parquet"),
        pd.read_csv(folder / "out.csv"),
        pd.read_json(folder / "out.jsonl", lines=True),
    ]
    for frame in frames:
        pd.testing.assert_frame_equal(frame, expected, check_dtype=False)
    manifest = json.loads((folder / "out.csv.manifest.json").read_text())
    assert manifest["counts"]["items"] == 60
    assert {f["name"] for f in manifest["labeling_functions"]} == {"money", "free", "meeting", "short", "polite"}


def test_explanations_add_up_to_the_probabilities(folder: Path) -> None:
    import math

    with Project.open(folder) as project:
        project.run()
        explained = project.explain("spam-0-1").explanation
    assert explained is not None
    lead = explained.prior + sum(f.added for f in explained.functions)
    ratio = explained.probabilities[explained.decided] / explained.probabilities[explained.runner_up]
    assert lead == pytest.approx(math.log(ratio), abs=1e-6)
    assert {f.function for f in explained.functions if f.vote} == {"money", "free"}
    assert explained.features


def test_explaining_works_without_the_cache(folder: Path) -> None:
    with Project.open(folder) as project:
        project.run()
        before = project.explain("spam-0-1")
        shutil.rmtree(folder / "texts.labelkit.cache")
        assert project.explain("spam-0-1") == before


def test_gold_decides_only_where_asked_and_only_in_the_train_split(folder: Path) -> None:
    with Project.open(folder) as project:
        project.run()
        assert "gold" not in set(project.labels()["source"])
    toml = folder / "labelkit.toml"
    toml.write_text(toml.read_text() + "\n[training_set]\nuse_gold = true\nmin_probability = 0.6\n")
    with Project.open(folder) as project:
        frame = project.labels()
    assert set(frame.loc[frame["source"] == "gold", "split"]) == {"train"}
    models = frame[frame["source"].isin(["label_model", "end_model"])]
    assert (models["weight"] >= 0.6).all()
    assert (frame.loc[frame["label"].isna(), "weight"] == 0).all()


def test_functions_are_not_measured_on_test_items_where_there_are_others(folder: Path, tmp_path: Path) -> None:
    with Project.open(folder) as project:
        project.run()
        assert "outside the test split" in project.lfs().reference
    home = tmp_path / "test-only"
    rows = [row if row[3] in ("split", "test") else [row[0], row[1], "", *row[3:]] for row in sample_rows()]
    with Project.init(home, name="texts", labels=["spam", "ham"]) as project:
        project.import_items(write_rows(tmp_path / "t.csv", rows))
        (home / "labeling_functions" / "functions.py").write_text(FUNCTIONS, encoding="utf-8")
        project.run()
        table = project.lfs()
        assert "test split" in table.reference
        assert table.notes


def test_search_builds_its_index_when_first_needed(folder: Path, tmp_path: Path) -> None:
    with Project.open(folder) as project:
        assert set(project.search("lunch tomorrow", limit=50)) == {f"ham-{c}-1" for c in range(5)}
        project.import_items(write_rows(tmp_path / "n.csv", [["id", "text"], ["new", "lunch tomorrow again"]]))
        assert "new" in project.search("lunch tomorrow", limit=50)


def test_custom_estimator_by_import_path(folder: Path) -> None:
    toml = folder / "labelkit.toml"
    toml.write_text(toml.read_text().replace('"logistic"', '"sklearn.naive_bayes:MultinomialNB"'))
    with Project.open(folder) as project:
        result = project.run()
        assert result.trained.scores["end_model"]["accuracy"]["value"] > 0.8
        assert project.explain("spam-0-1").explanation is not None


def test_committee_in_the_mix(folder: Path) -> None:
    toml = folder / "labelkit.toml"
    old = "mix = {auto = 1.0}"
    assert old in toml.read_text()
    toml.write_text(
        toml.read_text().replace(old, "mix = {committee = 0.5, entropy = 0.2, uncertainty = 0.2, random = 0.1}")
    )
    with Project.open(folder) as project:
        strategies = {e.strategy for e in project.run().ranked.queue if e.role == "active"}
    assert strategies == {"committee", "entropy", "uncertainty", "random"}


def test_overlap_target_asks_for_a_second_person(folder: Path) -> None:
    toml = folder / "labelkit.toml"
    toml.write_text(toml.read_text() + "\n[annotation]\nanswers_per_item = 2\n")
    with Project.open(folder) as project:
        project.run()
        store = project._workspace.store
        store.people.append([NewAnnotation(n, "ann", 0) for n in range(60)])
        assert project.rank().pool == 40
        store.people.append([NewAnnotation(n, "bob", 0) for n in range(60)])
        assert project.rank().pool == 0


def test_an_answer_has_a_clean_name_and_a_known_reason(folder: Path) -> None:
    with Project.open(folder) as project:
        project.answer("ham-1-3", "ham", annotator="Ann  Lee ")
        assert [a["annotator"] for a in project.explain("ham-1-3").answers] == ["Ann Lee"]
        with pytest.raises(AnnotationError, match="'withdrawn' is no reason"):
            project.answer("ham-1-3", None, annotator="Ann Lee", reason="withdrawn")
        with pytest.raises(AnnotationError, match="cannot be used"):
            project.answer("ham-1-3", "ham", annotator="Ann\x1b[2J")


def test_frames_of_an_empty_project(tmp_path: Path) -> None:
    with Project.init(tmp_path / "new", name="new", labels=["a", "b"]) as project:
        assert list(project.items().columns) == ["id", "text", "split", "gold"]
        assert {"id", "label", "p_a", "p_b"} <= set(project.labels().columns)
        assert len(project.items()) == len(project.labels()) == 0


def test_fields_called_like_columns_step_aside(tmp_path: Path) -> None:
    head = ["key", "body", "class", "part", "id", "text", "gold", "split", "field_gold"]
    file = write_rows(tmp_path / "rows.csv", [head, ["k", "words", "a", "test", "1", "2", "3", "4", "5"]])
    with Project.init(tmp_path / "new", name="new", labels=["a", "b"]) as project:
        mapping = FieldMapping(id="key", text="body", gold="class", split="part")
        project.import_items(file, options=ImportOptions(mapping=mapping))
        frame = project.items()
    row = frame.to_dict("records")[0]
    assert [row[name] for name in ("id", "text", "split", "gold")] == ["k", "words", "test", "a"]
    named = ("field_id", "field_text", "field_field_gold", "field_split", "field_gold")
    assert [int(row[name]) for name in named] == [1, 2, 3, 4, 5]
