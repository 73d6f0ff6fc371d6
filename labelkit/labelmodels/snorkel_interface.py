"""What Snorkel's ``LabelModel`` offers once it is fitted: tie policies, scores, weights, files."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Literal, Self, overload

import numpy as np
import numpy.typing as npt

from labelkit.errors import LabelModelError
from labelkit.labelmodels import ties
from labelkit.labelmodels.base import LabelModel
from labelkit.labelmodels.model_file import read_model, write_model
from labelkit.labelmodels.snorkel_arguments import labels
from labelkit.labelmodels.snorkel_fitting import Fitted
from labelkit.labelmodels.snorkel_internals import SnorkelInternals
from labelkit.labelmodels.snorkel_optimiser import snorkel_score
from labelkit.labelmodels.validation import covered
from labelkit.types import ABSTAIN, FloatArray, IntArray


class SnorkelInterface(SnorkelInternals, LabelModel):
    """Snorkel's methods on a fitted model; the model itself is :class:`SnorkelLabelModel`."""

    _ties: np.random.Generator
    """Where ``"true-random"`` draws from."""

    @abstractmethod
    def _need(self) -> Fitted:
        """What the last fit found."""

    @overload
    def predict(
        self,
        L: IntArray,
        return_probs: Literal[False] = False,
        tie_break_policy: str = "abstain",
        *,
        items: Sequence[Any] | None = None,
    ) -> IntArray: ...
    @overload
    def predict(
        self,
        L: IntArray,
        return_probs: bool,
        tie_break_policy: str = "abstain",
        *,
        items: Sequence[Any] | None = None,
    ) -> IntArray | tuple[IntArray, FloatArray]: ...
    def predict(
        self,
        L: IntArray,
        return_probs: bool = False,
        tie_break_policy: str = "abstain",
        *,
        items: Sequence[Any] | None = None,
    ) -> IntArray | tuple[IntArray, FloatArray]:
        """Class indices, shape (n,), −1 where undecided; with ``return_probs`` the probabilities (n, k) too.

        Parameters
        ----------
        L
            Label matrix, shape (n, m).
        return_probs
            Whether to return a pair.
        tie_break_policy
            What happens where the most probable classes tie: ``"abstain"``; ``"random"``, one of them by a hash
            of the item; ``"true-random"``, by a draw from a generator of the model's own, seeded by the fit.
            Without the guard they are Snorkel's: a hash of the row's number, and a draw from ``np.random``.
            With it, an item that nothing voted on stays undecided under each of them: no vote speaks for a class.
        items
            Ids of the n items, for ``"random"`` to hash; without them, it hashes an item's votes.
        """
        ties.check_policy(tie_break_policy)
        votes = self._checked(L)
        probabilities = self._predict_proba(votes)
        decided = self._decide(votes, probabilities)
        if tie_break_policy != "abstain":
            tied = decided == ABSTAIN
            if self.guard:
                tied &= covered(votes)
                draw = ties.by_item(votes, items) if tie_break_policy == "random" else ties.by_chance(self._ties)
            else:
                draw = ties.by_position() if tie_break_policy == "random" else ties.by_chance(np.random)
            decided = ties.break_ties(decided, probabilities, np.flatnonzero(tied), draw)
        return (decided, probabilities) if return_probs else decided

    def score(
        self,
        L: IntArray,
        Y: IntArray | Sequence[int],
        metrics: Sequence[str] | None = ("accuracy",),
        tie_break_policy: str = "abstain",
    ) -> dict[str, float]:
        """Snorkel's metrics by name, over items that are decided and whose label is known (not −1).

        Raises
        ------
        LabelModelError
            If there is no such metric, or a label is wrong; a ValueError too.
        """
        votes = self._checked(L)
        gold = labels("Y", Y, self.cardinality)
        if len(gold) != len(votes):
            raise LabelModelError(f"Y has {len(gold)} labels, expected {len(votes)}: one for each row of L")
        decided, probabilities = self.predict(votes, True, tie_break_policy)
        return snorkel_score(gold, np.asarray(decided), probabilities, metrics or ())

    def get_conditional_probs(self) -> FloatArray:
        """P(function i votes j − 1 | class y) at [i, j, y], shape (m, k + 1, k); index 0 is abstaining."""
        k = self.cardinality
        mu = self._need().mu.reshape(-1, k, k)
        table = np.empty((len(mu), k + 1, k))
        table[:, 1:] = mu
        table[:, 0] = 1 - mu.sum(axis=1)
        return table

    def get_weights(self) -> npt.NDArray[np.float64]:
        """Estimated accuracy of each function where it votes, shape (m,), as Snorkel's ``get_weights``."""
        fitted, k = self._need(), self.cardinality
        joint = fitted.mu.astype(np.float64).reshape(-1, k, k) * fitted.balance.astype(np.float32)
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = np.diagonal(joint, axis1=1, axis2=2).sum(axis=1) / fitted.coverage
        return np.clip(np.asarray(shares, dtype=np.float64), 1e-6, 1.0)

    def save(self, destination: str | os.PathLike[str]) -> None:
        """Write the fitted model to exactly this path: JSON and arrays in one npz file, never a pickle.

        Raises
        ------
        LabelModelError
            Before :meth:`fit`, or if the file cannot be written.
        """
        write_model(destination, *self.to_state())

    def load(self, source: str | os.PathLike[str]) -> Self:
        """Become the model that :meth:`save` wrote, its parameters included.

        Raises
        ------
        LabelModelError
            If the file is not there, or no label model of this kind.
        """
        restored = type(self).from_state(*read_model(source))
        self.__dict__ = restored.__dict__
        return self
