"""The precedence of labels, row by row and against a plain restatement of the rules."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelkit.trainingset import RULES, assemble
from labelkit.types import FloatArray, IntArray

NONE = np.array([-1])
WEAK = np.array([[0.6, 0.3, 0.1]])
STRONG = np.array([[0.1, 0.2, 0.7]])


def decide(**given: object) -> tuple[int, str | None, float, list[float]]:
    final = assemble(1, 3, **given)  # type: ignore[arg-type]
    return int(final.label[0]), final.sources[0], float(final.weight[0]), final.p[0].tolist()


def test_people_come_first_in_their_order() -> None:
    models = {"label_model": WEAK, "end_model": STRONG}
    zero, one, two = (np.array([i]) for i in range(3))
    assert decide(adjudicated=two, agreed=one, gold=zero, **models) == (2, "human", 1.0, [0, 0, 1])
    assert decide(adjudicated=NONE, agreed=one, gold=zero, **models) == (1, "human", 1.0, [0, 1, 0])
    assert decide(adjudicated=NONE, agreed=NONE, gold=one, **models) == (1, "gold", 1.0, [0, 1, 0])
    assert decide(gold=NONE, **models) == (0, "label_model", 0.6, [0.6, 0.3, 0.1])
    assert decide(end_model=STRONG) == (2, "end_model", 0.7, [0.1, 0.2, 0.7])


def test_one_person_alone_is_no_agreement() -> None:
    agreed, decided = np.array([0, 1, 2, -1]), np.array([-1, -1, 1, -1])
    final = assemble(4, 3, agreed=agreed, adjudicated=decided, answers=np.array([1, 2, 1, 1]))
    assert final.rules == ["answer", "agreement", "adjudication", None]
    assert final.sources == ["human", "human", "human", None]
    assert final.weight.tolist() == [1, 1, 1, 0] and final.answers.tolist() == [1, 2, 1, 1]
    assert final.p[0].tolist() == [1, 0, 0]
    part = final.only(np.array([False, True, False, True]))
    assert (part.rules, part.answers.tolist(), part.p.shape) == (["agreement", None], [2, 1], (2, 3))


def test_the_threshold_is_for_models_and_includes_itself() -> None:
    models = {"label_model": WEAK, "end_model": STRONG}
    assert decide(**models, min_probability=0.6)[1] == "label_model"
    assert decide(**models, min_probability=0.65)[1] == "end_model"
    assert decide(**models, min_probability=0.8) == (-1, None, 0.0, [0.6, 0.3, 0.1])
    assert decide(agreed=np.array([1]), min_probability=1.0)[2] == 1.0


def test_items_that_no_function_voted_on() -> None:
    no = np.array([False])
    assert decide(label_model=WEAK, covered=no, end_model=STRONG)[1] == "end_model"
    assert decide(label_model=WEAK, covered=no, end_model=STRONG, min_probability=0.9)[3] == [0.1, 0.2, 0.7]
    label, source, weight, p = decide(label_model=WEAK, covered=no)
    assert (label, source, weight) == (-1, None, 0.0)
    assert np.isnan(p).all()


def test_ties_decide_nothing() -> None:
    even = np.array([[0.4, 0.4, 0.2]])
    assert decide(label_model=even)[:3] == (-1, None, 0.0)
    assert decide(end_model=even)[:3] == (-1, None, 0.0)
    assert decide(label_model=WEAK, label_model_label=NONE)[:3] == (-1, None, 0.0)
    assert decide(label_model=WEAK, label_model_label=NONE, end_model=STRONG)[0] == 2


def test_nothing_and_nobody() -> None:
    assert len(assemble(0, 3)) == 0
    assert len(assemble(0, 3, agreed=np.zeros(0, int), end_model=np.zeros((0, 3)))) == 0
    final = assemble(2, 3)
    assert final.sources == [None, None]
    assert final.weight.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"agreed": np.array([3])}, "labels range from 3 to 3"),
        ({"gold": np.array([-2])}, "labels range from -2"),
        ({"gold": np.array([0, 1])}, r"shape \(2,\)"),
        ({"end_model": np.zeros((1, 2))}, r"shape \(1, 2\), expected \(1, 3\)"),
        ({"label_model": WEAK, "covered": np.array([True, False])}, "covered"),
        ({"min_probability": 1.5}, "min_probability"),
    ],
)
def test_what_does_not_fit(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        decide(**given)


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.4, 0.6, 1.0]))
def test_equals_the_rules_written_out(seed: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    n, k = 30, 4
    people: list[IntArray] = [np.where(rng.random(n) < 0.2, rng.integers(0, k, n), -1) for _ in range(3)]
    weak: FloatArray = rng.dirichlet(np.ones(k), n).round(1)
    strong: FloatArray = rng.dirichlet(np.ones(k), n).round(1)
    covered = rng.random(n) < 0.7
    before = [a.copy() for a in (*people, weak, strong, covered)]
    final = assemble(
        n,
        k,
        adjudicated=people[0],
        agreed=people[1],
        gold=people[2],
        label_model=weak,
        covered=covered,
        end_model=strong,
        min_probability=threshold,
    )
    assert all((a == b).all() for a, b in zip(before, (*people, weak, strong, covered), strict=True))
    for i in range(n):
        opinions = [(int(p[i]), 1.0) for p in people]
        for p, speaks in ((weak, covered[i]), (strong, True)):
            top = p[i].max()
            alone = speaks and (p[i] == top).sum() == 1 and top >= threshold
            opinions.append((int(p[i].argmax()), float(top)) if alone else (-1, 0.0))
        position = next((j for j, (label, _) in enumerate(opinions) if label >= 0), -1)
        assert final.rule[i] == position
        assert (final.label[i], final.weight[i]) == (opinions[position] if position >= 0 else (-1, 0.0))
        if position >= 0 and RULES[position] == "end_model":
            assert final.p[i].tolist() == strong[i].tolist()
