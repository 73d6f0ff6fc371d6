"""A project file of the first schema: migrated, it says what it said before."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from first_schema import BACK_TO_FIRST
from store_helpers import batch, import_items, new_store

from labelkit.store import Store, StoredColumn, database, migrations
from labelkit.store.codec import pack, votes_digest


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file as the first schema's labelkit left it, with items and votes, one column damaged."""
    path = tmp_path / "texts.labelkit.db"
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:1])
        patch.setattr(database, "SCHEMA_VERSION", 1)
        with new_store(path) as store:
            import_items(store, batch(["a", "b", "c"], fields=[{"n": 1}] * 3, splits=["train", None, "test"]))
    columns = [("f", "one", [0, -1, 2]), ("f", "two", [300, 1]), ("g", "one", [1, 1, 1])]
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("pragma user_version").fetchone()[0] == 1
        for fingerprint, shard, votes in columns:
            array = np.array(votes, np.int16 if max(votes) > 127 else np.int8)
            data = pack(array) if fingerprint == "f" else b"damaged"
            raw.execute(
                'insert into votes values (?, ?, ?, ?, ?, 1, \'[["f", "a", "bad"]]\', \'\')',
                (fingerprint, shard, len(votes), data, array.dtype.str),
            )
        raw.execute("insert into project values ('field_types', '{}')")
        raw.commit()
    return path


def test_votes_stay_and_know_their_digests(old: Path) -> None:
    with Store(old) as store:
        assert store.votes.matrix(["f"], ["one", "two"]).tolist() == [[0], [-1], [2], [300], [1]]
        column = store.votes.read("f", "two")
        assert column is not None and column.votes.dtype == np.int16
        assert (column.fault_count, column.faults[0].problem) == (1, "bad")
        noted = store.database.rows("select fingerprint, shard_digest, digest from votes")
        assert noted[:2] == [
            ("f", "one", votes_digest(np.array([0, -1, 2], np.int8))),
            ("f", "two", votes_digest(np.array([300, 1], np.int16))),
        ]
        assert noted[2] == ("g", "one", None)
        assert [p.partition(":")[0] for p in store.problems() if "g on the shard" in p] == [
            "the votes of g on the shard one are damaged"
        ]


def test_items_are_the_same_and_the_old_file_is_kept(old: Path, tmp_path: Path) -> None:
    with new_store(tmp_path / "new.labelkit.db") as fresh:
        import_items(fresh, batch(["a", "b", "c"], fields=[{"n": 1}] * 3, splits=["train", None, "test"]))
        with Store(old) as store:
            assert store.items.shard_digests() == fresh.items.shard_digests()
            assert store.items.field_types() == {"n": "int"}
            assert store.items.splits() == ["train", None, "test"]
            assert store.database._changed_objects() == []
    with closing(sqlite3.connect(f"{old}.before-schema-{migrations.SCHEMA_VERSION}")) as kept:
        assert kept.execute("pragma user_version").fetchone()[0] == 1
        assert kept.execute("select count(*) from votes").fetchone()[0] == 3


def test_a_file_that_was_taken_back_migrates_to_what_it_was(tmp_path: Path) -> None:
    """The way back that the test of a whole project uses."""
    path = tmp_path / "texts.labelkit.db"
    with new_store(path) as store:
        import_items(store, batch(["a"]))
        store.votes.write("one", [("f", StoredColumn(np.array([1], np.int8), 0, ()))])
        before = store.database.rows("select * from votes"), store.items.shard_digests()
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript(BACK_TO_FIRST)
    with Store(path) as store:
        assert (store.database.rows("select * from votes"), store.items.shard_digests()) == before
