"""Suggestions: terms as `keywords` finds them, figures that can be counted, and what is not worth suggesting."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit.lf.declared import DeclaredFunction
from labelkit.lf.declared_trial import segments
from labelkit.lf.mining import MiningInput, mined
from labelkit.lf.mining_choice import Suggestion, suggested
from labelkit.lf.mining_terms import terms_of
from labelkit.lf.project_code import Site
from labelkit.types import ABSTAIN, IntArray

RNG = np.random.default_rng(0)
FILLER = ("we", "go", "now", "day", "see", "blue", "road", "tree", "stone", "river")


def chunked(texts: list[str | None]) -> list[pa.ChunkedArray]:
    half = len(texts) // 2
    return [
        pa.chunked_array([pa.array(texts[:half], pa.string())]),
        pa.chunked_array([pa.array(texts[half:], pa.string())]),
    ]


def planted(n: int = 600, *, known: int = 200) -> tuple[list[str | None], MiningInput, IntArray]:
    """Texts of two classes; "jackpot" marks one of them, "cash" too, which a function finds already."""
    truth = np.arange(n) % 2
    texts: list[str | None] = []
    for number in range(n):
        words = list(RNG.choice(FILLER, 5))
        if truth[number] == 1 and number % 6 == 1:
            words.insert(2, "Jackpot!")
        if truth[number] == 1 and number % 10 == 3:
            words.append("cash")
        texts.append(" ".join(words))
    covered = np.array(["cash" in (text or "") for text in texts])
    labels = np.where(np.arange(n) < known, truth, ABSTAIN).astype(np.int16)
    decided = np.where(covered, 1, ABSTAIN).astype(np.int16)
    return texts, MiningInput(chunked(texts), labels, decided, covered, 2), truth


def choose(given_: MiningInput, L: IntArray, count: int = 5) -> list[Suggestion]:
    found = mined(given_)
    bits = b"".join(one.bits for one in found)
    return suggested([one.as_dict() for one in found], bits, L, given_.covered, count=count)


def test_a_word_that_functions_miss_comes_first_with_true_figures() -> None:
    texts, given_, truth = planted()
    L = np.where(given_.covered, 1, ABSTAIN).astype(np.int8)[:, None]
    first = choose(given_, L)[0]
    has = np.array(["Jackpot" in (text or "") for text in texts])
    assert (first.term, first.label, first.items) == ("jackpot", 1, int(has.sum()))
    assert first.new == int((has & ~given_.covered).sum())
    assert first.known == int(has[:200].sum()) == first.right
    assert 0.5 < first.low < first.precision <= 1 and first.gain > 0
    assert (truth[has] == 1).all()


def test_what_a_function_says_already_is_not_suggested() -> None:
    _, given_, _ = planted()
    L = np.where(given_.covered, 1, ABSTAIN).astype(np.int8)[:, None]
    assert "cash" not in {one.term for one in choose(given_, L)}


def test_one_of_several_terms_for_the_same_items_is_enough() -> None:
    texts = [f"lucky jackpot tonight {n % 7}" if n % 2 else f"plain road {n % 7}" for n in range(200)]
    labels = (np.arange(200) % 2).astype(np.int16)
    nothing = np.full(200, ABSTAIN, np.int16)
    given_ = MiningInput(chunked(list(texts)), labels, nothing, np.zeros(200, bool), 2)
    found = choose(given_, np.empty((200, 0), np.int8), count=10)
    assert sorted(one.label for one in found) == [0, 1]


def test_a_common_class_is_no_evidence() -> None:
    """Words without meaning are right as often as the class is common: chance findings promise next to nothing."""
    texts = [" ".join(RNG.choice(FILLER, 5)) for _ in range(800)]
    labels = (RNG.random(800) < 0.85).astype(np.int16)
    labels[400:] = ABSTAIN
    given_ = MiningInput(chunked(list(texts)), labels, np.full(800, ABSTAIN, np.int16), np.zeros(800, bool), 2)
    assert sum(one.gain for one in choose(given_, np.empty((800, 0), np.int8))) < 0.02 * 800


def test_corrections_count_where_everything_is_covered() -> None:
    """A word on items whose label is wrong is worth as much as one on items without any."""
    truth = (np.arange(400) % 2).astype(np.int16)
    texts = [("jackpot " if t and n % 4 == 1 else "") + " ".join(RNG.choice(FILLER, 4)) for n, t in enumerate(truth)]
    decided = np.zeros(400, np.int16)
    known = np.where(np.arange(400) < 200, truth, ABSTAIN).astype(np.int16)
    given_ = MiningInput(chunked(list(texts)), known, decided, np.ones(400, bool), 2)
    first = choose(given_, np.zeros((400, 1), np.int8))[0]
    assert (first.term, first.label, first.new) == ("jackpot", 1, 0) and first.corrected > 0


def test_without_known_labels_the_label_model_is_the_evidence() -> None:
    texts = [f"refund please {n % 9}" if n % 2 else f"crash again {n % 9}" for n in range(300)]
    decided = np.where(np.arange(300) < 150, np.arange(300) % 2, ABSTAIN).astype(np.int16)
    given_ = MiningInput(chunked(list(texts)), np.full(300, ABSTAIN, np.int16), decided, decided >= 0, 2)
    found = choose(given_, np.empty((300, 0), np.int8))
    assert {one.label for one in found} == {0, 1} and all(one.new and not one.known for one in found)


@pytest.mark.parametrize("texts", [[], ["", None], ["a b c"] * 9, ["\x1f \ud7ff", "12 345 6"]])
def test_nothing_to_find_is_no_error(texts: list[str | None]) -> None:
    n = len(texts)
    labels = np.zeros(n, np.int16)
    given_ = MiningInput(chunked(texts), labels, labels, np.zeros(n, bool), 2)
    assert choose(given_, np.empty((n, 0), np.int8)) == []


@settings(max_examples=80, deadline=None)
@given(texts=st.lists(st.text(st.sampled_from("ab_Ä ß,.!1\n\t🎉"), max_size=14), min_size=1, max_size=12))
def test_terms_are_what_keywords_would_find(texts: list[str]) -> None:
    terms = terms_of(chunked(list(texts)), np.arange(len(texts)), least=1)
    for place, term in enumerate(terms.names):
        entry = DeclaredFunction(name="x", kind="keywords", label=0, keywords=(term,))
        pattern = entry.function(Site("f", 1)).compiled
        found = np.array([pattern.search(text) is not None for text in texts])
        assert (found >= terms.has(place)).all()  # never one that the function would not find
        if all(text.islower() or text.isascii() for text in texts):
            assert (found == terms.has(place)).all()


@settings(max_examples=60, deadline=None)
@given(
    text=st.text(st.sampled_from("ab \n🎉é"), max_size=900),
    pattern=st.sampled_from(["a", "a+", "ab", "b*", "^a", "$", "(?:)", "🎉", "zzz", "[\\s\\S]+", "a.*b"]),
)
def test_marked_parts_are_matches_and_nothing_is_invented(text: str, pattern: str) -> None:
    compiled = re.compile(pattern)
    parts = segments(text, compiled)
    shown = "".join(part for part, _ in parts).removeprefix("… ").removesuffix(" …")
    assert shown in text and len(shown) <= 700 and all(part for part, _ in parts)
    if compiled.search(text) and any(match.group() for match in compiled.finditer(text)):
        first = next(match for match in compiled.finditer(text) if match.group())
        marked = [part for part, matches in parts if matches]
        if len(text) <= 300:
            assert marked[0] == first.group()[: len(marked[0])] and marked[0]
    elif len(text) <= 300:
        assert not any(matches for _, matches in parts)
