"""An explanation's parts add up exactly to the lead of the decided class."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelkit.analysis import explain_votes

CLASSES = ["billing", "bug", "praise"]


@given(st.integers(0, 2**31), st.integers(1, 8))
def test_prior_and_votes_add_up_to_the_log_odds(seed: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    votes = rng.integers(-1, 3, m)
    added = np.where((votes == -1)[:, None], 0.0, rng.normal(size=(m, 3)))
    log_prior = np.log(rng.dirichlet(np.ones(3) * 5))
    scores = log_prior + added.sum(axis=0)
    P = np.exp(scores) / np.exp(scores).sum()
    found = explain_votes(
        votes, names=[f"f{j}" for j in range(m)], class_names=CLASSES, contributions=added, log_prior=log_prior,
        probabilities=P,
    )  # fmt: skip
    first, second = found.probabilities[found.decided], found.probabilities[found.runner_up]
    assert first == max(found.probabilities.values())
    assert found.total == pytest.approx(np.log(first / second))
    assert found.prior + sum(f.added for f in found.functions) == pytest.approx(found.total)


def test_functions_that_speak_come_first_strongest_first() -> None:
    found = explain_votes(
        np.array([-1, 0, 1, 0]),
        names=["quiet", "weak", "against", "strong"],
        class_names=["spam", "ham"],
        contributions=np.array([[0, 0], [0.2, 0.0], [0.0, 0.7], [2.0, 0.5]]),
        log_prior=np.log([0.5, 0.5]),
        probabilities=np.array([0.73, 0.27]),
        end_model=np.array([0.4, 0.6]),
        features=[("text: refund", 1.5)],
    )
    assert [(f.function, f.vote) for f in found.functions] == [
        ("strong", "spam"), ("against", "ham"), ("weak", "spam"), ("quiet", None),
    ]  # fmt: skip
    assert [f.added for f in found.functions] == [1.5, -0.7, 0.2, 0.0]
    assert (found.label, found.runner_up, found.end_model) == ("spam", "ham", {"spam": 0.4, "ham": 0.6})
    assert json.loads(json.dumps(found.as_dict()))["features"] == [{"feature": "text: refund", "weight": 1.5}]


@pytest.mark.parametrize(("votes", "shares"), [([-1, -1], [0.7, 0.3]), ([0, 1], [0.5, 0.5])])
def test_no_vote_and_ties_decide_nothing(votes: list[int], shares: list[float]) -> None:
    found = explain_votes(
        np.array(votes), names=["a", "b"], class_names=["spam", "ham"], contributions=np.zeros((2, 2)),
        log_prior=np.log(shares), probabilities=np.array(shares),
    )  # fmt: skip
    assert found.label is None
    assert found.decided == "spam"


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="do not fit 1 labeling functions and 3 classes"):
        explain_votes(
            np.array([0]), names=["a"], class_names=CLASSES, contributions=np.zeros((1, 2)), log_prior=np.zeros(3),
            probabilities=np.ones(3) / 3,
        )  # fmt: skip
