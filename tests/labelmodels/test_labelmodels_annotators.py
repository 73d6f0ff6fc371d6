"""What a few annotators' answers add up to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit.errors import LabelModelError
from labelkit.labelmodels import annotator_consensus, with_answers


def simulated(seed: int, n: int, m: int, k: int, several: float) -> tuple[list[int], list[str], list[int], list[int]]:
    """Items, annotators and labels of answers, and the truth; a share of the items has several answers."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    right = rng.choice([0.97, 0.9, 0.7], m)
    item, who, label = [], [], []
    for i in range(n):
        answers = 1 if rng.random() > several else min(m, int(rng.integers(2, 6)))
        for j in rng.choice(m, answers, replace=False):
            item.append(i)
            who.append(f"person {j}")
            label.append(int(truth[i] if rng.random() < right[j] else (truth[i] + rng.integers(1, k)) % k))
    return item, who, label, truth.tolist()


def test_a_single_answer_is_believed_nearly_fully() -> None:
    for k in (2, 3, 10, 100):
        found = annotator_consensus([7], ["ada"], [1], k)
        assert found.items.tolist() == [7]
        assert 0.9 <= found.probabilities[0, 1] < 1
        np.testing.assert_allclose(found.probabilities.sum(axis=1), 1.0)
        assert found.labels(0.9).tolist() == [1]


def test_answers_that_nothing_can_be_held_against_say_nothing_of_their_annotator() -> None:
    one = annotator_consensus([1], ["ada"], [0], 2).reliability["ada"]
    many = annotator_consensus(list(range(500)), ["ada"] * 500, [0, 1] * 250, 2).reliability["ada"]
    assert one.n == many.n == 0
    assert many.value == pytest.approx(one.value)
    assert (many.low, many.high) == pytest.approx((one.low, one.high))


def test_two_new_annotators_who_contradict_each_other_tie() -> None:
    found = annotator_consensus([1, 1], ["ada", "ben"], [0, 2], 3)
    assert found.probabilities[0, 0] == pytest.approx(found.probabilities[0, 2])
    assert found.probabilities[0, 1] < 0.1
    assert found.labels().tolist() == [-1]


def test_the_more_reliable_one_wins_softly() -> None:
    item = [*range(60), *range(60)]
    answers = [0] * 60 + [0] * 40 + [1] * 20
    decided = dict.fromkeys(range(59), 0)
    found = annotator_consensus(item, ["ada"] * 60 + ["ben"] * 60, answers, 2, decided=decided)
    ada, ben = found.reliability["ada"], found.reliability["ben"]
    assert ada.low > ben.high
    assert ada.n == ben.n == 60
    assert 0.8 < found.probabilities[59, 0] < 0.999
    assert found.labels()[59] == 0


def test_decisions_are_certain_and_others_than_answered_items_are_ignored() -> None:
    found = annotator_consensus([4, 4], ["ada", "ben"], [0, 0], 2, decided={4: 1, 9: 0})
    assert found.items.tolist() == [4]
    assert found.decided.tolist() == [True]
    assert found.probabilities.tolist() == [[0.0, 1.0]]
    assert found.reliability["ada"].value < 0.95


def test_it_is_hardly_ever_worse_than_the_plain_share() -> None:
    gains = []
    for seed in range(60):
        n, m, k = [(10, 2, 2), (20, 3, 2), (100, 4, 3), (400, 8, 3)][seed % 4]
        item, who, label, truth = simulated(seed, n, m, k, 0.6)
        found = annotator_consensus(item, who, label, k)
        shares = np.zeros((n, k))
        np.add.at(shares, (item, label), 1.0)
        gains.append(_accuracy(found.probabilities, truth) - _accuracy(shares, truth))
    assert np.mean(gains) > 0
    assert np.quantile(gains, 0.1) > -0.02


def _accuracy(scores: npt.NDArray[np.float64], truth: list[int]) -> float:
    top = scores >= scores.max(axis=1, keepdims=True) - 1e-9
    return float((top[np.arange(len(truth)), truth] / top.sum(axis=1)).mean())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(2, 6), st.integers(2, 5), st.floats(0, 1))
def test_the_order_of_answers_and_the_names_do_not_matter(seed: int, n: int, m: int, k: int, several: float) -> None:
    item, who, label, truth = simulated(seed, n, m, k, several)
    decided = {0: truth[0]}
    first = annotator_consensus(item, who, label, k, decided=decided)
    order = np.random.default_rng(seed).permutation(len(item))
    other = annotator_consensus(
        np.array(item)[order], np.array([f"zz {w}" for w in who])[order], np.array(label)[order], k, decided=decided
    )
    assert other.probabilities.tobytes() == first.probabilities.tobytes()
    assert [str(r) for r in other.reliability.values()] == [str(r) for r in first.reliability.values()]
    np.testing.assert_allclose(first.probabilities.sum(axis=1), 1.0)
    for reliability in first.reliability.values():
        assert 0 <= reliability.low <= reliability.value <= reliability.high <= 1


def test_unanimous_answers_win() -> None:
    item, who, label, _ = simulated(3, 60, 5, 3, 1.0)
    found = annotator_consensus(item, who, label, 3)
    given_to = {i: {y for at, y in zip(item, label, strict=True) if at == i} for i in item}
    agreed = [i for i, labels in given_to.items() if len(labels) == 1]
    assert [int(found.labels()[i]) for i in agreed] == [given_to[i].pop() for i in agreed]


def test_answers_multiply_with_what_the_functions_say() -> None:
    raw = np.array([[0.5, 0.5], [0.2, 0.8], [0.7, 0.3], [0.9, 0.1]])
    raw.setflags(write=False)
    found = annotator_consensus([1, 2, 2, 3], ["ada", "ada", "ben", "ben"], [1, 0, 1, 0], 2, decided={3: 1})
    out = with_answers(raw, found)
    assert out[0].tolist() == [0.5, 0.5]
    assert out[1, 1] > 0.98
    np.testing.assert_allclose(
        out[2] / out[2].sum(), raw[2] * found.probabilities[1] / (raw[2] @ found.probabilities[1])
    )
    assert out[3].tolist() == [0.0, 1.0]
    np.testing.assert_allclose(out.sum(axis=1), 1.0)
    with pytest.raises(LabelModelError, match="do not fit answers to items 1 to 3 over 2 classes"):
        with_answers(raw[:2], found)


def test_no_answers_are_no_items() -> None:
    found = annotator_consensus([], [], [], 3)
    assert found.probabilities.shape == (0, 3)
    assert found.labels().tolist() == []
    assert found.reliability == {}
    assert with_answers(np.full((2, 3), 1 / 3), found).shape == (2, 3)


def test_a_prior_that_is_none_is_refused() -> None:
    with pytest.raises(LabelModelError, match=r"prior\[1\] is 0"):
        annotator_consensus([1], ["ada"], [0], 2, prior=(1.0, 0.0))
    with pytest.raises(LabelModelError, match="expected two numbers"):
        annotator_consensus([1], ["ada"], [0], 2, prior=(1.0,))  # type: ignore[arg-type]
