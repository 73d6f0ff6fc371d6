"""Slicing functions: declared, discovered beside labeling functions, run, and never counted among them."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from labelkit import LFApplier, labeling_function, slice_expression, slicing_function
from labelkit.errors import DiscoveryError, FunctionFault, InvalidVote, LabelingFunctionError
from labelkit.lf import MEMBERSHIP, Shard, apply_functions, discover, discover_all, fingerprint
from labelkit.types import LabelSchema

SCHEMA = LabelSchema.from_names(["ham", "spam"])
TEXTS = ["one", "two words", "three words here", "WHY?", ""]
TABLE = pa.table({"id": [str(i) for i in range(len(TEXTS))], "text": TEXTS, "stars": [1, None, 3, 4, 5]})


def members(function: Any, **options: Any) -> list[bool]:
    (column,) = apply_functions([function], Shard(0, 0, TABLE), MEMBERSHIP, **options)
    assert set(column.votes.tolist()) <= {0, -1}
    return (column.votes == 0).tolist()


def discovered(tmp_path: Path, **files: str) -> Any:
    (tmp_path / "labeling_functions").mkdir(exist_ok=True)
    for name, text in files.items():
        head = "import labelkit\nfrom labelkit import *\nfrom labelkit import slicing_function, slice_expression\n"
        (tmp_path / "labeling_functions" / f"{name}.py").write_text(head + text, encoding="utf-8")
    return discover_all(tmp_path, ["labeling_functions/*.py"])


def test_what_python_commonly_returns_for_yes_and_no() -> None:
    yes_and_no = {
        "a comparison": lambda row: len(row.text) > 4,
        "numpy's bool": lambda row: np.bool_(len(row.text) > 4),
        "one and zero": lambda row: int(len(row.text) > 4),
        "a count": lambda row: row.text.count(" "),
        "a match or None": lambda row: re.search(" ", row.text),
        "True or nothing": lambda row: True if " " in row.text else None,
    }
    for name, function in yes_and_no.items():
        assert members(slicing_function(name)(function)) == [False, True, True, False, False], name


@pytest.mark.parametrize("value", ["yes", "", -1, 0.5, float("nan"), [1], np.array([1, 2]), object()])
def test_anything_else_is_an_error_that_names_function_item_and_value(value: Any) -> None:
    @slicing_function()
    def odd(row: Any) -> Any:
        return value if row.id == "3" else False

    with pytest.raises(InvalidVote, match=r"slicing function 'odd' \(.*\) returned .* on item '3'.*True or False"):
        members(odd)
    with pytest.raises(InvalidVote):  # fault tolerance does not hide it
        members(odd, fault_tolerant=True)


def test_one_that_raises() -> None:
    @slicing_function()
    def strict(row: Any) -> bool:
        return row.stars > 2

    with pytest.raises(
        FunctionFault, match=r"slicing function 'strict' .* on item '1'.*@slicing_function\(fault"
    ) as told:
        members(strict)
    assert "\n" not in str(told.value)
    (column,) = apply_functions([strict], Shard(0, 0, TABLE), MEMBERSHIP, fault_tolerant=True)
    assert (column.votes.tolist(), column.fault_count) == ([-1, -1, 0, 0, 0], 1)


def test_resources_preprocessors_and_names_are_those_of_labeling_functions() -> None:
    def lower(row: Any) -> Any:
        row.text = row.text.lower()
        return row

    @slicing_function("asks", resources={"words": {"why?"}}, pre=[lower])
    def function(row: Any, words: set[str]) -> bool:
        return bool(words & set(row.text.split()))

    assert function.name == "asks"
    assert members(function) == [False, False, False, True, False]
    assert function(SimpleNamespace(text="WHY?")) is True


def test_without_parentheses() -> None:
    @slicing_function
    def bare(row: Any) -> bool:
        return not row.text

    assert members(bare)[-1] is True


def test_an_expression() -> None:
    assert members(slice_expression("short", "word_count <= 1")) == [True, False, False, True, True]
    # Where a missing value leaves it open, the item is not in it.
    assert members(slice_expression("good", "stars >= 3")) == [False, False, True, True, True]


@pytest.mark.parametrize(
    ("declare", "words"),
    [
        (lambda: slicing_function()(3), r"@slicing_function\(\) decorates a function"),
        (lambda: slicing_function()(lambda row: True), r'slicing_function\("some_name"\)'),
        (lambda: slicing_function("")(len), "empty name"),
        (lambda: slice_expression("", "word_count < 5"), "empty name"),
        (lambda: slice_expression("x", "word_count <"), "position 13"),
        (lambda: slice_expression("x", "word_count"), "where a condition is needed"),
        (lambda: slice_expression("x", None), "needs a condition"),  # type: ignore[arg-type]
    ],
)
def test_declarations_that_make_no_sense(declare: Any, words: str) -> None:
    with pytest.raises(LabelingFunctionError, match=words):
        declare()


def test_a_field_that_the_items_do_not_have() -> None:
    with pytest.raises(
        LabelingFunctionError, match=r"slicing function 'x' .* reads the field 'plan'.* id, text, stars"
    ):
        members(slice_expression("x", "plan == 'free'"))


def test_they_are_found_apart_from_labeling_functions(tmp_path: Path) -> None:
    found = discovered(
        tmp_path,
        a="""
regex("link", "http", label="spam")
slice_expression("short", "word_count < 5")

@slicing_function()
def shouting(row):
    return row.text.isupper()
""",
        b="""
from snorkel.slicing import slicing_function as snorkels

@snorkels()
def theirs(x):
    return len(x.text) > 5

@snorkels(name="in_a_list")
def hidden(x):
    return True

held = [hidden]
""",
    )
    assert [f.name for f in found.functions] == ["link"]
    assert [f.name for f in found.slices] == ["short", "shouting", "theirs", "in_a_list"]
    assert [(f.file, f.line) for f in found.slices[:2]] == [
        ("labeling_functions/a.py", 6),
        ("labeling_functions/a.py", 8),
    ]
    assert [f.name for f in discover(tmp_path, ["labeling_functions/*.py"])] == ["link"]
    assert members(found.slices[2].function) == [False, True, True, False, False]


def test_a_project_of_slices_only_has_no_labeling_function(tmp_path: Path) -> None:
    with pytest.raises(DiscoveryError, match="no labeling function is declared"):
        discovered(tmp_path, a='slice_expression("short", "word_count < 5")\n')


def test_a_name_is_given_once_to_either_kind(tmp_path: Path) -> None:
    text = 'regex("same", "x", label="spam")\nslice_expression("same", "word_count < 5")\n'
    with pytest.raises(DiscoveryError, match=r"a labeling function and a slicing function are both named 'same': .*:4"):
        discovered(tmp_path, a=text)
    twice = 'regex("x", "x", label=0)\n' + 'slice_expression("same", "word_count < 5")\n' * 2
    with pytest.raises(DiscoveryError, match="two slicing functions are named 'same'"):
        discovered(tmp_path, a=twice)


def test_a_fingerprint_follows_the_code_and_is_no_labeling_functions(tmp_path: Path) -> None:
    def of(function: Any) -> str:
        return fingerprint(function, MEMBERSHIP, tmp_path).digest

    def long(row: Any) -> Any:
        return row.text > "m"

    def longer(row: Any) -> Any:
        return row.text > "n"

    assert of(slicing_function("f")(long)) == of(slicing_function("f")(long))
    assert of(slicing_function("f")(long)) != of(slicing_function("f")(longer))
    assert of(slicing_function("f")(long)) != of(labeling_function("f")(long))
    assert of(slice_expression("f", "word_count < 5")) == of(slice_expression("f", "word_count<5"))
    from labelkit import expression

    assert of(slice_expression("f", "word_count < 5")) != of(expression("f", "word_count < 5", label=0))


def test_they_are_no_labeling_functions_for_the_applier() -> None:
    from snorkel.slicing import slicing_function as snorkels

    for function in (slice_expression("short", "word_count < 5"), snorkels(name="short")(lambda x: True)):
        with pytest.raises(LabelingFunctionError, match="'short' is a slicing function, which does not vote"):
            LFApplier([function])
