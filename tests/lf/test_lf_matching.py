"""The matcher finds what `re.search` finds, whatever way a pattern takes."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit import keywords, regex
from labelkit.errors import FunctionTimeout, LabelingFunctionError
from labelkit.lf import Shard, compile_functions
from labelkit.lf.compile.matching import Matcher, Search
from labelkit.lf.compile.matching.blocks import BLOCK, blocks
from labelkit.lf.compile.matching.scanner import SWITCH, Scanner, scanner_for
from labelkit.lf.compile.surrogates import LooseText, text_array
from labelkit.lf.compile.view import ShardView
from labelkit.types import LabelSchema
from tests.pattern_strategies import loose_texts, patterns, referring, texts

FUNCTION = regex("asked", "x", label=0)
SCHEMA = LabelSchema.from_names(["ham", "spam"])


def view_of(values: Any, rows: Any = None) -> ShardView:
    column = values if isinstance(values, (pa.Array, pa.ChunkedArray)) else text_array(values)
    ids = [f"id{i}" for i in range(len(column))]
    return ShardView(Shard(0, 0, pa.table({"id": ids, "text": column})), rows)


def found(search: Search, values: Any, rows: Any = None, **options: Any) -> list[bool]:
    mask: list[bool] = Matcher([search], **options).found(search, view_of(values, rows), FUNCTION).tolist()
    return mask


def plain(search: Search, values: Sequence[Any]) -> list[bool]:
    find = re.compile(search.pattern, search.flags).search
    return [value is not None and find(str(value)) is not None for value in values]


def check(searches: list[Search], values: list[str | None]) -> None:
    """All searches in one matcher, on one column: what one text holds must not show in the next."""
    matcher, view = Matcher(searches, time_limit=None), view_of(values)
    for search in searches:
        assert matcher.found(search, view, FUNCTION).tolist() == plain(search, values), search


@settings(deadline=None, max_examples=150)
@given(
    listed=st.lists(patterns, min_size=1, max_size=6),
    values=st.lists(st.one_of(texts, texts, texts, st.none()), max_size=30),
)
def test_matcher_agrees_with_re(listed: list[tuple[str, int]], values: list[str | None]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check([Search("text", *each) for each in listed], values)


@settings(deadline=None, max_examples=60)
@given(listed=st.lists(referring, min_size=1, max_size=3), values=st.lists(loose_texts, max_size=30))
def test_references_to_groups_agree_with_re(listed: list[tuple[str, int]], values: list[str | None]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check([Search("text", *each) for each in listed], values)


@settings(deadline=None, max_examples=50)
@given(listed=st.lists(patterns, min_size=1, max_size=4), values=st.lists(loose_texts, max_size=12))
def test_matcher_agrees_with_re_on_lone_surrogates(listed: list[tuple[str, int]], values: list[str | None]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check([Search("text", *each) for each in listed], values)


@settings(deadline=None, max_examples=40)
@given(listed=st.lists(patterns, min_size=1, max_size=4), value=texts, gap=st.integers(0, 3000))
def test_long_texts_agree_too(listed: list[tuple[str, int]], value: str, gap: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values: list[str | None] = [value + "-" * gap + value, "." * gap + value, value * (1 + gap // 50)]
        check([Search("text", *each) for each in listed if "+" not in each[0] and "*" not in each[0]], values)


WORDS = ["ask", "Straße", "c++", "İ", "don't", "K", "σ", "new york", "é", "ss"]
TEXTS = [
    "I ask.",
    "STRASSE straße",
    "C++!",
    "ı i İ",
    "don’t don't",
    "a \u212a b",
    "ΟΔΟΣ ς",
    "New York",
    "café É",
    "ſſ",
    "",
]


@pytest.mark.parametrize("options", [{}, {"substring": True}, {"case": True}, {"case": True, "substring": True}])
@pytest.mark.parametrize("switched_off", [False, True])
def test_keywords_mean_the_same_with_and_without_hyperscan(
    options: dict[str, bool], switched_off: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if switched_off:
        monkeypatch.setenv(SWITCH, "0")
    functions = [keywords(word, [word, "zebra"], label=1, **options) for word in WORDS]
    shard = Shard(0, 0, pa.table({"id": [str(i) for i in range(len(TEXTS))], "text": TEXTS}))
    plan = compile_functions(functions, SCHEMA)
    for function, column in zip(functions, plan.run(shard), strict=True):
        assert column.votes.tolist() == [1 if function.compiled.search(text) else -1 for text in TEXTS], function
    if switched_off:
        assert {path.how for path in plan.paths()} == {"arrow"}
        assert all("switched off by LABELKIT_HYPERSCAN" in path.why for path in plan.paths())


def test_nothing_is_found_across_two_texts() -> None:
    values = ["check", "out", "check\n", "\nout", "check  out", ""]
    for pattern in (
        r"check\s+out",
        r"check.*out",
        r"check[^x]*out",
        r"(?s)k.*o",
        r"k\Wo",
        r"check\s*$\s*out",
        r"(?m)k$\no",
    ):
        search = Search("text", pattern)
        assert found(search, values) == plain(search, values)


# --- columns


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["a foo", None, "", "fóo", "foo"], pa.string()),
        pa.array(["x", "a foo", None, "", "fóo", "foo"], pa.large_string())[1:],
        pa.array(["a foo", None, "", "fóo", "foo"]).dictionary_encode(),
        pa.array(["a foo", None, "", "fóo", "foo"]).cast(pa.string_view()),
        pa.chunked_array([["a foo", None], ["", "fóo", "foo"]]),
        text_array(["a foo", None, "", "\ud800foo", "\udc00 foo"]),
        pa.chunked_array([], pa.string()),
        pa.array([None, None], pa.string()),
        pa.nulls(2),
    ],
    ids=str,
)
@pytest.mark.parametrize("pattern", [r"\bfoo\b", "o+$", "^$", ".", r"(o)\1", "f.o"])
def test_every_kind_of_text_column(column: Any, pattern: str) -> None:
    search = Search("text", pattern)
    assert found(search, column) == plain(search, column.to_pylist())


def test_other_values_are_searched_as_str_writes_them() -> None:
    for column in (pa.array([10, None, 7]), pa.array([1.5, 10.0, None]), pa.array([True, None, False])):
        for pattern in ("^10$", r"\.", "True", "1"):
            assert found(Search("text", pattern), column) == plain(Search("text", pattern), column.to_pylist())
    with pytest.raises(LabelingFunctionError, match=r"needs text in 'text', which holds list"):
        found(Search("text", "x"), pa.array([["x"]]))
    with pytest.raises(LabelingFunctionError, match="reads the field 'body'; the fields of the items are id, text"):
        found(Search("body", "x"), ["x"])


def test_some_rows_of_a_shard() -> None:
    values = ["foo", "bar", None, "fóo foo", "", "(foo)"]
    for pattern in (r"\bfoo\b", "^$", r"(o)\1", "", "zzz"):
        every = found(Search("text", pattern), values)
        assert found(Search("text", pattern), values, np.array([5, 0, 3, 3])) == [every[i] for i in (5, 0, 3, 3)]
        assert found(Search("text", pattern), values, np.array([], dtype=np.int64)) == []


def test_text_with_lone_surrogates_comes_back_as_it_was() -> None:
    values = ["\ud800 a", None, "é"]
    column = text_array(values)
    assert isinstance(column.type, LooseText)
    assert column.to_pylist() == values
    assert text_array(["é", None]).type == pa.large_string()
    view = view_of(values)
    assert view.texts("text", FUNCTION) == values
    assert [row.text for row in view.rows()] == values


def test_texts_are_cut_into_blocks_of_bounded_size() -> None:
    values = pa.array(["x" * 1000] * 5000 + ["y" * 3 * BLOCK] + [""] * 10 + ["z"], pa.large_string())
    rows = np.arange(len(values)) * 2
    cut = list(blocks(values[1:], rows[1:]))
    assert np.concatenate([block.rows for block in cut]).tolist() == rows[1:].tolist()
    assert sorted(len(block.data) for block in cut)[-1] == 3 * BLOCK + 2
    assert sorted(len(block.data) for block in cut)[-2] <= BLOCK + 2000
    for block in cut:
        assert block.data[0] == block.data[-1] == 0xFF
        assert block.rows_at(block.starts + 1).tolist() == block.rows.tolist()
        assert all(block.data[start - 1] == 0xFF for start in block.starts)


def test_many_rows_in_many_blocks() -> None:
    values = [f"number {i} {'ü' if i % 7 == 0 else 'u'} {'x' * (i % 300)}" for i in range(20_000)]
    check(
        [Search("text", p) for p in (r"\b\d*99\b", r"7 ü x{3}", r"(\d)\1\1", r"u x{250,}$", r"^number 1.* u")], values
    )


# --- paths


@pytest.mark.parametrize(
    ("pattern", "how", "why"),
    [
        ("foo", "hyperscan", ""),
        (r"(a+)+$", "hyperscan", ""),
        (r"check\s+out", "hyperscan", ""),
        (r"\bfoo\b", "hyperscan + re", "only texts beyond ASCII need it: a class such as `\\w` beyond ASCII"),
        (
            r"(\w)x\1",
            "hyperscan + re",
            "only texts beyond ASCII need it: a class such as `\\w` beyond ASCII; a backreference",
        ),
        (r"(!|\?)\1{2,}", "hyperscan", ""),
        (r"\b(\w+) \1", "hyperscan + re", "a backreference"),
        (r"\b", "re", r"`\b` beside what may or may not be a word character"),
        ("x{40000}" + "y", "hyperscan + re", "a long counted repeat"),
        ("x" * 30_000, "re", "Hyperscan: Pattern length exceeds limit"),
        ("", "arrow", "it matches every item that has a value"),
        ("x*", "arrow", "it matches every item that has a value"),
        ("(?!)", "arrow", "it cannot match"),
    ],
)
def test_paths_say_how_and_why(pattern: str, how: str, why: str) -> None:
    search = Search("text", pattern)
    path = Matcher([search]).path(search)
    assert path.how == how
    assert why in path.why
    assert found(search, ["foo", "", "é"]) == plain(search, ["foo", "", "é"])


def test_without_hyperscan_everything_runs_in_re(monkeypatch: pytest.MonkeyPatch) -> None:
    values = ["foo bar", "éfoo", None, "", "fool"]
    search = Search("text", r"\bfoo")
    for word in ("0", "off", "False"):
        monkeypatch.setenv(SWITCH, word)
        assert Matcher([search]).path(search).how == "re"
        assert "switched off" in Matcher([search]).path(search).why
        assert found(search, values) == plain(search, values)
    monkeypatch.setenv(SWITCH, "1")
    assert Matcher([search]).path(search).how == "hyperscan + re"


def test_without_the_package_nothing_breaks() -> None:
    code = (
        "import sys; sys.modules['hyperscan'] = None\n"
        "import pyarrow as pa\n"
        "from labelkit import regex\n"
        "from labelkit.lf import Shard, compile_functions\n"
        "from labelkit.types import LabelSchema\n"
        "plan = compile_functions([regex('a', 'fo+', label=0)], LabelSchema.from_names(['x', 'y']))\n"
        "shard = Shard(0, 0, pa.table({'id': ['1', '2'], 'text': ['foo', 'bar']}))\n"
        "print(plan.run(shard)[0].votes.tolist(), plan.paths()[0].how, plan.paths()[0].why)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[0, -1] re Hyperscan is not installed"


def test_dense_patterns_end_in_re_and_say_so() -> None:
    values = [f"some words in text number {i}" for i in range(20_000)]
    searches = [Search("text", p) for p in (r"\w", "[a-z]+", "number 1")]
    matcher, view = Matcher(searches), view_of(values)
    for search in searches:
        assert matcher.found(search, view, FUNCTION).tolist() == plain(search, values)
    assert [matcher.path(search).how for search in searches] == ["re", "re", "hyperscan"]
    assert "so often" in matcher.path(searches[0]).why


def test_a_column_that_becomes_dense_later() -> None:
    values = ["quiet"] * 60_000 + ["loud!!!! " * 60] * 2000
    searches = [Search("text", p) for p in ("!", "loud", "t$")]
    matcher, view = Matcher(searches), view_of(values)
    for search in searches:
        assert matcher.found(search, view, FUNCTION).tolist() == plain(search, values)


def test_refused_patterns_are_found_among_the_others() -> None:
    expressions = [b"a", b"(", b"b", b"x{1,100000}", b"c"]
    scanner = Scanner(expressions)
    assert sorted(scanner.refused) == [1, 3]
    assert "Bounded repeat is too large" in scanner.refused[3]
    positions, ends, finished = scanner.scan(bytearray(b"cab"), 100)
    assert (positions.tolist(), ends.tolist(), finished) == ([4, 0, 2], [1, 2, 3], True)
    assert scanner.scan(bytearray(b"cab"), 2)[2] is False
    assert not Scanner([]).scan(bytearray(b"x"), 1)[0].size
    assert Scanner([b"("]).refused.keys() == {0}


def test_patterns_are_compiled_once_per_process() -> None:
    values = ["something to look at"]
    found(Search("text", "look at"), values)
    before = scanner_for.cache_info().misses
    found(Search("text", "look at"), values)
    assert scanner_for.cache_info().misses == before


def test_threads_may_share_a_matcher() -> None:
    values = [f"text {i} foo" if i % 3 else f"text {i}" for i in range(30_000)]
    search = Search("text", r"\d foo$")
    matcher, wanted, results = Matcher([search]), plain(search, values), []

    def work() -> None:
        results.append(matcher.found(search, view_of(values), FUNCTION).tolist() == wanted)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 4


# --- catastrophic patterns


def test_what_hyperscan_says_exactly_never_backtracks() -> None:
    values = ["a" * 50 + "b", "aaa", "é" + "a" * 50 + "b"]
    assert found(Search("text", "^(a+)+$"), values, time_limit=0.5) == [False, True, False]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer on this platform")
@pytest.mark.parametrize("switched_off", [False, True])
def test_catastrophic_backtracking_is_stopped_and_named(switched_off: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if switched_off:
        monkeypatch.setenv(SWITCH, "0")
    values = ["fine", "aab", "a" * 40 + "c", "fine"]
    search = Search("text", r"^(a+)+(?<!aa)c$")
    with pytest.raises(FunctionTimeout, match=r"labeling function 'asked' .* in item 'id2' for more than 0.2 s"):
        found(search, values, time_limit=0.2)
    shard = Shard(0, 0, pa.table({"id": ["a", "b"], "text": values[1:3]}))
    plan = compile_functions([regex("slow", search.pattern, label=0)], SCHEMA, time_limit=0.2)
    with pytest.raises(FunctionTimeout, match=r"'slow' .* in item 'b'"):
        plan.run(shard, fault_tolerant=True)


@pytest.mark.slow
def test_a_text_of_100_mb() -> None:
    values = ["short foo", "lorem ipsum dolor " * 5_600_000 + "bär foo", "foo"]
    searches = [Search("text", p) for p in (r"\bfoo$", "ipsum", "zebra", r"bär\s", "e")]
    matcher, view = Matcher(searches), view_of(values)
    assert [matcher.found(search, view, FUNCTION).tolist() for search in searches] == [
        [True, True, True],
        [False, True, False],
        [False, False, False],
        [False, True, False],
        [False, True, False],
    ]
