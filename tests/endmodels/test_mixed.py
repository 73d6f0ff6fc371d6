"""Training on mixed labels: answers correct the weak labels of items that nobody answered."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from labelkit.endmodels import latent, mixed_targets, weak_scores
from labelkit.endmodels.mixed import ENOUGH, lead_of_choice
from labelkit.types import ABSTAIN

N, WORDS = 600, 40


class World:
    """Items whose class shows in their words; two functions vote, the second is wrong on purpose for half of them."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.gold = rng.integers(0, 2, N)
        own = rng.integers(0, WORDS // 2, (N, 4)) + (self.gold * WORDS // 2)[:, None]
        noise = rng.integers(0, WORDS, (N, 2))
        columns = np.concatenate([own, noise], axis=1)
        X = sp.csr_matrix((np.ones(columns.size), (np.repeat(np.arange(N), 6), columns.ravel())), shape=(N, WORDS))
        X.sum_duplicates()
        self.X = sp.csr_matrix(X.multiply(1 / np.sqrt(X.multiply(X).sum(axis=1)))).astype(np.float32)
        wrong = columns[:, 0] % 2 == 0  # what the functions get wrong shows in the words
        self.votes = np.full((N, 2), ABSTAIN)
        self.votes[: N * 2 // 3, 0] = np.where(wrong, 1 - self.gold, self.gold)[: N * 2 // 3]
        self.votes[::3, 1] = self.gold[::3]
        self.covered = (self.votes != ABSTAIN).any(axis=1)
        voted = np.where(self.votes[:, 1] != ABSTAIN, self.votes[:, 1], self.votes[:, 0])
        self.P = np.full((N, 2), 0.5)
        self.P[self.covered] = np.where(np.eye(2)[voted[self.covered]] == 1, 0.8, 0.2)
        self.latent, _ = latent(self.X, rank=10)
        self.rng = rng

    def mixed(self, answered: np.ndarray, drawn: np.ndarray | None = None, **changes: object):
        answers = np.full(N, ABSTAIN)
        answers[answered] = self.gold[answered]
        told = np.zeros(N, dtype=bool)
        told[answered if drawn is None else drawn] = True
        given = {
            "P": self.P, "votes": self.votes, "words": weak_scores(self.X, self.P, self.covered), "answers": answers,
            "drawn": told, "rows": np.ones(N, dtype=bool),
        }  # fmt: skip
        return mixed_targets(self.X, self.latent, **(given | changes))


def right(world: World, targets: np.ndarray, rows: np.ndarray) -> float:
    return float((targets.argmax(axis=1) == world.gold)[rows].mean())


def test_answers_correct_items_that_nobody_answered() -> None:
    world = World()
    answered = world.rng.permutation(N)[:150]
    others = np.setdiff1d(np.arange(N), answered)
    found = world.mixed(answered)
    assert right(world, found.targets, others) > right(world, world.P, others) + 0.1
    assert np.array_equal(found.targets[answered].argmax(axis=1), world.gold[answered])
    assert found.targets[answered].max(axis=1) == pytest.approx(1.0)
    assert found.targets.sum(axis=1) == pytest.approx(1.0)
    assert found.usable.all(), "with answers every item has a label to learn from"


def test_without_answers_the_label_model_stands() -> None:
    world = World()
    found = world.mixed(np.zeros(0, dtype=np.int64))
    assert np.array_equal(found.targets, world.P)
    assert np.array_equal(found.usable, world.covered)
    assert found.figures == {}


def test_a_single_answer_moves_little() -> None:
    world = World()
    none = world.mixed(np.zeros(0, dtype=np.int64)).targets
    one = world.mixed(np.array([5]), drawn=np.zeros(0, dtype=np.int64)).targets
    others = world.covered & (np.arange(N) != 5)
    changed = (one.argmax(axis=1) != none.argmax(axis=1))[others].mean()
    assert changed < 0.15
    assert one[5].argmax() == world.gold[5]


def test_the_same_answers_give_the_same_bytes() -> None:
    world = World()
    answered = world.rng.permutation(N)[:80]
    first, second = world.mixed(answered), world.mixed(answered)
    assert first.targets.tobytes() == second.targets.tobytes()
    assert first.figures == second.figures


@pytest.mark.parametrize("classes", [2, 4])
def test_one_class_among_the_answers_is_no_trouble(classes: int) -> None:
    world = World()
    answered = np.flatnonzero(world.gold == 1)[:60]
    wide = np.zeros((N, classes))
    wide[:, :2] = world.P
    found = world.mixed(answered, P=wide, words=weak_scores(world.X, wide + 1e-3, world.covered))
    assert np.isfinite(found.targets).all()
    assert found.targets.shape == (N, classes)


def test_rows_outside_the_split_teach_nothing() -> None:
    world = World()
    answered = world.rng.permutation(N)[:80]
    rows = np.ones(N, dtype=bool)
    rows[answered[:40]] = False
    found = world.mixed(answered, rows=rows)
    fewer = world.mixed(answered[40:], rows=rows)
    assert np.array_equal(found.targets, fewer.targets)
    assert not found.usable[answered[:40]].any()


def test_words_learn_from_other_items_only() -> None:
    world = World()
    scores = weak_scores(world.X, world.P, world.covered)
    flipped = world.P.copy()
    flipped[7] = flipped[7][::-1]
    again = weak_scores(world.X, flipped, world.covered)
    assert np.array_equal(scores[7], again[7]), "an item's own votes do not reach its own score"
    assert not np.array_equal(scores, again)
    assert scores.sum(axis=1) == pytest.approx(0.0, abs=1e-9)


def test_misleading_choices_are_found_out() -> None:
    """Chosen answers from one corner of the words teach less than random ones."""
    rng = np.random.default_rng(1)
    gold = rng.integers(0, 2, 400)
    F = sp.csr_matrix(np.where(np.arange(400)[:, None] < 200, [1.0, 0.0], [0.0, 1.0]) * (2 * gold - 1)[:, None])
    drawn = np.zeros(400, dtype=bool)
    drawn[rng.permutation(400)[:120]] = True
    y = gold.copy()
    y[~drawn] = 1 - y[~drawn]  # whoever answered the chosen ones was wrong throughout
    lead = lead_of_choice(F, y, np.zeros((400, 2)), drawn, 1.0, 0)
    assert lead is not None
    assert lead["value"] + 2 * lead["error"] < 0
    assert (
        lead_of_choice(F[: ENOUGH + 5], y[: ENOUGH + 5], np.zeros((ENOUGH + 5, 2)), drawn[: ENOUGH + 5], 1.0, 0) is None
    )
