"""The reasons that queued items carry, word for word."""

from __future__ import annotations

import numpy as np
import pytest

from labelkit.errors import QueryError
from labelkit.query import Pool, compose_queue, strategy
from labelkit.query.committee import Committee

POOL = Pool(
    items=np.array([5, 8]),
    covered=np.array([True, False]),
    label_names=("billing", "bug", "praise", "access"),
    end_model=np.array([[0.41, 0.38, 0.11, 0.10], [0.002, 0.003, 0.995, 0.0]]),
    label_model=np.array([[0.05, 0.91, 0.02, 0.02], [0.25, 0.25, 0.25, 0.25]]),
    committee=np.array(
        [
            [[0.6, 0.4, 0, 0], [0, 0, 0.55, 0.45]],
            [[0.2, 0.8, 0, 0], [0, 0, 0.90, 0.10]],
            [[0.1, 0.9, 0, 0], [0, 0, 0.97, 0.03]],
        ]
    ),
)


@pytest.mark.parametrize(
    ("name", "row", "reason"),
    [
        ("margin", 0, "end model hesitates between billing (41%) and bug (38%)"),
        ("uncertainty", 0, "end model is only 41% sure of its best guess, billing"),
        ("entropy", 0, "end model spreads its belief over billing (41%), bug (38%), praise (11%) and 1 more"),
        ("disagreement", 0, "label model says bug (91%) but end model says billing (41%)"),
        ("disagreement", 1, "no labeling function voted; end model says praise (over 99%)"),
        ("uncovered", 0, "a labeling function voted; end model's best guess is billing (41%)"),
        ("uncovered", 1, "no labeling function voted; end model's best guess is praise (over 99%)"),
        ("committee", 0, "3 models trained on resamples disagree: 2 say bug, 1 say billing"),
        ("committee", 1, "3 models trained on resamples all say praise, but between 55% and 97% sure"),
        ("random", 0, "chosen at random among 2 items"),
    ],
)
def test_reasons(name: str, row: int, reason: str) -> None:
    assert strategy(name).reason(POOL, row) == reason


def test_random_draws_say_their_chance() -> None:
    pool = Pool(items=np.arange(20), covered=np.ones(20, dtype=bool), label_names=("a", "b"))
    entries = compose_queue(pool, mix={"random": 1}, size=10, roles={3: "tuning"}).entries
    reasons = {e.role: e.reason for e in entries}
    assert reasons["audit"] == "drawn at random for the audit (evaluation only) with probability 0.053 from 19 items"
    assert (
        reasons["tuning"] == "drawn at random for tuning (teaches how far to trust votes and words) in an earlier queue"
    )


def test_disagreement_puts_uncovered_items_last() -> None:
    scores = strategy("disagreement").utilities(POOL, np.random.default_rng(0))
    np.testing.assert_allclose(scores, [0.53, -1.0])


def test_uncovered_items_come_before_the_least_certain_covered_one() -> None:
    scores = strategy("uncovered").utilities(POOL, np.random.default_rng(0))
    np.testing.assert_allclose(scores, [0.59, 1.005])


def test_a_missing_part_and_an_unknown_measure_are_named() -> None:
    bare = Pool(items=np.arange(2), covered=np.ones(2, dtype=bool), label_names=("a", "b"))
    with pytest.raises(QueryError, match="'margin' needs the pool's end_model"):
        strategy("margin").utilities(bare, np.random.default_rng(0))
    with pytest.raises(QueryError, match="unknown committee measure 'max'; choose one of kl, vote, consensus"):
        Committee("max")  # type: ignore[arg-type]


def test_disagreement_on_how_sure_to_be_of_one_class() -> None:
    pool = Pool(
        items=np.array([5]),
        covered=np.array([True]),
        label_names=("billing", "bug"),
        end_model=np.array([[0.69, 0.31]]),
        label_model=np.array([[0.98, 0.02]]),
    )
    assert strategy("disagreement").reason(pool, 0) == "label model is 98% sure of billing, end model 69%"
