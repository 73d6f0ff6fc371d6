"""The scheduler: the label model fades, and choosing that loses against chance gives way to it."""

from __future__ import annotations

import numpy as np
import pytest

from labelkit.query import Labelled, Pool, compose_queue, scheduled_mix, scheduled_tuning
from labelkit.query.auto import ENOUGH_TUNING, EXPLORES, FEWER_TUNING, Auto


def pool(answered: int) -> Pool:
    """Item 0: the votes are split; item 1: the end model is; item 2: nobody voted; item 3: both are sure."""
    return Pool(
        items=np.arange(4),
        covered=np.array([True, True, False, True]),
        label_names=("ham", "spam"),
        label_model=np.array([[0.5, 0.5], [1.0, 0.0], [0.9, 0.1], [1.0, 0.0]]),
        end_model=np.array([[0.8, 0.2], [0.6, 0.4], [0.8, 0.2], [0.99, 0.01]]),
        labelled=Labelled(np.zeros(answered, dtype=np.int64)),
    )


def order(answered: int) -> list[int]:
    scores = Auto().utilities(pool(answered), np.random.default_rng(0))
    return [int(i) for i in np.argsort(-scores, kind="stable")]


def test_it_starts_where_the_votes_are_unsure_and_moves_to_the_end_models_margin() -> None:
    assert set(order(0)[:2]) == {0, 2}, "split votes and no votes come first"
    assert order(500)[0] == 1, "the smallest margin of the end model comes first"
    assert order(0)[-1] == order(500)[-1] == 3


def test_reasons_say_who_hesitates() -> None:
    assert Auto().reason(pool(0), 0) == (
        "the models (label model 50%, end model the rest) hesitate between ham (65%) and spam (35%)"
    )
    assert Auto().reason(pool(0), 2).startswith("no labeling function voted, and the end model hesitates between ham")
    assert Auto().reason(pool(500), 1) == "the end model hesitates between ham (60%) and spam (40%)"


def test_without_a_label_model_the_end_model_decides() -> None:
    bare = Pool(np.arange(2), np.array([False, False]), ("a", "b"), end_model=np.array([[0.9, 0.1], [0.55, 0.45]]))
    queue = compose_queue(bare, mix={"auto": 1.0}, size=1, audit_share=0, tuning_share=0)
    assert [e.item for e in queue.entries] == [1]


@pytest.mark.parametrize(("value", "falls_back"), [(-0.3, True), (-0.05, False), (0.2, False)])
def test_it_falls_back_to_chance_only_where_choosing_clearly_loses(value: float, falls_back: bool) -> None:
    mix, note = scheduled_mix({"auto": 1.0}, {"value": value, "error": 0.1, "answers": 40})
    assert (note is not None) == falls_back
    assert mix == ({"auto": EXPLORES, "random": 1 - EXPLORES} if falls_back else {"auto": 1.0})
    assert scheduled_mix({"margin": 1.0}, {"value": -9.0, "error": 0.1, "answers": 40}) == ({"margin": 1.0}, None)
    assert scheduled_mix({"auto": 1.0}, None) == ({"auto": 1.0}, None)


def test_tuning_takes_less_once_there_is_enough() -> None:
    assert scheduled_tuning(0.4, 0) == 0.4
    assert scheduled_tuning(0.4, ENOUGH_TUNING) == FEWER_TUNING
    assert scheduled_tuning(0.05, ENOUGH_TUNING) == 0.05


def test_random_roles_keep_their_shares_where_only_beginnings_of_queues_are_answered() -> None:
    counts = {"audit": 0, "tuning": 0, "active": 0}
    left, roles = np.arange(400), {}
    for _ in range(30):
        part = Pool(left, np.ones(len(left), dtype=bool), ("a", "b"), end_model=np.full((len(left), 2), 0.5))
        queue = compose_queue(
            part, mix={"auto": 1.0}, size=100, audit_share=0.1, tuning_share=0.25, roles=roles, answered=counts
        )
        roles |= {e.item: e.role for e in queue.entries if e.role in ("audit", "tuning")}
        for entry in queue.entries[:5]:
            counts[entry.role] += 1
        left = np.setdiff1d(left, [e.item for e in queue.entries[:5]])
    assert counts == {
        "audit": pytest.approx(15, abs=2),
        "tuning": pytest.approx(37, abs=2),
        "active": pytest.approx(98, abs=3),
    }
