"""What every registered exporter must do; a new one is picked up by its name."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelkit import registry
from labelkit.export import Exporter, export_training_set
from labelkit.sources import FieldMapping, open_source

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("text", pa.string()),
        pa.field("label", pa.string()),
        pa.field("p_a", pa.float64()),
        pa.field("split", pa.string()),
        pa.field("stars", pa.int64()),
    ]
)


def rows(count: int = 40) -> pa.Table:
    return pa.table(
        {
            "id": [f'0{i} "é"' for i in range(count)],
            "text": [f"a, b\n{i}" for i in range(count)],
            "label": [None if i % 3 == 0 else "a" for i in range(count)],
            "p_a": [None if i % 3 == 0 else i / 100 for i in range(count)],
            "split": [None if i % 2 else "train" for i in range(count)],
            "stars": [None if i % 5 == 0 else i for i in range(count)],
        },
        SCHEMA,
    )


@pytest.fixture(params=registry.names("exporters"))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def exported(kind: str, *batches: pa.Table) -> bytes:
    out = io.BytesIO()
    export_training_set(batches, out, schema=SCHEMA, format=kind)
    return out.getvalue()


def test_is_an_exporter_with_suffixes(kind: str) -> None:
    exporter = registry.resolve("exporters", kind)
    assert issubclass(exporter, Exporter)
    assert exporter.suffixes
    assert all(s.startswith(".") and s == s.lower() for s in exporter.suffixes)


def test_bytes_depend_on_the_rows_only(kind: str) -> None:
    whole = rows()
    once = exported(kind, whole)
    assert once == exported(kind, whole)
    assert once == exported(kind, whole.slice(0, 7), whole.slice(7, 0), whole.slice(7))
    chunked = pa.concat_tables([whole.slice(0, 3), whole.slice(3)])
    assert once == exported(kind, chunked)


def test_bytes_are_the_same_in_another_process(kind: str) -> None:
    code = (
        f"import sys\nfrom test_exporters import exported, rows\nsys.stdout.buffer.write(exported({kind!r}, rows()))\n"
    )
    here = Path(__file__).parent
    path = f"{here}{os.pathsep}{here.parents[1]}"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": path, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"},
        capture_output=True,
        check=True,
    )
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(exported(kind, rows())).digest()


def test_the_input_is_left_as_it_was(kind: str) -> None:
    table = rows()
    exported(kind, table)
    assert table.equals(rows())


def test_the_stream_stays_open(kind: str) -> None:
    out = io.BytesIO()
    registry.resolve("exporters", kind)().write([rows()], out, SCHEMA)
    assert not out.closed


def test_no_rows_and_no_batches(kind: str, tmp_path: Path) -> None:
    assert exported(kind) == exported(kind, rows(0))
    path = tmp_path / f"out{registry.resolve('exporters', kind).suffixes[0]}"
    assert export_training_set([], path, schema=SCHEMA).rows == 0
    if kind == "parquet":
        assert pq.read_table(path).schema.equals(SCHEMA)


def test_what_goes_out_comes_in_again(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"out{registry.resolve('exporters', kind).suffixes[0]}"
    export_training_set([rows()], path, schema=SCHEMA)
    (batch,) = open_source(path, mapping=FieldMapping(gold="label"))
    table = rows()
    assert batch.ids == table["id"].to_pylist()
    assert batch.texts == table["text"].to_pylist()
    assert batch.gold == table["label"].to_pylist()
    assert batch.splits == table["split"].to_pylist()
    assert batch.fields[1] == '{"p_a":0.01,"stars":1}'
    assert batch.fields[0] == '{"p_a":null,"stars":null}'
