"""Listing and checking Parquet files, planning shards, reading them."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit.bulk import shards as shards_module
from labelkit.bulk.inputs import InputFile, look_at
from labelkit.bulk.location import Location
from labelkit.bulk.shards import SHARD_BYTES, InputShard, ShardReader, plan_shards
from labelkit.errors import SourceError
from labelkit.types import SHARD_SIZE


def write(path: Path, rows: int, *, first: int = 0, group: int | None = None, **columns: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(
        {
            "id": [f"{path.stem}-{n}" for n in range(first, first + rows)],
            "text": [f"text {n}" for n in range(rows)],
            **columns,
        }
    )
    pq.write_table(table, path, row_group_size=group)
    return path


def file_of(*groups: tuple[int, int], path: str = "a.parquet") -> InputFile:
    return InputFile(path, 1, 1, "f", sum(rows for rows, _ in groups), (), tuple(groups))


def test_files_come_in_order_of_path_with_subfolders(tmp_path: Path) -> None:
    for name in ("b.parquet", "a/z.pq", "a/b.parquet", "c.PARQUET"):
        write(tmp_path / name, 3)
    inputs = look_at(Location.of(tmp_path))
    assert [file.path for file in inputs.files] == ["a/b.parquet", "a/z.pq", "b.parquet", "c.PARQUET"]
    assert inputs.rows == 12
    assert inputs.bad == inputs.ignored == ()


def test_a_single_file_and_a_url_are_taken_too(tmp_path: Path) -> None:
    path = write(tmp_path / "one.parquet", 3)
    for given_ in (path, f"file://{path}"):
        inputs = look_at(Location.of(given_))
        assert [file.path for file in inputs.files] == ["one.parquet"]
        with ShardReader(inputs.location, ["id"]) as reader:
            assert reader.read(plan_shards(inputs.files)[0]).num_rows == 3


def test_marks_and_hidden_files_are_left_out_and_others_are_named(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", 3)
    write(tmp_path / "_temporary" / "b.parquet", 3)
    for name in ("_SUCCESS", ".a.parquet.crc", "README.txt"):
        (tmp_path / name).write_text("")
    inputs = look_at(Location.of(tmp_path))
    assert [file.path for file in inputs.files] == ["a.parquet"]
    assert inputs.ignored == ("README.txt",)


def test_bad_files_are_named_with_what_is_wrong(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.parquet", 1000).read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[:-100])
    (tmp_path / "empty.parquet").write_bytes(b"")
    (tmp_path / "no.parquet").write_bytes(b"id,text\n1,a\n")
    (tmp_path / "tiny.parquet").write_bytes(b"PAR1")
    (tmp_path / "footer.parquet").write_bytes(whole[:-60] + b"\xff" * 40 + whole[-20:])
    bad = {one.path: one.problem for one in look_at(Location.of(tmp_path)).bad}
    assert bad.pop("footer.parquet").startswith("is damaged: ")
    assert bad == {
        "cut.parquet": "is cut off: the end of the Parquet file is missing",
        "empty.parquet": "is empty",
        "no.parquet": "is no Parquet file",
        "tiny.parquet": "is cut off: the end of the Parquet file is missing",
    }


def test_the_columns_that_most_files_have_are_the_right_ones(tmp_path: Path) -> None:
    write(tmp_path / "0.parquet", 3, n=["x", "y", "z"])
    write(tmp_path / "1.parquet", 3, n=pa.array([1, 2, 3], pa.int32()))
    write(tmp_path / "2.parquet", 3, n=[1, 2, 3])
    write(tmp_path / "3.parquet", 3, n=[1, 2, 3])
    write(tmp_path / "4.parquet", 3)
    inputs = look_at(Location.of(tmp_path))
    bad = {one.path: one.problem for one in inputs.agreeing(["id", "text", "n"]).bad}
    assert bad == {
        "0.parquet": "has string in the column 'n', where the other files have int64",
        "4.parquet": "lacks the column 'n'",
    }
    assert inputs.agreeing(["id", "text"]).bad == ()  # nobody reads the column in which they differ


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: None, "there is no .*nowhere"),
        (lambda folder: folder.mkdir(), "has no Parquet file"),
        (lambda folder: write(folder / "a.csv", 1), "has no Parquet file; it has a.csv"),
        (lambda folder: (folder.mkdir(), (folder / "a.parquet").write_bytes(b"")), "a.parquet is empty; no file of"),
    ],
)
def test_nothing_to_read_is_said(tmp_path: Path, make: object, words: str) -> None:
    make(tmp_path / "nowhere")  # type: ignore[operator]
    with pytest.raises(SourceError, match=words):
        look_at(Location.of(tmp_path / "nowhere"))


def test_places_that_cannot_be_are_said() -> None:
    with pytest.raises(SourceError, match="abc://x/y is no place that can be read"):
        look_at(Location.of("abc://x/y"))


groups = st.lists(st.tuples(st.integers(0, 3 * SHARD_SIZE), st.integers(1, 400 << 20)), max_size=8)


@given(st.lists(groups, min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_shards_cover_all_rows_once_in_order_and_are_bounded(files: list[list[tuple[int, int]]]) -> None:
    given_ = [file_of(*of_one, path=f"{n}.parquet") for n, of_one in enumerate(files)]
    shards = plan_shards(given_)
    assert [shard.number for shard in shards] == list(range(len(shards)))
    item = 0
    for file in given_:
        row = 0
        for shard in (shard for shard in shards if shard.file.path == file.path):
            assert (shard.first_item, shard.first_row) == (item, row)
            assert 0 < shard.rows <= SHARD_SIZE
            size = sum(file.row_groups[g][1] * shard.rows / file.row_groups[g][0] for g in shard.groups)
            assert size <= SHARD_BYTES * 1.01 or shard.rows == 1 or len(shard.groups) > 1
            row, item = row + shard.rows, item + shard.rows
        assert row == file.rows
    assert len({shard.identity for shard in shards}) == len(shards)


@given(
    rows=st.integers(0, 400),
    group=st.integers(1, 400),
    most=st.integers(1, 150),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_shards_read_together_are_the_file(
    tmp_path_factory: pytest.TempPathFactory, rows: int, group: int, most: int, order: object
) -> None:
    path = write(tmp_path_factory.mktemp("rows") / "a.parquet", rows, group=group)
    inputs = look_at(Location.of(path))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards_module, "SHARD_SIZE", most)
        shards = plan_shards(inputs.files)
        with ShardReader(inputs.location, ["text"]) as reader:
            tables = [reader.read(shard) for shard in shards]
            assert all(len(table) <= most for table in tables)
            read = [text for table in tables for text in table["text"].to_pylist()]
            assert read == [f"text {n}" for n in range(rows)]
            mixed = list(range(len(shards)))
            order.shuffle(mixed)  # type: ignore[attr-defined]
            for number in mixed:  # another process takes every other shard; after a stop some are missing
                assert reader.read(shards[number]).equals(tables[number])


def shard_of(path: Path) -> tuple[InputShard, ShardReader]:
    inputs = look_at(Location.of(path))
    return plan_shards(inputs.files)[0], ShardReader(inputs.location, None)


def test_long_texts_make_small_shards(tmp_path: Path) -> None:
    texts = [os.urandom(50_000).hex() for _ in range(1000)]  # 100 MB in one row group
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": [str(n) for n in range(1000)], "text": texts}), path)
    shards = plan_shards(look_at(Location.of(path)).files)
    assert 3 <= len(shards) <= 5
    with ShardReader(Location.of(path), ["text"]) as reader:
        assert [text for shard in shards for text in reader.read(shard)["text"].to_pylist()] == texts


def test_damage_inside_a_file_is_found_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": [f"text {n}" for n in range(50_000)]}), path, compression="zstd")
    data = bytearray(path.read_bytes())
    data[1000:1200] = b"\0" * 200
    path.write_bytes(data)
    shard, reader = shard_of(path)
    with reader, pytest.raises(SourceError, match=r"a.parquet, rows 1 to 50,000: the Parquet file is damaged: "):
        reader.read(shard)


def test_strings_that_are_no_utf8_are_found(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    raw = pa.array([b"fine", b"\xff\xfe"], pa.binary())
    pq.write_table(pa.table({"text": pa.Array.from_buffers(pa.string(), 2, raw.buffers())}), path)
    shard, reader = shard_of(path)
    with reader, pytest.raises(SourceError, match=r"damaged: .*UTF8"):
        reader.read(shard)


def test_a_file_that_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", 10)
    shard, reader = shard_of(path)
    write(path, 11)
    with reader, pytest.raises(SourceError, match=r"a.parquet changed while it was worked on"):
        reader.read(shard)
