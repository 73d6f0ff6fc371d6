"""Two versions of models and queues side by side: on a real project that was answered in between; and the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from labelkit import Project
from labelkit.errors import StepMissing
from labelkit.steps.comparing import RunComparison, as_words
from labelkit.steps.kept_models import forget_models
from labelkit.steps.training import model_folder
from tests.conftest import Ran, write_rows
from tests.serving import ran_project


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that ran three times: as it was, after answers that turn it around, and after some more."""
    home = ran_project(tmp_path_factory.mktemp("compared") / "project")
    for count in (8, 16):
        with Project.open(home) as project:
            for item in project.queue()["id"][:count]:
                project.answer(item, "ham" if item.startswith("spam") else "spam", annotator="bob")
            project.run()
    return home


def trained(project: Project) -> list[int]:
    return sorted(run.id for run in project.runs().runs if run.step == "train")


def compared(home: Path, first: int = 0, second: int = -1, **options: int) -> tuple[Project, RunComparison]:
    with Project.open(home) as project:
        runs = trained(project)
        return project, project.compare_runs(runs[first], runs[second], **options)


def test_a_version_is_named_by_any_of_its_runs(home: Path) -> None:
    with Project.open(home) as project:
        listed = project.runs()
        newest = listed.current
        versions = {project.compare_runs(run, run).first for run in newest.values()}
        assert {(v.label, v.train, v.rank) for v in versions} == {(newest["label"], newest["train"], newest["rank"])}
        same = project.compare_runs(newest["rank"], newest["label"])
        assert same.predictions is None and same.queues is None and same.settings == []
        assert any("both versions have the same run of `labelkit train`" in note for note in same.notes)
        assert [run.step for run in listed.runs[:3]] == ["rank", "train", "label"]
        assert all(run.kept and not run.pinned for run in listed.runs)


def test_labels_that_changed_are_counted_class_by_class(home: Path) -> None:
    with Project.open(home) as project:
        runs = trained(project)
        store, workspace = project._store, project._workspace
        p, q = (workspace.predictions(store.runs.get(run)) for run in (runs[0], runs[-1]))  # type: ignore[arg-type]
        found = project.compare_runs(runs[0], runs[-1], flips=1000).predictions
        a, b = p.argmax(axis=1), q.argmax(axis=1)
        assert found is not None and found.changed == (a != b).sum() > 0
        assert found.share == pytest.approx((a != b).mean()) and found.compared == len(a) == 60
        assert found.moved == pytest.approx(np.abs(p - q).sum(axis=1).mean() / 2)
        by_class = {one.label: one for one in found.classes}
        assert set(by_class) == {"spam", "ham"}
        for index, name in enumerate(project.schema.names):
            one = by_class[name]
            assert (one.first, one.second) == ((a == index).sum(), (b == index).sum())
            assert one.first - one.left + one.came == one.second
        assert sum(flow.items for flow in found.flows) == found.changed == len(found.flips)
        ids = project.items()["id"]
        assert {flip.id for flip in found.flips} == set(ids[a != b])
        for flip in found.flips:
            row = int(np.flatnonzero(ids == flip.id)[0])
            assert (flip.first, flip.second) == (project.schema.names[a[row]], project.schema.names[b[row]])
            assert flip.probabilities == pytest.approx((p[row, a[row]], q[row, b[row]]))


def test_who_flipped_first_comes_first(home: Path) -> None:
    with Project.open(home) as project:
        first, middle, last = trained(project)
        found = project.compare_runs(first, last, flips=1000).predictions
        assert found is not None
        labels = {
            run: project._workspace.predictions(project._store.runs.get(run)).argmax(axis=1)  # type: ignore[arg-type]
            for run in (first, middle, last)
        }
        changed = np.flatnonzero(labels[first] != labels[last])
        early = {int(row) for row in changed if labels[middle][row] != labels[first][row]}
        ids = list(project.items()["id"])
        told = {ids.index(flip.id): flip.run for flip in found.flips}
        assert told == {int(row): middle if int(row) in early else last for row in changed}
        assert [flip.run for flip in found.flips] == sorted(flip.run for flip in found.flips)
        assert project.compare_runs(first, last, flips=2).predictions.flips == found.flips[:2]  # type: ignore[union-attr]
        back = project.compare_runs(last, first, flips=1000).predictions
        assert back is not None and back.changed == found.changed
        assert {flip.id for flip in back.flips} == {flip.id for flip in found.flips}


def test_queues_overlap(home: Path) -> None:
    with Project.open(home) as project:
        out = project.compare_runs(trained(project)[0], trained(project)[-1])
        assert out.first.rank is not None and out.second.rank is not None and out.queues is not None
        one, other = ({e.item for e in project._store.runs.queue(run)} for run in (out.first.rank, out.second.rank))
        queues = out.queues
        assert (queues.first, queues.second) == (len(one), len(other))
        assert queues.shared == len(one & other) and queues.left == len(one - other) and queues.came == len(other - one)
        assert queues.answered == queues.left  # an item leaves this queue, as it holds all, by being answered only
        assert sum(first for first, _ in queues.roles.values()) == queues.first
        assert sum(second for _, second in queues.strategies.values()) == queues.second
        assert [top.places for top in queues.top] == [10]


def test_settings_and_figures_that_differ(tmp_path: Path) -> None:
    home = ran_project(tmp_path / "project")
    settings, functions = home / "labelkit.toml", home / "labeling_functions" / "functions.py"
    text = settings.read_text(encoding="utf-8")
    assert 'name = "majority"' in text
    settings.write_text(
        text.replace('name = "majority"', 'name = "weighted-majority"') + "\n[end_model.options]\nC = 2.0\n"
    )
    functions.write_text(functions.read_text().replace('["meeting", "lunch"]', '["meeting"]'))
    with Project.open(home) as project:
        project.run()
        one, other = trained(project)
        out = project.compare_runs(one, other)
        found = {(change.step, change.name): (change.first, change.second) for change in out.settings}
        assert found[("label", "model")] == ("majority", "weighted-majority")
        assert found[("train", "model.options.C")] == (None, 2.0)
        assert ("label", "function meeting") in found and ("label", "function free") not in found
        assert not [name for _, name in found if name.startswith("version of")]
        figures = {(figure.step, figure.name): figure for figure in out.figures}
        trained_on = figures[("train", "trained_on")]
        assert trained_on.first is not None and trained_on.second is not None
        assert trained_on.change == trained_on.second - trained_on.first < 0
        assert all(figure.first != figure.second for figure in out.figures)
        assert any("settings: " in words for words in as_words(out))


def test_results_that_are_gone_are_a_note(home: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(home, copy, ignore=shutil.ignore_patterns("*.lock"))
    with Project.open(copy) as project:
        first = trained(project)[0]
        project.pin_run(first)
        for _ in range(5):
            project.train(force=True)
        pinned = next(run for run in project.runs().runs if run.id == first)
        assert pinned.pinned and pinned.kept
        newest = trained(project)[-1]
        assert project.compare_runs(first, newest).predictions is not None
        project.pin_run(first, pinned=False)
        out = project.compare_runs(first, newest)
        assert out.predictions is None and out.figures
        assert any(f"the results of run {first} are not kept any more" in note for note in out.notes)
        with pytest.raises(StepMissing, match="cannot be pinned"):
            project.pin_run(first)


def test_items_that_came_are_left_out(home: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(home, copy, ignore=shutil.ignore_patterns("*.lock"))
    with Project.open(copy) as project:
        project.import_items(write_rows(tmp_path / "more.csv", [["id", "text"], ["new", "free cash for lunch"]]))
        project.run()
        runs = trained(project)
        out = project.compare_runs(runs[-2], runs[-1])
        assert out.predictions is not None and out.predictions.compared == 60
        assert "items came or changed between the two runs of `labelkit train`" in out.notes


def test_models_of_forgotten_runs_leave_the_cache(home: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(home, copy, ignore=shutil.ignore_patterns("*.lock"))
    with Project.open(copy) as project:
        workspace = project._workspace
        kept = [project._store.runs.get(run) for run in trained(project)]
        folders = {model_folder(workspace, run.inputs) for run in kept if run is not None}
        assert folders and all(folder.exists() for folder in folders)
        old, other = workspace.cache / "end_models" / ("0" * 32), workspace.cache / "end_models" / "tmp_being_written"
        for folder in (old, other):
            folder.mkdir()
            (folder / "model.json").write_text("{}")
        assert forget_models(workspace) == 1
        assert not old.exists() and other.exists() and all(folder.exists() for folder in folders)
        shutil.rmtree(workspace.cache)
        assert forget_models(workspace) == 0


# ---------------------------------------------------------------------- the command


def test_the_command_lists_pins_and_compares(home: Path, tmp_path: Path, run: Callable[..., Ran]) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(home, copy, ignore=shutil.ignore_patterns("*.lock"))
    listed = json.loads(run("runs", "--json", "-p", copy).out)
    runs = sorted(one["id"] for one in listed["runs"] if one["step"] == "train")
    assert "current" in run("runs", "-p", copy).out
    words = run("runs", "compare", runs[0], runs[-1], "-p", copy, "--limit", 3)
    assert words.code == 0 and f"have another label in run {runs[-1]} than in run {runs[0]}" in words.out
    assert "who flipped first" in words.out and "came to it" in words.out and "queue:" in words.out
    told = json.loads(run("runs", "compare", runs[0], runs[-1], "-p", copy, "--json").out)
    assert told["comparison"]["predictions"]["changed"] > 0 and told["words"]
    assert {"settings", "figures", "predictions", "labels", "queues", "notes"} < set(told["comparison"])
    pinned = run("runs", "pin", runs[0], "-p", copy)
    assert pinned.code == 0 and "kept until it is unpinned" in pinned.out
    assert "pinned" in run("runs", "list", "-p", copy).out
    assert json.loads(run("runs", "unpin", runs[0], "-p", copy, "--json").out)["run"]["pinned"] is False


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("compare", "1"), "takes the numbers of two runs, not 1 of them"),
        (("compare", "998", "999"), "run 998 cannot be compared: there is no such run"),
        (("compare", "1", "1"), "run 1 cannot be compared: it is a run of `labelkit import`"),
        (("pin",), "takes the number of a run, not 0 of them"),
        (("pin", "999"), "run 999 cannot be pinned: there is no such run"),
        (("list", "3"), "takes no run, not 1 of them"),
        (("drop", "3"), "cannot 'drop' runs. Choose one of list, compare, pin, unpin"),
    ],
)
def test_mistakes_are_told_in_one_line(
    home: Path, run: Callable[..., Ran], arguments: tuple[str, ...], words: str
) -> None:
    done = run("runs", *arguments, "-p", home)
    assert done.code == 2 and words in done.err and done.err.count("\n") == 1


def test_a_project_that_never_ran(folder: Path, run: Callable[..., Ran]) -> None:
    done = run("runs", "-p", folder)
    assert done.code == 0 and "Nothing ran yet" in done.out
