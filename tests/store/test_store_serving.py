"""The mark of a live server, and long writes that make room for answers while there is one."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from store_helpers import batch, contents, import_items, new_store

from labelkit.errors import ProjectLocked
from labelkit.store import DuplicateRow, Store, is_served, is_trained, serving, training
from labelkit.store.presence import HOLD_SECONDS, Pace
from labelkit.store.run_writer import RunWriter
from labelkit.types import QueueEntry

HOLD = """
import sys, time
from pathlib import Path
from labelkit.store import serving
with serving(Path(sys.argv[1]), "http://127.0.0.1:1"):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def held_elsewhere(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process serves the project."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        try:
            yield holder
        finally:
            holder.kill()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that long writes make, without waiting for them."""
    made: list[float] = []
    monkeypatch.setattr("labelkit.store.presence.sleep", made.append)
    return made


class TestTheMark:
    def test_nobody_serves_a_new_project(self, store: Store) -> None:
        assert not is_served(store.path) and not is_trained(store.path)
        assert not store.path.with_suffix(".serving").exists()  # asking leaves no trace

    def test_it_lasts_as_long_as_the_block(self, store: Store) -> None:
        with serving(store.path, "http://127.0.0.1:8501"):
            assert is_served(store.path) and not is_trained(store.path)
        assert not is_served(store.path)
        with training(store.path):
            assert is_trained(store.path) and not is_served(store.path)

    def test_a_second_one_is_told_where_the_first_is(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("labelkit.store.presence._START_WAIT", 0.0)
        with held_elsewhere(store.path) as holder:
            with (
                pytest.raises(ProjectLocked, match=rf"at http://127.0.0.1:1 \(process {holder.pid}\)"),
                serving(store.path, "http://127.0.0.1:2"),
            ):
                pass
            assert is_served(store.path)

    def test_who_is_killed_serves_no_more(self, store: Store) -> None:
        with held_elsewhere(store.path) as holder:
            holder.send_signal(signal.SIGKILL)
            holder.wait()
            assert not is_served(store.path)
            with serving(store.path, "http://127.0.0.1:2"):
                pass

    def test_asking_does_not_keep_a_server_from_starting(self, store: Store) -> None:
        with serving(store.path, "x"):
            pass
        assert not any(is_served(store.path) for _ in range(50))
        with serving(store.path, "x"):
            pass


class TestPace:
    def test_without_a_server_a_write_is_one_transaction(self, store: Store, pauses: list[float]) -> None:
        pace = Pace(store.path, rows=10)
        assert pace.rows(1_000_000) == 1_000_000
        pace.measured(1_000_000, 5.0)
        assert pauses == []

    def test_with_one_the_transactions_become_as_long_as_they_may(self, store: Store, pauses: list[float]) -> None:
        with serving(store.path, "x"):
            pace = Pace(store.path, rows=500)
            for seconds_a_row in (1e-5, 1e-3):
                for _ in range(30):
                    rows = pace.rows(10**6)
                    pace.measured(rows, rows * seconds_a_row)
                assert rows == pytest.approx(HOLD_SECONDS / seconds_a_row, rel=0.7)
            assert len(pauses) == 60 and min(pauses) >= HOLD_SECONDS
            assert pace.rows(3) == 3

    def test_a_slow_disk_gets_longer_pauses_and_never_no_rows(self, store: Store, pauses: list[float]) -> None:
        with serving(store.path, "x"):
            pace = Pace(store.path)
            for _ in range(20):
                pace.measured(pace.rows(10**6), 2.0)
            assert pace.rows(10**6) >= 1 and pauses[-1] == 2.0


class TestImports:
    def test_an_import_beside_a_server_stores_the_same(self, tmp_path: Path, pauses: list[float]) -> None:
        rows = batch(
            [f"i{n}" for n in range(2000)], gold=["spam" if n % 3 else None for n in range(2000)],
            splits=["train" if n % 2 else "test" for n in range(2000)],
        )  # fmt: skip
        again = batch([f"i{n}" for n in range(1990, 2010)], ["another"] * 20)
        found = []
        for name, served in (("alone", False), ("beside", True)):
            with new_store(tmp_path / f"{name}.labelkit.db") as store:
                if served:
                    with serving(store.path, "x"):
                        counts = [import_items(store, rows), import_items(store, again)]
                else:
                    counts = [import_items(store, rows), import_items(store, again)]
                assert store.problems() == []
                found.append((counts, contents(store), store.items.gold().tolist(), store.items.splits()))
        assert found[0] == found[1]
        assert len(pauses) >= 2  # of the import beside the server only

    def test_another_writer_gets_its_turn_in_the_middle(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        seen = []

        def other(seconds: float) -> None:
            with sqlite3.connect(store.path, isolation_level=None, timeout=0) as connection:
                connection.execute("begin immediate")
                seen.append(connection.execute("select count(*) from items").fetchone()[0])
                connection.execute("commit")

        monkeypatch.setattr("labelkit.store.presence.sleep", other)
        with serving(store.path, "x"):
            import_items(store, batch([f"i{n}" for n in range(1200)]))
        assert len(seen) > 1 and seen == sorted(seen) and 0 < seen[0] < 1200

    def test_a_duplicate_in_a_later_part_is_found(self, store: Store, pauses: list[float]) -> None:
        ids = [f"i{n}" for n in range(1500)]
        with serving(store.path, "x"), pytest.raises(DuplicateRow, match="'i3'"):
            import_items(store, batch([*ids, "i3"]))
        assert store.problems() == []


class TestTheSearchIndex:
    def texts(self, n: int) -> list[str]:
        return [f"refund {k}" if k % 10 == 0 else f"nothing {k}" for k in range(n)]

    def test_it_may_be_interrupted_and_items_may_change_meanwhile(self, store: Store, pauses: list[float]) -> None:
        import_items(store, batch([f"i{n}" for n in range(1000)], self.texts(1000)))
        index = store.items.search_index
        assert not index.ready()
        with serving(store.path, "x"):
            assert not index.build(most_seconds=0.0)  # a part of it
            first = int(store.setting("items_fts_next"))
            assert 0 < first < 1000
            # An indexed item changes, one that is not indexed yet changes, and new ones come.
            import_items(store, batch(["i0", "i999", "n1"], ["changed early", "changed late", "fresh refund"]))
            with store.database.transaction() as connection:  # items never go today; the index must not mind
                connection.execute("delete from gold_labels")
            assert index.build()
        assert index.ready() and store.setting("items_fts_next") is None
        assert sorted(store.items.search("changed", 10)) == [0, 999]
        assert store.items.search("fresh", 10) == [1000]
        expected = list(range(10, 1000, 10))
        assert sorted(store.items.search("refund", 5000)) == [*expected, 1000]
        with store.database.transaction() as connection:  # FTS5's own check of the index against the items
            connection.execute("insert into items_fts (items_fts, rank) values ('integrity-check', 1)")

    def test_a_killed_build_is_gone_on_with_by_another_process(self, store: Store, pauses: list[float]) -> None:
        import_items(store, batch([f"i{n}" for n in range(700)], self.texts(700)))
        with serving(store.path, "x"):
            store.items.search_index.build(most_seconds=0.0)
        with Store(store.path) as other:
            assert len(other.items.search("refund", 1000)) == 70
        assert store.items.search_index.ready()
        import_items(store, batch(["late"], ["refund at last"]))
        assert len(store.items.search("refund", 1000)) == 71

    def test_an_empty_project_has_an_index_too(self, store: Store) -> None:
        assert store.items.search_index.build() and store.items.search("x") == []
        import_items(store, batch(["a"], ["x"]))
        assert store.items.search("x") == [0]


class TestResultsOfRuns:
    def finish(self, store: Store, **results: Any) -> int:
        return store.runs.finish(
            "label", parameters={"class_ids": [0, 1, 2]}, inputs="digest", versions={}, seconds=0.0, metrics={},
            **results,
        )  # fmt: skip

    def test_a_run_is_seen_only_when_it_is_whole(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        import_items(store, batch([f"i{n}" for n in range(30)]))
        p, y = np.full((30, 3), 1 / 3, np.float32), np.zeros(30, np.int16)
        queue = [QueueEntry(n, n, 0.5, "active", "margin", None, "because") for n in range(30)]
        before = self.finish(store, labels=(p, y), queue=queue)

        def killed(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(RunWriter, "end", killed)
            with pytest.raises(KeyboardInterrupt):
                self.finish(store, labels=(p, y), queue=queue, roles=[(1, "audit", 0.5)])
        latest = store.runs.latest("label")
        assert latest is not None and latest.id == before
        assert store.people.roles() == {}  # what was never ranked has drawn nothing
        after = self.finish(store, labels=(p, y), queue=queue)
        assert store.database.rows("select distinct run from queue order by run") == [(before,), (after,)]
        assert store.database.rows("select distinct run from label_probabilities order by run") == [(before,), (after,)]
        assert store.database.one("select count(*) from runs where status = 'running'")[0] == 0
        assert store.problems() == []

    def test_others_write_between_the_shards(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("labelkit.store.runs.SHARD_SIZE", 4)
        turns: list[float] = []
        monkeypatch.setattr("labelkit.store.presence.sleep", turns.append)
        p, y = np.full((20, 3), 1 / 3, np.float32), np.zeros(20, np.int16)
        with serving(store.path, "x"):
            self.finish(store, labels=(p, y))
        assert len(turns) == 5
