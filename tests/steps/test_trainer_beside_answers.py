"""A real trainer's process beside people who answer: no answer is lost or doubled, no half queue seen."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from labelkit import Project
from labelkit.steps.leasing import lease_rules
from labelkit.store import Lease, LeaseAnswer, Store
from tests.conftest import sample_rows
from tests.serving import ran_project
from tests.steps.test_trainer import trainer_process

PEOPLE = ("ann", "bob")
LIMIT = 240.0


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A project with 720 items, 480 of them in the pool; a refit after every four answers."""
    home = ran_project(tmp_path / "project", sample_rows(60))
    settings = home / "labelkit.toml"
    settings.write_text(settings.read_text() + "\n[serve]\nrefit_after = 4\n", encoding="utf-8")
    with Project.open(home) as project:
        project.run()
    return home


class Person:
    """Answers what is leased to him or her, with a connection of their own; sends every fifth answer twice."""

    def __init__(self, project: Project, who: str) -> None:
        self.store, self.who, self.rules = project._store, who, lease_rules(project._workspace)
        self.acknowledged: list[int] = []
        self.given: set[int] = set()

    def claim(self, n: int = 6) -> list[Lease]:
        leases = self.store.leases.claim(self.who, self.rules, n=n, client=self.who, at=datetime.now(UTC)).leases
        self.given.update(lease.item for lease in leases)
        return leases

    def answer(self, lease: Lease) -> None:
        sequence = len(self.acknowledged) + 1
        answer = LeaseAnswer(
            lease.item, lease.token, self.who, lease.content_hash, label=lease.item % 2, client_id=self.who,
            client_sequence=sequence,
        )  # fmt: skip
        statuses = [self.store.leases.answer(answer, self.rules, at=datetime.now(UTC)).status]
        if sequence % 5 == 0:
            statuses.append(self.store.leases.answer(answer, self.rules, at=datetime.now(UTC)).status)
        assert statuses in (["stored"], ["stored", "repeated"]), statuses
        self.acknowledged.append(lease.item)


class Beside:
    """Threads that work until they are told to end; what went wrong in one of them comes out."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._errors: list[BaseException] = []

    def start(self, work: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                work()
            except BaseException as error:
                self._errors.append(error)
                self.over.set()

        self._threads.append(threading.Thread(target=guarded))
        self._threads[-1].start()

    def end(self) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]


@contextmanager
def beside() -> Iterator[Beside]:
    threads = Beside()
    try:
        yield threads
    finally:
        threads.end()


def whole(store: Store) -> tuple[int, Counter[str]]:
    """The queue that counts: its run, and how many ways in which it is not whole."""
    run = store.runs.latest("rank")
    assert run is not None
    queue = store.runs.queue(run.id)
    wrong: Counter[str] = Counter()
    wrong["length"] = len(queue) != min(run.parameters["size"], run.metrics["pool"])
    wrong["ranks"] = [entry.rank for entry in queue] != list(range(1, len(queue) + 1))
    wrong["items"] = len({entry.item for entry in queue}) != len(queue)
    return run.id, +wrong


@pytest.mark.slow
def test_answers_go_on_while_the_trainer_refits(home: Path) -> None:
    people: dict[str, list[int]] = {}
    queues: set[int] = set()
    looks, wrong = [0], Counter[str]()

    def work(who: str, over: threading.Event) -> Callable[[], None]:
        def answering() -> None:
            with Project.open(home) as project:
                person = Person(project, who)
                people[who] = person.acknowledged
                while not over.is_set():
                    for lease in person.claim():
                        person.answer(lease)
                        time.sleep(0.1)

        return answering

    def look(over: threading.Event) -> Callable[[], None]:
        def looking() -> None:
            with Project.open(home) as project:
                while not over.is_set():
                    run, found = whole(project._store)
                    queues.add(run)
                    wrong.update(found)
                    looks[0] += 1
                    time.sleep(0.02)

        return looking

    with Project.open(home) as served, served.serving("here"), trainer_process(home), beside() as threads:
        slow = Person(served, "cid")  # holds items of the first queue all the while
        held = slow.claim()
        first, _ = whole(served._store)
        threads.start(look(threads.over))
        for who in PEOPLE:
            threads.start(work(who, threads.over))
        deadline = time.monotonic() + LIMIT
        while len(queues) < 3 and time.monotonic() < deadline and not threads.over.is_set():
            time.sleep(0.05)
        threads.end()
        assert len(queues) >= 3, "the trainer did not make two new queues"
        newest, _ = whole(served._store)
        assert newest > first
        # Leases of the first queue outlive it: they are renewed, and answered.
        renewed = {lease.token for lease in slow.claim()}
        assert {lease.token for lease in held} <= renewed
        for lease in held:
            slow.answer(lease)
        people["cid"] = slow.acknowledged
    assert looks[0] > 20 and wrong == Counter()
    with Project.open(home) as project:
        rows = project._store.database.rows(
            "select p.name, a.item from annotations a join annotators p on p.id = a.annotator"
        )
        stored = Counter((name, item) for name, item in rows)
        assert stored == Counter((who, item) for who, items in people.items() for item in items)
        assert max(Counter(item for _, item in stored).values()) == 1  # nobody else was asked about the same item
        assert project.doctor() == []


@pytest.mark.slow
def test_a_trainer_that_is_killed_leaves_the_queue_as_it_was(home: Path) -> None:
    """Killed again and again at any moment: the queue is whole each time, and the next trainer goes on."""
    with Project.open(home) as served, served.serving("here"):
        person = Person(served, "ann")
        runs, started = set(), whole(served._store)[0]
        for wait in (0.0, 0.02, 0.05):
            with trainer_process(home) as process:
                known = whole(served._store)[0]
                for lease in person.claim():
                    person.answer(lease)
                deadline = time.monotonic() + LIMIT
                # Kill it soon after a refit has begun to write: a run is there that nobody is to see.
                while time.monotonic() < deadline and not _writing(served._store, after=known):
                    time.sleep(0.001)
                time.sleep(wait)
                process.kill()
                process.wait()
            run, wrong = whole(served._store)
            runs.add(run)
            assert not wrong
        with trainer_process(home):
            deadline = time.monotonic() + LIMIT
            while time.monotonic() < deadline and (whole(served._store)[0] <= max(runs) or _left(served._store)):
                time.sleep(0.05)
        assert whole(served._store)[0] > started and not whole(served._store)[1]
        assert served._store.people.counts()["labels"] == len(person.acknowledged)
    with Project.open(home) as project:
        assert project.doctor() == []


def _writing(store: Store, *, after: int) -> bool:
    """Whether a run after this one has begun."""
    return bool(store.database.one("select exists (select 1 from runs where id > ?)", (after,))[0])


def _left(store: Store) -> Any:
    """Runs that were cut off."""
    return store.database.one("select exists (select 1 from runs where status = 'running')")[0]
