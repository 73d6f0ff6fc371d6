"""Handing out the queue and taking answers, through Project and its steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from labelkit import Project
from labelkit.errors import AnnotationError, StepMissing, UnknownLabel
from labelkit.project import LeaseReply
from labelkit.steps import leasing
from tests.serving import ran_project


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ran_project(tmp_path_factory.mktemp("leasing") / "project")


@pytest.fixture
def project(home: Path, tmp_path: Path) -> Iterator[Project]:
    with Project.open(home) as original:
        original.backup(tmp_path / original.path.name)
    (tmp_path / "labelkit.toml").write_bytes((home / "labelkit.toml").read_bytes())
    with Project.open(tmp_path) as opened:
        yield opened


def test_the_queue_is_handed_out_in_order(project: Project) -> None:
    first, second = project.claim("Ann", n=2)
    assert [first.id, second.id] == project.queue()["id"].tolist()[:2]
    assert first.text == project.queue()["text"][0] and "channel" in first.fields
    assert project.claim("Bob")[0].id == project.queue()["id"][2]


def test_without_a_queue_it_says_what_to_run(folder: Path) -> None:
    with Project.open(folder) as fresh, pytest.raises(StepMissing, match="labelkit run"):
        fresh.claim("Ann")


@pytest.mark.parametrize(
    "reply",
    [
        LeaseReply(),
        LeaseReply(label="spam", skip="unclear"),
        LeaseReply(label="spam", flag=True, comment="x"),
        LeaseReply(skip="no idea"),
        LeaseReply(skip="withdrawn"),
        LeaseReply(flag=True, comment="  "),
        LeaseReply(label="spam", comment="x" * 10_001),
    ],
)
def test_a_reply_that_says_nothing_clear_is_refused(project: Project, reply: LeaseReply) -> None:
    (item,) = project.claim("Ann")
    with pytest.raises(AnnotationError):
        project.answer_lease(item, reply, annotator="Ann")
    assert project.status().answers == 0


def test_unknown_label_and_forged_content_are_refused(project: Project) -> None:
    (item,) = project.claim("Ann")
    with pytest.raises(UnknownLabel):
        project.answer_lease(item, LeaseReply(label="eggs"), annotator="Ann")
    for content in ("zz", "00" * 16):
        with pytest.raises(AnnotationError):
            project.answer_lease(replace(item, content=content), LeaseReply(label="spam"), annotator="Ann")


def test_an_answer_counts_at_once_and_can_be_taken_back(project: Project) -> None:
    (item,) = project.claim("Ann")
    before = project.annotator_progress("Ann")
    assert project.answer_lease(item, LeaseReply(label="spam"), annotator=" Ann ") == "stored"
    assert project.status().answers == 1
    after = project.annotator_progress("Ann")
    assert (after.answered, after.lately, after.left) == (1, 1, before.left - 1)
    again = project.withdraw(item.token, annotator="Ann")
    assert again is not None and again.id == item.id
    assert project.status().answers == project.status().skips == 0
    assert project.annotator_progress("Ann") == before


def test_random_items_keep_their_role(project: Project) -> None:
    roles = dict(zip(project.queue()["id"], project.queue()["role"], strict=True))
    leased = project.claim("Ann", n=len(roles))
    for item in leased:
        project.answer_lease(item, LeaseReply(label="spam"), annotator="Ann")
    stored = project._store.people.annotations()
    ids = project._store.items.ids([a.item for a in stored])
    assert {i: a.role for i, a in zip(ids, stored, strict=True)} == roles
    assert {"audit", "tuning", "active"} == set(roles.values())


def test_a_lease_ends_and_its_late_answer_is_kept(project: Project) -> None:
    start = datetime(2026, 3, 1, tzinfo=UTC)
    workspace = project._workspace
    (item,) = leasing.claim(workspace, "Ann", at=start)
    later = start + timedelta(minutes=project.config.annotation.lease_minutes)
    assert leasing.claim(workspace, "Bob", at=later)[0].id == item.id
    assert leasing.answer_lease(workspace, item, LeaseReply(label="ham"), annotator="Ann", at=later) == "late"
    assert project.status().answers == 1


def test_released_items_go_to_the_next_person(project: Project) -> None:
    (item,) = project.claim("Ann")
    assert project.release("Ann") == 1
    assert project.claim("Bob")[0].id == item.id


@pytest.mark.parametrize("name", ["", " \n ", "a\x00b", "a\u202eb", "x" * 101])
def test_names_that_cannot_be_told_apart_are_refused(name: str) -> None:
    with pytest.raises(AnnotationError):
        Project.annotator_name(name)


def test_spaces_in_names_do_not_make_two_people() -> None:
    assert Project.annotator_name("  Ann \t Lee ") == Project.annotator_name("Ann Lee") == "Ann Lee"
