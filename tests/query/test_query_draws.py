"""Draws for the audit, stratified by confidence: the probabilities that are stored are those that were used."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from labelkit.query.draws import MOST_RATIO, audit_weights, draw
from labelkit.types import FloatArray

ITEMS = np.arange(40) * 3
CONFIDENCE = np.random.default_rng(5).uniform(0.3, 1.0, 40)


def hits(counts: Mapping[str, int], draws: int) -> tuple[FloatArray, FloatArray]:
    """How often each row was drawn for the audit, and the mean of the probability it was said to have."""
    drawn, said = np.zeros(40), np.zeros(40)
    for seed in range(draws):
        for one in draw(ITEMS, {}, counts, seed, CONFIDENCE).chosen["audit"]:  # type: ignore[arg-type]
            assert one.probability is not None
            drawn[one.row] += 1
            said[one.row] = one.probability
    return drawn / draws, said


def test_each_item_is_drawn_as_often_as_it_says() -> None:
    drawn, said = hits({"audit": 4, "tuning": 3}, 4000)
    # The sum of what is left after tuning differs a little from draw to draw, hence the last probability is near all.
    np.testing.assert_allclose(drawn, said, atol=0.03)
    assert said.sum() == pytest.approx(4, rel=0.03)
    unsure, sure = said[CONFIDENCE <= 0.5].mean(), said[CONFIDENCE > 0.98].mean()
    assert 1.8 < unsure / sure <= MOST_RATIO + 1e-9


def test_every_stretch_of_confidence_gets_its_share_in_every_draw() -> None:
    order = np.argsort(CONFIDENCE)
    for seed in range(50):
        rows = [one.row for one in draw(ITEMS, {}, {"audit": 10, "tuning": 0}, seed, CONFIDENCE).chosen["audit"]]
        assert len(set(rows)) == 10
        surest = set(order[20:].tolist())
        among = sum(row in surest for row in rows)
        expected = 10 * _sizes(order[20:]) / _sizes(order)
        assert abs(among - expected) <= 1.0


def _sizes(rows: FloatArray) -> float:
    sure = np.clip(CONFIDENCE[rows.astype(int)], 0.5, 1)
    return float((1 + 2 * (MOST_RATIO - 1) * np.sqrt(sure * (1 - sure))).sum())


def test_without_confidences_all_have_the_same_chance() -> None:
    drawn = draw(ITEMS, {}, {"audit": 4, "tuning": 4}, 0)
    for role in ("audit", "tuning"):
        assert [one.probability for one in drawn.chosen[role]] == pytest.approx([0.1] * 4)  # type: ignore[index]


def test_tuning_is_a_simple_random_sample_whatever_the_model_thinks() -> None:
    first = draw(ITEMS, {}, {"audit": 4, "tuning": 6}, 1, CONFIDENCE)
    second = draw(ITEMS, {}, {"audit": 4, "tuning": 6}, 1, CONFIDENCE[::-1])
    assert first.chosen["tuning"] == second.chosen["tuning"]
    assert [one.row for one in first.chosen["audit"]] != [one.row for one in second.chosen["audit"]]


def test_all_items_are_drawn_where_there_are_as_many_places() -> None:
    drawn = draw(ITEMS, {}, {"audit": 60, "tuning": 5}, 1, CONFIDENCE)
    assert sorted(one.row for one in drawn.chosen["audit"]) == list(range(40))
    assert {one.probability for one in drawn.chosen["audit"]} == {1.0}
    nearly = draw(ITEMS, {}, {"audit": 38, "tuning": 0}, 1, CONFIDENCE)
    assert len({one.row for one in nearly.chosen["audit"]}) == 38
    assert max(one.probability or 0 for one in nearly.chosen["audit"]) == 1.0


def test_the_next_draw_starts_elsewhere() -> None:
    places = [0, 0]
    for number, roles in enumerate(({}, {900: "audit"})):
        places[number] = draw(ITEMS, roles, {"audit": 1, "tuning": 0}, 3, CONFIDENCE).chosen["audit"][0].row
    assert places[0] != places[1]


def test_weights_undo_the_chances() -> None:
    """The weighted number of items of a draw is the number of them, and sure items stand for more."""
    drawn = draw(ITEMS, {}, {"audit": 20, "tuning": 0}, 2, CONFIDENCE).chosen["audit"]
    weights = audit_weights(np.array([one.probability for one in drawn]), np.zeros(20, dtype=int), {0: 20 / 40})
    assert weights.mean() == pytest.approx(1, abs=0.1)
    sure = np.array([CONFIDENCE[one.row] for one in drawn])
    assert np.corrcoef(weights, sure)[0, 1] > 0.5
