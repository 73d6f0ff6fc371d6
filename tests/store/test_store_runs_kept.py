"""Which runs keep their results; large results in parts; queues that are swapped whole."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lease_helpers import add_items, rules
from store_helpers import new_store

from labelkit.errors import StepMissing
from labelkit.store import LeaseAnswer, Store, serving
from labelkit.store import database as database_module
from labelkit.store import runs as runs_module
from labelkit.store.run_writer import RunWriter
from labelkit.store.runs import KEPT_RUNS, part_keys
from labelkit.types import QueueEntry


def train(store: Store, n: int = 5, classes: int = 3, seed: int = 0, **parameters: Any) -> int:
    predictions = np.random.default_rng(seed).random((n, classes)).astype(np.float32)
    return store.runs.finish(
        "train", parameters={"class_ids": list(range(classes)), **parameters}, inputs=f"in{seed}", versions={},
        seconds=1.0, metrics={}, predictions=predictions,
    )  # fmt: skip


def kept(store: Store) -> list[int]:
    return [run.id for run in store.runs.versions.listed() if run.kept]


def test_a_pinned_run_outlives_the_others_until_it_is_unpinned(store: Store) -> None:
    first = train(store)
    store.runs.pin(first)
    later = [train(store, seed=n) for n in range(1, KEPT_RUNS + 3)]
    assert kept(store) == [*reversed(later[-KEPT_RUNS:]), first]
    by_number = {run.id: run for run in store.runs.versions.listed()}
    assert by_number[first].pinned and not by_number[later[-1]].pinned
    assert store.runs.predictions(first, 3).shape == (5, 3)
    store.runs.pin(first, False)
    assert kept(store) == [*reversed(later[-KEPT_RUNS:])]
    with pytest.raises(StepMissing, match=f"the results of run {first} are not kept"):
        store.runs.predictions(first, 3)
    kinds = [kind for (kind,) in store.database.rows("select kind from events where kind like 'run.%pinned'")]
    assert kinds == ["run.pinned", "run.unpinned"]


def test_what_is_gone_or_no_version_cannot_be_pinned(store: Store) -> None:
    first = train(store)
    for n in range(KEPT_RUNS):
        train(store, seed=n)
    vote = store.runs.finish("vote", parameters={}, inputs="", versions={}, seconds=0, metrics={})
    for run, words in ((first, "not kept any more"), (vote, "a run of `labelkit vote`"), (99, "no such run")):
        with pytest.raises(StepMissing, match=f"run {run} cannot be pinned: .*{words}"):
            store.runs.pin(run)
    assert not any(run.pinned for run in store.runs.versions.listed())


def test_an_empty_queue_has_nothing_to_lose(store: Store) -> None:
    empty = store.runs.finish("rank", parameters={}, inputs="", versions={}, seconds=0, metrics={"pool": 0}, queue=[])
    assert kept(store) == [empty] and store.runs.kept_queue(empty) == []
    store.runs.pin(empty)


def test_the_runs_that_rest_on_a_run_and_those_in_between(store: Store) -> None:
    one, other = train(store, label_run=7), train(store, seed=1, label_run=7)
    assert store.runs.versions.resting_on("train", "label_run", 7) is None  # a run rests on earlier ones
    assert store.runs.versions.resting_on("train", "label_run", 0) is None
    ranked = [
        store.runs.finish("rank", parameters={"train_run": one}, inputs="", versions={}, seconds=0, metrics={})
        for _ in range(2)
    ]
    assert store.runs.versions.resting_on("rank", "train_run", one) == ranked[1]
    assert store.runs.versions.between("train", one, other) == [one, other]
    assert [run.id for run in store.runs.versions.listed(limit=1)] == [ranked[1], other]


@pytest.mark.parametrize("n", [1, 7, 8, 9, 30])
def test_large_results_are_stored_in_parts_and_read_as_one(
    store: Store, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs_module, "SHARD_SIZE", 8)
    monkeypatch.setattr(runs_module, "PART_BYTES", 3 * 5 * 4)  # three rows of five classes
    rng = np.random.default_rng(0)
    p, y = rng.random((n, 5)).astype(np.float32), rng.integers(-1, 5, n).astype(np.int16)
    run = store.runs.finish(
        "label", parameters={"class_ids": list(range(5))}, inputs="", versions={}, seconds=0, metrics={}, labels=(p, y)
    )
    rows = store.database.rows("select shard, rows from label_probabilities order by shard")
    assert sum(count for _, count in rows) == n and all(count <= 3 for _, count in rows)
    assert len({shard for shard, _ in rows}) == len(rows)
    read, decided = store.runs.label_probabilities(run, 5)
    np.testing.assert_array_equal(read, p)
    np.testing.assert_array_equal(decided, y)
    # A part is never taken for a whole shard: its key is no shard's number.
    cut = {shard for shard, _ in rows if shard >= 8}
    assert all(any(key in part_keys(shard) for shard in range(4)) for key in cut)
    assert store.problems() == []
    for _ in range(KEPT_RUNS):
        store.runs.finish("label", parameters={}, inputs="", versions={}, seconds=0, metrics={}, labels=(p, y))
    assert store.database.one("select count(*) from label_probabilities where run = ?", (run,))[0] == 0


def test_no_transaction_of_a_refit_writes_more_than_a_part(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What holds the write lock is bounded, however many items and classes there are."""
    n, classes = 40_000, 40
    written: list[int] = []
    original = database_module.immediate

    @contextlib.contextmanager
    def immediate(connection: Any, path: Path, begin: Any = None) -> Iterator[None]:
        with original(connection, path, begin):
            before = connection.execute("select coalesce(sum(length(probabilities)), 0) from predictions").fetchone()[0]
            yield
            after = connection.execute("select coalesce(sum(length(probabilities)), 0) from predictions").fetchone()[0]
            written.append(abs(after - before))

    monkeypatch.setattr(database_module, "immediate", immediate)
    run = train(store, n, classes)
    assert sum(written) > 3 * runs_module.PART_BYTES
    assert max(written) <= 1.1 * runs_module.PART_BYTES
    assert store.runs.predictions(run, classes).shape == (n, classes)


# ---------------------------------------------------------------------- the swap of a queue


def entries(items: list[int], strategy: str) -> list[QueueEntry]:
    return [
        QueueEntry(rank, item, 1.0, "active", strategy, None, f"queue {strategy}")
        for rank, item in enumerate(items, start=1)
    ]


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A file with two thousand items and a first queue of all of them."""
    path = tmp_path / "texts.labelkit.db"
    with new_store(path) as store:
        add_items(store, [f"text {n}" for n in range(2000)])
        rank(store, 0)
    return path


def rank(store: Store, number: int) -> int:
    """A queue whose every entry names it."""
    items = list(np.random.default_rng(number).permutation(2000))
    return store.runs.finish(
        "rank", parameters={}, inputs="", versions={}, seconds=0, metrics={"queue": number},
        queue=entries([int(item) for item in items], str(number)), roles=[(int(items[0]), "audit", 0.1)],
    )  # fmt: skip


def test_a_reader_sees_one_whole_queue_while_others_are_written(shared: Path) -> None:
    """The writer cuts a queue into many transactions; what makes it valid is one."""
    over = threading.Event()
    seen: list[str] = []
    wrong: list[str] = []

    def look() -> None:
        with Store(shared) as store:
            while not over.is_set():
                run = store.runs.latest("rank")
                assert run is not None
                queue = store.runs.queue(run.id)
                if [e.rank for e in queue] != list(range(1, 2001)) or len({e.item for e in queue}) != 2000:
                    wrong.append(f"run {run.id}: {len(queue)} entries")
                if {e.strategy for e in queue} != {str(run.metrics["queue"])}:
                    wrong.append(f"run {run.id}: a mixture")
                if queue[0].item not in store.people.roles():
                    wrong.append(f"run {run.id}: what it drew has no role yet")
                seen.append(queue[0].strategy)

    reader = threading.Thread(target=look)
    with serving(shared, "here"), Store(shared) as store:  # served: short transactions with rests in between
        reader.start()
        for number in range(1, 7):
            rank(store, number)
        while seen[-1:] != ["6"] and not wrong and reader.is_alive():
            time.sleep(0.005)
        over.set()
        reader.join()
        running = store.database.one("select count(*) from runs where status = 'running'")[0]
    assert wrong == [] and running == 0
    assert set(seen) >= {"0", "6"} and sorted(seen, key=int) == seen


def test_claims_follow_the_swap_and_old_leases_go_on(shared: Path) -> None:
    """Nobody gets an item of a queue that is still being written; who holds items of the old one answers them."""
    at, rule = datetime.now(UTC), rules(places=1)
    with Store(shared) as people, Store(shared) as trainer:
        held = people.leases.claim("ann", rule, n=5, client="a", at=at).leases
        writer = RunWriter(trainer.database, "rank")
        run = writer.begin(("rank", "{}", "", None, "{}", '{"pool": 2000}', None, None, "2026-01-01", 0.0))
        turned = [entry.item for entry in people.runs.queue(_latest(people))][::-1]
        writer.write_queue(run, entries(turned[:1000], "new"))  # it is written, and not valid yet
        during = people.leases.claim("bob", rule, n=3, client="b", at=at).leases
        old = [entry.item for entry in people.runs.queue(_latest(people))]
        assert [lease.item for lease in during] == old[5:8]
        writer.end(run, [])
        assert _latest(people) == run
        after = people.leases.claim("cid", rule, n=3, client="c", at=at).leases
        assert [lease.item for lease in after] == turned[:3]
        for lease in (*held, *during):  # from the old queue
            taken = people.leases.answer(
                LeaseAnswer(lease.item, lease.token, "ann" if lease in held else "bob", lease.content_hash, label=0),
                rule,
                at=at,
            )
            assert taken.status == "stored"
        again = people.leases.claim("ann", rule, n=5, client="a", at=at).leases
        assert not {lease.item for lease in again} & {lease.item for lease in (*held, *during, *after)}
        assert len(people.people.annotations()) == 8


def _latest(store: Store) -> int:
    run = store.runs.latest("rank")
    assert run is not None
    return run.id


def test_what_a_killed_trainer_left_is_never_seen_and_goes(shared: Path) -> None:
    with Store(shared) as store:
        before = _latest(store)
        writer = RunWriter(store.database, "rank")
        half = writer.begin(("rank", "{}", "", None, "{}", "{}", None, None, "2026-01-01", 0.0))
        writer.write_queue(half, entries(list(range(700)), "half"))
        assert _latest(store) == before and store.runs.get(half) is None
        assert half not in [run.id for run in store.runs.versions.listed()]
        with pytest.raises(StepMissing):
            store.runs.pin(half)
        rank(store, 1)
        assert store.database.one("select count(*) from queue where run = ?", (half,))[0] == 0
        assert store.problems() == []
