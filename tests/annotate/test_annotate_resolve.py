"""What people's answers add up to."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelkit.annotate import agreed, resolve
from labelkit.types import ABSTAIN, Annotation


def say(item: int, who: str, label: int | None, **more: Any) -> Annotation:
    return Annotation(item, who, label, "2026-03-01T00:00:00.000Z", "active", **more)


@pytest.mark.parametrize(
    ("labels", "needed", "label"),
    [
        ([], 0.5, ABSTAIN),
        ([2], 1.0, 2),
        ([1, 1, 0], 0.5, 1),
        ([1, 1, 0], 0.66, 1),
        ([1, 1, 0], 0.67, ABSTAIN),
        ([1, 0], 0.5, ABSTAIN),
        ([1, 0, 2], 0.1, ABSTAIN),
        ([0, 0, 1, 1, 2], 0.1, ABSTAIN),
        ([0, 1], 1.0, ABSTAIN),
    ],
)
def test_enough_of_the_answers_and_more_than_any_other(labels: list[int], needed: float, label: int) -> None:
    assert agreed(labels, needed) == label
    assert agreed(iter(labels), needed) == label


@given(st.lists(st.integers(0, 3), max_size=9), st.floats(0.05, 1.0))
def test_agreement_by_its_definition_and_whatever_the_order(labels: list[int], needed: float) -> None:
    counts = Counter(labels)
    winners = [c for c in counts if counts[c] / len(labels) >= needed and all(counts[c] > counts[d] for d in counts if d != c)]  # fmt: skip  # noqa: E501
    expected = winners[0] if winners else ABSTAIN
    assert agreed(labels, needed) == agreed(labels[::-1], needed) == expected


def people(annotations: list[Annotation], **more: Any):  # type: ignore[no-untyped-def]
    given = {"adjudications": {}, "roles": {}, "min_agreement": 0.5, **more}
    return resolve(6, annotations, given.pop("adjudications"), given.pop("roles"), **given)


def test_answers_make_labels_and_disagreement_a_dispute() -> None:
    human = people([say(0, "ann", 1), say(1, "ann", 0), say(1, "bob", 2), say(2, "ann", 0), say(2, "bob", 0)])
    assert human.label.tolist() == [1, -1, 0, -1, -1, -1]
    assert human.answers.tolist() == [1, 2, 2, 0, 0, 0]
    assert human.disputed == [1]


def test_a_skip_is_an_answer_without_a_label() -> None:
    human = people([say(0, "ann", None, skip_reason="unclear"), say(1, "ann", None), say(1, "bob", 2)])
    assert human.label.tolist()[:2] == [-1, 2]
    assert human.answers.tolist()[:2] == [1, 2]
    assert human.disputed == []


def test_a_decision_overrides_answers_and_ends_disputes() -> None:
    answers = [say(0, "ann", 0), say(1, "ann", 0), say(1, "bob", 2), say(3, "sim", 1, simulated=True)]
    human = people(answers, adjudications={0: 2, 1: 2, 3: 1, 4: 0})
    assert human.label.tolist() == [2, 2, -1, 1, 0, -1]
    assert human.adjudicated.tolist() == [True, True, False, True, True, False]
    assert human.disputed == []
    assert not human.simulated.any()


def test_merged_classes_agree() -> None:
    human = people([say(0, "ann", 1), say(0, "bob", 3)], adjudications={1: 3}, merged={3: 1})
    assert human.label.tolist()[:2] == [1, 1]
    assert human.disputed == []


def test_a_label_that_rests_on_a_simulated_answer_is_simulated() -> None:
    human = people([say(0, "ann", 0), say(0, "sim", 1, simulated=True), say(1, "sim", 0, simulated=True)])
    assert human.simulated.tolist()[:2] == [False, True]
    assert human.label.tolist()[:2] == [0, 0]
    assert human.answers.tolist()[:2] == [1, 0]
    assert human.asked.tolist()[:2] == [True, True]


def test_audit_answers_never_teach() -> None:
    answers = [say(n, "ann", n % 3) for n in range(6)]
    human = people(answers, roles={1: "audit", 2: "tuning", 4: "audit"})
    assert human.teaching.tolist() == [0, -1, 2, 0, -1, 2]
    assert human.audited.tolist() == [-1, 1, -1, -1, 1, -1]
    assert human.drawn_at_random.tolist() == [-1, -1, 2, -1, -1, -1]


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from("abc"), st.integers(0, 2)), unique_by=lambda a: a[:2]))
def test_every_item_is_teaching_or_audited_and_the_order_of_answers_does_not_matter(
    answers: list[tuple[int, str, int]],
) -> None:
    given = [say(*answer) for answer in answers]
    roles = {0: "audit", 1: "tuning", 3: "audit"}
    one, other = people(given, roles=roles), people(given[::-1], roles=roles)
    np.testing.assert_array_equal(one.label, other.label)
    np.testing.assert_array_equal(np.maximum(one.teaching, one.audited), one.label)
    assert not ((one.teaching != ABSTAIN) & (one.audited != ABSTAIN)).any()
    answered = {item for item, _, _ in answers}
    assert answered == set(np.flatnonzero(one.label != ABSTAIN)) | set(one.disputed)


def test_nobody_answered_and_there_are_no_items() -> None:
    assert people([]).label.tolist() == [-1] * 6
    empty = resolve(0, [], {}, {}, min_agreement=0.5)
    assert (len(empty.label), empty.disputed) == (0, [])


def test_answers_to_gold_questions_decide_nothing() -> None:
    gold = Annotation(0, "ann", 1, "2026-03-01T00:00:00.000Z", "gold")
    people = resolve(2, [gold, say(1, "ann", 0)], {}, {}, min_agreement=0.5)
    assert people.label.tolist() == [ABSTAIN, 0]
    assert people.answers.tolist() == [0, 1] and people.asked.tolist() == [False, True]
    assert people.disputed == [] and people.opinions.item.tolist() == [1]
