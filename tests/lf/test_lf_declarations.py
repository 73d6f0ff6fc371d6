"""What can be declared, and the error for what cannot."""
# mypy: disable-error-code="arg-type,list-item,call-overload"

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labelkit import expression, keywords, labeling_function, lookup, model, regex
from labelkit.errors import LabelingFunctionError


def test_public_names_are_the_declarations() -> None:
    import labelkit.lf

    for name in labelkit.lf.__all__:
        assert getattr(labelkit.lf, name) is not None
    assert callable(labelkit.lf.fingerprint)
    assert callable(labelkit.lf.regex)


def test_a_declaration_knows_its_place_and_itself_only() -> None:
    one = regex("a", "x", label=0)
    two = regex("a", "x", label=0)
    assert one.site.file == __file__
    assert one.site.line == two.site.line - 1
    assert one != two
    assert len({one, two}) == 2
    with pytest.raises(AttributeError):
        one.pattern = "y"  # type: ignore[misc]


def test_compiled_pattern_brings_its_flags() -> None:
    function = regex("a", re.compile("x", re.IGNORECASE), label="spam")
    assert function.compiled.search("X")


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: regex("", "x", label=0), "empty name"),
        (lambda: regex(" ", "x", label=0), "empty name"),
        (lambda: regex(" a", "x", label=0), "begins or ends with a space"),
        (lambda: regex("a\nb", "x", label=0), "do not print"),
        (lambda: regex(7, "x", label=0), "must be a string, not 7"),
        (lambda: regex("a", "x(", label=0), "missing ), unterminated subpattern at position 1"),
        (lambda: regex("a", "[b-a]", label=0), "at position 1"),
        (lambda: regex("a", "a{99999999999999999999}", label=0), "cannot be compiled"),
        (lambda: regex("a", b"x", label=0), "a pattern that is a string, not b'x'"),
        (lambda: regex("a", "x", label=-1), "name or number of a class, not -1"),
        (lambda: regex("a", "x", label=True), "not True"),
        (lambda: regex("a", "x", label=1.0), "not 1.0"),
        (lambda: regex("a", "x", label=""), "not ''"),
        (lambda: regex("a", "x", label=None), "not None"),
        (lambda: regex("a", "x", label=0, field=""), "the name of a field, not ''"),
        (lambda: regex("a", "x", label=0, field=3), "the name of a field, not 3"),
        (lambda: keywords("a", [], label=0), "has no words"),
        (lambda: keywords("a", ["x", " "], label=0), "empty word (word 2 of 2)"),
        (lambda: keywords("a", ["x", 3], label=0), "3 as word 2"),
        (lambda: keywords("a", "refund", label=0), "Write ['refund']"),
        (lambda: keywords("a", None, label=0), "a list of words, not None"),
        (lambda: lookup("a", {}, field="plan"), "empty table"),
        (lambda: lookup("a", ["x"], field="plan"), "a table without classes"),
        (lambda: lookup("a", 3, field="plan"), "not 3"),
        (lambda: lookup("a", {"x": True}, field="plan"), "not True"),
        (lambda: lookup("a", {1: "spam", "1": "ham"}, field="plan"), "gives '1' both 'spam' and 'ham'"),
        (lambda: lookup("a", {None: "spam"}, field="plan"), "no field can be equal to"),
        (lambda: lookup("a", {"x": "y"}, field="plan", label={"z": "spam"}), "has no entry"),
        (lambda: lookup("a", "nowhere.csv", field="plan"), "'nowhere.csv', which is not there"),
        (lambda: model("a", len, label=0, threshold=0), "above 0 and at most 1, not 0"),
        (lambda: model("a", len, label=0, threshold=1.5), "not 1.5"),
        (lambda: model("a", len, label=0, threshold="0.5"), "not '0.5'"),
        (lambda: model("a", len, label=0, batch_size=0), "batch_size of at least 1"),
        (lambda: model("a", len), "Say label= or classes="),
        (lambda: model("a", 3, label=0), "not 3"),
        (lambda: model("a", len, classes=[]), "not []"),
        (lambda: model("a", len, classes={0: "spam"}), "classes= as a list"),
        (lambda: model("a", "nowhere.skops", label=0), "which is not there"),
        (lambda: labeling_function()(3), "decorates a function, not 3"),
        (lambda: labeling_function(name="")(lambda row: 0), "empty name"),
        (lambda: labeling_function()(lambda row: 0), "a lambda has no name"),
        (lambda: labeling_function("a")(lambda: 0), "cannot be called with one row"),
        (lambda: labeling_function("a", resources={"y": 1})(lambda row: 0), "resources ['y']"),
        (lambda: labeling_function("a", resources=[1])(lambda row: 0), "not [1]"),
        (lambda: labeling_function("a", pre=[3])(lambda row: 0), "not [3]"),
    ],
)
def test_bad_declarations_say_what_is_wrong(declare: Callable[[], Any], message: str) -> None:
    with pytest.raises(LabelingFunctionError) as caught:
        declare()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_generators_and_coroutines_are_no_labeling_functions() -> None:
    def generator(row: Any) -> Any:
        yield 0

    async def coroutine(row: Any) -> int:
        return 0

    for function in (generator, coroutine):
        with pytest.raises(LabelingFunctionError, match="coroutine or generator"):
            labeling_function()(function)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("plan ==", "at position 8"),
        ("a == 1 and (", "at position 12"),
        ("plan == 'free", "at position 9"),
        ("__import__('os').system('x')", "calls something other than the functions"),
        ("open('x') == 'y'", "`open('x')` calls something other than"),
        ("row.text == 'x'", "`row.text` is not part of the language at position 1"),
        ("ä == 'ü' and plan[0] == 'x'", "`plan[0]` is not part of the language at position 14"),
        ("[x for x in y]", "is not part of the language"),
        ("(lambda: 1)()", "calls something other"),
        ("(x := 5) > 3", "is not part of the language"),
        ("f'{plan}' == 'x'", "is not part of the language"),
        ("word_count", "is a number, where a condition is needed"),
        ("'x'", "is a text, where a condition is needed"),
        ("word_count and True", "is a number, where a condition is needed"),
        ("not lower(plan)", "is a text, where a condition is needed"),
        ("plan is 'free'", "which is for None only"),
        ("plan == None", "can only be compared with `is None`"),
        ("plan in []", "is an empty list"),
        ("plan in [None]", "no value that a list can hold"),
        ("plan in [other]", "no value that a list can hold"),
        ("plan in other", "needs a list of values"),
        ("1 < x in [2]", "chains `in` or `is`"),
        ("x ** 2 > 4", "other than + - * / // %"),
        ("~x == 1", "is not part of the language"),
        ("'a' + 'b' == 'ab'", "is a text, where a number is needed"),
        ("len(word_count) > 1", "is a number, where a text is needed"),
        ("len(plan) == 'x'", "number and text"),
        ("(a == 1) < 2", "only == and != with True or False"),
        ("contains(plan)", "calls contains with 1 values instead of 2"),
        ("contains(plan, '')", "a text in quotes that is not empty"),
        ("contains(plan, other)", "a text in quotes that is not empty"),
        ("lower(x=plan) == 'a'", "calls something other"),
        ("field(plan) == 'a'", "needs the name of a field in quotes"),
        ("x == 99999999999999999999", "is no number or text to use"),
        ("x == b'a'", "is no number or text to use"),
        ("x == 1\nand y ==", "line 2, position 9"),
        ("x == '\0'", "null"),
        ("(" * 500 + "x" + ")" * 500, "'deep'"),
    ],
)
def test_bad_expressions_show_the_position(text: str, message: str) -> None:
    with pytest.raises(LabelingFunctionError) as caught:
        expression("deep", text, label=0)
    assert message in str(caught.value)


def test_expression_must_be_text() -> None:
    with pytest.raises(LabelingFunctionError, match="not 5"):
        expression("a", 5, label=0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty table"),
        (b"value,label\n", "empty table"),
        (b"value,label\na,spam\nb\n", "whose line 3 has 1 columns instead of 2"),
        (b"value,label\n\xff,spam\n", "not UTF-8"),
        (b"value,label\na,\n", "not ''"),
        (b"value,label\na,spam\na,ham\n", "gives 'a' both 'spam' and 'ham'"),
        (b"value\na\n", "a table without classes"),
    ],
)
def test_bad_lookup_files(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(LabelingFunctionError) as caught:
        lookup("a", tmp_path / "t.csv", field="plan")
    assert message in str(caught.value)


def test_pickled_models_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(b"")
    with pytest.raises(LabelingFunctionError, match=r"can run any code.*skops"):
        model("a", tmp_path / "model.pkl", label=0)


def test_model_classes_that_are_no_labels_are_refused() -> None:
    class Estimator:
        classes_ = (False, True)

        def predict_proba(self, texts: list[str]) -> Any:
            raise AssertionError

    with pytest.raises(LabelingFunctionError, match="no name or number"):
        model("a", Estimator())
    with pytest.raises(LabelingFunctionError, match="no entry in classes= for the model's class True"):
        model("a", Estimator(), classes={False: "ham"})
    with pytest.raises(LabelingFunctionError, match="1 classes= for a model with 2"):
        model("a", Estimator(), classes=["ham"])
    assert model("a", Estimator(), classes={False: "ham", True: "spam"}).classes == ("ham", "spam")
