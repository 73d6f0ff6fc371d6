"""One fit of Snorkel's label model: which class balance it presumes, and the optimiser with or without its guard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from labelkit.labelmodels.evidence import Evidence
from labelkit.labelmodels.guard import GuardedFit, Train, guarded_fit
from labelkit.labelmodels.scoring import VoteScorer, log_likelihood
from labelkit.labelmodels.snorkel_optimiser import train_mu
from labelkit.labelmodels.snorkel_settings import FitSettings
from labelkit.labelmodels.statistics import VoteStatistics
from labelkit.labelmodels.validation import check_class_balance
from labelkit.types import FloatArray, IntArray

UNSEEN_SHARE: Final = 1e-6
"""Share of a class that nothing speaks for: as one of several it would attract labels out of thin air."""


@dataclass(frozen=True)
class Asked:
    """What one call of ``fit`` asked for beside the votes; the balance is None if nobody gave one."""

    settings: FitSettings
    balance: FloatArray | None
    notes: list[str]


@dataclass(frozen=True)
class Fitted:
    """What one fit found; replaced as a whole, so that predicting threads never see half of another."""

    mu: npt.NDArray[np.float32]
    """P(function i votes a | class y) at row i·k + a and column y, shape (m·k, k)."""
    balance: FloatArray
    coverage: FloatArray

    @property
    def log_prior(self) -> npt.NDArray[np.float64]:
        """Log of the class balance, shape (k,)."""
        return np.asarray(np.log(self.balance / self.balance.sum()), dtype=np.float64)

    @cached_property
    def scorer(self) -> VoteScorer:
        """Log posterior of vote rows, up to a constant."""
        return VoteScorer(log_likelihood(self.mu), self.log_prior)


def presumed_balance(
    statistics: VoteStatistics, gold: IntArray, asked: Asked, *, guard: bool
) -> tuple[FloatArray, list[str]]:
    """Shares of the classes (k,), and notes: as asked, or uniform over the classes that anything speaks for."""
    if asked.balance is not None:
        return asked.balance, list(asked.notes)
    balance = check_class_balance(None, statistics.cardinality)
    seen = statistics.vote_counts.sum(axis=0) > 0
    seen[gold] = True
    if not guard or seen.all():
        return balance, list(asked.notes)
    unseen = [str(label) for label in np.flatnonzero(~seen)]
    balance[~seen] = UNSEEN_SHARE
    shown = ", ".join(unseen[:10]) + (" …" if len(unseen) > 10 else "")
    note = f"no function votes for class {shown} and no known label is of it: it gets next to no probability"
    return balance / balance.sum(), [*asked.notes, note]


def fitted_to(
    statistics: VoteStatistics,
    balance: FloatArray,
    settings: FitSettings,
    known: tuple[IntArray, IntArray] | None,
    *,
    max_restarts: int,
    names: Sequence[str] | None,
    verbose: bool,
) -> GuardedFit:
    """What the optimiser finds, held against majority vote, chance and known labels if ``known`` is given.

    Parameters
    ----------
    known
        Rows (g, m) whose labels (g,) are known, g may be 0; None for Snorkel's own, unguarded.

    Raises
    ------
    Diverged
        If the optimiser diverges, guarded at every learning rate that is tried.
    """

    def train(seed: int, lr: float, l2: float = settings.l2) -> npt.NDArray[np.float32]:
        now = settings.replaced({"seed": seed, "lr": lr, "l2": l2})
        return train_mu(statistics, balance, now, exact=known is None, verbose=verbose)

    def penalised(l2: float) -> Train:
        return lambda seed, lr: train(seed, lr, max(l2, settings.l2))

    if known is None:
        mu = train(settings.seed, settings.lr)
        return GuardedFit(mu, {"guard": False, "seed": settings.seed, "restarts": 0}, [])
    return guarded_fit(
        train,
        Evidence.of(statistics, balance, *known),
        seed=settings.seed,
        lr=settings.lr,
        max_restarts=max_restarts,
        names=names,
        penalised=penalised,
    )
