"""The Arrow mirror holds what SQLite holds, or is not used."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_helpers import batch, import_items, new_store

from labelkit.store import Store, items, shards
from labelkit.types import SHARD_SIZE


@pytest.fixture(autouse=True)
def shards_of_four(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (items, shards):
        monkeypatch.setattr(module, "SHARD_SIZE", 4)


def files(store: Store) -> list[Path]:
    """The files of the mirror, in order of the shards."""
    folder = store.path.with_suffix(".cache") / "items"
    order = {name: place for place, name in enumerate(store.items._shards.identities())}
    return sorted(folder.iterdir(), key=lambda path: order.get(path.name.partition("-")[0], len(order)))


def read_all(store: Store) -> list[pa.Table]:
    return [store.items.shard(number) for number in range(store.items.shard_count())]


def expected(store: Store) -> list[pa.Table]:
    return [store.items.table(first, first + 4) for first in range(0, store.items.count(), 4)]


SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = SCALARS | st.text('ab"\\é\x00', max_size=3) | st.lists(st.integers(0, 3), max_size=2)
ROWS = st.lists(
    st.tuples(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
        st.dictionaries(st.sampled_from(["x", "y", "id", "text"]), VALUES),
    ),
    min_size=1,
    max_size=10,
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=ROWS, more=ROWS, data=st.data())
def test_any_items_read_the_same_from_both(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, dict[str, Any]]],
    more: list[tuple[str, dict[str, Any]]],
    data: st.DataObject,
) -> None:
    path = tmp_path_factory.mktemp("mirror") / "texts.labelkit.db"
    with new_store(path) as store:
        for part in (rows, more):  # built, then extended
            known = store.items.count()
            ids = [f"i{known + n}" for n in range(len(part))]
            import_items(store, batch(ids, [text for text, _ in part], fields=[fields for _, fields in part]))
            for _ in range(2):  # made, then read
                assert read_all(store) == expected(store)
        wanted = data.draw(st.lists(st.integers(0, store.items.count() - 1), min_size=1))
        assert store.items._many_rows(np.array(wanted)) == store.items._few_rows(wanted)
        with Store(path) as again:
            assert read_all(again) == expected(store)
            assert [t.schema for t in read_all(again)] == [t.schema for t in expected(store)]


def fill(store: Store, count: int = 10, **more: Any) -> None:
    import_items(store, batch([f"i{n}" for n in range(count)], **more))


def truncate(path: Path, other: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def empty(path: Path, other: Path) -> None:
    path.write_bytes(b"")


def garbage(path: Path, other: Path) -> None:
    path.write_bytes(b"ARROW1\0\0" + b"garbage" * 100)


def flip(path: Path, other: Path) -> None:
    data = bytearray(path.read_bytes())
    place = data.index(b"text of i1")
    data[place] ^= 1
    path.write_bytes(data)


def swap(path: Path, other: Path) -> None:
    """Another shard's file, sound in itself, under this one's name."""
    name = path.name.partition("-")[0] + "-" + other.name.partition("-")[2]
    path.unlink()
    shutil.copy(other, path.with_name(name))


def remove(path: Path, other: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("harm", [truncate, empty, garbage, flip, swap, remove])
def test_a_file_that_is_not_the_shard_is_made_again(store: Store, harm: Callable[[Path, Path], None]) -> None:
    fill(store)
    before = [table.to_pydict() for table in read_all(store)]  # nothing stays mapped: no file shrinks under a reader
    made = {path.name for path in files(store)}
    harm(*files(store)[:2])
    for opened in (store, Store(store.path)):
        assert read_all(opened) == expected(store)
        assert [table.to_pydict() for table in read_all(opened)] == before
    assert made <= {path.name for path in files(store)}
    with Store(store.path) as reader:
        assert reader.items.shard_items(0).path is not None


def test_the_whole_cache_may_go_at_any_time(store: Store) -> None:
    fill(store)
    tables = read_all(store)
    shutil.rmtree(store.path.with_suffix(".cache"))
    assert tables == expected(store)  # what is mapped stays readable
    gone = store.items.shard_items(0)
    shutil.rmtree(store.path.with_suffix(".cache"))
    with pytest.raises(OSError):
        gone.table()
    assert read_all(store) == expected(store)


def test_many_rows_are_read_also_when_their_shards_have_no_file_yet(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(items, "_MANY", 3)
    fill(store)
    wanted = np.array([5, 0, 3, 5])
    few = [store.items.rows([number])["text"][0].as_py() for number in wanted.tolist()]
    shutil.rmtree(store.path.with_suffix(".cache"), ignore_errors=True)
    for _ in range(2):  # what the first reading wrote is what the second one maps
        assert store.items.rows(wanted)["text"].to_pylist() == few


def test_reading_again_maps_the_file(store: Store) -> None:
    fill(store)
    read_all(store)
    before = {path: path.stat().st_mtime_ns for path in files(store)}
    allocated = pa.total_allocated_bytes()
    with Store(store.path) as again:
        tables = read_all(again)
        assert pa.total_allocated_bytes() == allocated
    assert {path: path.stat().st_mtime_ns for path in files(store)} == before
    assert [t.num_rows for t in tables] == [4, 4, 2]


def test_the_files_are_arrow_files_that_anybody_may_read(store: Store) -> None:
    fill(store)
    read_all(store)
    assert pa.ipc.open_file(files(store)[0]).read_all().column("id").to_pylist() == ["i0", "i1", "i2", "i3"]


def test_new_items_write_the_last_shards_only_and_pruning_removes_what_is_old(store: Store) -> None:
    fill(store)
    read_all(store)
    first = files(store)
    fill(store, 13)
    read_all(store)
    assert set(first) < set(files(store))
    store.items.prune_mirror()
    assert files(store)[:2] == first[:2]
    assert len(files(store)) == 4 and first[2] not in files(store)
    import_items(store, batch(["i5"], ["another text"]))
    assert read_all(store) == expected(store)
    store.items.prune_mirror()
    assert [path in first for path in files(store)] == [True, False, False, False]


def test_pruning_leaves_what_another_process_is_writing(store: Store) -> None:
    fill(store)
    read_all(store)
    folder = files(store)[0].parent
    new, old = folder / "abc.1-1.part", folder / "abc.2-2.part"
    for path in (new, old):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    store.items.prune_mirror()
    assert new.exists() and not old.exists()


def test_shards_with_the_same_content_keep_their_own_ids(store: Store) -> None:
    fill(store, 8, texts=["same"] * 8)
    assert len(set(store.items.shard_digests())) == 1
    for _ in range(2):
        assert [table.column("id").to_pylist()[0] for table in read_all(store)] == ["i0", "i4"]


def test_a_cache_that_cannot_be_written_is_done_without(store: Store) -> None:
    fill(store)
    store.path.with_suffix(".cache").write_text("a file where the folder would be")
    assert read_all(store) == expected(store)
    assert store.items.shard_items(0).path is None


def test_what_changes_while_it_is_read_is_not_kept_under_the_old_name(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    names = store.items._shards.identities()
    read = store.items.table

    def changing(first: int, last: int) -> pa.Table:
        monkeypatch.setattr(store.items, "table", read)
        import_items(store, batch(["i1"], ["arrived in between"]))
        return read(first, last)

    monkeypatch.setattr(store.items, "table", changing)
    store.items.shard(0)
    assert not list((store.path.with_suffix(".cache") / "items").glob(f"{names[0]}-*"))
    assert read_all(store) == expected(store)


def test_making_it_waits_for_no_writer(store: Store) -> None:
    fill(store)
    store.items.shard_digests()
    with Store(store.path) as other, other.database.transaction():
        started = time.perf_counter()
        assert read_all(store) == expected(store)
        assert time.perf_counter() - started < 20  # SQLite gives up after 30
    assert len(files(store)) == 3


def _read(path: Path) -> None:
    with Store(path) as store:
        assert [t.num_rows for _, t in store.items.shards()] == [SHARD_SIZE, 3]


def test_several_processes_may_make_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    path = tmp_path / "texts.labelkit.db"
    with new_store(path) as store:
        fill(store, SHARD_SIZE + 3)
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_read, args=(path,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    with Store(path) as store:
        assert len(files(store)) == 2
        assert store.items.shard(1) == store.items.table(SHARD_SIZE, SHARD_SIZE + 3)
