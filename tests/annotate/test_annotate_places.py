"""How many people an item wants, and what is drawn when items are given out."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelkit.annotate import Draws, GuessedAnswer, PlaceRule, anchoring

answers = st.lists(st.sampled_from([0, 1, 2, None]), max_size=8)


@pytest.mark.parametrize(
    ("rule", "given_answers", "places"),
    [
        (PlaceRule(1), [], 1),
        (PlaceRule(1), [0], 1),
        (PlaceRule(2, 1), [0], 2),
        (PlaceRule(2, 1), [0, 0], 2),
        (PlaceRule(2, 1), [0, 1], 3),
        (PlaceRule(2, 1), [0, None], 2),  # one label decides; a skip is no disagreement
        (PlaceRule(2, 1), [None, None], 2),
        (PlaceRule(2, 2), [0, 1], 3),  # one further person at a time
        (PlaceRule(2, 2), [0, 1, 2], 4),
        (PlaceRule(2, 2), [0, 1, 1], 3),
        (PlaceRule(2, 2), [0, 1, 2, None], 4),
        (PlaceRule(3, 1), [0, 1], 3),  # not all have answered yet
        (PlaceRule(3, 1, min_agreement=0.9), [0, 0, 1], 4),
        (PlaceRule(2, 1, merged={1: 0}), [0, 1], 2),
        (PlaceRule(2, 0), [0, 1], 2),
        (PlaceRule(1, 1), [0, 1, 0], 2),  # a late answer made it three: full
    ],
)
def test_places_follow_the_answers(rule: PlaceRule, given_answers: list[int | None], places: int) -> None:
    assert rule.places(given_answers) == places


@given(st.integers(1, 4), st.integers(0, 3), answers, st.randoms())
def test_places_have_bounds_and_no_order(wanted: int, more: int, said: list[int | None], random: object) -> None:
    rule = PlaceRule(wanted, more)
    assert wanted <= rule.places(said) <= rule.most
    shuffled = list(said)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert rule.places(shuffled) == rule.places(said)
    if wanted <= len(said) < rule.most:
        assert (rule.places(said) > len(said)) == rule.undecided(said)


def test_another_rule_has_another_identity() -> None:
    rules = [PlaceRule(), PlaceRule(2), PlaceRule(1, 1), PlaceRule(min_agreement=0.6), PlaceRule(merged={1: 0})]
    assert len({rule.identity for rule in rules}) == len(rules)


def test_draws_have_their_shares_and_are_the_same_again() -> None:
    draws = Draws(b"secret", gold_share=0.05, gold_items=range(100), hints_share=0.1)
    golds = [draws.gold_here(who, place) for who in ("ann", "bob") for place in range(5_000)]
    hints = [draws.hints_before(who, item) for who in ("ann", "bob") for item in range(5_000)]
    assert 400 < sum(golds) < 600 and 900 < sum(hints) < 1_100
    assert golds == [draws.gold_here(who, place) for who in ("ann", "bob") for place in range(5_000)]
    assert golds[:5_000] != golds[5_000:] and hints[:5_000] != hints[5_000:]
    other = Draws(b"another", gold_share=0.05, gold_items=range(100))
    assert [other.gold_here("ann", place) for place in range(5_000)] != golds[:5_000]


def test_gold_items_are_spread_and_the_order_is_bounded() -> None:
    draws = Draws(b"secret", gold_share=1, gold_items=[7, 8, 9])
    first = Counter(next(draws.gold_order("ann", place)) for place in range(300))
    assert set(first) == {7, 8, 9} and min(first.values()) > 60
    assert sorted(draws.gold_order("ann", 0)) == [7, 8, 9]
    assert len(list(Draws(b"secret", gold_share=1, gold_items=range(10_000)).gold_order("ann", 0))) < 100


def test_without_gold_items_or_a_share_nothing_is_drawn() -> None:
    assert not Draws(b"k", gold_share=1.0).gold_here("ann", 0)
    nothing = Draws(b"k", gold_items=[1])
    assert not any(nothing.gold_here("ann", place) or nothing.hints_before("ann", place) for place in range(1_000))


def test_anchoring_is_the_difference_with_its_interval() -> None:
    """Newcombe's own example: 56 of 70 against 48 of 80 gives 0.20 (0.0524, 0.3339)."""
    found = anchoring(
        [GuessedAnswer(True, k < 56) for k in range(70)] + [GuessedAnswer(False, k < 48) for k in range(80)]
    )
    assert found.difference == pytest.approx(0.2)
    assert (found.low, found.high) == (pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5))
    assert found.shows and (found.before.n, found.hidden.n) == (70, 80)


def test_anchoring_without_one_group_is_unknown() -> None:
    found = anchoring([GuessedAnswer(True, True)])
    assert found.difference is None and not found.shows
    assert math.isnan(found.hidden.value) and (found.hidden.low, found.hidden.high) == (0.0, 1.0)


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.lists(st.booleans(), min_size=1, max_size=40))
def test_the_interval_of_anchoring_holds_its_difference(before: list[bool], hidden: list[bool]) -> None:
    found = anchoring([GuessedAnswer(True, one) for one in before] + [GuessedAnswer(False, one) for one in hidden])
    assert found.difference is not None and found.low is not None and found.high is not None
    assert -1 <= found.low <= found.difference <= found.high <= 1
