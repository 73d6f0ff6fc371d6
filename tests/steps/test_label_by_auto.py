"""The label step with auto: what it tells, what people's answers change, and how disagreement is weighed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from labelkit import Project
from labelkit.steps.targets import training_targets
from tests.conftest import FUNCTIONS, sample_rows, write_rows


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """240 items, so that a queue can hold enough tuning items to calibrate on."""
    home = tmp_path / "project"
    with Project.init(home, name="texts", labels=["spam", "ham"]) as project:
        project.import_items(write_rows(tmp_path / "texts.csv", sample_rows(20)))
    (home / "labeling_functions" / "functions.py").write_text(FUNCTIONS, encoding="utf-8")
    settings = (home / "labelkit.toml").read_text(encoding="utf-8")
    (home / "labelkit.toml").write_text(settings.replace("tuning_share = 0.1", "tuning_share = 0.5"), encoding="utf-8")
    return home


def gold(project: Project) -> dict[str, str]:
    frame = project.items()
    return dict(zip(frame["id"], frame["gold"], strict=True))


def asked(project: Project, role: str) -> list[str]:
    queue = project.queue()
    return list(queue[queue["role"] == role]["id"])


def targets(project: Project) -> tuple[np.ndarray, np.ndarray]:
    workspace = project._workspace
    found = training_targets(workspace, workspace.need("label", "a test"), workspace.people())
    return found.targets, found.usable


def test_it_says_what_it_chose_and_why(home: Path) -> None:
    with Project.open(home) as project:
        labeled = project.run().labeled
        again = project.label()
    assert labeled.chosen == "weighted-majority"
    assert labeled.why[0].startswith("auto chose weighted-majority: ")
    assert labeled.why[1] == "it decides every covered item as majority vote does"
    assert not set(labeled.why) & set(labeled.notes), "told once"
    assert labeled.standing is not None and labeled.standing["gold_n"] == 0
    assert labeled.calibration is None
    assert again.reused and again.why == labeled.why and again.standing == labeled.standing


def test_tuning_answers_measure_and_calibrate_and_audit_answers_do_not(home: Path) -> None:
    with Project.open(home) as project:
        before = project.run().labeled
        truth = gold(project)
        for item in asked(project, "audit"):
            project.answer(item, truth[item], annotator="ann")
        audited = project.label()
        assert audited.standing is not None and audited.standing["gold_n"] == 0
        assert audited.human == before.human == 0
        tuning = asked(project, "tuning")
        for item in tuning:
            project.answer(item, truth[item], annotator="ann")
        labeled = project.label()
        assert labeled.human == len(tuning)
        assert labeled.standing is not None
        assert 20 <= labeled.standing["gold_n"] <= len(tuning)
        assert labeled.calibration is not None and labeled.calibration["n"] == labeled.standing["gold_n"]
        assert [one["annotator"] for one in labeled.annotators] == ["ann"]
        project.train()
        frame = project.labels()
    from_model = frame[frame["source"] == "label_model"]
    assert ((from_model["p_spam"] + from_model["p_ham"] - 1).abs() < 1e-5).all()


def test_other_models_are_calibrated_on_tuning_answers_too(home: Path) -> None:
    settings = (home / "labelkit.toml").read_text(encoding="utf-8")
    (home / "labelkit.toml").write_text(settings.replace('name = "auto"', 'name = "majority"'), encoding="utf-8")
    with Project.open(home) as project:
        project.run()
        truth = gold(project)
        for item in asked(project, "tuning"):
            project.answer(item, truth[item], annotator="ann")
        labeled = project.label()
        assert labeled.chosen is None and labeled.why == []
        assert labeled.calibration is not None
        run = project._workspace.need("label", "a test")
        probabilities, _ = project._workspace.label_probabilities(run)
    assert probabilities.max() < 1.0, "unanimous votes are no certainty"


def test_people_who_disagree_count_by_their_reliability(home: Path) -> None:
    with Project.open(home) as project:
        project.run()
        truth = gold(project)
        workspace = project._workspace
        train = [item for item in truth if workspace.train_split()[workspace.store.items.number_of(item) or 0]]
        train = [item for item in train if item not in asked(project, "audit") + asked(project, "tuning")][:40]
        other = {"spam": "ham", "ham": "spam"}
        disputed = train[0]
        project.label()
        raw, _ = targets(project)
        at = workspace.store.items.number_of(disputed)
        wrong = ["spam", "ham"].index(other[truth[disputed]])
        for number, item in enumerate(train[1:]):  # ben is mostly wrong where ann and eve agree
            for annotator in ("ann", "eve"):
                project.answer(item, truth[item], annotator=annotator)
            project.answer(item, other[truth[item]] if number % 4 else truth[item], annotator="ben")
        project.answer(disputed, truth[disputed], annotator="ann")
        project.answer(disputed, other[truth[disputed]], annotator="ben")
        labeled = project.label()
        assert workspace.people().disputed == [at]
        found, usable = targets(project)
        reliability = {one["annotator"]: one["value"] for one in labeled.annotators}
    assert reliability["ann"] > 0.8
    assert reliability["ben"] < 0.5
    assert usable[at]
    assert found[at, 1 - wrong] > 0.95, "ann is believed"
    assert 0 < found[at, wrong] < raw[at, wrong] or raw[at, wrong] < 0.05


def test_new_disagreement_makes_labels_out_of_date_and_label_mends_that(home: Path) -> None:
    with Project.open(home) as project:
        project.run()
        store = project._workspace.store
        train = [f"spam-{copy}-0" for copy in range(20) if copy % 3]
        item = next(one for one in train if store.items.number_of(one) not in store.people.roles())
        project.answer(item, "spam", annotator="ann")
        project.answer(item, "ham", annotator="ben")
        first = project.label()
        project.answer(item, "spam", annotator="cat")
        project.answer(item, "ham", annotator="dan")
        again = project.label()
        assert not again.reused and len(again.annotators) == len(first.annotators) + 2
        assert project.label().reused


def test_a_disputed_item_without_votes_is_learned_from(home: Path) -> None:
    (home / "labeling_functions" / "functions.py").write_text(
        "from labelkit import keywords\n"
        'keywords("money", ["cash"], label="spam")\n'
        'keywords("noon", ["lunch"], label="ham")\n'
        'keywords("free", ["free"], label="spam")\n',
        encoding="utf-8",
    )
    with Project.open(home) as project:
        project.run()
        workspace = project._workspace
        drawn = workspace.store.people.roles()
        thanks = [f"ham-{copy}-4" for copy in range(20) if (4 + copy) % 3]  # nobody votes on these train items
        item = next(one for one in thanks if workspace.store.items.number_of(one) not in drawn)
        at = workspace.store.items.number_of(item)
        before = targets(project)[1][at]
        project.answer(item, "ham", annotator="ann")
        project.answer(item, "spam", annotator="ben")
        project.label()
        probabilities, usable = targets(project)
    assert not before and usable[at]
    assert probabilities[at].sum() == pytest.approx(1)


def test_a_class_that_nobody_speaks_for_gets_no_labels(tmp_path: Path) -> None:
    home = tmp_path / "three"
    with Project.init(home, name="texts", labels=["spam", "ham", "other"]) as project:
        project.import_items(write_rows(tmp_path / "texts.csv", sample_rows()))
    (home / "labeling_functions" / "functions.py").write_text(FUNCTIONS, encoding="utf-8")
    with Project.open(home) as project:
        labeled = project.run().labeled
    assert labeled.class_counts["other"] == 0
    assert any("no function votes for other" in note for note in labeled.notes)
    assert labeled.class_balance["other"] < 0.001
