"""The LF analysis equals Snorkel's LFAnalysis."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from labelkit.analysis import lf_summary, vote_summary
from labelkit.types import Fault

K = 4
matrices = hnp.arrays(np.int8, st.tuples(st.integers(1, 40), st.integers(1, 7)), elements=st.integers(-1, K - 1))


@settings(deadline=None)
@given(matrices, st.integers(0, 2**31))
def test_figures_are_those_of_snorkels_analysis(L: npt.NDArray[np.int8], seed: int) -> None:
    from snorkel.labeling import LFAnalysis

    gold = np.random.default_rng(seed).integers(0, K, len(L))
    theirs = LFAnalysis(L)
    ours = lf_summary(L, [str(j) for j in range(L.shape[1])], cardinality=K, gold=gold)
    assert [list(f.polarity) for f in ours] == [[int(c) for c in p] for p in theirs.lf_polarities()]
    assert [f.coverage for f in ours] == theirs.lf_coverages().tolist()
    assert [f.overlap for f in ours] == theirs.lf_overlaps().tolist()
    assert [f.conflict for f in ours] == theirs.lf_conflicts().tolist()
    for function, accuracy in zip(ours, theirs.lf_empirical_accuracies(gold), strict=True):
        if function.votes:
            assert function.accuracy.value == pytest.approx(accuracy)
            assert function.accuracy.n == function.votes
    whole = vote_summary(L)
    assert (whole.coverage, whole.overlap, whole.conflict) == (
        theirs.label_coverage(), theirs.label_overlap(), theirs.label_conflict(),
    )  # fmt: skip


def test_blocks_of_rows_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    L = np.random.default_rng(0).integers(-1, 3, (100, 6)).astype(np.int8)
    whole = lf_summary(L, list("abcdef"), cardinality=3), vote_summary(L)
    monkeypatch.setattr("labelkit.analysis.function_summary.SHARD_SIZE", 7)
    in_blocks = lf_summary(L, list("abcdef"), cardinality=3), vote_summary(L)
    assert repr(in_blocks) == repr(whole)


def test_accuracy_counts_only_votes_on_known_labels() -> None:
    L = np.array([[0, 1], [0, -1], [1, 1], [-1, 0]])
    gold, human = np.array([0, 1, -1, 0]), np.array([1, 1, 1, -1])
    first, second = lf_summary(L, ["a", "b"], cardinality=2, gold=gold, human=human)
    assert (first.accuracy.value, first.accuracy.n) == (0.5, 2)
    assert (second.accuracy.value, second.accuracy.n) == (0.5, 2)
    assert first.human_accuracy.n == 3
    assert (first.contradicted, second.contradicted) == (2, 0)
    assert first.class_votes == (2, 1)
    assert first.votes == 3


def test_a_function_that_never_votes_has_no_accuracy() -> None:
    (silent,) = lf_summary(np.array([[-1], [-1]]), ["a"], cardinality=2, gold=np.array([0, 1]))
    assert (silent.polarity, silent.coverage, silent.overlap, silent.conflict) == ((), 0.0, 0.0, 0.0)
    assert silent.accuracy.n == 0
    assert str(silent.accuracy) == "n/a"


def test_faults_are_passed_through() -> None:
    fault = Fault("b", "item-7", "ValueError: bad date")
    L = np.array([[0, -1]])
    a, b = lf_summary(L, ["a", "b"], cardinality=2, faults=[0, 3], fault_examples=[[], [fault]])
    assert (a.faults, a.fault_examples) == (0, ())
    assert (b.faults, b.fault_examples) == (3, (fault,))


def test_no_items_give_zeros() -> None:
    none = np.zeros((0, 2), np.int8)
    assert vote_summary(none).coverage == 0.0
    assert [f.coverage for f in lf_summary(none, ["a", "b"], cardinality=2)] == [0.0, 0.0]


def test_lengths_are_checked() -> None:
    L = np.zeros((3, 2), np.int8)
    with pytest.raises(ValueError, match="names has 1 entries, expected 2"):
        lf_summary(L, ["a"], cardinality=2)
    with pytest.raises(ValueError, match="faults has 1 entries"):
        lf_summary(L, ["a", "b"], cardinality=2, faults=[1])
    with pytest.raises(ValueError, match=r"gold has shape \(2,\), expected \(3,\)"):
        lf_summary(L, ["a", "b"], cardinality=2, gold=np.zeros(2, int))
