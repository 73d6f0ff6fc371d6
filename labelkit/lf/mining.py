"""Suggestions of keyword functions, mined from items with labels.

A word or phrase is worth suggesting where it is likely to be right (judged by known labels, cautiously) and where that
changes something: on items that no function votes on yet, or whose label is known to be wrong. So candidates are ranked
by the *estimated gain*: such items, times how far the lower bound of the precision lies above one half and above the
share of the class.

What the precision rests on: people's answers (and gold labels that may be used), counted as a Beta posterior. Its weak
prior is the share of the term's class among the labels that the label model gives to the items with the term; where
there are no people, that prior is all there is.

The class that a term speaks for follows Monroe, Colaresi and Quinn (2008), Fightin' Words: log-odds with an informative
Dirichlet prior. Making functions from a small labelled set and what they add to the present ones follows Varma and Ré
(2018), Snuba; proposing them to a person one by one Boecking et al. (2021), Interactive Weak Supervision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import scipy.sparse as sp
from scipy.special import betaincinv

from labelkit.lf.mining_figures import TermFigures
from labelkit.lf.mining_terms import Terms, terms_of
from labelkit.types import ABSTAIN, BoolArray, FloatArray, IntArray

LISTED: Final = 60
"""Candidates that are handed back; their matches are compared with the present functions then."""
_PRIOR: Final = 8.0
"""Pseudo-counts behind what the label model says about a term."""
_DOUBT: Final = 0.05
"""The precision is taken at this quantile of its posterior."""
_LEAST_Z: Final = 1.0
"""Log-odds that a term speaks for a class, in standard deviations."""
_LEAST_KNOWN: Final = 2
"""Known items with the term, where there are known ones at all."""
_LEAST_ITEMS: Final = 3
_EVIDENCE: Final = 5_000
"""Items with a label in which terms are looked for; they are counted in all items."""
_CORPUS: Final = 100.0
"""Pseudo-counts of the informative Dirichlet prior."""


@dataclass(frozen=True)
class MiningInput:
    """What is known of n items.

    Attributes
    ----------
    texts
        Chunks of strings, n in all.
    known
        (n,) known class indices, −1 where unknown or not to be used.
    decided
        (n,) class indices that the label model (or majority vote) decides on, −1 = none.
    covered
        (n,) items that a function votes on.
    cardinality
        Number of classes k.
    """

    texts: Sequence[pa.ChunkedArray]
    known: IntArray
    decided: IntArray
    covered: BoolArray
    cardinality: int

    def packed(self) -> tuple[dict[str, Any], bytes]:
        """The arrays as JSON and bytes; :meth:`unpacked` makes them again."""
        head = {"n": len(self.known), "cardinality": self.cardinality}
        arrays = (self.known.astype("<i2"), self.decided.astype("<i2"), self.covered.astype(np.uint8))
        return head, b"".join(array.tobytes() for array in arrays)

    @classmethod
    def unpacked(cls, head: Mapping[str, Any], data: bytes, texts: Sequence[pa.ChunkedArray]) -> MiningInput:
        """What :meth:`packed` was given, with the texts."""
        n = int(head["n"])
        known, decided = np.frombuffer(data, "<i2", 2 * n).reshape(2, n)
        covered = np.frombuffer(data, np.uint8, n, 4 * n).astype(bool)
        return cls(texts, known, decided, covered, int(head["cardinality"]))


@dataclass(frozen=True)
class Candidate(TermFigures):
    """A term that could become a function; ``gain`` is what candidates are ranked by.

    ``bits`` are packed: of the n items those that have it.
    """

    bits: bytes

    def as_dict(self) -> dict[str, Any]:
        """Everything but the bits, for JSON."""
        return {name: value for name, value in asdict(self).items() if name != "bits"}


def mined(given: MiningInput) -> list[Candidate]:
    """The best candidates, best first, whatever the present functions say about their items."""
    evidence = np.flatnonzero(_evidence(given) != ABSTAIN)
    step = max(1, len(evidence) // _EVIDENCE)
    terms = terms_of(given.texts, evidence[::step], least=_least(given))
    if not len(terms.names):
        return []
    counts = _Counts.of(terms, given)
    label = _speaks_for(counts)
    gain, precision, low, corrected = _gain(counts, label, given)
    order = np.argsort(-gain, kind="stable")[:LISTED]
    places = np.arange(len(terms.names))
    known, right = counts.known.sum(axis=1), counts.known[places, label]
    return [
        Candidate(
            term=terms.names[t],
            label=int(label[t]),
            items=int(counts.items[t]),
            new=int(counts.new[t]),
            known=int(known[t]),
            right=int(right[t]),
            precision=float(precision[t]),
            low=float(low[t]),
            corrected=float(corrected[t]),
            gain=float(gain[t]),
            bits=np.packbits(terms.has(t)).tobytes(),
        )
        for t in order.tolist()
        if gain[t] > 0
    ]


def _evidence(given: MiningInput) -> IntArray:
    """(n,) labels that candidates are looked for in: the known ones, or the label model's where there are none."""
    return given.known if (given.known != ABSTAIN).any() else given.decided


def _least(given: MiningInput) -> int:
    """Items with evidence that a term occurs in at least."""
    return _LEAST_KNOWN if (given.known != ABSTAIN).any() else _LEAST_ITEMS


@dataclass(frozen=True)
class _Counts:
    """Items of t terms: all, not covered, by known label (t, k), by decided label (t, k), and wrong and right ones."""

    items: FloatArray
    new: FloatArray
    known: FloatArray
    decided: FloatArray
    mended: FloatArray
    """(t, k) known items of the class that are decided otherwise."""
    broken: FloatArray
    """(t, k) known items that are decided right, for another class than this."""

    @classmethod
    def of(cls, terms: Terms, given: MiningInput) -> _Counts:
        k = given.cardinality

        def by_class(labels: IntArray, where: BoolArray) -> FloatArray:
            rows = np.flatnonzero((labels != ABSTAIN) & where)
            table = sp.csr_matrix((np.ones(len(rows)), (rows, labels[rows].astype(np.int64))), shape=(len(labels), k))
            return np.asarray((terms.occurs @ table).todense())

        whole = np.ones(len(given.known), dtype=bool)
        judged = (given.known != ABSTAIN) & (given.decided != ABSTAIN)
        sound = by_class(given.known, judged & (given.known == given.decided))
        return cls(
            items=np.asarray(terms.occurs.sum(axis=1)).ravel(),
            new=terms.occurs @ (~given.covered).astype(np.float64),
            known=by_class(given.known, whole),
            decided=by_class(given.decided, whole),
            mended=by_class(given.known, judged & (given.known != given.decided)),
            broken=sound.sum(axis=1, keepdims=True) - sound,
        )


def _speaks_for(counts: _Counts) -> IntArray:
    """(t,) the class that each term is most typical of, −1 where none clearly."""
    seen = counts.known if counts.known.any() else counts.decided
    prior = _CORPUS * seen.sum(axis=1, keepdims=True) / max(seen.sum(), 1.0) + 1e-9
    rest, total = seen.sum(axis=1, keepdims=True) - seen, seen.sum(axis=0)
    others = total.sum() - total
    inside = (seen + prior) / np.maximum(total + _CORPUS - seen - prior, 1e-9)
    outside = (rest + prior) / np.maximum(others + _CORPUS - rest - prior, 1e-9)
    z = np.log(inside / outside) / np.sqrt(1 / (seen + prior) + 1 / (rest + prior))
    best: IntArray = z.argmax(axis=1)
    return np.where(z.max(axis=1) >= _LEAST_Z, best, ABSTAIN)


def _gain(
    counts: _Counts, label: IntArray, given: MiningInput
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Estimated gain, precision, its lower bound and corrected items of each term, each (t,)."""
    places = np.arange(len(label))
    known, right = counts.known.sum(axis=1), counts.known[places, label]
    base = _base(given)[label]
    decided = counts.decided.sum(axis=1)
    believed = (counts.decided[places, label] + _PRIOR * base) / (decided + _PRIOR)
    a, b = right + _PRIOR * believed, known - right + _PRIOR * (1 - believed)
    precision = a / (a + b)
    low = betaincinv(np.maximum(a, 1e-6), np.maximum(b, 1e-6), _DOUBT)
    # More right than wrong, and more right than the class is common: else nothing is gained.
    above = np.maximum(np.minimum(2 * low - 1, (low - base) / np.maximum(1 - base, 1e-9)), 0.0)
    covered = counts.items - counts.new
    judged = np.maximum(known, 1.0) + _PRIOR
    net = (counts.mended[places, label] - counts.broken[places, label]) / judged
    corrected = np.maximum(net, 0.0) * covered
    usable = (label != ABSTAIN) & (counts.items >= _LEAST_ITEMS)
    return np.where(usable, (counts.new + corrected) * above, 0.0), precision, low, corrected


def _base(given: MiningInput) -> npt.NDArray[np.float64]:
    """(k + 1,) shares of the classes among the labels that count as evidence; the last is for no class."""
    labels = _evidence(given)
    shares = np.bincount(labels[labels != ABSTAIN].astype(np.int64), minlength=given.cardinality) + 1.0
    return np.append(shares / shares.sum(), 1.0)
