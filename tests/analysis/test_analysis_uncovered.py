"""Groups of items without votes: what marks them, in words or values of fields."""

from __future__ import annotations

import numpy as np
import pytest

from labelkit.analysis.terms import TermTable, field_terms, text_terms
from labelkit.analysis.uncovered import ClusterInput, UncoveredCluster, uncovered_clusters


def has(table: TermTable, term: str) -> list[int]:
    return [int(row) for row in table.occurs[:, table.terms.index(term)].nonzero()[0]]


def clusters(
    texts: list[str], covered: list[str], known: list[int] | None = None, seed: int = 0
) -> tuple[UncoveredCluster, ...]:
    given = ClusterInput(
        table=text_terms(texts + covered),
        grouped=len(texts),
        known=np.array(known if known is not None else [-1] * (len(texts) + len(covered))),
        ids=lambda rows: [f"i{row}" for row in rows],
        uncovered=len(texts),
        covered=len(covered),
    )
    return uncovered_clusters(given, ("spam", "ham"), seed=seed)


WORDS = ("sun", "rain", "snow", "wind", "hail", "fog", "heat", "frost")


def texts_about(word: str, count: int) -> list[str]:
    return [f"{word} {WORDS[i % 8]} {WORDS[(3 * i + 1) % 8]}" for i in range(count)]


def test_groups_are_found_and_marked_by_their_word() -> None:
    found = clusters(
        texts_about("parcel", 30) + texts_about("password", 25),
        texts_about("invoice", 40),
        [0] * 30 + [1] * 25 + [0] * 40,
    )
    marks = {cluster.traits[0].term: cluster for cluster in found}
    assert [cluster.items for cluster in found] == [30, 25]
    parcel, password = marks["parcel"], marks["password"]
    assert (parcel.known, password.known) == ({"spam": 30}, {"ham": 25})
    trait = parcel.traits[0]
    assert (trait.share, trait.elsewhere, trait.label) == (1.0, 0.0, "spam")
    assert trait.lift == pytest.approx((30.5 / 31) / (0.5 / 66))
    assert (trait.right.value, trait.right.n) == (1.0, 30)
    assert trait.chance == pytest.approx(70 / 95)
    assert len(parcel.examples) == 5
    assert set(parcel.examples) <= {f"i{i}" for i in range(30)}


def test_the_same_seed_gives_the_same_groups() -> None:
    texts = [f"{a} {b} {c}" for a in WORDS for b in WORDS for c in WORDS[:2]]
    assert repr(clusters(texts, [], seed=5)) == repr(clusters(texts, [], seed=5))


def test_a_part_stands_for_all() -> None:
    table = text_terms(texts_about("parcel", 10) + texts_about("invoice", 10))
    given = ClusterInput(table, 10, np.full(20, -1), lambda rows: [str(row) for row in rows], 1_000, 30)
    (cluster,) = uncovered_clusters(given, ("a",))
    assert cluster.items == 1_000
    assert cluster.traits[0].term == "parcel"
    assert (cluster.traits[0].label, cluster.traits[0].right.n) == (None, 0)


def test_typical_items_differ() -> None:
    (cluster,) = clusters(["parcel late"] * 10 + ["parcel lost", "parcel late and lost"], texts_about("invoice", 60))
    assert len(cluster.examples) == 3


def test_empty_texts_are_a_group_of_their_own() -> None:
    found = clusters(["", "  ", "parcel late", "parcel late"], ["hello there"] * 20)
    assert sorted((cluster.items, bool(cluster.traits)) for cluster in found) == [(2, False), (2, True)]


def test_nothing_uncovered_and_nothing_to_say() -> None:
    assert clusters([], ["hello there"] * 3) == ()
    (cluster,) = clusters(["unique", "words", "only"], [])
    assert (cluster.items, cluster.traits) == (3, ())


def test_words_that_are_told() -> None:
    table = text_terms(["A 12 2015 Über-uns"] * 2)
    assert table.terms == ("2015", "uns", "über")


def test_words_that_are_common_everywhere_mark_nothing() -> None:
    covered = ["the " + text for text in texts_about("invoice", 60)]
    (one, two) = clusters(["the " + t for t in texts_about("parcel", 20) + texts_about("password", 20)], covered)
    assert {one.traits[0].term, two.traits[0].term} == {"parcel", "password"}
    assert "the" not in {trait.term for cluster in (one, two) for trait in cluster.traits}


def test_a_word_that_all_uncovered_items_share_is_told() -> None:
    texts = [f"refund {text}" for text in texts_about("parcel", 30) + texts_about("password", 25)]
    found = clusters(texts, texts_about("invoice", 60))
    assert len(found) == 2
    for cluster in found:
        shared = next(trait for trait in cluster.traits if trait.term == "refund")
        assert (shared.share, shared.elsewhere, shared.among) == (1.0, 0.0, "covered items")
        own = next(trait for trait in cluster.traits if trait.term in ("parcel", "password"))
        assert (own.share, own.elsewhere, own.among) == (1.0, 0.0, "other items")


@pytest.mark.parametrize("covered", [[], ["hello there"] * 5])
def test_few_covered_items_prove_nothing_common_to_the_uncovered(covered: list[str]) -> None:
    texts = [f"refund {text}" for text in texts_about("parcel", 30) + texts_about("password", 25)]
    for cluster in clusters(texts, covered):
        assert "refund" not in {trait.term for trait in cluster.traits}


def test_texts_without_spaces_are_told_by_pairs_of_characters() -> None:
    table = text_terms(["我的密码错误", "密码忘记了怎么办", "重置密码", "密码不对"])
    assert has(table, "密码") == [0, 1, 2, 3]


def test_fields_are_told_as_conditions() -> None:
    table = field_terms(
        {
            "colour": ["red", "red", "blue", None, None, "blue", "red", "green", "red", "red"],
            "age": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, float("nan")],
            "stars": [1, 1, 2, 2, 3, 3, 1, 1, 2, None],
            "flag": [True, False, True, True, True, True, True, True, True, False],
            "same": ["x"] * 10,
            "absent": [None] * 10,
        }
    )
    assert has(table, "colour == 'red'") == [0, 1, 6, 8, 9]
    assert has(table, "colour is None") == [3, 4]
    assert has(table, "age < 3") == [0, 1]
    assert has(table, "3 <= age < 5") == [2, 3]
    assert has(table, "age >= 7") == [6, 7, 8]
    assert has(table, "stars == 2") == [2, 3, 8]
    assert has(table, "flag == False") == [1, 9]
    assert not [term for term in table.terms if "green" in term or "same" in term or "absent" in term]


def test_no_fields_make_no_terms() -> None:
    assert field_terms({}).terms == ()
    assert field_terms({"id": ["a", "b", "c"]}).occurs.shape == (3, 0)
