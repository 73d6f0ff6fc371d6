"""An export waits for a refit of the trainer where that is asked for, and refuses as ever where it is not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from labelkit import Project
from labelkit.errors import StepMissing
from labelkit.steps.trainer_state import TrainerState, Trouble, save_state
from labelkit.store import training
from tests.conftest import Ran, write_rows
from tests.serving import ran_project

Run = Callable[..., Ran]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A project whose label model is newer than its end model, as in the middle of a refit."""
    home = ran_project(tmp_path / "project")
    with Project.open(home) as project:
        for item in project.queue()["id"][:6]:
            project.answer(item, "spam" if item.startswith("spam") else "ham", annotator="bob")
        assert not project.label().reused
        with pytest.raises(StepMissing, match="labelkit train"):
            project.export(tmp_path / "out.csv")
    return home


@contextmanager
def trainer(home: Path, state: TrainerState, *, done: Callable[[], object] | None = None) -> Iterator[None]:
    """A live trainer that says this of itself; ``done`` is what it does next."""
    with Project.open(home) as project, training(project.path):
        save_state(project._workspace, state)
        work = threading.Thread(target=done or (lambda: None))
        work.start()
        yield
        work.join()


def ends(home: Path) -> None:
    """What is left of the refit, after the export has begun to wait."""
    time.sleep(0.5)
    with Project.open(home) as project:
        project.train()


def test_it_waits_says_for_what_and_then_exports(home: Path, tmp_path: Path, run: Run) -> None:
    with trainer(home, TrainerState(doing="train"), done=lambda: ends(home)):
        told = run("export", tmp_path / "out.csv", "-p", home, "--wait", 60)
    assert told.code == 0 and (tmp_path / "out.csv").exists()
    assert "the export waits up to 60 s for the trainer, which is at `labelkit train`" in told.err
    assert told.err.count("waits") == 1


def test_when_time_is_up_it_refuses_as_ever_and_says_how_to_wait(home: Path, tmp_path: Path, run: Run) -> None:
    with trainer(home, TrainerState(doing="train")):
        at_once, later = (run("export", tmp_path / "out.csv", "-p", home, "--wait", s) for s in (0, 0.3))
    for told in (at_once, later):
        assert told.code == 2 and not (tmp_path / "out.csv").exists()
        assert told.err.splitlines()[-1].startswith("labelkit: error: `labelkit label` has run since the last")
        assert "--wait SECONDS" in told.err
    assert "waits" not in at_once.err and "waits" in later.err


def failed(step: str) -> TrainerState:
    return TrainerState(doing="waiting", trouble=Trouble(step, "no votes", None, "2026-01-01T00:00:00Z"))


@pytest.mark.parametrize("state", [None, failed("train")])
def test_nobody_who_will_not_do_it_is_waited_for(
    home: Path, tmp_path: Path, run: Run, state: TrainerState | None
) -> None:
    began = time.monotonic()
    if state is None:
        told = run("export", tmp_path / "out.csv", "-p", home, "--wait", 300)
    else:
        with trainer(home, state):
            told = run("export", tmp_path / "out.csv", "-p", home, "--wait", 300)
    assert told.code == 2 and "Run `labelkit train`" in told.err and "waits" not in told.err
    assert time.monotonic() - began < 300


def test_a_trainer_that_needs_a_vote_is_waited_for_only_if_it_votes(home: Path, tmp_path: Path, run: Run) -> None:
    with Project.open(home) as project:
        project.import_items(write_rows(tmp_path / "more.csv", [["id", "text"], ["new", "free cash"]]))
    with trainer(home, TrainerState(vote_due="items came or changed after the last vote")):
        assert "waits" not in run("export", tmp_path / "out.csv", "-p", home, "--wait", 0.3).err
    with trainer(home, TrainerState(doing="vote", votes=True)):
        assert "waits" in run("export", tmp_path / "out.csv", "-p", home, "--wait", 0.3).err
