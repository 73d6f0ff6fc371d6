"""Preprocessors: once per item, in batches, forgotten in time; Snorkel's mean what they mean in Snorkel."""
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from labelkit import labeling_function
from labelkit.errors import FunctionFault, LabelingFunctionError
from labelkit.lf import ColumnVotes, Shard, apply_functions, fingerprint
from labelkit.lf.compile.preparing import WINDOW
from labelkit.lf.preprocessors import Preprocessor, preprocessor
from labelkit.types import LabelSchema

SCHEMA = LabelSchema.from_names(["ham", "spam", "other"])


def shard_of(texts: list[str], **fields: Any) -> Shard:
    ids = [f"id{i}" for i in range(len(texts))]
    return Shard(0, 0, pa.table({"id": pa.array(ids, pa.string()), "text": pa.array(texts, pa.string()), **fields}))


def columns(functions: list[Any], texts: list[str], **options: Any) -> list[ColumnVotes]:
    return apply_functions(functions, shard_of(texts), SCHEMA, **options)


def votes(functions: list[Any], texts: list[str], **options: Any) -> list[list[int]]:
    return [column.votes.tolist() for column in columns(functions, texts, **options)]


# --- the decorator


def test_rows_in_and_rows_out() -> None:
    @preprocessor
    def words(row: Any) -> Any:
        row.words = row.text.split()
        return row

    row = SimpleNamespace(text="a b")
    assert words(row).words == ["a", "b"]
    assert not hasattr(row, "words")
    assert votes([labeling_function("f", pre=[words])(lambda row: len(row.words) - 1)], ["a", "a b"]) == [[0, 1]]


def test_fields_in_and_fields_out() -> None:
    @preprocessor(adds="both")
    def joined(text: str, id: str) -> str:
        return f"{id}:{text}"

    @preprocessor("counts", adds=["letters", "vowels"])
    def counted(text: str) -> tuple[int, int]:
        return len(text), sum(text.count(vowel) for vowel in "aeiou")

    @labeling_function(pre=[joined, counted])
    def function(row: Any) -> Any:
        return {"id0:tea": 0, "id1:by": 1}[row.both] if row.letters - row.vowels <= 2 else None

    assert votes([function], ["tea", "by"]) == [[0, 1]]
    assert counted.name == "counts"


def test_batches_of_fields_as_spacy_and_embedding_models_want_them() -> None:
    sizes: list[int] = []

    @preprocessor(adds="doc", batch=True, batch_size=3)
    def parsed(text: list[str]) -> Iterator[str]:
        sizes.append(len(text))
        return (each.upper() for each in text)

    @preprocessor(adds="vector", batch=True)
    def embedded(text: list[str]) -> Any:
        return np.array([[len(each), 1.0] for each in text])

    @labeling_function(pre=[parsed, embedded])
    def function(row: Any) -> Any:
        return 1 if row.doc == "B" and row.vector.sum() == 2 else 0

    assert votes([function], ["a", "b", "b", "c", "b"]) == [[0, 1, 1, 0, 1]]
    assert sizes == [3, 2]


def test_batches_of_rows() -> None:
    @preprocessor(batch=True, batch_size=2)
    def ranked(rows: list[Any]) -> list[Any]:
        for place, row in enumerate(rows):
            row.place = place
        return rows

    assert votes([labeling_function("f", pre=[ranked])(lambda row: row.place)], ["a"] * 5) == [[0, 1, 0, 1, 0]]
    assert ranked(SimpleNamespace(text="a")).place == 0


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: preprocessor(batch_size=0)(len), "needs a batch_size of at least 1, not 0"),
        (lambda: preprocessor(adds="not a name")(lambda text: 1), "needs adds= to be the name of a field"),
        (lambda: preprocessor(adds=[])(lambda text: 1), "needs adds= to be the name of a field"),
        (lambda: preprocessor(adds="x")(lambda: 1), "needs parameters named after the fields that it reads"),
        (lambda: preprocessor("p")(lambda text, plan: 1), "needs one parameter, the row, not .*Say adds="),
        (lambda: preprocessor()(7), "decorates a function, not 7"),  # type: ignore[arg-type]
        (lambda: preprocessor("")(lambda row: row), "empty name"),
    ],
)
def test_what_cannot_be_a_preprocessor_is_refused(make: Any, problem: str) -> None:
    with pytest.raises(LabelingFunctionError, match=problem):
        make()


def test_fingerprints_follow_what_a_preprocessor_does(tmp_path: Path) -> None:
    def with_pre(number: int, batch_size: int) -> str:
        step = preprocessor("p", adds="n", batch=True, batch_size=batch_size)(lambda text: [number for _ in text])
        function = labeling_function("f", pre=[step])(lambda row: row.n)
        print_ = fingerprint(function, SCHEMA, tmp_path)
        assert print_.warnings == ()
        return print_.digest

    assert with_pre(1, 8) == with_pre(1, 8)
    assert with_pre(1, 8) != with_pre(2, 8)


# --- once per item


def test_it_runs_once_for_an_item_however_many_functions_ask() -> None:
    seen: list[str] = []

    @preprocessor()
    def lower(row: Any) -> Any:
        seen.append(row.id)
        row.lowered = row.text.lower()
        return row

    @preprocessor(adds="n")
    def length(lowered: str) -> int:
        seen.append(lowered)
        return len(lowered)

    first = labeling_function("first", pre=[lower])(lambda row: 0 if row.lowered == "a" else None)
    plain = labeling_function("plain")(lambda row: 2)
    second = labeling_function("second", pre=[lower, length])(lambda row: row.n - 1)
    third = labeling_function("third", pre=[lower, length])(lambda row: row.n)
    assert votes([first, plain, second, third], ["A", "A", "a"]) == [[0, 0, 0], [2, 2, 2], [0, 0, 0], [1, 1, 1]]
    assert sorted(seen) == ["a", "a", "a", "id0", "id1", "id2"]


def test_without_memoize_it_runs_for_each_function() -> None:
    seen: list[str] = []

    @preprocessor(memoize=False)
    def noted(row: Any) -> Any:
        seen.append(row.id)
        return row

    functions = [labeling_function(name, pre=[noted])(lambda row: 0) for name in "ab"]
    assert votes(functions, ["x", "y"]) == [[0, 0], [0, 0]]
    assert seen == ["id0", "id1", "id0", "id1"]


def test_no_function_sees_what_another_does_to_a_preprocessed_row() -> None:
    @preprocessor()
    def words(row: Any) -> Any:
        row.words = row.text.split()
        row.vector = np.zeros(2)
        return row

    @labeling_function(pre=[words])
    def vandal(row: Any) -> Any:
        row.words.append("x")
        row.vector += 1
        row.text = row.new = "ruined"
        return len(row.words) - 2

    @labeling_function(pre=[words])
    def witness(row: Any) -> Any:
        fine = row.words == ["a"] and not row.vector.any() and row.text == "a" and not hasattr(row, "new")
        return "spam" if fine else None

    assert votes([vandal, witness, vandal, witness], ["a", "a"]) == [[0, 0], [1, 1], [0, 0], [1, 1]]


class Big:
    """Something that a preprocessor makes; counts how many there are at a time."""

    alive: ClassVar[weakref.WeakSet[Big]] = weakref.WeakSet()

    def __init__(self) -> None:
        Big.alive.add(self)


def test_memory_does_not_grow_with_the_items() -> None:
    most = 0

    @preprocessor(adds="big", batch=True, batch_size=100)
    def made(text: list[str]) -> list[Big]:
        nonlocal most
        most = max(most, len(Big.alive))
        return [Big() for _ in text]

    functions = [labeling_function(name, pre=[made])(lambda row: 0) for name in "ab"]
    assert votes(functions, ["x"] * (WINDOW * 5)) == [[0] * (WINDOW * 5)] * 2
    assert 0 < most <= 2 * WINDOW
    gc.collect()
    assert len(Big.alive) == 0


# --- what goes wrong


@preprocessor(adds="n", batch=True, batch_size=4)
def fragile(text: list[str]) -> list[int]:
    if "bad" in text:
        raise ValueError("cannot read bad")
    return [len(each) for each in text]


def test_a_batch_that_raises_names_the_item() -> None:
    function = labeling_function("f", pre=[fragile])(lambda row: row.n % 2)
    expected = (
        r"labeling function 'f' .* raised ValueError: cannot read bad \(in its preprocessor fragile\) on item 'id2'"
    )
    with pytest.raises(FunctionFault, match=expected) as caught:
        votes([function], ["a", "b", "bad", "c", "d"])
    assert isinstance(caught.value.__cause__, ValueError)


def test_tolerated_faults_of_batches_abstain_and_are_counted_for_every_function() -> None:
    functions = [labeling_function(name, pre=[fragile])(lambda row: row.n % 2) for name in "fg"]
    for column in columns(functions, ["a", "bb", "bad", "c", "bad"], fault_tolerant=True):
        assert column.votes.tolist() == [1, 0, -1, 1, -1]
        assert column.fault_count == 2
        assert [fault.item_id for fault in column.faults] == ["id2", "id4"]


@pytest.mark.parametrize(
    ("results", "problem"),
    [
        (lambda texts: texts[1:], "returned 2 results for 3 items"),
        (lambda texts: None, "returned None instead of one result for each item"),
    ],
)
def test_a_batch_of_another_length_is_a_fault(results: Any, problem: str) -> None:
    @preprocessor(adds="x", batch=True)
    def short(text: list[str]) -> Any:
        return results(text)

    function = labeling_function("f", pre=[short])(lambda row: 0)
    with pytest.raises(FunctionFault, match=f"the preprocessor short {problem}.*'id0'"):
        votes([function], ["a", "b", "c"])
    assert columns([function], ["a", "b", "c"], fault_tolerant=True)[0].fault_count == 3


def test_a_parameter_that_is_no_field_lists_the_fields() -> None:
    step = preprocessor(adds="doc", batch=True)(lambda texts: texts)
    with pytest.raises(FunctionFault, match="no field 'texts'; the fields are id, text"):
        votes([labeling_function("f", pre=[step])(lambda row: 0)], ["a"])


def test_what_comes_after_a_failed_preprocessor_is_not_run() -> None:
    seen: list[str] = []

    @preprocessor(adds="m")
    def after(text: str) -> None:
        seen.append(text)

    function = labeling_function("f", pre=[fragile, after])(lambda row: 0)
    assert votes([function], ["a", "bad", "b"], fault_tolerant=True) == [[0, -1, 0]]
    assert seen == ["a", "b"]


# --- Snorkel's own


@pytest.fixture(scope="module")
def snorkel() -> Any:
    import snorkel.labeling
    import snorkel.preprocess

    return SimpleNamespace(
        labeling_function=snorkel.labeling.labeling_function,
        PandasLFApplier=snorkel.labeling.PandasLFApplier,
        preprocessor=snorkel.preprocess.preprocessor,
    )


def test_chains_of_snorkels_preprocessors(snorkel: Any) -> None:
    seen: list[str] = []

    @snorkel.preprocessor(memoize=True)
    def lower(x: Any) -> Any:
        seen.append("lower")
        x.text = x.text.lower()
        return x

    @snorkel.preprocessor(pre=[lower], memoize=True)
    def words(x: Any) -> Any:
        seen.append("words")
        x.words = x.text.split()
        return x

    @snorkel.labeling_function(pre=[words])
    def one(x: Any) -> int:
        x.words.append("mine")
        return 1 if x.words == ["a", "mine"] else -1

    @snorkel.labeling_function(pre=[lower, words])
    def two(x: Any) -> int:
        return len(x.words) if len(x.words) < 3 else -1

    @snorkel.labeling_function(pre=[lower])
    def three(x: Any) -> int:
        return 0 if x.text == "a" and not hasattr(x, "words") else -1

    functions = [one, two, three]
    assert votes(functions, ["A", "a B", "c c c"]) == [[1, -1, -1], [1, 2, -1], [0, -1, -1]]
    # words over one lower, and over two: two ways; lower first, and again on its own result.
    assert (seen.count("lower"), seen.count("words")) == (6, 6)


def test_a_preprocessor_with_a_key_of_its_own_recognises_items_by_it(snorkel: Any) -> None:
    seen: list[str] = []

    @snorkel.preprocessor(memoize=True, memoize_key=lambda x: x.text)
    def slow(x: Any) -> Any:
        seen.append(x.text)
        x.n = len(x.text)
        return x

    functions = [snorkel.labeling_function(name=name, pre=[slow])(lambda x: x.n - 1) for name in "ab"]
    assert votes(functions, ["a", "bb", "a"]) == [[0, 1, 0], [0, 1, 0]]
    assert seen == ["a", "bb"]
    assert not slow._cache


def test_faults_in_snorkels_preprocessors(snorkel: Any) -> None:
    @snorkel.preprocessor()
    def first_word(x: Any) -> Any:
        x.first = x.text.split()[0]
        return x

    @snorkel.preprocessor()
    def none(x: Any) -> None:
        return None

    function = snorkel.labeling_function(name="f", pre=[first_word])(lambda x: 1)
    with pytest.raises(FunctionFault, match=r"IndexError.*in its preprocessor first_word\) on item 'id1'"):
        votes([function], ["a", ""])
    assert votes([function], ["a", ""], fault_tolerant=True) == [[1, -1]]
    with pytest.raises(FunctionFault, match="the preprocessor none returned None instead of a row"):
        votes([snorkel.labeling_function(name="g", pre=[none])(lambda x: 1)], ["a"])


def test_a_class_of_the_users_own_runs_as_it_is(snorkel: Any) -> None:
    from snorkel.labeling import LabelingFunction

    class Twice(LabelingFunction):  # type: ignore[misc]
        def __call__(self, x: Any) -> int:
            return 2 * int(super().__call__(x))

    @snorkel.preprocessor(memoize=True)
    def one(x: Any) -> Any:
        x.one = 1
        return x

    plain = snorkel.labeling_function(name="p", pre=[one])(lambda x: x.one)
    assert votes([Twice("t", f=lambda x: x.one, pre=[one]), plain], ["a"]) == [[2], [1]]
    assert not one._cache


@pytest.fixture(scope="module")
def blank_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An English pipeline without trained parts, as spacy.load finds it."""
    spacy = pytest.importorskip("spacy", reason="spaCy is not installed")
    folder = tmp_path_factory.mktemp("model")
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.to_disk(folder)
    return str(folder)


TEXTS = ["One sentence. Another one.", "Just one", "", "A, b; c!"] * 3


def test_spacy_functions_of_snorkel_get_batches(snorkel: Any, blank_model: str, monkeypatch: Any) -> None:
    from snorkel.labeling.lf.nlp import NLPLabelingFunction, nlp_labeling_function

    @nlp_labeling_function(language=blank_model)
    def several_sentences(x: Any) -> int:
        return 1 if len(list(x.doc.sents)) > 1 else -1

    @nlp_labeling_function(language=blank_model)
    def punctuation(x: Any) -> int:
        return 0 if any(token.is_punct for token in x.doc) else 2

    functions = [several_sentences, punctuation]
    theirs = snorkel.PandasLFApplier(functions).apply(pd.DataFrame({"text": TEXTS}), progress_bar=False)
    nlp = NLPLabelingFunction._nlp_config.nlp._nlp
    batches: list[int] = []

    def pipe(texts: Iterable[str]) -> Iterator[Any]:
        given = list(texts)
        batches.append(len(given))
        return iter(type(nlp).pipe(nlp, given))

    monkeypatch.setattr(nlp, "pipe", pipe)
    assert np.array_equal(theirs, np.array(votes(functions, TEXTS)).T)
    assert batches == [len(TEXTS)]


def test_a_spacy_preprocessor_names_the_item_that_it_cannot_read(snorkel: Any, blank_model: str) -> None:
    from snorkel.preprocess.nlp import SpacyPreprocessor

    parser = SpacyPreprocessor("text", "doc", language=blank_model, memoize=True)
    function = snorkel.labeling_function(name="f", pre=[parser])(lambda x: len(x.doc))
    shard = Shard(0, 0, pa.table({"id": ["p", "q", "r"], "text": pa.array(["a", None, "b c"])}))
    with pytest.raises(FunctionFault, match=r"in its preprocessor SpacyPreprocessor\) on item 'q'"):
        apply_functions([function], shard, SCHEMA)
    (column,) = apply_functions([function], shard, SCHEMA, fault_tolerant=True)
    assert column.votes.tolist() == [1, -1, 2]


def test_spacy_in_labelkits_own_words(blank_model: str) -> None:
    import spacy

    nlp = spacy.load(blank_model)

    @preprocessor(adds="doc", batch=True)
    def parsed(text: list[str]) -> Any:
        return nlp.pipe(text)

    @labeling_function(pre=[parsed])
    def sentences(row: Any) -> Any:
        return min(len(list(row.doc.sents)), 2)

    assert isinstance(parsed, Preprocessor)
    assert votes([sentences], TEXTS[:3]) == [[2, 1, 0]]
