"""Runs, and what they leave: probabilities, predictions, fitted models, queues."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from store_helpers import batch, import_items

from labelkit.errors import StepMissing
from labelkit.store import Store
from labelkit.store import runs as runs_module
from labelkit.store.runs import KEPT_RUNS
from labelkit.types import SHARD_SIZE, QueueEntry


def finish(store: Store, step: str = "label", **results: Any) -> int:
    return store.runs.finish(
        step, parameters={"class_ids": [0, 1, 2]}, inputs="digest", versions={"numpy": "2"}, seconds=1.5,
        metrics={"accuracy": 0.5}, **results,
    )  # fmt: skip


def probabilities(n: int, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    return rng.random((n, 3)).astype(np.float32), rng.integers(-1, 3, n).astype(np.int16)


def test_a_run_is_read_as_it_was_stored(store: Store) -> None:
    number = finish(store, seed=7)
    run = store.runs.get(number)
    assert run is not None and run == store.runs.latest("label")
    assert (run.step, run.inputs, run.seed, run.seconds) == ("label", "digest", 7, 1.5)
    assert (run.parameters, run.versions, run.metrics) == ({"class_ids": [0, 1, 2]}, {"numpy": "2"}, {"accuracy": 0.5})
    assert store.runs.latest("train") is None and store.runs.get(99) is None


@pytest.mark.parametrize("n", [0, 1, 3, 4, 5, 11])
def test_arrays_come_back_over_any_number_of_shards(store: Store, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs_module, "SHARD_SIZE", 4)
    p, y = probabilities(n)
    label, train = finish(store, labels=(p, y)), finish(store, "train", predictions=p)
    read, decided = store.runs.label_probabilities(label, 3)
    np.testing.assert_array_equal(read, p)
    np.testing.assert_array_equal(decided, y)
    np.testing.assert_array_equal(store.runs.predictions(train, 3), p)
    assert (read.dtype, decided.dtype, read.shape) == (np.float32, np.int16, (n, 3))
    assert store.problems() == []


def test_arrays_come_back_over_real_shards(store: Store) -> None:
    p, y = probabilities(SHARD_SIZE + 1)
    run = finish(store, labels=(p, y))
    assert store.database.rows("select shard, rows from label_probabilities") == [(0, SHARD_SIZE), (1, 1)]
    read, decided = store.runs.label_probabilities(run, 3)
    np.testing.assert_array_equal(read, p)
    np.testing.assert_array_equal(decided, y)


def test_the_fitted_model_comes_back(store: Store) -> None:
    run = finish(store, state={"name": "snorkel", "k": 3}, arrays={"mu": np.eye(2)})
    stored = store.runs.model_state(run)
    assert stored is not None
    assert stored[0] == {"k": 3, "name": "snorkel"}
    np.testing.assert_array_equal(stored[1]["mu"], np.eye(2))
    assert store.runs.model_state(finish(store)) is None


def test_the_current_run_the_last_three_and_pinned_ones_keep_their_results(store: Store) -> None:
    p, y = probabilities(5)
    first = finish(store, labels=(p, y), state={}, arrays={})
    with store.database.transaction() as connection:
        connection.execute("update runs set pinned = 1 where id = ?", (first,))
    trained = finish(store, "train", predictions=p)
    later = [finish(store, labels=(p, y), state={"a": 1}, arrays={}) for _ in range(KEPT_RUNS + 2)]
    kept = [run for (run,) in store.database.rows("select distinct run from label_probabilities order by run")]
    assert KEPT_RUNS == 4
    assert kept == [first, *later[-4:]]
    assert store.runs.model_state(first) is not None and store.runs.model_state(later[0]) is None
    assert store.runs.get(later[0]) is not None  # that it ran is never forgotten
    np.testing.assert_array_equal(store.runs.predictions(trained, 3), p)  # other steps are not touched


def test_results_that_are_not_kept_any_more_are_said_to_be_so(store: Store) -> None:
    p, y = probabilities(5)
    old = finish(store, labels=(p, y))
    for _ in range(KEPT_RUNS):
        finish(store, labels=(p, y))
    with pytest.raises(StepMissing, match=f"run {old} are not kept.*Run `labelkit label` again"):
        store.runs.label_probabilities(old, 3)


def test_a_queue_comes_back_in_order_and_roles_are_for_good(store: Store) -> None:
    import_items(store, batch(["a", "b", "c"]))
    queue = [
        QueueEntry(1, 2, 0.9, "active", "margin", None, "the two best classes are 2% apart"),
        QueueEntry(2, 0, 0.0, "audit", "random", 0.1, "drawn at random"),
    ]
    run = finish(store, "rank", queue=queue, roles=[(0, "audit", 0.1)])
    assert store.runs.queue(run) == queue
    finish(store, "rank", queue=[], roles=[(0, "tuning", 0.5), (1, "tuning", 0.5)])
    assert store.people.roles() == {0: "audit", 1: "tuning"}


def test_a_run_that_cannot_be_stored_whole_is_not_stored_at_all(store: Store) -> None:
    events = store.database.one("select count(*) from events")
    with pytest.raises(Exception, match="FOREIGN KEY"):
        finish(store, "rank", queue=[QueueEntry(1, 5, 0.1, "active", "margin", None, "no such item")])
    assert store.runs.latest("rank") is None
    assert store.database.one("select count(*) from events") == events


def test_a_run_that_writes_while_it_works_counts_when_it_has_ended(store: Store) -> None:
    run = store.runs.begin("import", parameters={"file": "a.csv"}, versions={})
    assert store.runs.latest("import") is None
    failed = store.runs.begin("import", parameters={}, versions={})
    store.runs.end(failed, seconds=1, metrics={}, failed=True)
    store.runs.end(run, seconds=2, metrics={"added": 3})
    latest = store.runs.latest("import")
    assert latest is not None and (latest.id, latest.metrics) == (run, {"added": 3})
    assert store.runs.count() == 1
