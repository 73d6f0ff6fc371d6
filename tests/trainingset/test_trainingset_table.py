"""The table, the counts and the manifest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelkit.trainingset import (
    FunctionRecord,
    OutputRecord,
    Tally,
    TrainingColumns,
    assemble,
    build_manifest,
    canonical_json,
    library_versions,
)
from labelkit.types import LabelClass, LabelSchema

LABELS = LabelSchema((LabelClass(4, "spam", ("junk",)), LabelClass(2, "none")), merged={3: 4})


def final() -> object:
    return assemble(
        4,
        2,
        agreed=np.array([1, -1, -1, -1]),
        answers=np.array([2, 0, 0, 0]),
        label_model=np.array([[0.5, 0.5], [2 / 3, 1 / 3], [0.5, 0.5], [0.1, 0.9]]),
        covered=np.array([True, True, False, True]),
        min_probability=0.95 - 0.3,
    )


def test_columns_and_values() -> None:
    columns = TrainingColumns(LABELS, {"stars": pa.int64(), "label": pa.string()}, frozenset({"label"}))
    table = columns.table(
        ["1", "2", "3", "4"],
        pa.array(["a", "b", "c", "d"]),
        final(),  # type: ignore[arg-type]
        ["train", None, "test", None],
        {"stars": pa.array([5, None, 1, 2], pa.int32())},
    )
    assert table.schema.equals(columns.schema, check_metadata=True)
    assert table.to_pylist() == [
        row(id="1", text="a", label="none", p_spam=0.0, p_none=1.0, source="human", weight=1.0, split="train", stars=5)
        | {"rule": "agreement", "answers": 2},
        row(id="2", text="b", label="spam", p_spam=0.666667, p_none=0.333333, source="label_model", weight=0.666667)
        | {"rule": "label_model", "answers": 0},
        row(id="3", text="c", answers=0, weight=0.0, split="test", stars=1),
        row(id="4", text="d", label="none", p_spam=0.1, p_none=0.9, source="label_model", weight=0.9, stars=2)
        | {"rule": "label_model", "answers": 0},
    ]
    assert columns.renamed == {"field_label": "label"}
    assert columns.schema.field("field_label").metadata == {b"labelkit": b"json"}


def row(**values: object) -> dict[str, object]:
    names = ("id", "text", "label", "p_spam", "p_none", "source", "rule", "answers", "weight", "split", "stars")
    names += ("field_label",)
    return {name: values.get(name) for name in names}


@given(
    st.lists(
        st.sampled_from(["label", "field_label", "field_field_label", "p_spam", "field_p_spam", "x", "field_x"]),
        unique=True,
    )
)
def test_no_two_columns_share_a_name(names: list[str]) -> None:
    columns = TrainingColumns(LABELS, dict.fromkeys(names, pa.string()))
    assert len(set(columns.schema.names)) == len(columns.schema.names)
    assert (
        columns.schema.names[-len(names) :]
        == [next((c for c, f in columns.renamed.items() if f == n), n) for n in names]
        or not names
    )


def test_counts_add_up_and_a_class_may_be_called_none() -> None:
    tally = Tally(LABELS)
    for _ in range(2):
        tally.add(final(), ["train", None, "test", None])  # type: ignore[arg-type]
    assert tally.to_dict() == {
        "items": 8,
        "labelled": 6,
        "by_label": {"spam": 2, "none": 4},
        "by_source": {"human": 2, "label_model": 4, "none": 2},
        "by_rule": {"agreement": 2, "label_model": 4},
        "by_split": {"none": 4, "test": 2, "train": 2},
        "by_label_and_source": {"spam": {"label_model": 2}, "none": {"human": 2, "label_model": 2}},
    }


def manifest(functions: list[FunctionRecord]) -> bytes:
    tally = Tally(LABELS)
    tally.add(final(), ["train", None, "test", None])  # type: ignore[arg-type]
    return canonical_json(
        build_manifest(
            project="demo",
            labels=LABELS,
            tally=tally,
            functions=functions,
            runs={"label": {"seed": 1, "parameters": {"epochs": 100}}},
            seed=0,
            settings={"min_probability": 0.5},
            versions=library_versions(),
            output=OutputRecord("/home/me/out.csv", "csv", 4, 10, "ab", [("id", "string")], {}),
        )
    )


FUNCTIONS = [FunctionRecord("b", "regex", "22"), FunctionRecord("a", "python", "11")]


def test_a_manifest_says_what_and_not_where_or_when() -> None:
    read = json.loads(manifest(FUNCTIONS))
    assert read["output"]["file"] == "out.csv"
    assert read["labels"] == [{"id": 4, "name": "spam", "aliases": ["junk"]}, {"id": 2, "name": "none", "aliases": []}]
    assert read["merged_labels"] == {"3": 4}
    assert [f["name"] for f in read["labeling_functions"]] == ["a", "b"]
    assert {"labelkit", "python", "numpy", "pyarrow"} <= set(read["versions"])
    assert manifest(FUNCTIONS) == manifest(FUNCTIONS[::-1])


def test_the_same_bytes_in_another_process_with_another_hash_seed() -> None:
    code = (
        "import sys\n"
        "from test_trainingset_table import FUNCTIONS, manifest\n"
        "sys.stdout.buffer.write(manifest(FUNCTIONS))"
    )
    here = Path(__file__).parent
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": f"{here}{os.pathsep}{here.parents[1]}"},
            capture_output=True,
            check=True,
        )
        assert done.stdout == manifest(FUNCTIONS)


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"x": float("nan")})
    with pytest.raises(TypeError):
        canonical_json({"x": {1, 2}})


def test_library_versions_leave_out_what_is_not_there() -> None:
    assert set(library_versions(["numpy", "no-such-package-anywhere"])) == {"labelkit", "python", "numpy"}
