"""Snorkel's label model, fed exact statistics, with its own random state, and guarded against flips.

Ratner, Hancock, Dunnmon, Sala, Pandey, Ré: Training Complex Models with Multi-Task Weak Supervision,
AAAI 2019 (https://arxiv.org/abs/1810.02840); implementation: Snorkel 0.10 (https://snorkel.org).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Final, Literal

import numpy as np
import numpy.typing as npt

from labelkit.errors import LabelModelError
from labelkit.labelmodels.base import Arrays, LabelModel, decide
from labelkit.labelmodels.guard import Evidence, GuardedFit, Train, guarded_fit
from labelkit.labelmodels.scoring import VoteScorer, log_likelihood, to_probabilities
from labelkit.labelmodels.snorkel_optimiser import import_snorkel, train_mu
from labelkit.labelmodels.statistics import VoteStatistics
from labelkit.labelmodels.threads import over_rows
from labelkit.labelmodels.validation import (
    check_class_balance,
    check_number,
    check_whole,
)
from labelkit.types import FloatArray, IntArray

OPTIMIZERS: Final = ("sgd", "adam", "adamax")
SEED_LIMIT: Final = 2**32


@dataclass(frozen=True)
class _Fitted:
    """What one fit found; replaced as a whole, so that predicting threads never see half of another."""

    mu: npt.NDArray[np.float32]
    """P(function i votes a | class y) at row i·k + a and column y, shape (m·k, k)."""
    balance: FloatArray
    coverage: FloatArray

    @property
    def log_prior(self) -> npt.NDArray[np.float64]:
        return np.asarray(np.log(self.balance / self.balance.sum()), dtype=np.float64)

    @cached_property
    def scorer(self) -> VoteScorer:
        """Log posterior of vote rows, up to a constant."""
        return VoteScorer(log_likelihood(self.mu), self.log_prior)


class SnorkelLabelModel(LabelModel):
    """Snorkel's ``LabelModel`` on exact sufficient statistics.

    Snorkel's own loop fits mu from O = AᵀA / n, the coverages and n, which are counted here from the votes
    a block at a time; probabilities are computed in log space, and equal rows have equal bits.

    Parameters
    ----------
    cardinality
        Number of classes k.
    guard
        Whether to fit again from other starting points when the fitted model stands on its head
        against majority vote, chance, or known labels (Snorkel's symmetry gives such solutions when
        class shares differ). Without it, mu, probabilities and predictions are Snorkel's at the same
        settings, also for items that nothing voted on; with it, those are left undecided, and the result
        does not depend on the number of cores.
    n_epochs, lr, l2, optimizer, prec_init, mu_eps
        As in Snorkel's ``LabelModel.fit``.
    seed
        Seed of the starting point, 0 … 2³² − 1. The global generators are left as they were.
    class_balance
        Share of each class, positive, summing to one; uniform if None.
    max_restarts
        How many further starting points the guard may try.

    Examples
    --------
    >>> import numpy as np
    >>> L = np.array([[0, 0, -1], [1, 1, 1], [-1, -1, -1], [0, 0, 0]])
    >>> SnorkelLabelModel(2, n_epochs=100).fit(L).predict(L).tolist()
    [0, 1, -1, 0]
    """

    name: ClassVar[str] = "snorkel"
    unit: ClassVar[Literal["log-odds", "votes"]] = "log-odds"
    minimum_functions: ClassVar[int] = 3

    def __init__(
        self,
        cardinality: int,
        *,
        guard: bool = True,
        n_epochs: int = 500,
        lr: float = 0.01,
        l2: float = 0.0,
        seed: int = 0,
        class_balance: Sequence[float] | None = None,
        optimizer: str = "sgd",
        prec_init: float = 0.7,
        mu_eps: float | None = None,
        max_restarts: int = 10,
    ) -> None:
        super().__init__(cardinality, class_balance=class_balance)
        if not isinstance(guard, bool):
            raise LabelModelError(f"guard is {guard!r}, expected true or false")
        check_whole("n_epochs", n_epochs, least=1)
        check_number("lr", lr, above=0.0)
        check_number("l2", l2, least=0.0)
        check_whole("seed", seed)
        check_whole("max_restarts", max_restarts)
        check_number("prec_init", prec_init, above=0.0)
        if seed >= SEED_LIMIT:
            raise LabelModelError(f"seed is {seed}, expected less than 2**32")
        if optimizer not in OPTIMIZERS:
            raise LabelModelError(f"optimizer is {optimizer!r}, expected one of {', '.join(OPTIMIZERS)}")
        if mu_eps is not None:
            check_number("mu_eps", mu_eps, above=0.0)
            if mu_eps >= 0.5:
                raise LabelModelError(f"mu_eps is {mu_eps!r}, expected less than 0.5")
        self.guard = guard
        self.n_epochs = n_epochs
        self.lr = lr
        self.l2 = l2
        self.seed = seed
        self.optimizer = optimizer
        self.prec_init = prec_init
        self.mu_eps = mu_eps
        self.max_restarts = max_restarts
        self._fitted: _Fitted | None = None

    def _learn(
        self, statistics: VoteStatistics, gold_votes: IntArray, gold: IntArray, names: Sequence[str] | None
    ) -> None:
        balance = check_class_balance(self.class_balance, self.cardinality)
        evidence = Evidence.of(statistics, balance, gold_votes, gold) if self.guard else None
        found = self._trained(statistics, balance, evidence, names)
        self._fitted = _Fitted(found.mu, balance, statistics.coverage)
        self.n_functions = statistics.m
        self.diagnostics, self.notes = found.diagnostics, found.notes

    def _trained(
        self, statistics: VoteStatistics, balance: FloatArray, evidence: Evidence | None, names: Sequence[str] | None
    ) -> GuardedFit:
        """What the optimiser finds, held against the evidence where there is some."""

        def train(seed: int, lr: float, l2: float = self.l2) -> npt.NDArray[np.float32]:
            return train_mu(
                statistics, balance, seed=seed, n_epochs=self.n_epochs, lr=lr, l2=l2,
                optimizer=self.optimizer, prec_init=self.prec_init, mu_eps=self.mu_eps, one_thread=self.guard,
            )  # fmt: skip

        def penalised(l2: float) -> Train:
            return lambda seed, lr: train(seed, lr, max(l2, self.l2))

        if evidence is None:
            return GuardedFit(train(self.seed, self.lr), {"guard": False, "seed": self.seed, "restarts": 0}, [])
        return guarded_fit(
            train,
            evidence,
            seed=self.seed,
            lr=self.lr,
            max_restarts=self.max_restarts,
            names=names,
            penalised=penalised,
        )

    @classmethod
    def prepare(cls) -> None:
        """Import torch and Snorkel: seconds, once in a process; may be called from another thread."""
        import_snorkel()

    def _predict_proba(self, votes: IntArray) -> npt.NDArray[np.float64]:
        scorer = self._need().scorer
        probabilities = np.empty((len(votes), self.cardinality))

        def score(start: int, stop: int) -> None:
            for rows, scores in scorer.blocks(votes, start, stop):
                probabilities[rows] = to_probabilities(scores)[:, : rows.stop - rows.start].T

        over_rows(score, len(votes))
        return probabilities

    def _decide(self, votes: IntArray, probabilities: npt.NDArray[np.float64]) -> IntArray:
        return super()._decide(votes, probabilities) if self.guard else decide(probabilities)

    def contributions(self, votes: IntArray) -> npt.NDArray[np.float64]:
        """Log-likelihood that each vote adds to each class, shape (m, k).

        ``softmax(log_prior + contributions(votes).sum(axis=0))`` is the item's row of
        :meth:`predict_proba`.
        """
        one = self._checked_item(votes)
        return log_likelihood(self._need().mu)[np.arange(len(one)), one.astype(np.intp) + 1]

    @property
    def log_prior(self) -> npt.NDArray[np.float64]:
        """Log of the class balance, shape (k,)."""
        return self._need().log_prior

    @property
    def mu(self) -> npt.NDArray[np.float32]:
        """Fitted P(function i votes a | class y), shape (m·k, k), at row i·k + a; a copy."""
        return self._need().mu.copy()

    def get_weights(self) -> npt.NDArray[np.float64]:
        """Estimated accuracy of each function where it votes, shape (m,), as Snorkel's ``get_weights``."""
        fitted, k = self._need(), self.cardinality
        joint = fitted.mu.astype(np.float64).reshape(-1, k, k) * fitted.balance.astype(np.float32)
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = np.diagonal(joint, axis1=1, axis2=2).sum(axis=1) / fitted.coverage
        return np.clip(np.asarray(shares, dtype=np.float64), 1e-6, 1.0)

    def _need(self) -> _Fitted:
        self._fitted_on()
        assert self._fitted is not None
        return self._fitted

    def _arrays(self) -> Arrays:
        fitted = self._need()
        return {"mu": fitted.mu, "balance": fitted.balance, "coverage": fitted.coverage}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        assert self.n_functions is not None
        k = self.cardinality
        fitted = _Fitted(np.asarray(arrays["mu"], np.float32), arrays["balance"], arrays["coverage"])
        shapes = (fitted.mu.shape, fitted.balance.shape, fitted.coverage.shape)
        if shapes != ((self.n_functions * k, k), (k,), (self.n_functions,)):
            raise ValueError(f"array shapes {shapes} do not fit {self.n_functions} functions and {k} classes")
        self._fitted = fitted
