"""Majority vote equals Snorkel's MajorityLabelVoter."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from labelkit.labelmodels import MajorityLabelModel
from labelkit.labelmodels.majority import vote_counts

votes = hnp.arrays(np.int8, st.tuples(st.integers(1, 30), st.integers(1, 8)), elements=st.integers(-1, 2))


@settings(deadline=None)
@given(votes)
def test_probabilities_are_those_of_snorkels_voter(L: npt.NDArray[np.int8]) -> None:
    from snorkel.labeling.model import MajorityLabelVoter

    model = MajorityLabelModel(3)
    model.n_functions = L.shape[1]
    theirs = MajorityLabelVoter(cardinality=3)
    np.testing.assert_array_equal(model.predict_proba(L), theirs.predict_proba(L))
    expected = theirs.predict(L, tie_break_policy="abstain")
    expected[(L == -1).all(axis=1)] = -1
    np.testing.assert_array_equal(model.predict(L), expected)


def test_uncovered_items_get_the_class_balance_and_no_label() -> None:
    L = np.array([[-1, -1], [0, 1], [1, -1]])
    model = MajorityLabelModel(2, class_balance=[0.8, 0.2]).fit(L)
    assert model.predict_proba(L).tolist() == [[0.8, 0.2], [0.5, 0.5], [0.0, 1.0]]
    assert model.predict(L).tolist() == [-1, -1, 1]


def test_contributions_are_votes() -> None:
    model = MajorityLabelModel(3).fit(np.array([[0, 1, 2, -1]]))
    added = model.contributions(np.array([2, -1, 2, 0]))
    assert model.unit == "votes"
    assert added.tolist() == [[0, 0, 1], [0, 0, 0], [0, 0, 1], [1, 0, 0]]
    assert (model.log_prior + added.sum(axis=0)).tolist() == [1, 0, 2]


def test_vote_counts_of_many_classes() -> None:
    assert vote_counts(np.array([[299, 299, 0]], dtype=np.int16), 300).nonzero()[1].tolist() == [0, 299]
