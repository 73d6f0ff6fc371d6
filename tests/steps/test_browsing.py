"""What pages read out of what is kept says the same as reading everything anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from labelkit import Project
from labelkit.steps import browsing_state
from labelkit.steps.browsing import ANSWERED, NO_LABEL, ORDERS, Browsing, ItemFilter
from labelkit.steps.browsing_facts import SOURCES, current_labels, voted
from labelkit.steps.browsing_state import KeptWorkspace
from labelkit.steps.status import status
from labelkit.types import ABSTAIN
from tests.conftest import FUNCTIONS, sample_rows, write_rows

ARRAYS = ("label", "adjudicated", "simulated", "audit", "tuning", "answers", "asked", "untaught")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browsing") / "project"
    with Project.init(folder, name="texts", labels=["spam", "ham"]) as project:
        project.import_items(write_rows(folder / "texts.csv", sample_rows(8)))
    (folder / "labeling_functions" / "functions.py").write_text(FUNCTIONS, encoding="utf-8")
    settings = folder / "labelkit.toml"
    settings.write_text(settings.read_text(encoding="utf-8").replace('"auto"', '"majority"'), encoding="utf-8")
    with Project.open(folder) as project:
        project.run()
    return folder


@pytest.fixture
def project(home: Path, tmp_path: Path) -> Project:
    copy = tmp_path / "project"
    copy.mkdir()
    for part in ("labelkit.toml", "texts.labelkit.db"):
        (copy / part).write_bytes((home / part).read_bytes())
    (copy / "labeling_functions").mkdir()
    (copy / "labeling_functions" / "functions.py").write_text(FUNCTIONS, encoding="utf-8")
    return Project.open(copy)


def same(project: Project) -> KeptWorkspace:
    """The kept workspace, which has to agree with the project's own."""
    kept = KeptWorkspace.of(project._workspace)
    fresh, read = project._workspace.people(), kept.people()
    for name in ARRAYS:
        assert np.array_equal(getattr(fresh, name), getattr(read, name)), name
    assert (fresh.disputed, fresh.annotations) == (read.disputed, read.annotations)
    assert (kept.content(), kept.gold().tolist()) == (
        project._workspace.content(),
        project.schema.to_indices(project._store.items.gold()).tolist(),
    )
    assert status(kept) == status(project._workspace)
    return kept


def answers(project: Project) -> None:
    project.answer("spam-0-1", "spam", annotator="Ann")
    project.answer("ham-0-1", "ham", annotator="Ann")
    project.answer("ham-0-2", None, annotator="Ann", reason="language")


def disagree(project: Project) -> None:
    project.answer("spam-0-1", "ham", annotator="Bob")


def change_minds(project: Project) -> None:
    project.answer("spam-0-1", "ham", annotator="Ann")
    project.answer("ham-0-2", "ham", annotator="Ann")


def decide(project: Project) -> None:
    store = project._store
    number = store.items.number_of("ham-0-1")
    with store.database.transaction() as connection:
        who = store.people.annotator(connection, "Rae", "reviewer")
        connection.execute(
            "insert into adjudications (item, content_hash, label, annotator, annotations, decided_at)"
            " select item, content_hash, 0, ?, '[]', '2024-01-01T00:00:00.000Z' from items where item = ?",
            (who, number),
        )


def edit_items(project: Project) -> None:
    rows = [["id", "text", "split"], ["spam-0-1", "something else", "train"], ["new", "a new one", "test"]]
    project.import_items(write_rows(project.root / "more.csv", rows))


def rename(project: Project) -> None:
    project.change_schema("rename", "ham", "fine")


def learn(project: Project) -> None:
    for step in (project.vote, project.label, project.train, project.rank):
        step()


def test_what_is_kept_follows_every_change(project: Project) -> None:
    with project:
        same(project)
        for step in (answers, disagree, change_minds, learn, decide, edit_items, learn):
            step(project)
            same(project)


def test_many_answers_at_once_are_read_anew(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browsing_state, "_MOST_TOUCHED", 1)
    with project:
        same(project)
        answers(project)
        same(project)


def test_renamed_classes_are_seen(project: Project) -> None:
    with project:
        answers(project)
        same(project)
        rename(project)
        kept = same(project)
        found = Browsing(kept).page(ItemFilter(label="fine", answered="answered")).rows
        assert [(row.id, row.label) for row in found] == [("ham-0-1", "fine"), ("ham-0-2", "fine")]


def test_another_project_in_the_same_place_is_another(project: Project, home: Path) -> None:
    with project:
        answers(project)
        same(project)
    project.path.unlink()
    project.path.with_suffix(".lock").unlink(missing_ok=True)
    project.path.write_bytes((home / project.path.name).read_bytes())
    with Project.open(project.root) as other:
        assert not same(other).people().asked.any()


def test_labels_are_those_of_an_export(project: Project) -> None:
    with project:
        answers(project)
        disagree(project)
        learn(project)
        decide(project)
        frame = project.labels()
        now = current_labels(KeptWorkspace.of(project._workspace))
        names = [None if label == ABSTAIN else project.schema.names[label] for label in now.label]
        assert names == frame["label"].replace({np.nan: None}).tolist()
        exported = {"adjudication": "human", "agreement": "human"}
        sources = [None if s < 0 else exported.get(SOURCES[s], SOURCES[s]) for s in now.source]
        assert sources == frame["source"].replace({np.nan: None}).tolist()


def test_conflicts_and_coverage_are_those_of_the_votes(project: Project) -> None:
    with project:
        votes = project.votes()
        found = voted(KeptWorkspace.of(project._workspace))
        assert found is not None
        assert found.count.tolist() == votes.notna().sum(axis=1).tolist()
        assert found.conflict.tolist() == (votes.nunique(axis=1) > 1).tolist()


# ------------------------------------------------------------------ filters and pages


@pytest.fixture
def answered(project: Project) -> Project:
    answers(project)
    disagree(project)
    project.browsing().index_ready(most_seconds=60)
    return project


def ids(project: Project, wanted: ItemFilter, limit: int = 1000) -> list[str]:
    return [row.id for row in project.browsing().page(wanted, limit=limit).rows]


def test_every_filter_finds_what_it_says(answered: Project) -> None:
    with answered as project:
        frame, votes = project.labels(), project.votes()
        where = dict(zip(frame["id"], frame["split"], strict=True))
        assert set(ids(project, ItemFilter(split="test"))) == {i for i, s in where.items() if s == "test"}
        for label in ("spam", "ham", NO_LABEL):
            assert all(
                (row.label or NO_LABEL) == label for row in project.browsing().page(ItemFilter(label=label)).rows
            )
        assert ids(project, ItemFilter(answered="disputed")) == ["spam-0-1"]
        assert ids(project, ItemFilter(answered="skipped")) == ["ham-0-2"]
        assert len(ids(project, ItemFilter(answered="unanswered"))) == 96 - 3
        assert ids(project, ItemFilter(function="free")) == votes.index[votes["free"].notna()].tolist()
        assert ids(project, ItemFilter(function="free", vote="ham")) == []
        assert ids(project, ItemFilter(uncovered=True)) == votes.index[votes.isna().all(axis=1)].tolist()
        assert set(ids(project, ItemFilter(text="lun mov"))) == set()
        assert ids(project, ItemFilter(text="lunc")) == [i for i in where if i.startswith("ham") and i[-1] in "01"]
        assert ids(project, ItemFilter(text="spam-0-")) == [f"spam-0-{n}" for n in range(6)]
        roles = project._store.people.roles()
        drawn = project._store.items.ids(sorted(n for n, role in roles.items() if role == "audit"))
        assert ids(project, ItemFilter(role="audit")) == drawn
        sure = project.browsing().page(ItemFilter(p_from=0.9), limit=1000).rows
        assert sure and all(row.p is not None and row.p > 0.89 for row in sure)


def test_filters_join(answered: Project) -> None:
    with answered as project:
        one, two = ItemFilter(function="money"), ItemFilter(split="train")
        both = set(ids(project, replace(one, split="train")))
        assert both == set(ids(project, one)) & set(ids(project, two)) != set()


@pytest.mark.parametrize("text", ['"', 'a" OR "b', "free*", "NEAR(a b)", "%", "'; drop table items; --", "\0", "-x ^y"])
def test_no_search_word_is_taken_for_a_query(answered: Project, text: str) -> None:
    with answered as project:
        project.browsing().page(ItemFilter(text=text))
        assert project._store.items.count() == 96


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("state", [None, *ANSWERED])
def test_pages_hold_every_item_once_and_in_order(answered: Project, order: str, state: str | None) -> None:
    with answered as project:
        wanted = ItemFilter(order=order, answered=state)  # type: ignore[arg-type]
        whole = project.browsing().page(wanted, limit=1000)
        seen, after = [], None
        while True:
            page = project.browsing().page(wanted, after=after, limit=7)
            assert page.total == whole.total == len(whole.rows)
            seen += page.rows
            if page.next is None:
                break
            after = page.next
        assert seen == whole.rows
        p = [2.0 if row.p is None else row.p for row in whole.rows]
        assert order != "least certain" or p == sorted(p)


def test_an_item_s_story_is_told_in_order(answered: Project) -> None:
    with answered as project:
        project.answer("spam-0-1", "ham", annotator="Ann")
        decide(project)
        story = project.browsing().history("spam-0-1")
        assert [event.at for event in story] == sorted(event.at for event in story)
        told = [(event.what, event.who, event.counts) for event in story if event.what == "answer"]
        assert told == [("answer", "Ann", False), ("answer", "Bob", True), ("answer", "Ann", True)]
        assert {"imported", "gold label", "label model", "end model"} <= {event.what for event in story}
        assert "decision" in {event.what for event in project.browsing().history("ham-0-1")}
        assert project.browsing().history("nobody") == []
        told_by_project, told_here = project.explain("spam-0-1"), project.browsing().explain("spam-0-1")
        assert (told_here.label, told_here.source) == (told_by_project.label, told_by_project.source)
