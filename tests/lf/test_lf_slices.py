"""Tables that are slices of others: Arrow arrays whose data does not begin at their first byte."""

from __future__ import annotations

import pyarrow as pa

from labelkit import expression, keywords, lookup
from labelkit.lf import Shard, apply_functions
from labelkit.types import LabelSchema

TABLE = pa.table(
    {"id": [str(i) for i in range(100)], "text": [f"ABC {i}" if i % 3 else f"é {i}" for i in range(100)]},
)
FUNCTIONS = [
    expression("lowered", "contains(lower(text), 'abc')", label=0),
    expression("raised", "contains(upper(text), 'ABC')", label=0),
    keywords("word", ["abc"], label=0),
    lookup("whole", {"ABC 50": 0}, field="text"),
]


def test_a_slice_gets_the_votes_of_its_rows() -> None:
    schema = LabelSchema.from_names(["a"])
    whole = apply_functions(FUNCTIONS, Shard(0, 0, TABLE), schema)
    for first, rows in [(0, 50), (50, 50), (33, 7), (99, 1)]:
        part = apply_functions(FUNCTIONS, Shard(0, 0, TABLE.slice(first, rows)), schema)
        for all_of_them, some in zip(whole, part, strict=True):
            assert all_of_them.votes[first : first + rows].tolist() == some.votes.tolist(), some.function


def test_an_ascii_only_slice_gets_the_votes_of_its_rows() -> None:
    texts = pa.table({"id": [str(i) for i in range(64)], "text": [f"ABC {i}" for i in range(64)]})
    votes = apply_functions(FUNCTIONS[:2], Shard(0, 0, texts.slice(32)), LabelSchema.from_names(["a"]))
    assert [column.votes.tolist() for column in votes] == [[0] * 32, [0] * 32]
