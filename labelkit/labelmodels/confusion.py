"""Label models with a confusion matrix for each source: what they share once they have learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from labelkit.labelmodels.base import Arrays, LabelModel
from labelkit.labelmodels.pattern_votes import Floats
from labelkit.labelmodels.scoring import VoteScorer
from labelkit.types import ABSTAIN, IntArray


@dataclass(frozen=True)
class ConfusionRates:
    """What one fit found; replaced as a whole, so that predicting threads never see half of another.

    Attributes
    ----------
    logs
        Log rate at which source i votes a where the class is y, shape (m, k, k): [i, a, y].
    log_prior
        Log of the class shares, shape (k,).
    """

    logs: Floats
    log_prior: Floats

    @cached_property
    def scorer(self) -> VoteScorer:
        """Log posterior of vote rows, up to a constant."""
        m, k = self.logs.shape[:2]
        table = np.zeros((m, k + 1, k))
        table[:, 1:] = self.logs
        return VoteScorer(table, self.log_prior)


class ConfusionModel(LabelModel):
    """Base of these models: a subclass learns :attr:`_found`; an abstention adds nothing."""

    unit: ClassVar[Literal["log-odds", "votes"]] = "log-odds"

    _found: ConfusionRates | None = None

    def _predict_proba(self, votes: IntArray) -> Floats:
        return self._need().scorer.probabilities(votes)

    def contributions(self, votes: IntArray) -> Floats:
        """Log rate of each vote under each class, shape (m, k).

        ``softmax(log_prior + contributions(votes).sum(axis=0))`` is the item's row of :meth:`predict_proba`.
        """
        one = self._checked_item(votes)
        added = np.zeros((len(one), self.cardinality))
        voted = np.flatnonzero(one != ABSTAIN)
        added[voted] = self._need().logs[voted, one[voted]]
        return added

    @property
    def log_prior(self) -> Floats:
        """Log of the class shares, shape (k,); a copy."""
        return self._need().log_prior.copy()

    @property
    def confusion(self) -> Floats:
        """Rate at which source i votes a where the class is y, shape (m, k, k), at [i, a, y]; a copy."""
        return np.exp(self._need().logs)

    def _need(self) -> ConfusionRates:
        self._fitted_on()
        assert self._found is not None
        return self._found

    def _arrays(self) -> Arrays:
        found = self._need()
        return {"log_rates": found.logs, "log_prior": found.log_prior}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        assert self.n_functions is not None
        k = self.cardinality
        found = ConfusionRates(np.asarray(arrays["log_rates"]), np.asarray(arrays["log_prior"]))
        shapes = (found.logs.shape, found.log_prior.shape)
        if shapes != ((self.n_functions, k, k), (k,)):
            raise ValueError(f"array shapes {shapes} do not fit {self.n_functions} functions and {k} classes")
        self._found = found
