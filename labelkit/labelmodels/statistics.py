"""What label models need to know of a vote matrix: few numbers, exact, summed shard by shard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from labelkit.errors import LabelModelError
from labelkit.labelmodels.cooccurrence import cooccurrence
from labelkit.labelmodels.patterns import Patterns, distinct_patterns
from labelkit.labelmodels.sample import SAMPLE_SIZE, VoteSample
from labelkit.labelmodels.validation import check_cardinality, check_votes, check_whole
from labelkit.types import IntArray


@dataclass(frozen=True)
class VoteStatistics:
    """Sufficient statistics of a label matrix, of constant size; those of two shards add up to those of both.

    Snorkel's ``LabelModel.fit`` depends on a label matrix only through n, the coverages and
    O = AᵀA / n, A being the one-hot votes. The sample of rows is what the guard compares with majority vote.

    Attributes
    ----------
    cardinality
        Number of classes k.
    n
        Number of items.
    cooccurrence
        int64, shape (m·k, m·k): items on which function i voted a and function j voted b, at
        row i·k + a and column j·k + b.
    sample
        Rows with a vote: all of them while they are few, a uniform sample beyond.
    """

    cardinality: int
    n: int
    cooccurrence: npt.NDArray[np.int64]
    sample: VoteSample

    @property
    def m(self) -> int:
        """Number of labeling functions."""
        return int(self.sample.rows.shape[1])

    @property
    def vote_counts(self) -> npt.NDArray[np.int64]:
        """int64, shape (m, k): votes of each function for each class."""
        return np.diagonal(self.cooccurrence).reshape(self.m, self.cardinality)

    @property
    def coverage(self) -> npt.NDArray[np.float64]:
        """Share of the items that each function votes on, shape (m,)."""
        return np.asarray(self.vote_counts.sum(axis=1) / self.n)

    @property
    def overlaps(self) -> npt.NDArray[np.float64]:
        """Snorkel's matrix O = AᵀA / n in float64, shape (m·k, m·k)."""
        return np.asarray(self.cooccurrence / self.n)

    @property
    def patterns(self) -> IntArray:
        """Distinct rows of the sample in order of first appearance, shape (d, m)."""
        return self._distinct.rows

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """int64, shape (d,): rows of the sample with each pattern."""
        return self._distinct.counts

    @cached_property
    def _distinct(self) -> Patterns:
        return distinct_patterns(self.sample.rows)

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
    ) -> VoteStatistics:
        """As :meth:`from_votes`, for votes that ``check_votes`` has passed."""
        together = cooccurrence(votes, cardinality, threads=threads)
        sample = VoteSample.of_rows(votes, first_row=first_row, seed=seed, size=keep)
        return cls(cardinality, len(votes), together, sample)

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
        return VoteStatistics(
            self.cardinality,
            self.n + other.n,
            self.cooccurrence + other.cooccurrence,
            VoteSample.merge([self.sample, other.sample]),
        )

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything as named arrays, for ``np.savez``; see :meth:`from_arrays`."""
        return {
            "shape": np.array([self.n, self.m, self.cardinality], dtype=np.int64),
            "cooccurrence": self.cooccurrence,
            "sample_limit": np.array(self.sample.limit, dtype=np.uint64),
            "sample_keys": self.sample.keys,
            "sample_rows": self.sample.rows,
        }

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
            counts, keys, rows = arrays["cooccurrence"], arrays["sample_keys"], arrays["sample_rows"]
            limit = int(arrays["sample_limit"])
        except (KeyError, TypeError, ValueError) as error:
            raise LabelModelError(f"stored vote statistics are incomplete: {error}") from None
        shapes = (counts.shape, rows.shape, keys.shape)
        if shapes != ((m * k, m * k), (len(keys), m), (len(rows),)):
            raise LabelModelError(f"stored vote statistics of {m} functions and {k} classes have arrays of {shapes}")
        return cls(k, n, counts, VoteSample(limit, keys, rows))
