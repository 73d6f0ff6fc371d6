"""The server's side of annotating, without a server: hints, draws, counts, looking back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from labelkit import Project
from labelkit.annotate import Draws
from labelkit.errors import AnnotationError
from labelkit.steps.hints import Hints
from labelkit.steps.lease_desk import PageAnswer
from tests.conftest import write_rows
from tests.serving import ran_project

PAGE = "page-of-ann-1"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ran_project(tmp_path_factory.mktemp("desk") / "project")


@pytest.fixture
def project(home: Path, tmp_path: Path) -> Iterator[Project]:
    with Project.open(home) as original:
        original.backup(tmp_path / original.path.name)
    (tmp_path / "labelkit.toml").write_bytes((home / "labelkit.toml").read_bytes())
    (tmp_path / "labeling_functions").symlink_to(home / "labeling_functions")
    with Project.open(tmp_path) as opened:
        yield opened


def answer_all(project: Project, n: int, *, draws: Draws | None = None, at: datetime | None = None) -> None:
    leases = project.desk.claim("Ann", client=PAGE, want=n, draws=draws, at=at).leases
    given = [
        PageAnswer(place + 1, lease.item, lease.token, lease.content_hash.hex(), "label", "spam")
        for place, lease in enumerate(leases)
    ]
    results = project.desk.take("Ann", PAGE, given, at=at)
    assert [result.status for result in results] == ["stored"] * n


def test_hints_are_what_the_votes_and_the_model_say(project: Project) -> None:
    votes = project.votes()
    run = project._store.runs.latest("train")
    assert run is not None
    predictions = project._workspace.predictions(run)
    found = project.desk.hints.of(range(len(votes)))
    for item, hints in found.items():
        row = votes.iloc[item]
        assert dict(hints.votes) == {name: vote for name, vote in row.items() if isinstance(vote, str) and name != "id"}
        assert hints.guess is not None and hints.guess.run == run.id
        assert hints.guess.label == project.schema.names[int(np.argmax(predictions[item]))]
        assert hints.guess.probability == pytest.approx(predictions[item].max())


def test_an_item_that_changed_has_no_hints_until_all_ran_again(project: Project, tmp_path: Path) -> None:
    first = project._store.items.ids([0])[0]
    rows = [["id", "text", "gold", "split", "channel"], [first, "free lunch", "ham", "train", "sms"]]
    assert project.desk.hints.of([0])[0].guess is not None
    project.import_items(write_rows(tmp_path / "changed.csv", rows))
    hints = project.desk.hints.of([0, 1])
    assert hints[0].votes == () and hints[0].guess is None and hints[1].guess is not None
    project.vote()
    assert dict(project.desk.hints.of([0])[0].votes) == {"free": "spam", "meeting": "ham", "short": "ham"}


def test_hints_keep_to_their_memory(project: Project) -> None:
    """One shard of votes is larger than what is allowed here: it is read again each time, and answers stay right."""
    small = Hints(project._workspace, most_bytes=10)
    assert small.of([3, 5, 3]) == project.desk.hints.of([3, 5])
    assert len(small._shards) == 1


def test_hints_of_a_merged_class_name_its_successor(project: Project) -> None:
    project.change_schema("add", "other")
    project.change_schema("merge", "spam", "other")
    hints = project.desk.hints.of(range(10)).values()
    assert {label for one in hints for _, label in one.votes} == {"ham", "other"}
    assert {one.guess.label for one in hints if one.guess} <= {"ham", "other"}


def test_gold_questions_are_test_items_with_a_known_label(project: Project) -> None:
    draws = project.desk.draws()
    splits, gold = project._store.items.splits(), project._store.items.gold()
    assert list(draws.gold_items) == [
        item for item, split in enumerate(splits) if split not in (None, "train") and gold[item] >= 0
    ]
    assert project.desk.draws() is draws  # made once
    assert (draws.gold_share, draws.hints_share) == (0.05, 0.1) and len(draws.key) == 32


def test_counts_are_of_today_and_what_is_left_has_gold_questions_in_it(project: Project) -> None:
    now = datetime.now(UTC)
    answer_all(project, 2, at=now - timedelta(days=2))
    tally = project.desk.tally("Ann", at=now)
    assert (tally.answered, tally.since) == (2, 0)
    assert tally.left == int((len(project.queue()) - 2) / 0.95)
    project.answer(project._store.items.ids([0])[0], "spam", annotator="Ann")
    assert project.desk.tally("Ann", at=now).since == 1


def test_looking_back_needs_a_cursor_of_ours(project: Project) -> None:
    answer_all(project, 3)
    page, further = project.desk.mine("Ann", before=None, limit=2)
    assert [one.label for one in page] == ["spam", "spam"] and further is not None
    rest, end = project.desk.mine("Ann", before=further, limit=2)
    assert len(rest) == 1 and end is None
    for wrong in ("", "x", "~1", "a~b", "2026~" + "9" * 40, further + "x", "é~²"):
        with pytest.raises(AnnotationError, match="no place in the list"):
            project.desk.mine("Ann", before=wrong, limit=2)


def test_anchoring_compares_first_answers_by_what_was_shown(project: Project) -> None:
    draws = replace(project.desk.draws(), gold_share=0.0, hints_share=0.5)
    leases = project.desk.claim("Ann", client=PAGE, want=30, draws=draws).leases
    hints = project.desk.hints.of(lease.item for lease in leases)
    before = {lease.item for lease in leases if lease.hints_before}
    for place, lease in enumerate(leases):
        guess = hints[lease.item].guess
        assert guess is not None
        other = "ham" if guess.label == "spam" else "spam"
        label = guess.label if lease.hints_before else other
        given = PageAnswer(
            2 * place + 1, lease.item, lease.token, lease.content_hash.hex(), "label", label, guess=guess
        )
        again = replace(given, sequence=2 * place + 2, label=other)
        project.desk.take("Ann", PAGE, [given, again])  # changed after the hints came: not what is compared
    found = project.anchoring()
    active = {a.item for a in project._store.people.annotations() if a.role == "active"}
    assert (found.before.n, found.hidden.n) == (len(before), len(active - before))
    assert (found.before.value, found.hidden.value, found.difference) == (1.0, 0.0, 1.0)


def test_anchoring_leaves_out_what_somebody_else_had_answered_before(project: Project, tmp_path: Path) -> None:
    """Hints are never shown before on such items, so they would be in the hidden group only."""
    file = tmp_path / "labelkit.toml"
    file.write_text(file.read_text(encoding="utf-8") + "answers_per_item = 2\n", encoding="utf-8")
    with Project.open(tmp_path) as opened:
        draws = replace(opened.desk.draws(), gold_share=0.0, hints_share=0.0)
        sequence = 0
        counts = []
        for name, want in (("Ann", 10), ("Bob", 30)):
            leases = opened.desk.claim(name, client=f"page-of-{name}", want=want, draws=draws).leases
            hints = opened.desk.hints.of(lease.item for lease in leases)
            for lease in leases:
                sequence += 1
                content, guess = lease.content_hash.hex(), hints[lease.item].guess
                given = PageAnswer(sequence, lease.item, lease.token, content, "label", "spam", guess=guess)
                opened.desk.take(name, f"page-of-{name}", [given])
            counts.append(opened.anchoring().hidden.n)
        answers = [one for one in opened._store.people.annotations() if one.role == "active"]
    first = {one.item for one in answers if one.annotator == "Ann"}
    second = [one.item for one in answers if one.annotator == "Bob"]
    assert counts[0] == len(first) > 0 and first & set(second)
    assert counts[1] == len(first) + len(set(second) - first)
