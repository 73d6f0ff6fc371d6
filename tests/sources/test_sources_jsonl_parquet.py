"""JSON Lines and Parquet: types, complaints, and the same content hash as CSV."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit.errors import SourceError
from labelkit.sources import FieldMapping, open_source
from labelkit.types import ItemBatch, content_hash


def lines(folder: Path, *rows: object, name: str = "x.jsonl") -> Path:
    path = folder / name
    path.write_bytes(b"\n".join(r if isinstance(r, bytes) else json.dumps(r).encode() for r in rows) + b"\n")
    return path


def table(folder: Path, **columns: Any) -> Path:
    path = folder / "x.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def read(path: Path, **options: Any) -> ItemBatch:
    batches = list(open_source(path, **options))
    assert len(batches) == 1
    return batches[0]


def complaint(path: Path, **options: Any) -> str:
    with pytest.raises(SourceError) as caught:
        list(open_source(path, **options))
    assert "\n" not in str(caught.value)
    assert path.name in caught.value.message
    return str(caught.value)


class TestJsonLines:
    def test_rows_may_differ(self, tmp_path: Path) -> None:
        path = lines(
            tmp_path,
            {"id": "00123", "text": "a\u2028b", "n": {"b": 1, "a": [None]}},
            b"",
            {"id": 7, "text": "c", "gold": 2, "split": "Validation"},
        )
        batch = read(path)
        assert batch.ids == ["00123", "7"]
        assert batch.texts == ["a\u2028b", "c"]
        assert batch.fields == ['{"n":{"a":[null],"b":1}}', "{}"]
        assert batch.gold == [None, "2"]
        assert batch.splits == [None, "valid"]
        assert list(batch.rows) == [1, 3]

    def test_one_column_can_have_two_roles(self, tmp_path: Path) -> None:
        batch = read(lines(tmp_path, {"text": "a"}), mapping=FieldMapping(id="text"))
        assert (batch.ids, batch.texts, batch.fields) == (["a"], ["a"], ["{}"])

    def test_mark_and_other_encodings(self, tmp_path: Path) -> None:
        path = tmp_path / "x.ndjson"
        path.write_bytes(b'\xef\xbb\xbf{"id": 1, "text": "a"}')
        assert read(path).ids == ["1"]
        path.write_bytes('{"id": 1, "text": "é"}\n'.encode("utf-16"))
        assert read(path, encoding="utf-16").texts == ["é"]
        assert "--encoding utf-16" in complaint(path)

    @pytest.mark.parametrize(
        ("row", "said"),
        [
            (b'{"id": 2, "text": "b"', "line 3: not JSON"),
            (b'{"id": 2, "text": "b", "x": NaN}', "line 3: NaN is not JSON. Write null"),
            (b'{"id": 2, "text": "\xff"}', "line 3: byte 0xff at offset 43 is not utf-8. Say how"),
            (b'["id", 2]', "line 3: an array, not an object"),
            (b'"word"', "line 3: a string, not an object"),
            ({"text": "b"}, "line 3: no 'id'; the keys are 'text'"),
            ({"id": 2, "txt": "b"}, "line 3: no 'text'; the keys are 'id', 'txt'. Did you mean 'txt'?"),
            ({"id": 2, "text": None}, "line 3: the text is empty"),
            ({"id": 2, "text": 5}, "line 3: the text is a number, not a string"),
            ({"id": "", "text": "b"}, "line 3: the id is empty"),
            ({"id": None, "text": "b"}, "line 3: the id is empty"),
            ({"id": 2.0, "text": "b"}, "line 3: the id is a number with a fraction (2.0)"),
            ({"id": True, "text": "b"}, "line 3: the id is a boolean"),
            ({"id": 2, "text": "b", "split": "half"}, "line 3: unknown split 'half'"),
            ({"id": 2, "text": "b", "gold": ["x"]}, "line 3: the gold label is an array"),
        ],
    )
    def test_bad_lines(self, tmp_path: Path, row: object, said: str) -> None:
        path = lines(tmp_path, {"id": 1, "text": "a"}, b"", row, {"id": 3, "text": "c"})
        assert said in complaint(path)
        source = open_source(path, skip_bad=True)
        assert [b.ids for b in source] == [["1", "3"]]
        assert source.bad_count == 1
        assert source.bad_rows[0].startswith(f"{path}, line 3: ")

    def test_whole_files(self, tmp_path: Path) -> None:
        assert "is empty" in complaint(lines(tmp_path, b""))
        assert "one JSON array" in complaint(lines(tmp_path, [{"id": 1}]))
        path = lines(tmp_path, {"id": 1, "text": "a", "lable": "x"})
        assert "no column 'label'" in complaint(path, mapping=FieldMapping(gold="label"))
        assert "Did you mean 'lable'?" in complaint(path, mapping=FieldMapping(gold="label"))
        path = lines(tmp_path, {"id": 1, "text": "a"}, {"id": 2, "text": "b", "label": "x"})
        assert read(path, mapping=FieldMapping(gold="label")).gold == [None, "x"]

    def test_where_an_id_stands(self, tmp_path: Path) -> None:
        source = open_source(lines(tmp_path, {"id": 1, "text": "a"}, b"", {"id": "1", "text": "b"}))
        assert "line 3: the id '1' occurs twice; it is in line 1 already" in str(source.duplicate("1", 3))


class TestParquet:
    def test_types_become_json(self, tmp_path: Path) -> None:
        at = dt.datetime(2026, 3, 1, 14, 30, 0, 250_000)
        columns = {
            "id": pa.array([7, 8], pa.uint16()),
            "text": pa.array(["a", "b"]).dictionary_encode(),
            "gold": pa.array([1.0, None]),
            "bytes": pa.array([b"\xff", None]),
            "date": pa.array([dt.date(2026, 3, 1), None]),
            "decimal": pa.array([Decimal("1.50"), None]),
            "duration": pa.array([dt.timedelta(seconds=1.5), None]),
            "flag": pa.array([True, None]),
            "float32": pa.array([0.1, float("nan")], pa.float32()),
            "float64": pa.array([0.1, float("nan")]),
            "list": pa.array([[1, None], None]),
            "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
            "null": pa.nulls(2),
            "string": pa.array(['say "x"\n', None], pa.large_string()),
            "struct": pa.array([{"t": at, "f": float("nan")}, None]),
            "time": pa.array([dt.time(14, 30), None]),
            "timestamp": pa.array([at, None], pa.timestamp("us")),
            "zoned": pa.array([at.replace(microsecond=0), None], pa.timestamp("ns", tz="UTC")),
        }
        batch = read(table(tmp_path, **columns))
        assert batch.ids == ["7", "8"]
        assert batch.gold == ["1", None]
        assert json.loads(batch.fields[0]) == {
            "bytes": "/w==",
            "date": "2026-03-01",
            "decimal": "1.50",
            "duration": 1.5,
            "flag": True,
            "float32": 0.1,
            "float64": 0.1,
            "list": [1, None],
            "map": {"k": 1},
            "null": None,
            "string": 'say "x"\n',
            "struct": {"t": "2026-03-01T14:30:00.250000", "f": None},
            "time": "14:30:00",
            "timestamp": "2026-03-01T14:30:00.250000",
            "zoned": "2026-03-01T14:30:00Z",
        }
        assert set(json.loads(batch.fields[1]).values()) == {None}

    def test_batches_and_skipped_rows(self, tmp_path: Path) -> None:
        path = table(
            tmp_path, id=["a", None, "c", "d", ""], text=["x", "y", None, "z", "w"], v=[1.0, 2.0, 3.0, np.inf, 5]
        )
        source = open_source(path, skip_bad=True, batch_rows=2)
        assert [b.ids for b in source] == [["a"]]
        assert [reason.split(", ")[1] for reason in source.bad_rows] == [
            "row 2: the id is empty",
            "row 3: the text is empty",
            "row 4: column 'v' holds an infinite number",
            "row 5: the id is empty",
        ]
        assert "row 2: the id is empty" in complaint(path)

    def test_columns_that_cannot_have_the_role(self, tmp_path: Path) -> None:
        assert "column 'id' holds double and cannot be the id" in complaint(table(tmp_path, id=[1.0], text=["a"]))
        assert "column 'text' holds int64" in complaint(table(tmp_path, id=[1], text=[1]))
        assert "no column 'text'; the columns are 'id', 'Text'" in complaint(table(tmp_path, id=[1], Text=["a"]))
        assert "the gold label 0.5" in complaint(table(tmp_path, id=[1], text=["a"], gold=[0.5]))
        tabular = read(table(tmp_path, id=[1], x=[1]), mapping=FieldMapping(text=None))
        assert (tabular.texts, tabular.fields) == ([""], ['{"x":1}'])

    def test_files_that_are_damaged(self, tmp_path: Path) -> None:
        path = table(tmp_path, id=[str(i) for i in range(5000)], text=[f"text {i * 7919}" for i in range(5000)])
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        assert "is cut off" in complaint(path)
        path.write_bytes(whole[:2000] + bytes(3000) + whole[5000:])
        assert "damaged" in complaint(path)
        plain = pa.table({"id": ["1"], "text": ["caf\xe9"]})
        pq.write_table(plain, path, compression="none", use_dictionary=False, write_statistics=False)
        path.write_bytes(path.read_bytes().replace("caf\xe9".encode(), b"caf\xe9\xe9"))
        assert "Invalid UTF8 sequence at string index 0" in complaint(path)
        path.write_bytes(b"id,text\n1,a\n")
        assert "is not a Parquet file" in complaint(path)
        path.write_bytes(b"")
        assert "is empty" in complaint(path)
        assert "no rows" in complaint(table(tmp_path, id=pa.array([], pa.string()), text=pa.array([], pa.string())))

    def test_from_a_stream(self, tmp_path: Path) -> None:
        data = table(tmp_path, id=["1"], text=["a"]).read_bytes()
        assert [b.ids for b in open_source(io.BytesIO(data), format="parquet")] == [["1"]]


plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
numbers = st.one_of(st.integers(-(10**15), 10**15), st.floats(1e-4, 1e15))


@settings(max_examples=40)
@given(rows=st.lists(st.tuples(plain.filter(bool), plain.filter(bool), numbers), min_size=1, max_size=20))
def test_the_same_content_has_the_same_hash_in_every_format(rows: list[tuple[str, str, float]]) -> None:
    words = [f"w{word}" for _, word, _ in rows]
    for kind in (int, float):
        some = [(text, word, kind(number)) for (text, _, number), word in zip(rows, words, strict=True)]
        texts, values = [t for t, _, _ in some], [v for _, _, v in some]
        text = io.StringIO()
        writer = csv.writer(text, quoting=csv.QUOTE_ALL)
        writer.writerows([("text", "word", 'n "q"'), *((t, w, repr(v)) for t, w, v in some)])
        parquet = io.BytesIO()
        pq.write_table(pa.table({"text": texts, "word": words, 'n "q"': values}), parquet)
        jsonl = b"".join(orjson.dumps({'n "q"': v, "word": w, "text": t}) + b"\n" for t, w, v in some)
        expected = [orjson.dumps({'n "q"': v, "word": w}, option=orjson.OPT_SORT_KEYS).decode() for _, w, v in some]
        for data, format_name in ((text.getvalue().encode(), "csv"), (parquet.getvalue(), "parquet"), (jsonl, "jsonl")):
            (batch,) = open_source(io.BytesIO(data), format=format_name, make_ids=True)
            assert batch.texts == texts
            assert batch.fields == expected
            assert batch.hashes == [content_hash(t, f) for t, f in zip(texts, expected, strict=True)]


def test_the_hash_tells_text_from_fields() -> None:
    assert content_hash('a{"x":1}', "{}") != content_hash("a", '{"x":1}{}')
    assert content_hash("1:a", "{}") != content_hash("a", "{}")
    assert len(content_hash("", "{}")) == 16
