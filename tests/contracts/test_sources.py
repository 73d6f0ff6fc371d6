"""What every registered source must do; a new one is picked up by its name."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelkit import registry
from labelkit.errors import SourceError
from labelkit.sources import FieldMapping, ItemSource, open_source
from labelkit.types import content_hash

Row = dict[str, str | None]

ROWS: list[Row] = [
    {"id": "007", "text": 'a "quoted", text\nwith lines', "gold": "spam", "split": "Train", "source": "wéb"},
    {"id": "b,c", "text": "日本語 🙂", "gold": None, "split": None, "source": None},
    {"id": "x\ty", "text": " blanks ", "gold": "ham", "split": "dev", "source": "=1+1"},
]


def as_csv(rows: list[Row]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(ROWS[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def as_jsonl(rows: list[Row]) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def as_parquet(rows: list[Row]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in ROWS[0]])), out)
    return out.getvalue()


# A new source adds its writer here; without one this file fails.
WRITERS: dict[str, Callable[[list[Row]], bytes]] = {
    "csv": as_csv,
    "jsonl": as_jsonl,
    "parquet": as_parquet,
}


@pytest.fixture(params=registry.names("sources"))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def make(folder: Path, kind: str, rows: list[Row] = ROWS) -> Path:
    suffix = registry.resolve("sources", kind).suffixes[0]
    path = folder / f"items{suffix}"
    path.write_bytes(WRITERS[kind](rows))
    return path


def test_is_a_source_with_suffixes(kind: str) -> None:
    source = registry.resolve("sources", kind)
    assert issubclass(source, ItemSource)
    assert all(s.startswith(".") and s == s.lower() for s in source.suffixes)
    assert source.suffixes


def test_a_progress_bar_can_know_where_it_ends(tmp_path: Path, kind: str) -> None:
    plain = [{**row, "text": "one line"} for row in ROWS]
    assert open_source(make(tmp_path, kind, plain)).expected_rows() == len(ROWS)


def test_values_come_as_written(tmp_path: Path, kind: str) -> None:
    (batch,) = open_source(make(tmp_path, kind))
    assert batch.ids == [row["id"] for row in ROWS]
    assert batch.texts == [row["text"] for row in ROWS]
    assert batch.gold == ["spam", None, "ham"]
    assert batch.splits == ["train", None, "valid"]
    assert batch.fields == ['{"source":"wéb"}', '{"source":null}', '{"source":"=1+1"}']
    assert batch.hashes == [content_hash(t, f) for t, f in zip(batch.texts, batch.fields, strict=True)]
    assert list(batch.rows) == [1, 2, 3]


def test_twice_the_same_and_from_a_stream_too(tmp_path: Path, kind: str) -> None:
    path = make(tmp_path, kind)
    before = path.read_bytes()
    source = open_source(path)
    first, again = list(source), list(source)
    streamed = list(open_source(io.BytesIO(before), format=kind))
    for other in (again, streamed):
        assert [(b.ids, b.texts, b.fields, b.hashes, list(b.rows)) for b in other] == [
            (b.ids, b.texts, b.fields, b.hashes, list(b.rows)) for b in first
        ]
    assert path.read_bytes() == before


def test_batch_size(tmp_path: Path, kind: str) -> None:
    batches = list(open_source(make(tmp_path, kind), batch_rows=2))
    assert [len(b) for b in batches] == [2, 1]
    assert [list(b.rows) for b in batches] == [[1, 2], [3]]


def test_made_ids_and_no_text(tmp_path: Path, kind: str) -> None:
    (batch,) = open_source(make(tmp_path, kind), make_ids=True, mapping=FieldMapping(text=None, gold=None))
    assert batch.ids == ["items-1", "items-2", "items-3"]
    assert batch.texts == ["", "", ""]
    assert set(orjson.loads(batch.fields[0])) == {"id", "text", "gold", "source"}
    assert batch.gold == [None, None, None]


def test_empty_input(tmp_path: Path, kind: str) -> None:
    with pytest.raises(SourceError):
        list(open_source(make(tmp_path, kind, [])))
    path = tmp_path / f"nothing{registry.resolve('sources', kind).suffixes[0]}"
    path.write_bytes(b"")
    with pytest.raises(SourceError, match="is empty"):
        list(open_source(path))


def test_bad_rows_are_counted_or_stop_it(tmp_path: Path, kind: str) -> None:
    path = make(tmp_path, kind, [ROWS[0], {**ROWS[1], "id": ""}, {**ROWS[2], "split": "none"}, ROWS[1]])
    with pytest.raises(SourceError, match=r"items\.\w+, (line|row) \d: the id is empty"):
        list(open_source(path))
    source = open_source(path, skip_bad=True)
    assert [b.ids for b in source] == [["007", "b,c"]]
    assert source.bad_count == len(source.bad_rows) == 2


def test_ids_can_be_found_again(tmp_path: Path, kind: str) -> None:
    source = open_source(make(tmp_path, kind, [*ROWS, ROWS[0]]))
    first = source.first_row_with_id("007")
    assert first is not None
    assert first.row == 1
    assert "occurs twice" in str(source.duplicate("007", 4))


def test_missing_column(tmp_path: Path, kind: str) -> None:
    with pytest.raises(SourceError, match="'txt'") as caught:
        list(open_source(make(tmp_path, kind), mapping=FieldMapping(text="txt")))
    assert "'text'" in str(caught.value)
