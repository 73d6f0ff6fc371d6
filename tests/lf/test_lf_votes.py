"""Votes of every kind of labeling function."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit import expression, keywords, labeling_function, lookup, model, regex
from labelkit.errors import FunctionFault, InvalidVote, LabelingFunctionError, UnknownLabel
from labelkit.lf import Shard, apply_functions, compile_functions
from labelkit.types import LabelClass, LabelSchema

SCHEMA = LabelSchema.from_names(["ham", "spam", "other"])


def shard_of(texts: Sequence[str], **fields: Any) -> Shard:
    ids = [f"id{i}" for i in range(len(texts))]
    columns: dict[str, Any] = {"id": pa.array(ids, pa.string()), "text": pa.array(texts, pa.string())}
    return Shard(0, 0, pa.table({**columns, **fields}))


def votes_of(function: Any, shard: Shard, **options: Any) -> list[int]:
    (column,) = apply_functions([function], shard, SCHEMA, **options)
    assert column.function == function.name
    found: list[int] = column.votes.tolist()
    return found


def holds(text: str, shard: Shard) -> list[bool]:
    return [vote == 1 for vote in votes_of(expression("e", text, label="spam"), shard)]


# --- regex and keywords


def test_regex_has_the_meaning_of_re_search() -> None:
    shard = shard_of(["see http://x", "none", "", "HTTP://X", "a\nhttp://b"])
    assert votes_of(regex("link", r"https?://", label="spam"), shard) == [1, -1, -1, -1, 1]
    assert votes_of(regex("link", r"^http", label=1, flags=re.I | re.M), shard) == [-1, -1, -1, 1, 1]
    assert votes_of(regex("empty", r"^$", label="ham"), shard) == [-1, -1, 0, -1, -1]
    assert votes_of(regex("back", r"(t)\1", label="other"), shard) == [2, -1, -1, -1, 2]


def test_patterns_on_other_fields() -> None:
    shard = shard_of(["a", "b", "c"], plan=["free", None, "pro"], seats=[10, None, 7], paid=[True, None, False])
    assert votes_of(regex("f", "^free$", label="ham", field="plan"), shard) == [0, -1, -1]
    assert votes_of(regex("f", "^", label="ham", field="plan"), shard) == [0, -1, 0]
    assert votes_of(regex("f", "^10$", label="ham", field="seats"), shard) == [0, -1, -1]
    assert votes_of(keywords("f", ["PRO"], label="ham", field="plan"), shard) == [-1, -1, 0]
    assert votes_of(keywords("f", ["true"], label="ham", field="paid"), shard) == [0, -1, -1]
    null = shard_of(["a"], plan=pa.nulls(1))
    assert votes_of(keywords("f", ["PRO"], label="ham", field="plan"), null) == [-1]


def test_keywords_are_whole_words_in_any_case() -> None:
    shard = shard_of(["Refund!", "refunded", "a C++ fan", "c+++", "REFUND_", "sign  in", "please sign in."])
    assert votes_of(keywords("k", ["refund"], label="spam"), shard) == [1, -1, -1, -1, -1, -1, -1]
    assert votes_of(keywords("k", ["refund"], label="spam", substring=True), shard) == [1, 1, -1, -1, 1, -1, -1]
    assert votes_of(keywords("k", ["refund"], label="spam", case=True), shard) == [-1] * 7
    assert votes_of(keywords("k", ["c++"], label="spam"), shard) == [-1, -1, 1, 1, -1, -1, -1]
    assert votes_of(keywords("k", ["sign in"], label="spam"), shard) == [-1] * 6 + [1]


def test_keywords_on_unicode() -> None:
    shard = shard_of(["ÄRGER", "2 Kelvin", "straße", "STRASSE"])
    assert votes_of(keywords("k", ["ärger"], label="spam"), shard) == [1, -1, -1, -1]
    assert votes_of(keywords("k", ["kelvin"], label="spam"), shard) == [-1, 1, -1, -1]


word_characters = "abKkſsßÄäéİiıΣσς_ .+1\u212a\n'"
words = st.text(st.sampled_from(word_characters), min_size=1, max_size=4).filter(lambda word: bool(word.strip()))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(words, min_size=1, max_size=4),
    st.lists(st.one_of(st.text(max_size=12), st.lists(words, max_size=5).map(" ".join)), max_size=8),
    st.booleans(),
    st.booleans(),
)
def test_keywords_equal_plain_python(listed: list[str], texts: list[str], substring: bool, case: bool) -> None:
    flags = 0 if case else re.IGNORECASE

    def occurs(word: str, text: str) -> bool:
        for match in re.finditer(f"(?=({re.escape(word)}))", text, flags):
            start, end = match.span(1)
            before, after = text[start - 1 : start], text[end : end + 1]
            if substring or not (re.match(r"\w", before) or re.match(r"\w", after)):
                return True
        return False

    expected = [0 if any(occurs(word, text) for word in listed) else -1 for text in texts]
    function = keywords("k", listed, label="ham", substring=substring, case=case)
    assert votes_of(function, shard_of(texts)) == expected


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([r"\bs", r"(?i)ſ", r"a|b", r"^\s*$", r"(?<!a)b", r"(.)\1", r"\w+\W", ".", "", r"\d{2,}", r"$"]),
    st.lists(st.text(max_size=20), max_size=8),
)
def test_regex_equals_re(pattern: str, texts: list[str]) -> None:
    expected = [2 if re.search(pattern, text) else -1 for text in texts]
    assert votes_of(regex("r", pattern, label="other"), shard_of(texts)) == expected


# --- expressions


def fields_shard() -> Shard:
    return shard_of(
        ["one two three", "", "  Thanks \u2003 a lot "],
        plan=["free", None, "pro"],
        seats=["12", " 7.5 ", "many"],
        age=pa.array([5, None, -3], pa.int16()),
        score=[0.5, float("nan"), 2.0],
        paid=[True, None, False],
        flag=["True", "no", "false"],
        tags=[["a", "b"], None, []],
        price=[Decimal("1.50"), None, Decimal("2.00")],
        day=[datetime.date(2024, 1, 2), None, datetime.date(2025, 1, 1)],
        kind=pa.array(["x", None, "y"]).dictionary_encode(),
        nothing=pa.nulls(3),
        **{"two words": ["A", "b", None]},
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("word_count < 2", [False, True, False]),
        ("word_count == 3", [True, False, True]),
        ("char_count == 0", [False, True, False]),
        ("word_count < 5 and plan == 'free'", [True, False, False]),
        ("plan != 'free'", [False, False, True]),
        ("not plan == 'free'", [False, False, True]),
        ("not (plan == 'free' or plan == 'pro')", [False, False, False]),
        ("plan is None", [False, True, False]),
        ("plan is not None", [True, False, True]),
        ("plan is None or plan == 'pro'", [False, True, True]),
        ("plan in ['free', 'team']", [True, False, False]),
        ("plan not in ('free', 'team')", [False, False, True]),
        ("plan > 'g'", [False, False, True]),
        ("seats > 7", [True, True, False]),
        ("not seats > 7", [False, False, False]),
        ("seats == '12'", [True, False, False]),
        ("seats in [12, 'many']", [True, False, True]),
        ("1 <= age < 6", [True, False, False]),
        ("age == -3", [False, False, True]),
        ("age in [-3, 5.0]", [True, False, True]),
        ("age == '5'", [True, False, False]),
        ("-age > 0", [False, False, True]),
        ("+age > 0", [True, False, False]),
        ("score is None", [False, True, False]),
        ("score < 1", [True, False, False]),
        ("age + score > 5", [True, False, False]),
        ("age // 2 == 2", [True, False, False]),
        ("age // 2 == -2", [False, False, True]),
        ("age % 2 == 1", [True, False, True]),
        ("age / 0 > 0 or age / 0 <= 0", [False, False, False]),
        ("seats * 2 == 24", [True, False, False]),
        ("paid", [True, False, False]),
        ("not paid", [False, False, True]),
        ("paid == False", [False, False, True]),
        ("paid == 1", [True, False, False]),
        ("flag == True", [True, False, False]),
        ("flag != True", [False, False, True]),
        ("len(tags) == 2", [True, False, False]),
        ("len(tags) == 0", [False, False, True]),
        ("tags is None", [False, True, False]),
        ("price > 1.75", [False, False, True]),
        ("day >= '2025-01-01'", [False, False, True]),
        ("kind == 'y'", [False, False, True]),
        ("nothing == 1", [False, False, False]),
        ("nothing == 'a'", [False, False, False]),
        ("nothing", [False, False, False]),
        ("nothing is None", [True, True, True]),
        ("len(nothing) > 0", [False, False, False]),
        ("field('two words') == 'A'", [True, False, False]),
        ("lower(field('two words')) in ['a', 'b']", [True, True, False]),
        ("text.strip().lower().startswith('thanks')", [False, False, True]),
        ("endswith(text, 'three')", [True, False, False]),
        ("upper(plan) == 'PRO'", [False, False, True]),
        ("contains(text, 'two')", [True, False, False]),
        ("'two' in text", [True, False, False]),
        ("'two' not in text", [False, True, True]),
        ("contains(age, '3')", [False, False, True]),
        ("len(text) == char_count", [True, True, True]),
        ("len(plan.strip()) > 3", [True, False, False]),
        ("score < age", [True, False, False]),
        ("True", [True, True, True]),
        ("1 > 2 or paid", [True, False, False]),
        ("word_count > 1\n  and plan == 'pro'", [False, False, True]),
    ],
)
def test_expressions(text: str, expected: list[bool]) -> None:
    assert holds(text, fields_shard()) == expected


def test_a_field_named_like_a_built_in_wins() -> None:
    assert holds("word_count > 100", shard_of(["a b"], word_count=[200])) == [True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("plna == 'free'", "reads the field 'plna'; the fields of the items are id, text, plan, seats"),
        ("plan", "holds large_string, where a condition is needed"),
        ("tags == 'a'", "cannot be compared"),
        ("tags in ['a']", "cannot be compared"),
        ("tags + 1 > 2", "is no number"),
        ("contains(tags, 'a')", "is no text"),
    ],
)
def test_expressions_that_do_not_fit_the_items(text: str, message: str) -> None:
    with pytest.raises(LabelingFunctionError) as caught:
        holds(text, fields_shard())
    assert message in str(caught.value)
    assert "'e'" in str(caught.value)
    assert f"{__file__}:" in str(caught.value)


numbers = st.one_of(st.none(), st.integers(-5, 5))
strings = st.one_of(st.none(), st.sampled_from(["", "a", "B", "ab", " 3 ", "-1", "x1", "é", "2.5"]))
comparisons = st.sampled_from(["<", "<=", "==", "!=", ">", ">="])


@st.composite
def conditions(draw: st.DrawFn, depth: int = 3) -> str:
    """A condition over the number fields m, n and the text fields s, t."""
    if depth and draw(st.booleans()):
        shape = draw(st.sampled_from(["({} and {})", "({} or {})", "(not {})"]))
        return shape.format(*(draw(conditions(depth=depth - 1)) for _ in range(shape.count("{}"))))
    op, number, text = draw(comparisons), draw(st.integers(-4, 4)), draw(st.sampled_from(["a", "ab", "B"]))
    return draw(
        st.sampled_from(
            [
                f"m {op} {number}",
                f"m {op} n",
                f"{number} {op} m {op} n",
                f"m + n * 2 {op} {number}",
                f"m - {number} {op} n",
                f"s {op} {text!r}",
                f"s {op} t",
                f"s in [{text!r}, 'x1']",
                f"m not in [{number}, 0]",
                f"contains(s, {text!r})",
                f"lower(s).startswith({text.lower()!r})",
                f"len(s) {op} {abs(number)}",
                "s is None",
                "m is not None",
            ]
        )
    )


def _kleene(text: str, row: dict[str, Any]) -> bool | None:
    """The oracle: one row in plain Python, None where undecided."""
    import ast

    def undecided(node: ast.expr) -> bool:
        names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        return any(row.get(name, 0) is None for name in names)

    def run(node: ast.expr) -> bool | None:
        if isinstance(node, ast.BoolOp):
            parts = [run(part) for part in node.values]
            decisive = isinstance(node.op, ast.Or)
            return decisive if decisive in parts else None if None in parts else not decisive
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = run(node.operand)
            return None if inner is None else not inner
        if isinstance(node, ast.Compare) and len(node.ops) > 1:
            steps = [node.left, *node.comparators]
            pairs = zip(steps, node.ops, steps[1:], strict=False)
            links = [run(ast.Compare(left, [op], [right])) for left, op, right in pairs]
            return False if False in links else None if None in links else True
        is_none = isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Is, ast.IsNot))
        if not is_none and undecided(node):
            return None
        known = {"contains": lambda a, b: b in a, "lower": str.lower, **row}
        compiled = compile(ast.fix_missing_locations(ast.Expression(node)), "oracle", "eval")
        return bool(eval(compiled, {}, known))

    return run(ast.parse(text, mode="eval").body)


@settings(max_examples=400, deadline=None)
@given(conditions(), st.lists(st.tuples(numbers, numbers, strings, strings), min_size=1, max_size=6))
def test_expressions_equal_plain_python(text: str, rows: list[tuple[Any, ...]]) -> None:
    m, n, s, t = zip(*rows, strict=True)
    ints, texts = pa.int64(), pa.string()
    shard = shard_of(
        ["x"] * len(rows), m=pa.array(m, ints), n=pa.array(n, ints), s=pa.array(s, texts), t=pa.array(t, texts)
    )
    expected = [_kleene(text, dict(zip("mnst", row, strict=True))) is True for row in rows]
    assert holds(text, shard) == expected


# --- lookup


def test_lookup_from_mapping_list_and_numbers() -> None:
    shard = shard_of(["a", "b", "c"], plan=["free", None, "pro"], seats=[5, None, 7], ratio=[5.0, 1.5, None])
    assert votes_of(lookup("l", {"free": "ham", "pro": 2}, field="plan"), shard) == [0, -1, 2]
    assert votes_of(lookup("l", {"free", "pro"}, field="plan", label="spam"), shard) == [1, -1, 1]
    assert votes_of(lookup("l", {"free": "f", "pro": "p"}, field="plan", label={"p": "spam"}), shard) == [-1, -1, 1]
    assert votes_of(lookup("l", {5: "ham", "7": "spam"}, field="seats"), shard) == [0, -1, 1]
    assert votes_of(lookup("l", {5: "ham", 1.5: "spam"}, field="ratio"), shard) == [0, 1, -1]
    assert votes_of(lookup("l", ["b"], label="spam"), shard) == [-1, 1, -1]


def test_lookup_from_file(tmp_path: Path) -> None:
    (tmp_path / "plans.csv").write_text('plan,label,note\nfree,ham,x\n"a,b",spam,y\n\n', encoding="utf-8-sig")
    shard = shard_of(["a", "b"], plan=["free", "a,b"])
    assert votes_of(lookup("l", tmp_path / "plans.csv", field="plan"), shard) == [0, 1]
    assert votes_of(lookup("l", str(tmp_path / "plans.csv"), field="plan", label="other"), shard) == [2, 2]


def test_lookup_in_lists_is_an_error() -> None:
    with pytest.raises(LabelingFunctionError, match="single values, but 'tags' holds list"):
        votes_of(lookup("l", ["a"], label=0, field="tags"), shard_of(["a"], tags=[["a"]]))


# --- model


class Estimator:
    """Sure of spam as its text says, in percent."""

    def __init__(self, classes: Sequence[Any]) -> None:
        self.classes_ = np.array(classes)
        self.batches: list[int] = []

    def predict_proba(self, texts: list[str]) -> Any:
        self.batches.append(len(texts))
        spam = np.array([int(text) / 100 for text in texts])
        return np.stack([1 - spam, spam], axis=1)


def test_model_votes_where_it_is_sure() -> None:
    shard = shard_of(["90", "80", "50", "5"], more=["90", None, None, "10"])
    assert votes_of(model("m", Estimator(["ham", "spam"]), threshold=0.8), shard) == [1, 1, -1, 0]
    assert votes_of(model("m", Estimator([0, 1]), threshold=0.8), shard) == [1, 1, -1, 0]
    assert votes_of(model("m", Estimator([0, 1]), threshold=0.8, label="spam"), shard) == [1, 1, -1, -1]
    assert votes_of(model("m", Estimator([0, 1]), threshold=0.3, label="spam"), shard) == [1, 1, 1, -1]
    both = model("m", Estimator(["no", "yes"]), threshold=0.9, classes={"no": "other", "yes": "ham"})
    assert votes_of(both, shard) == [0, -1, -1, 2]
    assert votes_of(model("m", Estimator(["ham", "spam"]), threshold=0.9, field="more"), shard) == [1, -1, -1, 0]


def test_model_as_function_in_batches() -> None:
    sizes: list[int] = []

    def shares(texts: list[str]) -> list[float]:
        sizes.append(len(texts))
        return [int(text) / 100 for text in texts]

    shard = shard_of(["90", "80", "50", "5", "95"])
    assert votes_of(model("m", shares, label="spam", batch_size=2), shard) == [1, 1, -1, -1, 1]
    assert sizes == [2, 2, 1]


def test_a_real_scikit_learn_classifier() -> None:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    texts = ["win money now", "free money", "see you at lunch", "lunch tomorrow"]
    fitted = make_pipeline(CountVectorizer(), MultinomialNB()).fit(texts, ["spam", "spam", "ham", "ham"])
    assert votes_of(model("nb", fitted, threshold=0.6), shard_of(["money money", "lunch", "zebra"])) == [1, 0, -1]


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ([0.5], r"shape \(1,\) for the 2 items 'id0' to 'id1'; expected \(2, 1\)"),
        ([[0.5, 0.5]] * 2, r"shape \(2, 2\).*Say with classes="),
        ([0.5, 1.5], r"\[1.5\] on item 'id1'"),
        ([float("nan"), 0.5], r"\[nan\] on item 'id0'"),
        (["spam", "ham"], "instead of probabilities"),
        (None, "expected|instead of"),
    ],
)
def test_models_that_return_no_probabilities(returned: Any, message: str) -> None:
    with pytest.raises(InvalidVote, match=message):
        votes_of(model("m", lambda texts: returned, label="spam"), shard_of(["a", "b"]), fault_tolerant=True)


def test_model_faults() -> None:
    shard = shard_of(["90", "x", "95"])
    function = model("m", Estimator(["ham", "spam"]), label="spam")
    with pytest.raises(FunctionFault, match=r"'m'.*ValueError: invalid literal.*3 items 'id0' to 'id2'"):
        votes_of(function, shard)
    (column,) = apply_functions([function], shard, SCHEMA, fault_tolerant=True)
    assert column.votes.tolist() == [1, -1, 1]
    assert (column.fault_count, column.faults[0].item_id) == (1, "id1")


def test_model_label_must_be_among_its_classes() -> None:
    with pytest.raises(LabelingFunctionError, match="votes 'other', which is not among its model's classes"):
        votes_of(model("m", Estimator(["ham", "spam"]), label="other"), shard_of(["1"]))


# --- all together


def every_kind() -> list[Any]:
    @labeling_function()
    def python(row: Any) -> Any:
        return "ham" if row.text else None

    return [
        regex("regex", "a", label="spam"),
        python,
        keywords("keywords", ["a"], label="spam"),
        expression("expression", "word_count > 0", label="spam"),
        lookup("lookup", ["a"], label="spam"),
        model("model", lambda texts: [1.0] * len(texts), label="spam"),
    ]


def test_columns_come_in_the_order_of_the_functions() -> None:
    functions = every_kind()
    columns = apply_functions(functions, shard_of(["a", ""]), SCHEMA)
    assert [column.function for column in columns] == [function.name for function in functions]
    assert [column.votes.tolist() for column in columns] == [[1, -1], [0, -1], [1, -1], [1, -1], [1, -1], [1, 1]]


def test_empty_shard_and_no_functions() -> None:
    for column in apply_functions(every_kind(), shard_of([]), SCHEMA):
        assert column.votes.shape == (0,)
        assert column.votes.dtype == np.int8
    assert apply_functions([], shard_of(["a"]), SCHEMA) == []


def test_rows_picks_positions_in_their_order() -> None:
    shard = shard_of(["a", "", "a", ""])
    for column in apply_functions(every_kind()[:5], shard, SCHEMA, rows=np.array([3, 0, 2])):
        assert (column.votes >= 0).tolist() == [False, True, True]
    for column in apply_functions(every_kind(), shard, SCHEMA, rows=np.array([], dtype=np.int64)):
        assert column.votes.shape == (0,)


def test_input_is_untouched_and_runs_repeat() -> None:
    shard = shard_of(["a", "b a", ""])
    before = shard.table.to_pydict()
    plan = compile_functions(every_kind(), SCHEMA)
    first, second = plan.run(shard), plan.run(shard)
    assert shard.table.to_pydict() == before
    assert all(np.array_equal(a.votes, b.votes) for a, b in zip(first, second, strict=True))


def test_votes_are_stable_ids_in_a_wide_enough_type() -> None:
    schema = LabelSchema((LabelClass(300, "big"), LabelClass(2, "small", ("tiny",))), merged={7: 2})
    functions = [regex("a", "a", label="big"), regex("b", "a", label="tiny"), regex("c", "a", label=7)]
    columns = apply_functions(functions, shard_of(["a", "b"]), schema)
    assert [column.votes.tolist() for column in columns] == [[300, -1], [2, -1], [2, -1]]
    assert {column.votes.dtype for column in columns} == {np.dtype(np.int16)}


@pytest.mark.parametrize("label", ["spma", 9])
def test_unknown_label_names_the_function(label: Any) -> None:
    declared = [
        regex("f", "a", label=label),
        keywords("f", ["a"], label=label),
        expression("f", "True", label=label),
        lookup("f", {"a": label}),
        model("f", lambda texts: [1.0], label=label),
    ]
    for function in declared:
        with pytest.raises(UnknownLabel, match=rf"'f' \(.*\d\): unknown label {label!r}.*; the labels are 0 = ham"):
            apply_functions([function], shard_of(["a"]), SCHEMA)


@pytest.mark.parametrize("field", ["plna", "ID"])
def test_unknown_field_lists_the_fields(field: str) -> None:
    for function in (regex("f", "a", label=0, field=field), lookup("f", ["a"], label=0, field=field)):
        with pytest.raises(LabelingFunctionError, match=rf"'{field}'; the fields of the items are id, text, plan"):
            apply_functions([function], shard_of(["a"], plan=["x"]), SCHEMA)


def test_regex_on_lists_is_an_error() -> None:
    with pytest.raises(LabelingFunctionError, match="needs text in 'tags', which holds list"):
        votes_of(regex("f", "a", label=0, field="tags"), shard_of(["a"], tags=[["a"]]))


def test_what_is_no_labeling_function_is_refused() -> None:
    with pytest.raises(LabelingFunctionError, match="no labeling function"):
        apply_functions([len], shard_of(["a"]), SCHEMA)


def test_chunked_and_sliced_tables() -> None:
    table = pa.concat_tables([shard_of(["a", "b"]).table, shard_of(["a"]).table]).slice(1)
    for column in apply_functions(every_kind()[:5], Shard(0, 0, table), SCHEMA):
        assert len(column.votes) == 2
    assert votes_of(regex("r", "a", label=0), Shard(0, 0, table)) == [-1, 0]


def test_models_saved_with_skops(tmp_path: Path) -> None:
    from importlib.util import find_spec

    path = tmp_path / "nb.skops"
    if find_spec("skops") is None:
        path.write_bytes(b"")
        with pytest.raises(LabelingFunctionError, match=r"nb.skops, which skops reads. Run pip install skops"):
            model("nb", path, label="spam")
        return
    import skops.io  # type: ignore[import-not-found,unused-ignore]
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    skops.io.dump(make_pipeline(CountVectorizer(), MultinomialNB()).fit(["win", "lunch"], ["spam", "ham"]), path)
    assert votes_of(model("nb", path, threshold=0.6), shard_of(["win", "lunch"])) == [1, 0]
    path.write_bytes(b"damaged")
    with pytest.raises(LabelingFunctionError, match=r"cannot be loaded from nb.skops"):
        model("nb", path)
