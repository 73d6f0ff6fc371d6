"""Further fields: one Arrow column each, of a type that all items agree on."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_helpers import batch, import_items, new_store

from labelkit.store import Store


def columns(store: Store, *rows: dict[str, Any]) -> pa.Table:
    known = store.items.count()
    import_items(store, batch([f"i{known + n}" for n in range(len(rows))], fields=rows))
    return store.items.table(0, store.items.count())


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, 2, None], "int", [1, 2, None]),
        ([1, 2.5, None], "float", [1.0, 2.5, None]),
        ([2**60 + 1, 0.5], "float", [float(2**60), 0.5]),
        (["a", None], "string", ["a", None]),
        ([True, False, None], "bool", [True, False, None]),
        ([True, 1], "string", ["true", "1"]),
        ([1, "a", 0.5, 5e-7], "string", ["1", "a", "0.5", "5e-7"]),
        ([None, None], "null", [None, None]),
        ([[1, 2], None], "json", ["[1,2]", None]),
        ([{"b": 1, "a": []}], "json", ['{"a":[],"b":1}']),
        ([{"b": 1}, "x"], "string", ['{"b":1}', "x"]),
        ([2**64 - 1, 1], "string", ["18446744073709551615", "1"]),
    ],
)
def test_types_merge(store: Store, values: list[Any], kind: str, expected: list[Any]) -> None:
    table = columns(store, *({"f": value} for value in values))
    assert store.items.field_types() == {"f": kind}
    assert table.column("f").to_pylist() == expected
    assert table.column("f").type == store.items.arrow_types()["f"]


def test_a_field_that_some_items_lack_is_null_there(store: Store) -> None:
    table = columns(store, {"a": 1}, {"b": "x"}, {})
    assert table.select(["a", "b"]).to_pydict() == {"a": [1, None, None], "b": [None, "x", None]}


def test_fields_called_id_and_text_do_not_hide_the_items_own(store: Store) -> None:
    table = columns(store, {"id": 7, "text": "other"})
    assert table.column("id").to_pylist() == ["i0"]
    assert table.column("text").to_pylist() == ["text of i0"]
    assert sorted(table.column_names) == ["field_id", "field_text", "id", "text"]


def test_types_follow_new_and_changed_items(store: Store) -> None:
    columns(store, {"f": 1}, {"f": 2})
    assert store.items.field_types() == {"f": "int"}
    columns(store, {"f": 0.5})
    assert store.items.field_types() == {"f": "float"}
    import_items(store, batch(["i2"], fields=[{"f": 3}]))
    assert store.items.field_types() == {"f": "int"}


def test_types_are_right_between_the_batches_of_an_import_that_only_changes_items(store: Store) -> None:
    """Somebody reads while an import goes on: neither the number of items nor the last import tells."""
    columns(store, {"f": 1}, {"f": 2})
    writer = store.writer(store.runs.begin("import", parameters={}, versions={}))
    writer.write(batch(["i0"], fields=[{"f": 10}]))
    with Store(store.path) as reader:
        assert reader.items.field_types() == {"f": "int"}
        writer.write(batch(["i1"], fields=[{"f": "many"}]))
        assert reader.items.field_types() == {"f": "string"}
        assert reader.items.table(0, 2).column("f").to_pylist() == ["10", "many"]


SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = SCALARS | st.text('ab"\\é', max_size=3) | st.lists(st.integers(0, 3), max_size=2)
ROWS = st.lists(st.dictionaries(st.sampled_from(["x", "y", "z"]), VALUES), min_size=1, max_size=8)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=ROWS, data=st.data())
def test_any_rows_are_the_same_rows_of_the_whole_table(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    with new_store(tmp_path_factory.mktemp("fields") / "texts.labelkit.db") as store:
        whole = columns(store, *rows)
        wanted = data.draw(st.lists(st.integers(0, len(rows) - 1)))
        assert store.items.rows(wanted).equals(whole.take(pa.array(wanted, pa.int64())))
        middle = data.draw(st.integers(0, len(rows)))
        assert pa.concat_tables([store.items.table(0, middle), store.items.table(middle, len(rows))]).equals(whole)
        for name, kind in store.items.field_types().items():
            if kind in ("int", "bool"):
                assert whole.column(name).to_pylist() == [row.get(name) for row in rows]
