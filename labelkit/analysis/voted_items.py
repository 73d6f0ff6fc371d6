"""Items with their votes and decisions, as the diagnosis of labeling functions looks at them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from labelkit.types import ABSTAIN, SHARD_SIZE, BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class VotedItems:
    """What is known about n items with the votes of m functions for k classes.

    Attributes
    ----------
    L
        (n, m) class indices, −1 = abstain.
    decided
        (n,) class index that the label model (or majority vote) decides on, −1 = none.
    uncertainty
        (n,) how probable it holds another class than the most probable one, 0 … 1.
    known
        (n,) known labels as class indices, −1 where unknown.
    shown
        (n,) items that the writer of the functions may look at; only these are counted, where no known
        labels are needed, and only these are given as examples.
    names, class_names
        Of the m functions and the k classes.
    ids
        What items are called: positions → ids, in their order.

    Raises
    ------
    ValueError
        If the lengths do not fit.
    """

    L: IntArray
    decided: IntArray
    uncertainty: FloatArray
    known: IntArray
    shown: BoolArray
    names: Sequence[str]
    class_names: Sequence[str]
    ids: Callable[[IntArray], list[str]]

    def __post_init__(self) -> None:
        n, m = self.L.shape
        shapes = [array.shape for array in (self.decided, self.uncertainty, self.known, self.shown)]
        if any(shape != (n,) for shape in shapes) or len(self.names) != m:
            raise ValueError(f"shapes {shapes} and {len(self.names)} names do not fit a label matrix of {n} × {m}")

    @property
    def cardinality(self) -> int:
        """Number of classes k."""
        return len(self.class_names)

    @cached_property
    def covered(self) -> BoolArray:
        """(n,) items that a function voted on."""
        out = np.zeros(len(self.L), dtype=bool)
        for start in range(0, len(out), SHARD_SIZE):
            (self.L[start : start + SHARD_SIZE] != ABSTAIN).any(axis=1, out=out[start : start + SHARD_SIZE])
        return out

    @cached_property
    def known_rows(self) -> npt.NDArray[np.intp]:
        """Positions of the items whose label is known, ascending."""
        return np.flatnonzero(self.known != ABSTAIN)

    @cached_property
    def cost(self) -> npt.NDArray[np.float64]:
        """(n,) expected wrong labels: 0 or 1 where the truth is known and a class decided on, else the uncertainty."""
        out = np.array(self.uncertainty, dtype=np.float64)
        judged = (self.known != ABSTAIN) & (self.decided != ABSTAIN)
        out[judged] = self.known[judged] != self.decided[judged]
        return out

    @cached_property
    def _interest(self) -> npt.NDArray[np.float64]:
        """(n,) what to look at first: wrong labels (the surest before the others), then uncertain ones."""
        wrong = (self.known != ABSTAIN) & (self.decided != ABSTAIN) & (self.known != self.decided)
        return np.where(wrong, 2.0 - self.uncertainty, self.uncertainty)

    def examples(self, rows: npt.NDArray[np.intp], count: int) -> tuple[str, ...]:
        """Ids of the items to look at first among some: known to be labeled wrong, then uncertain, then in order."""
        if count <= 0:
            return ()
        rows = rows[self.shown[rows]]
        order = np.argsort(-self._interest[rows], kind="stable")[:count]
        return tuple(self.ids(rows[order])) if len(order) else ()
