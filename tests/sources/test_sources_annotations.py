"""Annotations from files: the same in every format, and each complaint with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelkit.errors import SourceError
from labelkit.sources import AnnotationRow, Position, read_annotations
from labelkit.sources.annotations import utc_time


def write(folder: Path, content: str, name: str = "people.csv") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def complaint(path: Path, **options: Any) -> str:
    with pytest.raises(SourceError) as caught:
        list(read_annotations(path, **options))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_all_formats(tmp_path: Path) -> None:
    csv = write(tmp_path, "item,annotator,label,time,comment\n007,ana,spam,2026-03-01 15:30:00+01:00,odd\n8,bo,1,,\n")
    jsonl = write(
        tmp_path,
        '{"item": "007", "annotator": "ana", "label": "spam", "time": "2026-03-01T14:30:00", "comment": "odd"}\n'
        '{"item": 8, "annotator": "bo", "label": 1}\n',
        "people.jsonl",
    )
    parquet = tmp_path / "people.parquet"
    at = pa.array(["2026-03-01T14:30:00", None]).cast(pa.timestamp("ns"))
    people = {"item": ["007", "8"], "annotator": ["ana", "bo"], "label": ["spam", "1"], "time": at}
    pq.write_table(pa.table(people | {"comment": ["odd", None]}), parquet)
    for path, positions in (
        (csv, [Position(1, 2), Position(2, 3)]),
        (jsonl, [Position(1, 1), Position(2, 2)]),
        (parquet, [Position(1), Position(2)]),
    ):
        assert list(read_annotations(path)) == [
            AnnotationRow(positions[0], "007", "ana", "spam", "2026-03-01T14:30:00Z", "odd"),
            AnnotationRow(positions[1], "8", "bo", "1", None, None),
        ]


def test_columns_by_other_names_and_one_annotator_for_all(tmp_path: Path) -> None:
    path = write(tmp_path, "id,class\n1,spam\n")
    (row,) = read_annotations(path, item="id", label="class", default_annotator="lead")
    assert (row.item, row.annotator, row.label, row.place) == ("1", "lead", "spam", "line 2")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "item,annotator,Label\n1,a,x\n",
            "no column 'label'; the columns are 'item', 'annotator', 'Label'. Did you mean",
        ),
        ("item,annotator,label\n1,a,x\n,a,x\n", "line 3: the item is empty"),
        ("item,annotator,label\n1,,x\n", "line 2: the annotator is empty"),
        ('item,annotator,label\n"1\n2",a,x\n3,a,\n', "line 4: the label is empty"),
        ("item,annotator,label,time\n1,a,x,yesterday\n", "line 2: the time 'yesterday' is not an ISO 8601 time"),
        ("item,annotator,label\n1,a\n", "line 2: 2 cells where the header has 3"),
        ("item,annotator,label\n", "has a header but no rows"),
    ],
)
def test_bad_rows(tmp_path: Path, content: str, said: str) -> None:
    assert said in complaint(write(tmp_path, content))


def test_bad_json_lines(tmp_path: Path) -> None:
    assert "line 1: not JSON" in complaint(write(tmp_path, "{\n", "x.jsonl"))
    assert "line 1: the label 0.5 is not" in complaint(
        write(tmp_path, '{"item": 1, "annotator": "a", "label": 0.5}\n', "x.jsonl")
    )


def test_skipping(tmp_path: Path) -> None:
    rows = read_annotations(write(tmp_path, "item,annotator,label\n1,a,x\n2,a,\n3,a\n"), skip_bad=True)
    assert [row.item for row in rows] == ["1"]
    assert rows.bad_count == 2
    nothing = read_annotations(write(tmp_path, "item,annotator,label\n1,a,\n"), skip_bad=True)
    with pytest.raises(SourceError, match="none of its 1 rows"):
        list(nothing)


def test_times() -> None:
    assert utc_time("2026-03-01") == "2026-03-01T00:00:00Z"
    assert utc_time("2026-03-01T01:00:00.5-02:00") == "2026-03-01T03:00:00.500000Z"
    assert utc_time(" ") is None
    for wrong in (5, "0001-01-01T00:00:00+05:00", "1.3.2026"):
        with pytest.raises(ValueError, match="is not an ISO 8601 time"):
            utc_time(wrong)
