"""Plain Python labeling functions and Snorkel's own: rows, votes, faults."""
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from enum import IntEnum
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from labelkit import labeling_function
from labelkit.errors import FunctionFault, InvalidVote
from labelkit.lf import ColumnVotes, Shard, apply_functions
from labelkit.lf.rows import Row, RowCopy, RowIsShared, make_rows
from labelkit.types import LabelClass, LabelSchema

SCHEMA = LabelSchema((LabelClass(0, "ham"), LabelClass(1, "spam", ("junk",)), LabelClass(4, "other")))


def shard_of(texts: list[str], **fields: Any) -> Shard:
    ids = [f"id{i}" for i in range(len(texts))]
    return Shard(0, 0, pa.table({"id": pa.array(ids, pa.string()), "text": pa.array(texts, pa.string()), **fields}))


def run(function: Any, shard: Shard, **options: Any) -> ColumnVotes:
    (column,) = apply_functions([function], shard, SCHEMA, **options)
    return column


def returns(value: Any) -> Any:
    return labeling_function(name="f")(lambda row: value)


# --- rows


def test_rows_give_access_in_every_way() -> None:
    (made,) = make_rows({"text": ["hi"], "plan": ["pro"], "two words": [1], "count": [2], "__len__": [3]})
    row: Any = made
    assert (row.text, row["plan"], row.get("plan"), row["two words"], row.count, row["__len__"]) == (
        "hi",
        "pro",
        "pro",
        1,
        2,
        3,
    )
    assert row.get("nothing") is None
    assert row.get("nothing", 7) == 7
    assert "plan" in row
    assert "pro" not in row
    assert repr(row).startswith("Row(text='hi', plan='pro'")


@pytest.mark.parametrize("make", [lambda row: row, copy.copy])
def test_a_missing_field_lists_the_fields(make: Any) -> None:
    row = make(make_rows({"text": ["hi"], "plan": ["pro"]})[0])
    with pytest.raises(AttributeError, match="no field 'plna'; the fields are text, plan"):
        _ = row.plna
    with pytest.raises(KeyError, match="no field 'plna'; the fields are text, plan"):
        _ = row["plna"]
    assert not hasattr(row, "plna")


def test_rows_are_shared_and_copies_are_not() -> None:
    (row,) = make_rows({"text": ["hi"], "tags": [["a"]]})
    changes: list[Callable[[], Any]] = [
        lambda: setattr(row, "text", "x"),
        lambda: setattr(row, "new", "x"),
        lambda: delattr(row, "text"),
        lambda: row.__setitem__("text", "x"),
    ]
    for change in changes:
        with pytest.raises(RowIsShared):
            change()
    for twin in (copy.copy(row), copy.deepcopy(row), pickle.loads(pickle.dumps(row))):
        assert isinstance(twin, RowCopy)
        twin.text = "changed"
        twin["new"] = 1
        assert (twin["text"], twin.new, twin.get("new"), "new" in twin) == ("changed", 1, 1, True)
        assert pickle.loads(pickle.dumps(twin)) == twin
    assert row.text == "hi"
    assert len({*make_rows({"text": ["a", "a"]})}) == 1


# --- votes


class Label(IntEnum):
    HAM = 0
    SPAM = 1


@pytest.mark.parametrize(
    ("value", "vote"),
    [
        ("spam", 1),
        ("junk", 1),
        (np.str_("spam"), 1),
        (4, 4),
        (0, 0),
        (-1, -1),
        (None, -1),
        (np.int64(4), 4),
        (np.int8(-1), -1),
        (np.uint8(1), 1),
        (Label.SPAM, 1),
    ],
)
def test_what_is_a_vote(value: Any, vote: int) -> None:
    assert run(returns(value), shard_of(["a", "b"])).votes.tolist() == [vote, vote]


@pytest.mark.parametrize(
    "value",
    [
        *(7, 2, -2, 2**70, True, False, 1.0, 0.0, -1.0, float("nan"), 1j, np.float64(1), np.bool_(True)),
        *("spma", "", "1", b"spam", [1], {}, (1,), np.array([1, 2]), np.array(1), object),
    ],
)
@pytest.mark.parametrize("fault_tolerant", [False, True])
def test_what_is_no_vote(value: Any, fault_tolerant: bool) -> None:
    with pytest.raises(InvalidVote) as caught:
        run(returns(value), shard_of(["a", "b"]), fault_tolerant=fault_tolerant)
    message = str(caught.value)
    assert f"'f' ({__file__}:" in message
    assert "on item 'id0'" in message
    assert "0 = ham, 1 = spam, 4 = other, or -1 or None to abstain" in message
    assert repr(value)[:40] in message or "\n" in repr(value)


def test_equal_values_of_other_types_do_not_slip_through() -> None:
    @labeling_function()
    def mixed(row: Any) -> Any:
        return {"a": 1, "b": True}[row.text]

    with pytest.raises(InvalidVote, match="returned True on item 'id2'"):
        run(mixed, shard_of(["a", "a", "b"]))


# --- calling


def test_resources_and_preprocessors() -> None:
    def shout(row: Any) -> Any:
        row.text = row.text.upper()
        return row

    @labeling_function(name="named", resources={"words": {"HI"}}, pre=[shout])
    def function(row: Any, words: set[str]) -> Any:
        return "spam" if row.text in words else None

    @labeling_function
    def bare(row: Any) -> Any:
        return "ham" if row.text == "hi" else None

    columns = apply_functions([function, bare], shard_of(["hi", "yo"]), SCHEMA)
    assert [(c.function, c.votes.tolist()) for c in columns] == [("named", [1, -1]), ("bare", [0, -1])]
    assert function(SimpleNamespace(text="hi")) == "spam"


def test_a_preprocessor_that_returns_nothing_is_a_fault() -> None:
    def broken(row: Any) -> None:
        row.x = 1

    with pytest.raises(FunctionFault, match="the preprocessor broken returned None"):
        run(labeling_function("f", pre=[broken])(lambda row: 0), shard_of(["a"]))


def test_no_function_sees_what_another_did_to_its_row() -> None:
    @labeling_function()
    def vandal(row: Any) -> Any:
        row.text = "ruined"
        row["plan"] = row.new = "ruined"
        return "spam" if (row.text, row["plan"], row.new) == ("ruined",) * 3 else None

    @labeling_function()
    def witness(row: Any) -> Any:
        return "ham" if (row.text, row.plan) == ("fine", "pro") and not hasattr(row, "new") else None

    columns = apply_functions([vandal, witness, vandal, witness], shard_of(["fine"] * 3, plan=["pro"] * 3), SCHEMA)
    assert [column.votes.tolist() for column in columns] == [[1] * 3, [0] * 3, [1] * 3, [0] * 3]


def test_lists_in_rows_are_private_too() -> None:
    @labeling_function()
    def vandal(row: Any) -> Any:
        row.tags.append("x")
        return len(row.tags) % 2

    @labeling_function()
    def witness(row: Any) -> Any:
        return "other" if row.tags == ["a"] else None

    shard = shard_of(["t", "t"], tags=[["a"], ["a"]])
    columns = apply_functions([vandal, witness], shard, SCHEMA)
    assert [column.votes.tolist() for column in columns] == [[0, 0], [4, 4]]


def test_a_function_that_writes_to_rows_it_has_kept() -> None:
    kept: list[Any] = []

    @labeling_function()
    def hoarder(row: Any) -> Any:
        kept.append(row)
        kept[0].text = "x"
        return 0

    column = run(hoarder, shard_of(["a", "b"]), fault_tolerant=True)
    assert column.votes.tolist() == [-1, -1]
    assert "the row of another item cannot be changed" in column.faults[0].problem


def test_only_functions_that_write_pay_for_copies() -> None:
    seen: list[type] = []

    @labeling_function()
    def reader(row: Any) -> Any:
        seen.append(type(row))
        return 0

    run(reader, shard_of(["a", "b"]))
    assert all(issubclass(kind, Row) for kind in seen)


# --- faults


@labeling_function()
def fragile(row: Any) -> Any:
    if row.text.startswith("bad"):
        raise ValueError(f"cannot\nread {row.text}")
    return "spam"


def test_an_exception_names_function_place_item_and_reason() -> None:
    with pytest.raises(FunctionFault) as caught:
        run(fragile, shard_of(["ok", "bad1", "bad2"]))
    message = caught.value.message
    assert message.startswith(f"labeling function 'fragile' ({__file__}:{fragile.site.line}) raised ")
    assert message.endswith("ValueError: cannot read bad1 on item 'id1'")
    assert isinstance(caught.value.__cause__, ValueError)


def test_tolerated_faults_abstain_and_are_counted() -> None:
    column = run(fragile, shard_of(["bad1", "ok", "bad2", "bad3", "bad4"]), fault_tolerant=True)
    assert column.votes.tolist() == [-1, 1, -1, -1, -1]
    assert column.fault_count == 4
    assert [(f.function, f.item_id, f.problem) for f in column.faults] == [
        ("fragile", "id0", "ValueError: cannot read bad1"),
        ("fragile", "id2", "ValueError: cannot read bad2"),
        ("fragile", "id3", "ValueError: cannot read bad3"),
    ]


def test_a_function_may_tolerate_its_own_faults() -> None:
    def fails(row: Any) -> Any:
        raise KeyError

    tolerant = labeling_function("tolerant", fault_tolerant=True)(fails)
    assert run(tolerant, shard_of(["a"])).fault_count == 1
    with pytest.raises(FunctionFault, match="raised KeyError on item 'id0'"):
        run(labeling_function()(fails), shard_of(["a"]))


def test_a_wrong_field_is_a_fault_that_lists_the_fields() -> None:
    with pytest.raises(FunctionFault, match="AttributeError: no field 'plna'; the fields are id, text, plan"):
        run(labeling_function("f")(lambda row: row.plna), shard_of(["a"], plan=["x"]))


def test_leaving_the_program_is_a_fault_but_ctrl_c_is_not() -> None:
    def leave(row: Any) -> Any:
        raise SystemExit(3)

    def interrupt(row: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(FunctionFault, match="SystemExit: 3"):
        run(labeling_function()(leave), shard_of(["a"]))
    with pytest.raises(KeyboardInterrupt):
        run(labeling_function()(interrupt), shard_of(["a"]), fault_tolerant=True)


# --- Snorkel


@pytest.fixture(scope="module")
def snorkel() -> Any:
    import snorkel.labeling
    import snorkel.preprocess

    return SimpleNamespace(
        labeling_function=snorkel.labeling.labeling_function,
        LabelingFunction=snorkel.labeling.LabelingFunction,
        preprocessor=snorkel.preprocess.preprocessor,
        Preprocessor=snorkel.preprocess.Preprocessor,
    )


def test_snorkel_functions_run_unchanged(snorkel: Any) -> None:
    @snorkel.labeling_function()
    def plain(x: Any) -> int:
        return 1 if "a" in x.text else -1

    @snorkel.labeling_function(name="with_resources", resources={"words": ["b"]})
    def resourceful(x: Any, words: list[str]) -> int:
        return 0 if x.text in words else -1

    made = snorkel.LabelingFunction("made", f=lambda x, k: k, resources={"k": 4})
    columns = apply_functions([plain, resourceful, made], shard_of(["a", "b"]), SCHEMA)
    assert [(c.function, c.votes.tolist()) for c in columns] == [
        ("plain", [1, -1]),
        ("with_resources", [-1, 0]),
        ("made", [4, 4]),
    ]


@pytest.mark.parametrize("memoize", [False, True])
@pytest.mark.parametrize("tags", [None, [["x"], ["y"], ["x"]]])
def test_snorkel_preprocessors(snorkel: Any, memoize: bool, tags: Any) -> None:
    calls: list[str] = []

    @snorkel.preprocessor(memoize=memoize)
    def lower(x: Any) -> Any:
        calls.append(x.text)
        x.lowered = x.text.lower()
        return x

    class Length(snorkel.Preprocessor):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__("length", {"text": "lowered"}, {"n": "n"}, pre=[lower], memoize=memoize)

        def run(self, text: str) -> dict[str, int]:
            return {"n": len(text)}

    @snorkel.labeling_function(pre=[lower])
    def vandal(x: Any) -> int:
        x.lowered = x.lowered + "!"
        return 1 if x.lowered == "a!" else -1

    @snorkel.labeling_function(pre=[lower])
    def witness(x: Any) -> int:
        return 0 if x.lowered == "a" else -1

    @snorkel.labeling_function(pre=[Length()])
    def long(x: Any) -> int:
        return 4 if x.n > 1 else -1

    fields = {} if tags is None else {"tags": tags}
    shard = shard_of(["A", "BB", "a"], **fields)
    columns = apply_functions([vandal, witness, long], shard, SCHEMA)
    assert [c.votes.tolist() for c in columns] == [[1, -1, 1], [0, -1, 0], [-1, 4, -1]]
    # Two functions share one run over the items; nested in another preprocessor it sees copies, once more.
    assert len(calls) == (3 if memoize else 9)
    assert not lower._cache


def test_labelkit_functions_take_snorkel_preprocessors(snorkel: Any) -> None:
    @snorkel.preprocessor(memoize=True)
    def lower(x: Any) -> Any:
        x.lowered = x.text.lower()
        return x

    @labeling_function(pre=[lower])
    def function(row: Any) -> Any:
        return "spam" if row.lowered == "a" else None

    assert run(function, shard_of(["A", "b"])).votes.tolist() == [1, -1]


def test_snorkel_functions_may_write_to_their_row(snorkel: Any) -> None:
    @snorkel.labeling_function()
    def writer(x: Any) -> int:
        x.text = x.text * 2
        return len(x.text) - 1

    assert run(writer, shard_of(["a", ""])).votes.tolist() == [1, -1]


def test_snorkel_faults_and_bad_votes(snorkel: Any) -> None:
    @snorkel.labeling_function()
    def broken(x: Any) -> int:
        return 1 // 0

    @snorkel.labeling_function()
    def seven(x: Any) -> int:
        return 7

    with pytest.raises(FunctionFault, match=r"'broken'.*ZeroDivisionError.*'id0'"):
        run(broken, shard_of(["a"]))
    with pytest.raises(InvalidVote, match=r"'seven'.*returned 7 on item 'id0'"):
        run(seven, shard_of(["a"]))
    assert run(broken, shard_of(["a"]), fault_tolerant=True).fault_count == 1


def test_votes_equal_snorkels_own_applier(snorkel: Any) -> None:
    import pandas as pd
    from snorkel.labeling import PandasLFApplier

    @snorkel.preprocessor(memoize=True)
    def words(x: Any) -> Any:
        x.words = x.text.split()
        return x

    @snorkel.labeling_function(pre=[words])
    def many(x: Any) -> int:
        return 1 if len(x.words) > 2 else -1

    @snorkel.labeling_function()
    def question(x: Any) -> int:
        return 0 if x.text.endswith("?") else -1

    texts = ["why?", "a b c", "a b c?", "", "d"]
    theirs = PandasLFApplier([many, question]).apply(pd.DataFrame({"text": texts}), progress_bar=False)
    ours = apply_functions([many, question], shard_of(texts), SCHEMA)
    assert np.array_equal(theirs, np.stack([column.votes for column in ours], axis=1))
