"""``LFApplier`` gives the matrix that Snorkel's appliers give."""

from __future__ import annotations

import re
from collections import namedtuple
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from snorkel.labeling import LabelingFunction, PandasLFApplier
from snorkel.labeling import LFApplier as SnorkelLFApplier
from snorkel.labeling import labeling_function as snorkel_labeling_function
from snorkel.preprocess import preprocessor

from labelkit import LFApplier, expression, keywords, labeling_function, lookup, regex
from labelkit.errors import FunctionFault, FunctionTimeout, InvalidVote, LabelingFunctionError, UnknownLabel
from labelkit.types import SHARD_SIZE, LabelClass, LabelSchema


@preprocessor(memoize=True)
def lowered(x: Any) -> Any:
    x.text = str(x.text).lower()
    x.words = x.text.split()
    return x


def quiet(applier: Any, data: Any, **options: Any) -> Any:
    return applier.apply(data, progress_bar=False, **options)


def same(functions: list[Any], frame: pd.DataFrame) -> None:
    """The matrix and the faults are Snorkel's."""
    ours, our_meta = quiet(LFApplier(functions), frame, fault_tolerant=True, return_meta=True)
    theirs, their_meta = quiet(PandasLFApplier(functions), frame, fault_tolerant=True, return_meta=True)
    assert ours.dtype == theirs.dtype
    assert ours.shape == theirs.shape
    np.testing.assert_array_equal(ours, theirs)
    assert our_meta.faults == dict(their_meta.faults)


def snorkels(**functions: Any) -> list[Any]:
    return [LabelingFunction(name, f) for name, f in functions.items()]


FUNCTIONS = [
    *snorkels(
        has_a=lambda x: 1 if "a" in x.text else -1,
        found=lambda x: 2 if re.search(r"\bab?\b", x["text"], re.IGNORECASE) else -1,
        long=lambda x: int(len(x.text) > 3) - 1,
        number=lambda x: 3 if x.number > 1 else -1,
        half=lambda x: 0 if x.number / 2 == 1 else -1,
        kind=lambda x: 1 if isinstance(x.number, float) else 0 if isinstance(x.number, int) else -1,
        missing=lambda x: 1 if x.other is None else 2 if x.other != x.other else -1,
        label=lambda x: 1 if x.name in {0, "a"} else -1,
        series=lambda x: len(x.index) + int(x.notna().sum()),
        listed=lambda x: len(x.to_dict()),
        get=lambda x: x.get("nothing", 4) if "text" in x else -1,
        large=lambda x: 100_000 if "b" in str(x.text) else -7,
        true=lambda x: "a" in str(x.text),
        floats=lambda x: 3.0 if len(str(x.text)) > 2 else -1.0,
        numpy=lambda x: np.int64(len(str(x.text))),
        item=lambda x: x["count"],
        values=lambda x: len([v for v in x if isinstance(v, str)]),
    ),
    LabelingFunction("prepared", lambda x: len(x.words), pre=[lowered]),
    LabelingFunction("with_words", lambda x, words: int(x.text in words) - 1, resources={"words": {"a", "ab"}}),
]

WORDS = ["a", "éb", "K"]


@snorkel_labeling_function()
def says_a(x: Any) -> int:
    return 1 if "a" in x.text.lower() else -1


@snorkel_labeling_function()
def any_word(x: Any) -> int:
    if any(word in x["text"] for word in WORDS):
        return 2
    return -1


@snorkel_labeling_function()
def searched(x: Any) -> int:
    return 0 if re.search(r"\bab?\b", x.text, re.I) else -1


@snorkel_labeling_function()
def large_number(x: Any) -> int:
    return 1 if x.number > 1 else 0 if x.number == 0 else -1


@snorkel_labeling_function()
def nothing(x: Any) -> int:
    return 1 if x.other is None else -1


@snorkel_labeling_function()
def divided(x: Any) -> int:
    return 1 if 2 / x.number > 1 else -1


@snorkel_labeling_function()
def labelled(x: Any) -> int:
    return 1 if x.name == "a" else -1


@snorkel_labeling_function()
def counted(x: Any) -> int:
    return 1 if x["count"] > 2 and len(x.text) > 1 else -1


@snorkel_labeling_function()
def described(x: Any) -> int:
    return 1 if str(x.number) == "1" or f"{x.other}" == "nan" else -1


SIMPLE = [says_a, any_word, searched, large_number, nothing, divided, labelled, counted, described]

texts = st.one_of(st.text(alphabet="abAB \n\x00éſK", max_size=6), st.none(), st.just(float("nan")))
objects = st.one_of(texts, st.integers(-3, 3), st.floats(width=16), st.just(pd.NA), st.lists(st.integers(), max_size=2))


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    n = draw(st.integers(1, 6))  # on an empty frame pandas calls the function once, on nothing
    rows = lambda values: draw(st.lists(values, min_size=n, max_size=n))  # noqa: E731
    kind = draw(st.sampled_from(["object", "str", "arrow", "category", "odd"]))
    text = pd.Series(rows(objects if kind == "odd" else texts), dtype="object")
    if kind in ("str", "category"):
        text = text.astype({"str": "str", "category": "category"}[kind])
    if kind == "arrow":
        text = text.astype(pd.ArrowDtype(pa.string()))
    numbers = draw(st.sampled_from([st.integers(-3, 3), st.floats(width=16), st.booleans()]))
    other = draw(st.sampled_from([texts, st.dates(), st.integers(), objects]))
    frame = pd.DataFrame({"text": text, "number": rows(numbers), "other": pd.Series(rows(other), dtype="object")})
    frame["count"] = np.arange(n)
    if draw(st.booleans()):
        frame = frame.drop(columns=["text", "other"])
    if draw(st.booleans()):
        frame.index = pd.Index(list("abcdef")[:n])
    return frame


@settings(max_examples=150, deadline=None)
@given(frames())
def test_the_matrix_is_that_of_the_pandas_applier(frame: pd.DataFrame) -> None:
    same(FUNCTIONS, frame)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy's numbers divided by zero, in Snorkel's hands too
@settings(max_examples=150, deadline=None)
@given(frames())
def test_simple_functions_are_compiled_and_give_the_same_matrix(frame: pd.DataFrame) -> None:
    same(SIMPLE, frame)


def test_simple_functions_are_compiled() -> None:
    applier = LFApplier(SIMPLE)
    quiet(applier, pd.DataFrame({"text": ["a"], "number": [1], "other": [None], "count": [0]}))
    paths = dict(zip([f.name for f in SIMPLE], applier.paths(), strict=True))
    assert {name for name, path in paths.items() if path.how == "compiled"} >= {"says_a", "any_word", "searched"}
    assert paths["any_word"].how == "compiled", paths["any_word"].why


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=8) | st.text(alphabet="ab \n\x00\ud800", max_size=6), min_size=1), st.booleans())
def test_declared_functions_vote_as_written_for_snorkel(values: list[str], series_of_str: bool) -> None:
    frame = pd.DataFrame({"text": pd.Series(values, dtype="object")})
    if series_of_str and not re.search("[\ud800-\udfff]", "".join(values)):
        frame = frame.astype("str")
    patterns = {"word": r"\bab?\b", "any": ".", "odd": "\ud800", "end": r"b$", "twice": r"(a)\1"}
    declared = [regex(name, pattern, label=1) for name, pattern in patterns.items()]
    found = [re.compile(pattern).search for pattern in patterns.values()]
    theirs = [LabelingFunction(str(i), lambda x, f=f: 1 if f(x.text) else -1) for i, f in enumerate(found)]
    np.testing.assert_array_equal(quiet(LFApplier(declared), frame), quiet(PandasLFApplier(theirs), frame))


def test_all_kinds_of_functions_together() -> None:
    @labeling_function()
    def shouts(row: Any) -> Any:
        return "spam" if row.text.isupper() else None

    functions = [
        keywords("money", ["cash"], label="spam"),
        expression("short", "word_count < 2", label="ham"),
        lookup("by_channel", {"mail": "ham"}, field="channel"),
        shouts,
        *snorkels(old=lambda x: 1 if x.channel == "sms" else -1),
    ]
    rows = [("win cash", "sms"), ("HELLO", "mail"), ("hi", None)]
    expected = [[1, -1, -1, -1, 1], [-1, 0, 0, 1, -1], [-1, 0, -1, -1, -1]]
    applier = LFApplier(functions, labels=["ham", "spam"])
    columns = {"text": [r[0] for r in rows], "channel": [r[1] for r in rows]}
    Pair = namedtuple("Pair", ["text", "channel"])

    @dataclass
    class Message:
        text: str
        channel: str | None

    handed = [
        pd.DataFrame(columns),
        pa.table(columns),
        pa.table(columns).to_batches()[0],
        [SimpleNamespace(text=t, channel=c) for t, c in rows],
        [Pair(*row) for row in rows],
        [Message(*row) for row in rows],
    ]
    for data in handed:
        L = quiet(applier, data)
        assert L.tolist() == expected
        assert L.dtype == np.dtype(int)


def test_declared_functions_read_the_keys_of_dicts() -> None:
    items = [{"text": "cash"}, {"text": None}, {"other": 1}, {"text": "no"}]
    assert quiet(LFApplier([keywords("money", ["cash"], label=4)]), items).ravel().tolist() == [4, -1, -1, -1]
    with pytest.raises(LabelingFunctionError, match="'txt'"):
        quiet(LFApplier([keywords("money", ["cash"], label=4, field="txt")]), items)


def test_objects_are_handed_on_as_they_are() -> None:
    functions = snorkels(big=lambda x: 1 if x[0] > 42 else 0)
    for data in (np.array([[10], [100]]), [(10,), (100,)], ({"n": 1} and [[10], [100]])):
        np.testing.assert_array_equal(quiet(LFApplier(functions), data), quiet(SnorkelLFApplier(functions), data))
    item = SimpleNamespace(n=1)
    seen: list[Any] = []
    quiet(LFApplier(snorkels(see=lambda x: seen.append(x) or -1)), [item])
    assert seen[0] is item


def test_a_function_may_change_its_row_and_no_other_sees_it() -> None:
    def change(x: Any) -> int:
        x.text = "changed"
        return len(x.text)

    frame = pd.DataFrame({"text": ["a", "bc"]})
    L = quiet(LFApplier(snorkels(change=change, look=lambda x: len(x.text))), frame)
    assert L.tolist() == [[7, 1], [7, 2]]
    assert frame.text.tolist() == ["a", "bc"]


def test_faults_are_named_or_counted() -> None:
    functions = snorkels(divide=lambda x: 1 // int(x.n), fine=lambda x: 0)
    frame = pd.DataFrame({"n": [1, 0, 0, 0, 0]}, index=["a", "b", "c", "d", "e"])
    with pytest.raises(FunctionFault, match=r"'divide'.*ZeroDivisionError.*'b'.*fault_tolerant=True"):
        quiet(LFApplier(functions), frame)
    L, meta = quiet(LFApplier(functions), frame, fault_tolerant=True, return_meta=True)
    assert L[:, 0].tolist() == [1, -1, -1, -1, -1]
    assert meta.faults == {"divide": 4}
    assert [(f.function, f.item_id) for f in meta.examples] == [("divide", "b"), ("divide", "c"), ("divide", "d")]


def test_faults_are_counted_over_shards() -> None:
    n = SHARD_SIZE + 5
    frame = pd.DataFrame({"n": np.arange(n)})
    functions = snorkels(last=lambda x: 1 // int(n - 1 - x.n), first=lambda x: 5 if x.n == SHARD_SIZE else -1)
    L, meta = quiet(LFApplier(functions), frame, fault_tolerant=True, return_meta=True)
    assert meta.faults == {"last": 1}
    assert np.flatnonzero(L[:, 1] == 5).tolist() == [SHARD_SIZE]
    assert (L[-1, 0], L[-2, 0]) == (-1, 1)


@pytest.mark.parametrize("value", ["spam", 0.5, float("nan"), [1], b"1"])
def test_what_is_no_vote_is_named(value: Any) -> None:
    frame = pd.DataFrame({"text": ["a", "b"]}, index=["first", "second"])
    functions = snorkels(odd=lambda x: value if x.text == "b" else 1)
    with pytest.raises(InvalidVote, match=f"'odd'.*{re.escape(repr(value))}.*'second'"):
        quiet(LFApplier(functions), frame, fault_tolerant=True)


def test_with_labels_votes_are_checked() -> None:
    frame = pd.DataFrame({"text": ["a"]})
    for value in (7, True, -2, "eggs"):
        with pytest.raises(InvalidVote, match="'odd'"):
            quiet(LFApplier(snorkels(odd=lambda x, v=value: v), labels=["ham", "spam"]), frame)
    schema = LabelSchema((LabelClass(4, "spam"), LabelClass(2, "ham")))
    functions = [*snorkels(ham=lambda x: 2), keywords("spam", ["a"], label="spam")]
    assert quiet(LFApplier(functions, schema), frame).tolist() == [[1, 0]]


def test_names_need_labels() -> None:
    with pytest.raises(UnknownLabel, match="labels="):
        quiet(LFApplier([keywords("money", ["cash"], label="spam")]), pd.DataFrame({"text": ["a"]}))


def test_odd_columns_of_declared_functions() -> None:
    frame = pd.DataFrame({"text": ["12", 12, None, float("nan"), pd.NA, "x\ud80012"]})
    assert quiet(LFApplier([regex("n", "12", label=1)]), frame).ravel().tolist() == [1, 1, -1, -1, -1, 1]
    assert quiet(LFApplier([regex("n", "\ud800", label=1)]), frame).ravel().tolist() == [-1, -1, -1, -1, -1, 1]
    with pytest.raises(LabelingFunctionError, match="needs text in 'text', which holds list"):
        quiet(LFApplier([regex("n", "12", label=1)]), pd.DataFrame({"text": ["a", [1]]}))


def test_a_series_is_a_list_of_objects() -> None:
    functions = snorkels(long=lambda x: 1 if len(x) > 3 else -1)
    assert quiet(LFApplier(functions), pd.Series(["a", "a text"])).tolist() == [[-1], [1]]


def test_what_cannot_be_applied_is_refused() -> None:
    frame = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(LabelingFunctionError, match="two columns named 'a'"):
        quiet(LFApplier(snorkels(one=lambda x: 1)), frame)
    with pytest.raises(LabelingFunctionError, match="not str"):
        quiet(LFApplier(snorkels(one=lambda x: 1)), "a text")
    with pytest.raises(LabelingFunctionError, match="'one'"):
        LFApplier([*snorkels(one=lambda x: 1), *snorkels(one=lambda x: 2)])
    with pytest.raises(LabelingFunctionError, match="no labeling function"):
        LFApplier([len])


def test_nothing_to_vote_on_and_nothing_to_vote_with() -> None:
    functions = snorkels(one=lambda x: 1, two=lambda x: 2)
    for empty in (pd.DataFrame({"text": []}), [], pa.table({"text": pa.array([], pa.string())})):
        assert quiet(LFApplier(functions), empty).shape == (0, 2)
    assert quiet(LFApplier([]), pd.DataFrame({"text": ["a"]})).shape == (1, 0)
    assert repr(LFApplier(functions)) == "LFApplier, LFs: ['one', 'two']"


def test_an_applier_sees_what_its_functions_refer_to_now() -> None:
    words = {"a"}
    applier = LFApplier(snorkels(known=lambda x: 1 if x.text in words else -1))
    frame = pd.DataFrame({"text": ["a", "b"]})
    assert quiet(applier, frame).ravel().tolist() == [1, -1]
    words.add("b")
    assert quiet(applier, frame).ravel().tolist() == [1, 1]


def test_a_function_that_does_not_come_back_is_named() -> None:
    def endless(x: Any) -> int:
        while x.text == "b":
            pass
        return 1

    frame = pd.DataFrame({"text": ["a", "b"]}, index=["first", "second"])
    with pytest.raises(FunctionTimeout, match=r"'endless'.*'second'.*time_limit="):
        quiet(LFApplier(snorkels(endless=endless), time_limit=0.4), frame, fault_tolerant=True)
