"""What label models need to know of a vote matrix: few numbers, exact, summed shard by shard."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from labelkit.errors import LabelModelError
from labelkit.labelmodels.cooccurrence import cooccurrence
from labelkit.labelmodels.patterns import PatternCounts, few_patterns
from labelkit.labelmodels.sample import SAMPLE_SIZE, VoteSample
from labelkit.labelmodels.validation import check_cardinality, check_votes, check_whole, vote_dtype
from labelkit.types import ABSTAIN, SHARD_SIZE, IntArray

T = TypeVar("T")

MOST_COLUMNS: Final = 16_384
"""Functions × classes beyond which co-occurrences are not counted: their matrix has 2 GiB at that width."""
MOST_PATTERNS: Final = 50_000
_PATTERN_BYTES: Final = 1 << 26
"""Bytes of the exact patterns at most; above 1,342 functions these are fewer than :data:`MOST_PATTERNS`."""
_FEW_CLASSES: Final = 16
"""Up to so many classes votes are counted class by class, which is quicker than looking for each vote."""
_BYTE: Final = 255
"""Rows whose votes a byte can count."""
_CELLS: Final = 1 << 22
"""Cells of a label matrix looked at together."""


@dataclass(frozen=True)
class VoteStatistics:
    """Sufficient statistics of a label matrix, of bounded size; those of two shards add up to those of both.

    Snorkel's ``LabelModel.fit`` depends on a label matrix only through n, the coverages and
    O = AᵀA / n, A being the one-hot votes. Models that look at whole rows need no more than each distinct
    row once and how often it comes, whatever the order of the items: exactly where distinct rows are few
    (:attr:`exact`), else those of a uniform sample of the items.

    Attributes
    ----------
    cardinality
        Number of classes k.
    n
        Number of items.
    vote_counts
        int64, shape (m, k): votes of each function for each class.
    pairs
        :attr:`cooccurrence` where it was counted, else None.
    sample
        Rows with a vote: all of them while they are few, a uniform sample beyond.
    table
        The exact patterns where the sample leaves rows out and distinct rows are few all the same, else None.
    """

    cardinality: int
    n: int
    vote_counts: npt.NDArray[np.int64]
    pairs: npt.NDArray[np.int64] | None
    sample: VoteSample
    table: PatternCounts | None

    @property
    def m(self) -> int:
        """Number of labeling functions."""
        return len(self.vote_counts)

    @property
    def coverage(self) -> npt.NDArray[np.float64]:
        """Share of the items that each function votes on, shape (m,)."""
        return np.asarray(self.vote_counts.sum(axis=1) / self.n)

    @property
    def cooccurrence(self) -> npt.NDArray[np.int64]:
        """int64, shape (m·k, m·k): items on which function i voted a and function j voted b, at row i·k + a.

        Raises
        ------
        LabelModelError
            If it was not counted, as with more than :data:`MOST_COLUMNS` functions × classes.
        """
        if self.pairs is not None:
            return self.pairs
        width = self.m * self.cardinality
        what = f"{self.m:,} labeling functions × {self.cardinality:,} classes"
        why = f"more than {MOST_COLUMNS:,} in all" if width > MOST_COLUMNS else "they were asked for without"
        raise LabelModelError(
            f"these vote statistics of {what} hold no co-occurrences: {why}",
            hint='Use a label model that does without them, for instance "weighted-majority" or "dawid-skene"',
        )

    @property
    def overlaps(self) -> npt.NDArray[np.float64]:
        """Snorkel's matrix O = AᵀA / n in float64, shape (m·k, m·k)."""
        return np.asarray(self.cooccurrence / self.n)

    @property
    def exact(self) -> bool:
        """Whether :attr:`patterns` and :attr:`counts` are of all items with a vote, not of a sample of them."""
        return self.table is not None or self.sample.complete

    @property
    def patterns(self) -> IntArray:
        """Distinct rows with a vote in order of first appearance, shape (d, m)."""
        return self._distinct.rows

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """int64, shape (d,): items with each pattern; items of the sample unless :attr:`exact`."""
        return self._distinct.counts

    @cached_property
    def _distinct(self) -> PatternCounts:
        if self.table is not None:
            return self.table
        found = few_patterns(self.sample.rows, len(self.sample.rows))
        assert found is not None  # rows are never more distinct than they are many
        return found

    def remembered(self, key: Hashable, make: Callable[[], T]) -> T:
        """What somebody derived from these statistics alone under this key; made at the first call."""
        kept: dict[Hashable, T] = self.__dict__.setdefault("_remembered", {})
        if key not in kept:
            kept[key] = make()
        return kept[key]

    def some_rows(self, most: int | None = None) -> IntArray:
        """Votes on at most so many of the items with a vote, shape (s, m), evenly spaced over the patterns.

        If None, 3,000; fewer with more than 200 classes or functions, down to 300.
        """
        most = min(3_000, max(300, 600_000 // max(self.cardinality, self.m))) if most is None else most
        ends = np.cumsum(self.counts)
        total = int(ends[-1]) if len(ends) else 0
        places = np.arange(total) if total <= most else (np.arange(most) * total) // most
        return np.ascontiguousarray(self.patterns[np.searchsorted(ends, places, side="right")])

    def thinned(self, most: int) -> VoteStatistics:
        """Statistics of at most so many items with a vote; itself where it has no more patterns."""
        if len(self.patterns) <= most:
            return self
        return VoteStatistics.of_checked(self.some_rows(most), self.cardinality, pairs=self.pairs is not None)

    @classmethod
    def from_votes(
        cls,
        L: IntArray,
        cardinality: int,
        first_row: int = 0,
        seed: int = 0,
        *,
        keep: int = SAMPLE_SIZE,
        threads: int | None = None,
    ) -> VoteStatistics:
        """Statistics of a label matrix, or of one shard of it.

        Parameters
        ----------
        L
            Label matrix (n, m).
        cardinality
            Number of classes k.
        first_row
            Number of the first row in the whole matrix: with it, the shards' samples make the whole's.
        seed
            Of the sample; the same for all shards.
        keep
            Most rows in the sample. Smaller statistics of many shards still make a uniform sample.
        threads
            Most threads to use; the cores of this process if None. The result does not depend on it.

        Raises
        ------
        LabelModelError
            If ``L`` is no label matrix of so many classes.
        """
        check_whole("first_row", first_row)
        check_whole("keep", keep, least=1)
        return cls.of_checked(
            check_votes(L, check_cardinality(cardinality)), cardinality, first_row, seed, keep=keep, threads=threads
        )

    @classmethod
    def of_checked(
        cls,
        votes: IntArray,
        cardinality: int,
        first_row: int = 0,
        seed: int = 0,
        *,
        keep: int = SAMPLE_SIZE,
        threads: int | None = None,
        pairs: bool = True,
    ) -> VoteStatistics:
        """As :meth:`from_votes`, for votes that ``check_votes`` has passed; without co-occurrences on request."""
        sample = VoteSample.of_rows(votes, first_row=first_row, seed=seed, size=keep)
        table = None if sample.complete else few_patterns(votes, most_patterns(votes.shape[1], cardinality))
        if not pairs or votes.shape[1] * cardinality > MOST_COLUMNS:
            return cls(cardinality, len(votes), _vote_counts(votes, cardinality), None, sample, table)
        together = cooccurrence(votes, cardinality, threads=threads)
        own = np.diagonal(together).reshape(votes.shape[1], cardinality).copy()
        return cls(cardinality, len(votes), own, together, sample, table)

    @classmethod
    def merge(cls, parts: Iterable[VoteStatistics]) -> VoteStatistics:
        """Statistics of the label matrices of all parts, one below the other, a few parts held at a time.

        Raises
        ------
        LabelModelError
            If there is no part, or the parts differ in their functions or classes.
        """
        total: VoteStatistics | None = None
        for part in parts:
            total = part if total is None else total._plus(part)
        if total is None:
            raise LabelModelError("there are no vote statistics to add up")
        return total

    def _plus(self, other: VoteStatistics) -> VoteStatistics:
        if (other.m, other.cardinality) != (self.m, self.cardinality):
            raise LabelModelError(
                f"vote statistics of {other.m} functions and {other.cardinality} classes cannot be added to those"
                f" of {self.m} functions and {self.cardinality} classes"
            )
        sample = VoteSample.merge([self.sample, other.sample])
        return VoteStatistics(
            self.cardinality,
            self.n + other.n,
            self.vote_counts + other.vote_counts,
            None if self.pairs is None or other.pairs is None else self.pairs + other.pairs,
            sample,
            None if sample.complete else self._patterns_with(other),
        )

    def _patterns_with(self, other: VoteStatistics) -> PatternCounts | None:
        """Exact patterns of both, or None. What goes over the limit here would do so in any other grouping."""
        if not (self.exact and other.exact):
            return None
        parts = self._distinct, other._distinct
        rows, counts = (np.concatenate(both) for both in zip(*((p.rows, p.counts) for p in parts), strict=True))
        return few_patterns(rows, most_patterns(self.m, self.cardinality), counts=counts)

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything as named arrays, for ``np.savez``; see :meth:`from_arrays`."""
        arrays = {
            "shape": np.array([self.n, self.m, self.cardinality], dtype=np.int64),
            "vote_counts": self.vote_counts,
            "sample_limit": np.array(self.sample.limit, dtype=np.uint64),
            "sample_keys": self.sample.keys,
            "sample_rows": self.sample.rows,
        }
        if self.pairs is not None:
            arrays["cooccurrence"] = self.pairs
        if self.table is not None:
            arrays |= {"pattern_rows": self.table.rows, "pattern_counts": self.table.counts}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> VoteStatistics:
        """The statistics that :meth:`to_arrays` took apart.

        Raises
        ------
        LabelModelError
            If an array is missing or does not fit the others.
        """
        try:
            n, m, k = (int(number) for number in arrays["shape"])
            own, keys, rows = arrays["vote_counts"], arrays["sample_keys"], arrays["sample_rows"]
            limit = int(arrays["sample_limit"])
            table = None
            if "pattern_rows" in arrays:
                table = PatternCounts(arrays["pattern_rows"], arrays["pattern_counts"])
        except (KeyError, TypeError, ValueError) as error:
            raise LabelModelError(f"stored vote statistics are incomplete: {error}") from None
        pairs = arrays.get("cooccurrence")
        shapes = [own.shape, rows.shape, keys.shape]
        expected: list[tuple[int, ...]] = [(m, k), (len(keys), m), (len(rows),)]
        if pairs is not None:
            shapes, expected = [*shapes, pairs.shape], [*expected, (m * k, m * k)]
        if table is not None:
            shapes, expected = [*shapes, table.rows.shape], [*expected, (len(table.counts), m)]
        if shapes != expected:
            raise LabelModelError(
                f"stored vote statistics of {m} functions and {k} classes have arrays of {tuple(shapes)}"
            )
        return cls(k, n, own, pairs, VoteSample(limit, keys, rows), table)


def most_patterns(functions: int, cardinality: int) -> int:
    """How many distinct rows of so many functions are kept exactly."""
    return min(MOST_PATTERNS, _PATTERN_BYTES // max(functions * np.dtype(vote_dtype(cardinality)).itemsize, 1))


def _vote_counts(votes: IntArray, k: int) -> npt.NDArray[np.int64]:
    """Votes of each function for each class, shape (m, k)."""
    if k <= _FEW_CLASSES:
        return _counts_by_class(votes, k)
    counts = np.zeros(votes.shape[1] * k, dtype=np.int64)
    for start in range(0, len(votes), SHARD_SIZE):
        block = votes[start : start + SHARD_SIZE]
        rows, functions = np.nonzero(block != ABSTAIN)
        counts += np.bincount(functions * k + block[rows, functions], minlength=len(counts))
    return counts.reshape(-1, k)


def _counts_by_class(votes: IntArray, k: int) -> npt.NDArray[np.int64]:
    """As :func:`_vote_counts`; the votes of a few rows are summed in single bytes."""
    counts = np.zeros((k, votes.shape[1]), dtype=np.int64)
    step = _BYTE * max(1, _CELLS // (_BYTE * max(1, votes.shape[1])))
    for start in range(0, len(votes), step):
        block = votes[start : start + step]
        for label in range(k):
            voted = (block == label).view(np.uint8)
            for first in range(0, len(voted), _BYTE):
                counts[label] += voted[first : first + _BYTE].sum(axis=0, dtype=np.uint8)
    return np.ascontiguousarray(counts.T)
