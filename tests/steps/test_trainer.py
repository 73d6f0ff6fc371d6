"""The trainer: when it refits, what it does not do, what it tells; in this process, then as a real one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from labelkit import Project
from labelkit.errors import LabelModelError
from labelkit.steps import trainer as trainer_module
from labelkit.steps.trainer import Step, Trainer
from labelkit.steps.trainer_state import TrainerState
from labelkit.store import NewAnnotation, project_lock
from tests.conftest import write_rows
from tests.serving import ran_project


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a queue, a refit after every four answers; the trainer does not rest."""
    monkeypatch.setattr(trainer_module, "MOST_REST", 0.0)
    monkeypatch.setattr(trainer_module, "REST_AFTER_FAILURE", 0.0)
    monkeypatch.setattr(trainer_module, "FILES_SECONDS", 0.0)
    home = ran_project(tmp_path / "project")
    settings = home / "labelkit.toml"
    settings.write_text(settings.read_text() + "\n[serve]\nrefit_after = 4\n", encoding="utf-8")
    with Project.open(home) as project:
        project.run()
    return home


class Kept:
    """A trainer that is stepped by hand: each entry of ``between`` is called between two looks."""

    def __init__(self, project: Project, *, votes: bool = False) -> None:
        self.project = project
        self.votes = votes
        self.steps: list[str] = []
        self.fails: Exception | None = None

    def act(self, step: Step) -> Callable[..., Any]:
        def do(**options: Any) -> Any:
            self.steps.append(step)
            if self.fails is not None:
                raise self.fails
            return getattr(self.project, step)(**options)

        return do

    def look(self, *between: Callable[[], None]) -> TrainerState:
        """Let it look once before the first, and once after each of ``between``; what it tells then."""
        todo = [None, *between, lambda: None]
        actions: dict[Step, Callable[..., Any]] = {s: self.act(s) for s in ("vote", "label", "train", "rank")}

        def stop(seconds: float) -> bool:
            assert seconds == trainer_module.POLL_SECONDS
            action = todo.pop(0) if todo else None
            if action is not None:
                action()
            return not todo

        Trainer(self.project._workspace, actions, votes=self.votes).keep(stop)
        state = self.project.trainer_state()
        assert state is not None
        return state


@pytest.fixture
def kept(home: Path) -> Iterator[Kept]:
    with Project.open(home) as project:
        yield Kept(project)


def answer(project: Project, count: int, *, first: int = 0) -> None:
    queue = project.queue()
    for item in queue["id"][first : first + count]:
        project.answer(item, "spam" if item.startswith("spam") else "ham", annotator="bob")


def test_a_start_with_nothing_new_does_nothing_but_the_search_index(kept: Kept) -> None:
    state = kept.look()
    assert kept.steps == []
    assert (state.doing, state.due, state.trouble, state.done_at, state.refit_after) == (
        "waiting",
        False,
        None,
        None,
        4,
    )
    assert state.queued == len(kept.project.queue())
    assert kept.project._store.items.search_index.ready()


def test_a_start_refits_what_is_out_of_date(kept: Kept) -> None:
    answer(kept.project, 1)
    state = kept.look()
    assert kept.steps == ["label", "train", "rank"]
    assert state.done_at is not None and state.trouble is None


def test_it_refits_after_so_many_answers_and_no_sooner(kept: Kept) -> None:
    before = kept.project._store.runs.latest("rank")

    def nothing_yet() -> None:
        assert kept.steps == []
        answer(kept.project, 1, first=3)

    state = kept.look(lambda: answer(kept.project, 3), nothing_yet, lambda: None)
    assert kept.steps == ["label", "train", "rank"]
    assert state.learned_from == 4 and state.answers == 0
    after = kept.project._store.runs.latest("rank")
    assert before is not None and after is not None and after.id > before.id


def test_answers_to_gold_questions_decide_nothing_and_do_not_count(kept: Kept) -> None:
    project = kept.project

    def gold_questions() -> None:
        asked = [NewAnnotation(item, "bob", item % 2, role="gold") for item in range(6)]
        assert project._store.people.append(asked) == 6

    def nothing_yet() -> None:
        state = project.trainer_state()
        assert state is not None and state.answers == 0 and kept.steps == []
        answer(project, 3)

    def three() -> None:
        gold_questions()
        assert kept.steps == []

    def still_three() -> None:
        state = project.trainer_state()
        assert state is not None and state.answers == 3 and kept.steps == []
        answer(project, 1, first=3)

    state = kept.look(gold_questions, nothing_yet, three, still_three, lambda: None)
    assert kept.steps == ["label", "train", "rank"] and state.learned_from == 4


def test_the_last_items_of_a_queue_do_not_wait_for_the_number(kept: Kept) -> None:
    kept.project.rank(size=2, force=True)
    kept.look(lambda: answer(kept.project, 1))
    assert kept.steps == ["label", "train", "rank"]


def test_many_people_get_a_longer_queue(kept: Kept) -> None:
    trainer = Trainer(kept.project._workspace, {}, votes=False)
    assert trainer._queue_size() == 100
    for n in range(5):
        kept.project.claim(f"person {n}", n=1)
    assert trainer._queue_size() == 200  # five people, three batches of twelve each, in steps of twice


def test_who_is_at_work_when_it_starts_gets_a_longer_queue_first(kept: Kept) -> None:
    """The first refit of a process takes long: its queue is made by the models that there are, before it begins."""
    kept.project.claim("bob", n=2)
    answer(kept.project, 1)
    kept.project.rank(size=5, force=True)
    sizes: list[int] = []
    act = kept.act

    def noting(step: Step) -> Callable[..., Any]:
        do = act(step)

        def noted(**options: Any) -> Any:
            sizes.extend(options.values())
            return do(**options)

        return noted

    kept.act = noting  # type: ignore[method-assign]
    kept.look(lambda: answer(kept.project, 4, first=1))
    assert kept.steps == ["rank", "label", "train", "rank", "label", "train", "rank"]
    assert sizes == [400, 100, 100]


def test_models_of_other_items_supply_nobody(kept: Kept, tmp_path: Path) -> None:
    kept.project.claim("bob", n=2)
    kept.project.import_items(write_rows(tmp_path / "more.csv", [["id", "text"], ["new", "free cash"]]))
    kept.project.vote()
    state = kept.look()
    assert kept.steps == ["rank", "label", "train", "rank"] and state.trouble is None


def test_new_items_wait_for_a_vote_that_the_trainer_may_not_make(kept: Kept, tmp_path: Path) -> None:
    rows = [["id", "text"], *([f"new-{n}", f"free cash {n}"] for n in range(10))]

    def more() -> None:
        kept.project.import_items(write_rows(tmp_path / "more.csv", rows))

    def told() -> None:
        state = kept.project.trainer_state()
        assert state is not None and state.vote_due == "items came or changed after the last vote"
        assert kept.steps == [] and "labeling_functions" not in sys.modules
        answer(kept.project, 8)  # nothing can be fitted, however many answers come

    def nothing() -> None:
        assert kept.steps == []
        kept.project.vote()  # the owner does it

    state = kept.look(more, lambda: None, told, nothing, lambda: None)
    assert kept.steps == ["label", "train", "rank"] and state.vote_due is None
    assert kept.project.status().steps[-1].state == "up to date"


def test_with_votes_it_votes_on_new_items(home: Path, tmp_path: Path) -> None:
    rows = [["id", "text"], *([f"new-{n}", f"free cash {n}"] for n in range(10))]
    with Project.open(home) as project:
        kept = Kept(project, votes=True)
        state = kept.look(lambda: None, lambda: (project.import_items(write_rows(tmp_path / "m.csv", rows)), None)[1])
        assert kept.steps == ["vote", "label", "train", "rank"] * 2  # at the start, as functions may have been edited
        assert state.vote_due is None and state.votes
        assert all(step.state == "up to date" for step in project.status().steps)


def test_edited_functions_are_noticed_and_left_alone(kept: Kept, home: Path) -> None:
    file = home / "labeling_functions" / "functions.py"

    def edit() -> None:
        file.write_text(file.read_text() + "\nraise SystemExit('this must not run')\n", encoding="utf-8")

    def told() -> None:
        state = kept.project.trainer_state()
        assert state is not None and state.vote_due == "labeling functions were edited"
        answer(kept.project, 4)

    state = kept.look(lambda: None, edit, lambda: None, told, lambda: None)
    assert kept.steps == ["label", "train", "rank"]  # what is there is still learned from
    assert state.vote_due == "labeling functions were edited"


def test_an_error_is_told_and_the_next_answers_are_another_try(kept: Kept) -> None:
    def failing() -> None:
        kept.fails = LabelModelError("no votes", hint="Write a function")
        answer(kept.project, 4)

    def told() -> None:
        state = kept.project.trainer_state()
        assert state is not None and state.trouble is not None
        assert (state.trouble.step, state.trouble.message, state.trouble.hint) == (
            "label",
            "no votes",
            "Write a function",
        )
        kept.fails = ValueError("a slip of ours")
        answer(kept.project, 4, first=4)

    def again() -> None:
        state = kept.project.trainer_state()
        assert state is not None and state.trouble is not None
        assert state.trouble.message == "ValueError: a slip of ours"
        kept.fails = None
        answer(kept.project, 4, first=8)

    state = kept.look(lambda: None, failing, told, again, lambda: None)
    assert kept.steps == ["label", "label", "label", "train", "rank"] and state.trouble is None


def test_it_waits_for_a_command_that_works(kept: Kept, home: Path) -> None:
    with project_lock(home / "texts.labelkit.lock", "labelkit vote"):
        state = kept.look(lambda: None, lambda: answer(kept.project, 4))
        assert state.waiting_for is not None and "labelkit vote" in state.waiting_for
        assert state.done_at is None
    kept.steps.clear()
    assert kept.look().done_at is not None
    assert kept.steps == ["label", "train", "rank"]


def test_other_settings_end_it(kept: Kept, home: Path) -> None:
    looks = []

    def edit() -> None:
        looks.append(1)
        settings = home / "labelkit.toml"
        settings.write_text(settings.read_text() + "\n# edited\n", encoding="utf-8")

    kept.look(edit, lambda: looks.append(2), lambda: looks.append(3))
    assert looks == [1]


def test_a_project_without_a_trainer_says_so(tmp_path: Path) -> None:
    with Project.init(tmp_path / "p", name="p", labels=["a", "b"]) as project:
        assert project.trainer_state() is None
        (tmp_path / "p" / "p.labelkit.cache").mkdir()
        (tmp_path / "p" / "p.labelkit.cache" / "trainer.json").write_text("[]")
        assert project.trainer_state() is None
        state = Kept(project).look()
        assert state.vote_due == "there are no items yet" and not state.running


# ---------------------------------------------------------------------- a real process


@contextmanager
def trainer_process(home: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "labelkit.cli.main", "trainer", "--project", str(home), *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def until_told(home: Path, condition: Callable[[TrainerState], bool]) -> TrainerState:
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        with Project.open(home) as project:
            state = project.trainer_state()
        if state is not None and condition(state):
            return state
        time.sleep(0.1)
    raise AssertionError(f"it did not come to pass: {state}")


@pytest.mark.slow
def test_the_process_learns_from_answers_and_steps_aside(home: Path) -> None:
    with trainer_process(home) as process:
        until_told(home, lambda state: state.running and state.queued > 0)
        priority = psutil.Process(process.pid).nice() if os.name == "posix" else 10
        assert priority - psutil.Process().nice() >= min(10, 19 - psutil.Process().nice())
        with Project.open(home) as project:
            answer(project, 6)
        state = until_told(home, lambda state: state.done_at is not None)
        assert state.learned_from == 6 and state.trouble is None
        with trainer_process(home) as second:  # one trainer at a time
            assert second.stderr is not None
            assert "has a trainer already" in second.stderr.readline()
        with Project.open(home) as project:  # a command does not fail because the trainer is at work
            answer(project, 12, first=20)
            project.rank(force=True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert not until_told(home, lambda state: True).running


@pytest.mark.slow
def test_the_process_lives_through_a_slip_in_the_settings(home: Path) -> None:
    settings = home / "labelkit.toml"
    good = settings.read_text()
    with trainer_process(home) as process:
        until_told(home, lambda state: state.running)
        settings.write_text(good + "\n[oops]\n")
        assert process.stderr is not None
        assert "unknown key oops" in process.stderr.readline()
        settings.write_text(good.replace("refit_after = 4", "refit_after = 7"))
        assert until_told(home, lambda state: state.running and state.refit_after == 7).trouble is None


def test_commands_wait_for_the_trainer_and_for_nobody_else(tmp_path: Path) -> None:
    import threading

    from labelkit.errors import ProjectLocked

    lock = tmp_path / "p.labelkit.lock"
    held, let_go = threading.Event(), threading.Event()

    def hold(doing: str) -> None:
        with project_lock(lock, doing):
            held.set()
            let_go.wait(30)

    for doing, waits in (("labelkit vote", False), ("labelkit trainer: labelkit train", True)):
        held.clear()
        let_go.clear()
        other = threading.Thread(target=hold, args=(doing,))
        other.start()
        held.wait(30)
        if waits:
            threading.Timer(0.2, let_go.set).start()
            with project_lock(lock, "labelkit label"):
                assert let_go.is_set()
        else:
            with pytest.raises(ProjectLocked, match="labelkit vote"), project_lock(lock, "labelkit label"):
                pass
            let_go.set()
        other.join()
