"""What pandas reads back is what was exported, in every format."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit.errors import ExportError
from labelkit.export import export_training_set

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("label", pa.string()),
        pa.field('p_"quoted", name', pa.float64()),
        pa.field("weight", pa.float32()),
        pa.field("count", pa.int64()),
        pa.field("flag", pa.bool_()),
        pa.field("nested", pa.string(), metadata={b"labelkit": b"json"}),
    ]
)

# pandas' C parser ends a cell at a NUL; everything else has to come back.
words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
ids = st.one_of(
    words.filter(bool), st.sampled_from(["00123", "1e5", "NA", "null", 'a"b', "a\nb", "a,b", "\r", " x ", "=1+1"])
)
rows = st.lists(
    st.tuples(
        ids,
        words,
        st.one_of(st.none(), words.filter(bool)),
        st.one_of(st.none(), st.floats(0, 1)),
        st.one_of(st.none(), st.floats(0, 1, width=32)),
        st.one_of(st.none(), st.integers(-(2**53), 2**53)),
        st.one_of(st.none(), st.booleans()),
        st.one_of(st.none(), st.lists(st.integers()).map(json.dumps)),
    ),
    max_size=15,
)


def export(values: list[tuple[object, ...]], format_name: str) -> io.BytesIO:
    columns = list(zip(*values, strict=True)) if values else [()] * len(SCHEMA)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
    out = io.BytesIO()
    export_training_set([pa.Table.from_arrays(arrays, schema=SCHEMA)], out, schema=SCHEMA, format=format_name)
    out.seek(0)
    return out


def missing(values: pd.Series) -> list[object]:
    return [None if pd.isna(v) or v == "" else v for v in values]


@settings(max_examples=60)
@given(rows)
def test_csv(values: list[tuple[object, ...]]) -> None:
    types: Any = dict.fromkeys(["id", "text", "label", "nested", "flag"], str)
    types |= {"weight": np.float32, "count": "Int64"}
    frame = pd.read_csv(
        export(values, "csv"),
        dtype=types,
        keep_default_na=False,
        na_values={name: [""] for name in ['p_"quoted", name', "weight", "count"]},
        lineterminator="\n",
    )
    assert list(frame.columns) == SCHEMA.names
    for place, name in enumerate(SCHEMA.names):
        wanted = [row[place] for row in values]
        if name == "flag":
            wanted = [None if v is None else str(v).lower() for v in wanted]
        read = missing(frame[name])
        if name.startswith("p_"):  # older versions of pandas are off by a last bit unless told not to be
            assert [v is None for v in read] == [v is None for v in wanted]
            assert [v for v in read if v is not None] == pytest.approx([v for v in wanted if v is not None], rel=1e-15)
        else:
            assert read == [None if v == "" else v for v in wanted]


@settings(max_examples=60)
@given(rows)
def test_json_lines(values: list[tuple[object, ...]]) -> None:
    out = export(values, "jsonl").getvalue().decode()
    read = [json.loads(line) for line in out.split("\n")[:-1]]
    assert all(list(row) == SCHEMA.names for row in read)
    wanted = [dict(zip(SCHEMA.names, row, strict=True)) for row in values]
    for row in wanted:
        row["nested"] = None if row["nested"] is None else json.loads(str(row["nested"]))
    for row, other in zip(read, wanted, strict=True):
        row["weight"] = None if row["weight"] is None else float(np.float32(row["weight"]))
        assert row == other


@settings(max_examples=60)
@given(rows)
def test_parquet(values: list[tuple[object, ...]]) -> None:
    frame = pd.read_parquet(export(values, "parquet"), dtype_backend="pyarrow")
    assert list(frame.columns) == SCHEMA.names
    for place, name in enumerate(SCHEMA.names):
        assert [None if pd.isna(v) else v for v in frame[name]] == [row[place] for row in values]


def test_pandas_reads_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    table = pa.table({"id": ["007", 'a"\nb'], "weight": [0.5, None]})
    export_training_set([table], path, schema=table.schema)
    frame = pd.read_json(path, lines=True, dtype={"id": str})
    assert list(frame["id"]) == ["007", 'a"\nb']
    assert frame["weight"][0] == 0.5


@pytest.mark.parametrize(
    ("value", "spelled"), [(0.1, "0.1"), (1.0, "1"), (1e-6, "0.000001"), (2 / 3, "0.6666666666666666"), (None, "")]
)
def test_numbers_in_csv(value: float | None, spelled: str) -> None:
    table = pa.table({"id": ["x"], "v": pa.array([value], pa.float64())})
    out = io.BytesIO()
    export_training_set([table], out, schema=table.schema, format="csv")
    assert out.getvalue().decode() == f"id,v\nx,{spelled}\n"


def test_missing_and_infinite_numbers() -> None:
    table = pa.table({"v": [float("nan"), 1.5], "f": pa.array([0.1, float("nan")], pa.float32())})
    out = io.BytesIO()
    export_training_set([table], out, schema=table.schema, format="jsonl")
    assert out.getvalue() == b'{"v":null,"f":0.1}\n{"v":1.5,"f":null}\n'
    out = io.BytesIO()
    export_training_set([table], out, schema=table.schema, format="csv")
    assert out.getvalue() == b"v,f\n,0.1\n1.5,\n"
    infinite = pa.table({"v": [float("inf")]})
    with pytest.raises(ExportError, match="column 'v' holds an infinite number"):
        export_training_set([infinite], io.BytesIO(), schema=infinite.schema, format="jsonl")
