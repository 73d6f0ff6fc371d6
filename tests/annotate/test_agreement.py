"""Agreement: the worked examples of the papers, plain loops, and what must hold for any answers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from labelkit.annotate import agreement, confusion, confusion_with, pairwise, ratings
from labelkit.annotate.agreement_answers import Ratings
from labelkit.errors import AnnotationError

Answers = list[tuple[int, str, int]]
"""Item, annotator, class."""

FLEISS_1971 = (
    "00060 03003 01401 00006 03030 20400 00402 20310 20040 00006 10050 11040 03300 10050 02031"
    " 00501 30012 51000 02040 10203 00006 01050 02013 20040 10041 05010 40002 02040 10500 00006"
)
"""30 patients, 6 psychiatrists each, 5 diagnoses: how many gave each (Fleiss 1971, table 1)."""

KRIPPENDORFF_2011 = {
    "A": "1233214 12   ",
    "B": "1233224 125 3",
    "C": " 333234 2251 ",
    "D": "1233244 1251 ",
}
"""12 units, 4 observers, missing answers (Krippendorff 2011, example C); the gap is no unit."""


def made(answers: Answers, k: int) -> Ratings:
    items, people, labels = zip(*answers, strict=True) if answers else ((), (), ())
    return ratings(items, people, labels, k)


def values(answers: Answers, k: int, *, ordered: bool = False) -> dict[str, float | None]:
    figures = agreement(made(answers, k), np.random.default_rng(0), ordered=ordered, resamples=20)
    return {f.measure: f.value for f in figures}


def table(counts: list[list[int]]) -> Answers:
    """Two people, from how often they said which two classes."""
    cells = [(c, d) for c, row in enumerate(counts) for d, n in enumerate(row) for _ in range(n)]
    return [(i, who, cell[place]) for i, cell in enumerate(cells) for place, who in enumerate(("ada", "ben"))]


def krippendorffs() -> Answers:
    return [
        (unit, who, int(said) - 1)
        for who, line in KRIPPENDORFF_2011.items()
        for unit, said in enumerate(line)
        if said != " "
    ]


def test_cohens_own_example() -> None:
    found = values(table([[88, 14, 18], [10, 40, 10], [2, 6, 12]]), 3)
    assert found["percent"] == pytest.approx(0.70)
    assert found["cohen"] == pytest.approx((0.70 - 0.41) / (1 - 0.41))  # printed as .492


def test_fleiss_own_example() -> None:
    answers = []
    for item, line in enumerate(FLEISS_1971.split()):
        said = [c for c, n in enumerate(line) for _ in range(int(n))]
        answers += [(item, f"p{place}", c) for place, c in enumerate(said)]
    found = values(answers, 5)
    assert round(found["percent"] or 0, 3) == 0.556  # .555 where it is rounded on the way
    assert round(found["fleiss"] or 0, 3) == 0.430


def test_krippendorffs_own_example() -> None:
    found = values(krippendorffs(), 5, ordered=True)
    assert round(found["krippendorff"] or 0, 3) == 0.743
    assert round(found["krippendorff_ordinal"] or 0, 3) == 0.815


def test_gwets_figures_for_the_same_answers() -> None:
    """Handbook of Inter-Rater Reliability: the unit with one answer counts in the class shares."""
    found = values(krippendorffs(), 5)
    assert round(found["percent"] or 0, 5) == 0.81818
    assert round(found["gwet_ac1"] or 0, 5) == 0.77544
    assert round(found["fleiss"] or 0, 5) == 0.76117


def test_gwets_example_of_a_frequent_class() -> None:
    found = values(table([[118, 5], [2, 0]]), 2)
    assert round(found["cohen"] or 0, 4) == -0.0234
    assert round(found["gwet_ac1"] or 0, 4) == 0.9408


# ------------------------------------------------------------------ against plain loops


def by_hand(answers: Answers, k: int) -> dict[str, float]:
    """Percent agreement, Fleiss, AC1 and alpha, word for word from their definitions."""
    by_item: dict[int, list[int]] = {}
    for item, _, label in answers:
        by_item.setdefault(item, []).append(label)
    met = [said for said in by_item.values() if len(said) > 1]
    percent = np.mean([np.mean([a == b for a, b in itertools.permutations(said, 2)]) for said in met])
    shares = [np.mean([said.count(c) / len(said) for said in by_item.values()]) for c in range(k)]
    fleiss = sum(p * p for p in shares)
    ac1 = sum(p * (1 - p) for p in shares) / (k - 1)
    n = sum(len(said) for said in met)
    observed = sum(
        sum(a != b for a, b in itertools.permutations(said, 2)) / (len(said) - 1) for said in met
    ) / n  # fmt: skip
    pool = [label for said in met for label in said]
    expected = np.mean([a != b for a, b in itertools.permutations(pool, 2)])
    nan = float("nan")
    return {
        "percent": float(percent),
        "fleiss": (percent - fleiss) / (1 - fleiss) if fleiss < 1 - 1e-9 else nan,
        "gwet_ac1": (percent - ac1) / (1 - ac1),
        "krippendorff": 1 - observed / expected if expected else nan,
    }


@st.composite
def some_answers(draw: st.DrawFn) -> tuple[Answers, int]:
    k = draw(st.integers(2, 4))
    cells = draw(
        st.dictionaries(
            st.tuples(st.integers(0, 9), st.sampled_from(["ada", "ben", "cy", "dora"])),
            st.integers(0, k - 1),
            max_size=40,
        )
    )
    return [(item, who, label) for (item, who), label in cells.items()], k


@settings(max_examples=150, deadline=None)
@given(some_answers())
def test_the_measures_are_their_definitions(case: tuple[Answers, int]) -> None:
    answers, k = case
    if not made(answers, k).shared:
        assert set(values(answers, k).values()) == {None}
        return
    found = values(answers, k)
    for measure, expected in by_hand(answers, k).items():
        value = found[measure]
        assert (value is None) == np.isnan(expected), measure
        if value is not None:
            assert value == pytest.approx(expected, abs=1e-9), measure


@settings(max_examples=100, deadline=None)
@given(some_answers())
def test_pairs_are_those_of_scikit_learn(case: tuple[Answers, int]) -> None:
    answers, k = case
    by_person: dict[str, dict[int, int]] = {}
    for item, who, label in answers:
        by_person.setdefault(who, {})[item] = label
    found = {(p.first, p.second): p for p in pairwise(made(answers, k), np.random.default_rng(0), resamples=5)}
    common = {
        (a, b): sorted(by_person[a].keys() & by_person[b].keys())
        for a, b in itertools.combinations(sorted(by_person), 2)
    }
    assert set(found) == {pair for pair, items in common.items() if items}
    for (a, b), pair in found.items():
        one, other = ([by_person[who][item] for item in common[a, b]] for who in (a, b))
        assert pair.n == len(one)
        assert pair.percent.value == pytest.approx(np.mean(np.equal(one, other)))
        if len({*one, *other}) == 1:
            assert pair.cohen.value is None and "same class" in pair.cohen.undefined
        else:
            assert pair.cohen.value == pytest.approx(cohen_kappa_score(one, other, labels=range(k)))


@settings(max_examples=100, deadline=None)
@given(some_answers(), st.permutations(range(4)), st.permutations(["ada", "ben", "cy", "dora"]))
def test_names_of_people_and_classes_do_not_matter(
    case: tuple[Answers, int], classes: list[int], people: list[str]
) -> None:
    answers, k = case
    order = [c for c in classes if c < k]
    names = dict(zip(("ada", "ben", "cy", "dora"), people, strict=True))
    turned = [(item, names[who], order[label]) for item, who, label in reversed(answers)]
    before, after = values(answers, k), values(turned, k)
    for measure, value in before.items():
        assert after[measure] == (None if value is None else pytest.approx(value, abs=1e-9)), measure


@settings(max_examples=60, deadline=None)
@given(some_answers())
def test_full_agreement_is_one_and_nothing_is_more(case: tuple[Answers, int]) -> None:
    answers, k = case
    assert all(value is None or value <= 1 + 1e-9 for value in values(answers, k, ordered=True).values())
    alike = [(item, who, item % k) for item, who, _ in answers]
    for measure, value in values(alike, k, ordered=True).items():
        assert value is None or value == pytest.approx(1.0), measure


# ------------------------------------------------------------------ undefined, and why


def test_what_is_undefined_says_why() -> None:
    def reasons(answers: Answers) -> set[str]:
        return {f.undefined for f in agreement(made(answers, 2), np.random.default_rng(0)) if f.value is None}

    (nobody,) = reasons([])
    assert "nobody has answered" in nobody
    (single,) = reasons([(1, "ada", 0), (2, "ada", 1)])
    assert "only one person (ada)" in single
    (apart,) = reasons([(1, "ada", 0), (2, "ben", 1)])
    assert "no item has answers of two people" in apart
    (same,) = reasons([(1, "ada", 0), (1, "ben", 0)])
    assert "same class" in same


def test_one_class_only_leaves_percent_and_ac1() -> None:
    found = values([(1, "ada", 0), (1, "ben", 0)], 2)
    assert (found["percent"], found["gwet_ac1"]) == (1.0, 1.0)
    assert found["cohen"] is found["fleiss"] is found["krippendorff"] is None


def test_few_items_have_no_interval_and_say_why() -> None:
    for figure in agreement(made(table([[4, 1], [1, 3]]), 2), np.random.default_rng(0)):
        assert figure.value is not None and figure.low is None and "at least 10 items" in figure.undefined


def test_full_agreement_has_no_interval() -> None:
    for figure in agreement(made(table([[20, 0], [0, 20]]), 2), np.random.default_rng(0)):
        if figure.measure in ("percent", "cohen"):
            assert figure.value == 1.0 and figure.low is None and "say the same" in figure.undefined


# ------------------------------------------------------------------ intervals


def test_the_same_seed_gives_the_same_interval_and_it_holds_the_value() -> None:
    case = made(table([[40, 9], [7, 30]]), 2)
    one, same, other = (agreement(case, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one == same != other
    for figure in one:
        assert figure.low is not None and figure.high is not None and figure.value is not None
        assert figure.low < figure.value < figure.high


def test_percent_agreement_has_the_interval_of_a_share() -> None:
    """Of two people it is a binomial share: the bootstrap must come near its standard error."""
    case = made(table([[140, 25], [35, 200]]), 2)
    percent = agreement(case, np.random.default_rng(0), resamples=4000)[0]
    assert percent.low is not None and percent.high is not None
    error = np.sqrt(0.85 * 0.15 / 400)
    assert (percent.high - percent.low) / (2 * 1.96 * error) == pytest.approx(1.0, abs=0.1)


def test_the_interval_covers_what_is_true_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    truth = 0.8 * 0.8 + 0.2 * 0.2  # two people who are each right on four of five items of two classes
    inside = 0
    for _ in range(100):
        label = rng.integers(0, 2, 150)
        said = [np.where(rng.random(150) < 0.8, label, 1 - label) for _ in range(2)]
        case = ratings([*range(150)] * 2, ["ada"] * 150 + ["ben"] * 150, np.concatenate(said), 2)
        percent = agreement(case, rng, resamples=300)[0]
        inside += percent.low <= truth <= percent.high  # type: ignore[operator]
    assert inside >= 87


def test_many_chunks_are_as_many_resamples() -> None:
    from labelkit.annotate.agreement import resampled

    drawn = list(resampled(30_000, 300, np.random.default_rng(0)))
    assert len(drawn) > 1 and sum(len(part) for part in drawn) == 300
    assert all((part.sum(axis=1) == 30_000).all() for part in drawn)


@settings(max_examples=100, deadline=None)
@given(some_answers())
def test_one_item_of_each_kind_stands_for_all(case: tuple[Answers, int]) -> None:
    answers, k = case
    if not answers:
        return
    whole = made(answers, k)
    said: dict[int, list[tuple[str, int]]] = {}
    for item, who, label in sorted(answers):
        said.setdefault(item, []).append((who, label))
    kinds: dict[tuple[tuple[str, int], ...], int] = {}
    for one in said.values():
        kinds[tuple(one)] = kinds.get(tuple(one), 0) + 1
    part, counts = whole.condensed
    found = {
        tuple(
            (part.annotators[part.annotator[a]], int(part.label[a])) for a in np.flatnonzero(part.item == place)
        ): int(counts[place])
        for place in range(len(counts))
    }
    assert found == kinds


def people_and_answers(people: int, per_item: int, n: int, seed: int) -> Ratings:
    rng = np.random.default_rng(seed)
    truth = rng.integers(3, size=n)[:, None]
    who = np.argsort(rng.random((n, people)), axis=1)[:, :per_item]
    said = np.where(rng.random((n, per_item)) < 0.8, truth, rng.integers(3, size=(n, per_item)))
    names = np.array([f"p{j}" for j in range(people)])[who]
    return ratings(np.repeat(np.arange(n), per_item), names.ravel(), said.ravel(), 3)


@pytest.mark.parametrize(("people", "per_item", "n"), [(3, 2, 900), (12, 3, 900)])
def test_resampling_kinds_of_items_is_resampling_items(people: int, per_item: int, n: int) -> None:
    """Both ways to draw: few kinds of items, and nearly as many kinds as items."""
    from labelkit.annotate.agreement import _Sums, resampled

    case = people_and_answers(people, per_item, n, seed=5)
    found = {f.measure: f for f in agreement(case, np.random.default_rng(1), ordered=True, resamples=3000)}
    sums = _Sums(case, ordered=True)
    drawn: dict[str, list[float]] = {measure: [] for measure in found}
    for weights in resampled(n, 3000, np.random.default_rng(2)):
        for measure, values in sums.measures(weights).items():
            drawn[measure] += values.tolist()
    for measure, one in found.items():
        low, high = np.quantile(drawn[measure], [0.025, 0.975])
        width = high - low
        assert one.low == pytest.approx(low, abs=0.08 * width), measure
        assert one.high == pytest.approx(high, abs=0.08 * width), measure
        assert one.value == pytest.approx(float(sums.measures(np.ones((1, n)))[measure][0]), abs=1e-9), measure


@pytest.mark.parametrize("n", [200, 40])
def test_both_ways_of_drawing_a_pair_have_the_interval_of_a_share(n: int) -> None:
    case = made(table([[n // 2, n // 8], [n // 8, n // 4]]), 2)
    (pair,) = pairwise(case, np.random.default_rng(0), resamples=4000)
    assert pair.percent.low is not None and pair.percent.high is not None and pair.percent.value is not None
    error = np.sqrt(pair.percent.value * (1 - pair.percent.value) / pair.n)
    assert (pair.percent.high - pair.percent.low) / (2 * 1.96 * error) == pytest.approx(1.0, abs=0.12)


# ------------------------------------------------------------------ confusion, wrong input


def test_confusion_counts_every_pair_of_answers_once() -> None:
    case = made([(1, "ada", 0), (1, "ben", 1), (1, "cy", 0), (2, "ada", 1), (2, "ben", 1), (3, "ada", 0)], 2)
    assert confusion(case).tolist() == [[1, 2], [2, 1]]


def test_confusion_with_known_labels() -> None:
    known, said = np.array([0, 0, 1, -1]), np.array([0, 1, 1, 1])
    assert confusion_with(known, said, 2).tolist() == [[1, 1], [0, 1]]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([1], ["ada"], [2], 2), "expected 0 to 1"),
        (([1, 2], ["ada"], [0], 2), "2 items, 1 annotators"),
        (([1, 1], ["ada", "ada"], [0, 1], 2), "twice"),
        (([1], ["ada"], [0], 1), "at least 2 classes"),
    ],
)
def test_wrong_answers_are_named(arguments: tuple[list[int], list[str], list[int], int], words: str) -> None:
    with pytest.raises(AnnotationError, match=words):
        ratings(*arguments)
