"""Vote columns by fingerprint and shard digest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from labelkit.errors import ProjectDamaged, StepMissing
from labelkit.store import Store, StoredColumn, StoredFunction
from labelkit.store.codec import pack, pack_arrays, unpack, unpack_arrays
from labelkit.types import Fault


def column(values: list[int], dtype: type = np.int8, faults: int = 0) -> StoredColumn:
    examples = tuple(Fault("f", f"i{n}", "ValueError: bad date") for n in range(min(faults, 2)))
    return StoredColumn(np.array(values, dtype=dtype), faults, examples)


def test_columns_come_back_with_type_and_faults(store: Store) -> None:
    store.votes.write("shard", [("f", column([0, -1, 2], faults=5)), ("g", column([300, -1, 0], np.int16))])
    read = store.votes.read("f", "shard")
    assert read is not None
    assert (read.votes.tolist(), read.votes.dtype, read.fault_count) == ([0, -1, 2], np.dtype("i1"), 5)
    assert read.faults == (Fault("f", "i0", "ValueError: bad date"), Fault("f", "i1", "ValueError: bad date"))
    wide = store.votes.read("g", "shard")
    assert wide is not None and wide.votes.tolist() == [300, -1, 0]
    assert store.votes.read("f", "another") is None


def test_what_ran_is_known_also_where_it_abstained_everywhere(store: Store) -> None:
    store.votes.write("one", [("f", column([-1, -1]))])
    store.votes.write("two", [("f", column([0])), ("g", column([0]))])
    assert store.votes.present(["one"]) == {("f", "one")}
    assert store.votes.present(["one", "two"]) == {("f", "one"), ("f", "two"), ("g", "two")}


def test_the_matrix_joins_shards_and_functions(store: Store) -> None:
    store.votes.write("one", [("f", column([0, 1])), ("g", column([-1, 200], np.int16))])
    store.votes.write("two", [("f", column([2])), ("g", column([0], np.int16))])
    assert store.votes.matrix(["g", "f"], ["one", "two"]).tolist() == [[-1, 0], [200, 1], [0, 2]]
    assert store.votes.matrix(["f"], ["two", "one"]).tolist() == [[2], [0], [1]]


def test_a_matrix_with_a_missing_column_is_refused_not_shortened(store: Store) -> None:
    store.votes.write("one", [("f", column([0, 1]))])
    with pytest.raises(StepMissing, match="no votes on some items"):
        store.votes.matrix(["f"], ["one", "two"])


def test_a_dropped_function_has_not_run(store: Store) -> None:
    store.votes.write("one", [("f", column([0])), ("g", column([0]))])
    store.votes.drop("f")
    assert store.votes.present(["one"]) == {("g", "one")}


def test_writing_again_replaces(store: Store) -> None:
    store.votes.write("one", [("f", column([0], faults=1))])
    store.votes.write("one", [("f", column([1]))])
    assert store.votes.matrix(["f"], ["one"]).tolist() == [[1]]
    assert store.votes.faults("f", ["one"]) == []


def test_functions_are_remembered_with_their_newest_place(store: Store) -> None:
    store.votes.register([StoredFunction("f", "ab", "regex", "a.py:1", "regex(...)")])
    store.votes.register([StoredFunction("f", "ab", "regex", "b.py:7", "regex(...)")])
    assert store.votes.function("f", "ab") == StoredFunction("f", "ab", "regex", "b.py:7", "regex(...)")
    assert store.votes.function("f", "cd") is None


DTYPES = st.sampled_from(["|i1", "<i2", "<f4", "<f8"])


@given(array=DTYPES.flatmap(lambda dtype: st_numpy.arrays(dtype, st.integers(0, 300))))
def test_packed_arrays_come_back(array: np.ndarray) -> None:  # type: ignore[type-arg]
    np.testing.assert_array_equal(unpack(pack(array), array.dtype, array.size), array)


@given(values=st.lists(st.integers(-1, 4), min_size=1, max_size=2000), data=st.data())
def test_one_flipped_bit_is_always_found(values: list[int], data: st.DataObject) -> None:
    packed = bytearray(pack(np.array(values, np.int8)))
    place = data.draw(st.integers(0, len(packed) * 8 - 1))
    packed[place // 8] ^= 1 << place % 8
    with pytest.raises(ProjectDamaged, match="checksum"):
        unpack(bytes(packed), "i1", len(values))


@pytest.mark.parametrize("count", [0, 1, 99, 101, 1000])
def test_another_length_than_was_packed_is_an_error(count: int) -> None:
    with pytest.raises(ProjectDamaged, match=f"does not hold {count} values"):
        unpack(pack(np.zeros(100, np.int8)), "i1", count)


def test_named_arrays_come_back_and_are_never_pickled() -> None:
    arrays = {"mu": np.arange(6.0).reshape(2, 3), "classes": np.array([3, 1], np.int16)}
    again = unpack_arrays(pack_arrays(arrays))
    assert again.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(again[name], array)
    assert pack_arrays(arrays) == pack_arrays(dict(arrays))
    with pytest.raises(TypeError, match="pickle"):
        pack_arrays({"bad": np.array([object()])})
