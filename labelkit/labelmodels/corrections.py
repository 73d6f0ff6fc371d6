"""What whole vote patterns add to class scores beyond their votes: functions depend on each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labelkit.labelmodels.patterns import distinct_patterns
from labelkit.types import IntArray

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Corrections:
    """Corrections of some vote patterns.

    Attributes
    ----------
    patterns
        Distinct vote rows, shape (i, m), each with a vote.
    added
        What an item with exactly these votes adds to the class scores, shape (i, k).
    """

    patterns: IntArray
    added: Floats

    def add_to(self, scores: Floats, votes: IntArray) -> None:
        """Add to the first n columns of the scores (k, ≥ n) of checked vote rows (n, m); others stay to the bit."""
        known = len(self.patterns)
        # the patterns come first and are distinct, so they are the first groups of equal rows
        both = np.concatenate([self.patterns.astype(votes.dtype, copy=False), votes])
        group = distinct_patterns(both).inverse[known:]
        hit = np.flatnonzero(group < known)
        scores[:, hit] += self.added[group[hit]].T

    def of(self, votes: IntArray) -> Floats:
        """What is added to the scores (k,) of one item with these votes (m,)."""
        return np.asarray(self.added[(self.patterns == votes).all(axis=1)].sum(axis=0))
