"""Annotators' figures against plain loops, and when they are worth a word to a lead."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit.analysis import wilson
from labelkit.annotate.quality import AnnotatorCounts, AnswerLog, Share, annotator_counts
from labelkit.annotate.quality_warnings import AnnotatorEstimates, QualityWarning, quality_warnings

Row = tuple[str, int, int]
"""Annotator, item, class (−1: a skip)."""


def log(rows: list[Row], **columns: list[float]) -> AnswerLog:
    rows = sorted(rows, key=lambda row: row[1])
    people = tuple(sorted({who for who, _, _ in rows}))
    a = len(rows)
    label = np.array([label for _, _, label in rows], dtype=np.int64)

    def column(name: str, default: float, kind: type) -> np.ndarray:
        return np.array(columns.get(name, [default] * a), dtype=kind)

    return AnswerLog(
        annotators=people,
        who=np.array([people.index(who) for who, _, _ in rows], dtype=np.int64),
        item=np.array([item for _, item, _ in rows], dtype=np.int64),
        label=label,
        skip=label < 0,
        flag=np.zeros(a, dtype=bool),
        gold=column("gold", 0, bool),
        known=column("known", -1, np.int64),
        seconds=column("seconds", np.nan, np.float64),
        order=column("order", 0, np.float64) if "order" in columns else np.arange(a, dtype=np.float64),
        asked_to_break_a_tie=column("tie", 0, bool),
    )


def by_name(given: AnswerLog, k: int = 3) -> dict[str, AnnotatorCounts]:
    return {counts.annotator: counts for counts in annotator_counts(given, k)}


def estimates(counts: AnnotatorCounts) -> AnnotatorEstimates:
    def share(of: Share) -> object:
        return wilson(of.of, of.n)

    names = ("gold", "others_gold", "agreement", "others_agreement", "fast", "skipped", "before", "after")
    return AnnotatorEstimates(**{name: share(getattr(counts, name)) for name in names})  # type: ignore[arg-type]


def warned(counts: AnnotatorCounts) -> dict[str, QualityWarning]:
    return {w.concern: w for w in quality_warnings(counts, estimates(counts), ("spam", "ham", "other"))}


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    cells = draw(
        st.dictionaries(
            st.tuples(st.sampled_from(["ada", "ben", "cy"]), st.integers(0, 7)), st.integers(-1, 2), min_size=1
        )
    )
    return [(who, item, label) for (who, item), label in cells.items()]


@settings(max_examples=150, deadline=None)
@given(rows())
def test_agreement_is_the_mean_share_of_the_others_who_say_the_same(given: list[Row]) -> None:
    def agreement(people: set[str], of: set[str]) -> list[float]:
        shares = []
        for who, item, label in given:
            others = [other for name, i, other in given if i == item and name != who and name in people and other >= 0]
            if who in of and label >= 0 and others:
                shares.append(others.count(label) / len(others))
        return shares

    everybody = {who for who, _, _ in given}
    for name, counts in by_name(log(given)).items():
        own, rest = agreement(everybody, {name}), agreement(everybody - {name}, everybody - {name})
        assert (counts.agreement.of, counts.agreement.n) == (pytest.approx(sum(own)), len(own))
        assert (counts.others_agreement.of, counts.others_agreement.n) == (pytest.approx(sum(rest)), len(rest))


def test_right_answers_to_gold_questions_and_to_other_known_items() -> None:
    given = log(
        [("ada", 1, 0), ("ada", 2, 1), ("ada", 3, -1), ("ada", 4, 2), ("ben", 5, 0)],
        gold=[1, 1, 1, 0, 1],
        known=[0, 0, 1, 2, 0],
    )
    ada = by_name(given)["ada"]
    assert ada.gold == Share(1, 2) and ada.decided == Share(1, 1) and ada.others_gold == Share(1, 1)
    assert (ada.labels, ada.skips) == (3, 1)


def test_answers_that_break_a_tie_measure_no_agreement() -> None:
    answers = [("ada", 1, 0), ("ben", 1, 1), ("cy", 1, 0)]
    assert by_name(log(answers))["ada"].agreement == Share(0.5, 1)
    found = by_name(log(answers, tie=[0, 0, 1]))
    assert found["ada"].agreement == Share(0, 1) and found["cy"].agreement == Share(0, 0)


def test_speed_is_measured_against_the_others() -> None:
    answers = [("ada", item, 0) for item in range(4)] + [("ben", 10 + item, 0) for item in range(3)]
    found = by_name(log(answers, seconds=[0.1, 0.7, 2.0, 3.0, 8.0, 10.0, 12.0]))
    assert found["ada"].fast_limit == pytest.approx(1.0) and found["ada"].fast == Share(2, 4)
    assert found["ada"].seconds == pytest.approx(1.35)
    assert found["ben"].fast_limit == pytest.approx(0.4) and found["ben"].fast == Share(0, 3)
    assert by_name(log(answers))["ada"].seconds is None


def test_the_halves_go_by_time() -> None:
    answers = [("ada", item, 0) for item in range(4)]
    found = by_name(log(answers, known=[0, 1, 0, 1], order=[1, 3, 0, 2]))["ada"]
    assert (found.before, found.after) == (Share(2, 2), Share(0, 2))


# ------------------------------------------------------------------ warnings

GOOD = AnnotatorCounts(
    annotator="ada", labels=200, skips=0, flags=0,
    gold=Share(38, 40), decided=Share(50, 55), others_gold=Share(190, 200),
    agreement=Share(170, 200), others_agreement=Share(850, 1000),
    skipped=Share(4, 204), others_skipped=Share(20, 1000),
    seconds=3.0, fast=Share(2, 200), fast_limit=0.4,
    most_frequent=0, most_frequent_share=Share(120, 200), others_share=Share(600, 1000),
    before=Share(85, 100), after=Share(84, 100),
)  # fmt: skip


@pytest.mark.parametrize(
    ("concern", "bad", "too_few"),
    [
        ("gold", {"gold": Share(20, 40)}, {"gold": Share(1, 5)}),
        ("agreement", {"agreement": Share(100, 200)}, {"agreement": Share(2, 10)}),
        ("fast", {"fast": Share(100, 200)}, {"fast": Share(8, 10)}),
        ("one_label", {"most_frequent_share": Share(199, 200)}, {"most_frequent_share": Share(12, 12)}),
        (
            "drift",
            {"before": Share(95, 100), "after": Share(60, 100)},
            {"before": Share(10, 10), "after": Share(4, 10)},
        ),
        ("skips", {"skipped": Share(100, 200)}, {"skipped": Share(5, 8)}),
    ],
)
def test_each_concern_has_a_warning_and_few_answers_have_none(
    concern: str, bad: dict[str, Share], too_few: dict[str, Share]
) -> None:
    assert warned(GOOD) == {}
    found = warned(replace(GOOD, **bad))  # type: ignore[arg-type]
    assert set(found) == {concern}
    assert found[concern].annotator == "ada" and found[concern].what and found[concern].next_step
    assert warned(replace(GOOD, **too_few)) == {}  # type: ignore[arg-type]


def test_a_hard_task_is_nobodys_fault() -> None:
    """Where the others do no better on gold questions, there is no warning."""
    assert warned(replace(GOOD, gold=Share(24, 40), others_gold=Share(125, 200))) == {}


def test_of_two_people_who_differ_nobody_is_blamed() -> None:
    alone = replace(GOOD, agreement=Share(40, 200), others_agreement=Share(0, 0))
    assert warned(alone) == {}


def test_a_frequent_class_is_no_reason_for_a_warning() -> None:
    frequent = replace(GOOD, most_frequent_share=Share(99, 100), others_share=Share(980, 1000))
    assert warned(frequent) == {}


def test_good_annotators_are_seldom_warned_about() -> None:
    """Three people of the same quality, many projects: chance alone must not raise warnings often."""
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(40):
        truth = rng.integers(0, 3, 150)
        answers = []
        for who in ("ada", "ben", "cy"):
            said = np.where(rng.random(150) < 0.85, truth, rng.integers(0, 3, 150))
            answers += [(who, item, int(label)) for item, label in enumerate(said)]
        alarms += sum(len(warned(counts)) for counts in annotator_counts(log(answers), 3))
    assert alarms <= 6  # of 120 people
