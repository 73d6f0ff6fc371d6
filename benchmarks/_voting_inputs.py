"""Texts and labeling functions for ``benchmarks/voting.py``: real sentences, and functions as people write them."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

SETS = ("agnews", "sms", "youtube", "imdb")
WORDS_AT_MOST = 35
"""Longer sentences (imdb has no sentence ends at all) are cut into pieces of so many words."""

_SENTENCE = re.compile(r"(?<=[.!?])\s+")

HAND_WRITTEN = (
    (r"\b\d{4}\b", 0),
    (r"^(what|how|who|when|where)\b", 0),
    (r"\?\s*$", 0),
    (r"!{2,}", 1),
    (r"\b[A-Z]{3,}\b", 1),
    (r"https?://\S+", 1),
    (r"[\w.+-]+@[\w-]+\.\w{2,}", 1),
    (r"[$£€]\s?\d+([.,]\d+)?", 1),
    (r"\b(very|really|so|no|ha|bye|too) \1\b", 0),
    (r"(\w)\1{3,}", 1),
    (r"\bnot\b(?! only)", 0),
    (r"(?<!\w)(?<!not )good\b", 1),
    (r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b", 0),
    (r"\b\d{1,2}(?:st|nd|rd|th)\b", 0),
    (r"\b(?:percent|per cent|%)", 0),
)
"""(pattern, class); all ignore case except the one for capitals."""


@dataclass(frozen=True)
class Spec:
    """One function, whoever runs it."""

    name: str
    label: int
    pattern: str = ""
    words: tuple[str, ...] = ()
    substring: bool = False
    ignore_case: bool = True

    @property
    def regular(self) -> str:
        """The pattern that says it in :mod:`re`."""
        if not self.words:
            return self.pattern
        either = "|".join(map(re.escape, self.words))
        return f"(?:{either})" if self.substring else rf"(?<!\w)(?:{either})(?!\w)"

    @property
    def flags(self) -> int:
        """Of :mod:`re`."""
        return re.IGNORECASE if self.ignore_case else 0


def texts(folder: Path, count: int, seed: int) -> list[str]:
    """Distinct sentences, all of the smaller sets and as many of imdb as are needed, shuffled."""
    found: dict[str, None] = {}
    for name in SETS:
        own = list(dict.fromkeys(piece for text in _raw(folder, name) for piece in _pieces(text)))
        np.random.default_rng(seed).shuffle(own)
        found.update(dict.fromkeys(own))
    kept = list(found)[:count]
    np.random.default_rng(seed).shuffle(kept)
    return kept


def _raw(folder: Path, name: str) -> Iterator[str]:
    for split in ("train", "valid", "test"):
        yield from pq.read_table(folder / name / f"{split}.parquet", columns=["text"])["text"].to_pylist()


def _pieces(text: str) -> Iterator[str]:
    for sentence in _SENTENCE.split(text):
        if sentence.count(" ") < WORDS_AT_MOST:
            if sentence.strip():
                yield sentence
            continue
        words = sentence.split(" ")
        for start in range(0, len(words), WORDS_AT_MOST):
            yield " ".join(words[start : start + WORDS_AT_MOST])


def functions(folder: Path, corpus: Sequence[str], count: int, seed: int) -> list[Spec]:
    """``count`` functions; the first 100 are the benchmark's: published ones, word lists, hand-written patterns.

    9 keyword lists of agnews, 6 functions of youtube, 10 of imdb, 25 patterns of sms, 15 of trec, 20 lists of
    whole words drawn from the corpus, 15 patterns written by hand; beyond 100, the rest of sms and trec and more
    word lists.
    """
    sms, trec = (_published(folder, name) for name in ("sms", "trec"))
    chosen_sms, chosen_trec = _spread(sms, 25), _spread(trec, 15)
    lists = _word_lists(corpus, count, seed)
    hundred = [
        *_published(folder, "agnews"),
        *_published(folder, "youtube"),
        *_imdb(folder),
        *chosen_sms,
        *chosen_trec,
        *lists[:20],
        *(
            Spec(f"hand{i:02d}", label, pattern, ignore_case="[A-Z]{3" not in pattern)
            for i, (pattern, label) in enumerate(HAND_WRITTEN)
        ),
    ]
    more = [s for s in (*sms, *trec) if s not in chosen_sms and s not in chosen_trec]
    everything = [*hundred, *more, *lists[20:]]
    return everything[:count]


def _spread(specs: list[Spec], count: int) -> list[Spec]:
    return [specs[i] for i in np.linspace(0, len(specs) - 1, count).round().astype(int)]


def _rules(folder: Path, name: str) -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = json.loads((folder / name / "lfs.json").read_text(encoding="utf-8"))["rules"]
    return rules


def _published(folder: Path, name: str) -> list[Spec]:
    """Functions of a set that are a pattern or a list of words (others need a model or count words)."""
    found = []
    for rule in _rules(folder, name):
        words, pattern = tuple(rule.get("keywords", ())), rule.get("regex", "")
        if words or pattern:
            found.append(Spec(f"{name}_{rule['name']}", rule["label"], pattern, words, substring=True))
    return found


def _imdb(folder: Path) -> list[Spec]:
    """Two for each rule with contexts, and one for each list of words."""
    found = []
    for rule in _rules(folder, "imdb"):
        name = f"imdb_{rule['name']}"
        if rule["kind"] == "expression":
            ends = "|".join(rule["expressions"])
            for side, label in (("neg", rule["neg_label"]), ("pos", rule["pos_label"])):
                starts = "|".join(rule[f"pre_{side}"])
                found.append(Spec(f"{name}_{side}", label, f"(?:{starts}){rule['gap']}(?:{ends})"))
            continue
        found += [
            Spec(f"{name}_{side}", label, words=tuple(rule[f"keywords_{side}"]), substring=True)
            for side, label in (("neg", 0), ("pos", 1))
            if rule[f"keywords_{side}"]
        ]
    return found[:10]


def _word_lists(corpus: Sequence[str], count: int, seed: int) -> list[Spec]:
    """Lists of 3 to 12 words of middling frequency, matched as whole words."""
    rng = np.random.default_rng(seed)
    counted = Counter(word for text in corpus[::4] for word in re.findall(r"[a-z]{4,}", text.lower()))
    pool = np.array([word for word, _ in counted.most_common(3000)[200:]])
    return [
        Spec(f"words{i:03d}", int(rng.integers(2)), words=tuple(rng.choice(pool, rng.integers(3, 13), replace=False)))
        for i in range(count)
    ]
