"""Expectation maximisation over the answers of a crowd, with confusion matrices drawn to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from labelkit.errors import LabelModelError
from labelkit.labelmodels.pattern_votes import Floats, PatternVotes, clamp, normalised
from labelkit.labelmodels.source_effects import SourceEffects
from labelkit.types import ABSTAIN

_ROUNDS_BEFORE_VARIANCES: Final = 5
"""Rounds with the assumed variances: the first posteriors, shares of the votes, make all sources look alike."""
_LEAST_ROUNDS: Final = 10
_MOST_ENTRIES: Final = 1 << 25
"""Sources × classes × classes at most: 256 MB for one set of confusion matrices."""
_MOVES: Final = 3
_MOVES_FROM_KNOWN: Final = 10
_MANY_ENTRIES: Final = 1 << 18
"""From so many entries on, the effects are moved once a round, and all kinds together."""
_ENTRIES_SEEN: Final = 1 << 26
"""Entries that all rounds together may go through, beyond the least rounds: some ten seconds."""
_LEAST_SHARE: Final = 1e-10


@dataclass(frozen=True)
class CrowdSettings:
    """What a fit starts from.

    Attributes
    ----------
    variance
        Assumed variance of the sources' effects, in squared log-odds.
    balance
        Expected share of each class, shape (k,), summing to one.
    balance_items
        Items that this expectation counts as much as.
    n_iter
        Most rounds.
    tol
        Change of any probability below which the rounds end.
    """

    variance: float
    balance: Floats
    balance_items: float
    n_iter: int
    tol: float


@dataclass(frozen=True)
class CrowdFit:
    """What was found.

    Attributes
    ----------
    logs
        Log rate at which source i answers a where the class is y, shape (m, k, k), at [i, a, y].
    log_prior
        Log of the class shares, shape (k,).
    posterior
        Class probabilities of each pattern, known labels clamped, shape (d, k).
    figures
        JSON-able.
    """

    logs: Floats
    log_prior: Floats
    posterior: Floats
    figures: dict[str, Any]


def fit_crowd(votes: PatternVotes, settings: CrowdSettings) -> CrowdFit:
    """Fit the confusion matrices of all sources, the class shares and the labels together.

    The first posteriors are each item's shares of the votes; where labels are known, they are those under what
    these alone say about the sources, so that a crowd that is mostly wrong is not taken at its word. No random
    number is drawn.

    Raises
    ------
    LabelModelError
        If the confusion matrices would not fit into memory.
    """
    _check_size(*votes.shape)
    fitting = _Fitting(votes, settings)
    posterior = fitting.start()
    change, rounds = np.inf, 0
    most = min(settings.n_iter, max(_LEAST_ROUNDS, _ENTRIES_SEEN // fitting.entries))
    while rounds < most and (change >= settings.tol or rounds < _LEAST_ROUNDS):
        fitting.learn(posterior, variances=rounds >= _ROUNDS_BEFORE_VARIANCES)
        following = fitting.posterior()
        change = float(np.abs(following - posterior).max(initial=0.0))
        posterior = following
        rounds += 1
    kinds = ("community", "ability", "leaning", "residual")
    figures: dict[str, Any] = {
        "rounds": rounds,
        "converged": change < settings.tol,
        "class_shares": [float(share) for share in np.exp(fitting.log_prior)],
        "variances": dict(zip(kinds, fitting.effects.variances, strict=True)),
    }
    return CrowdFit(fitting.effects.log_rates(), fitting.log_prior, posterior, figures)


class _Fitting:
    """The two halves of a round."""

    def __init__(self, votes: PatternVotes, settings: CrowdSettings) -> None:
        m, k = votes.shape
        self.entries = m * k * k
        self.effects = SourceEffects(votes.shape, settings.variance)
        self.log_prior = np.log(np.maximum(settings.balance, _LEAST_SHARE))
        self._votes = votes
        self._settings = settings
        self._one_hot = votes.one_hot()
        self._transposed = self._one_hot.T.tocsr()
        self._many = self.entries >= _MANY_ENTRIES

    def start(self) -> Floats:
        """Class probabilities of each pattern before the first round, shape (d, k)."""
        known = self._votes.gold != ABSTAIN
        if not known.any():
            shares = self._votes.scores(np.ones(self._votes.shape))
            shares /= shares.sum(axis=1, keepdims=True)
            return shares
        certain = clamp(np.zeros((len(known), self._votes.shape[1])), self._votes.gold)
        counts = self._counts(certain * self._votes.counts[:, None])
        self.effects.update(counts, _MOVES if self._many else _MOVES_FROM_KNOWN, together=self._many)
        return self.posterior()

    def learn(self, posterior: Floats, *, variances: bool) -> None:
        """Sources and class shares, given the labels."""
        items = posterior * self._votes.counts[:, None]
        self.effects.update(self._counts(items), 1 if self._many else _MOVES, together=self._many)
        if variances:
            self.effects.update_variances()
        counted = items.sum(axis=0) + self._settings.balance_items * self._settings.balance
        self.log_prior = np.log(np.maximum(counted / counted.sum(), _LEAST_SHARE))

    def posterior(self) -> Floats:
        """The labels, given sources and class shares, shape (d, k); known ones clamped."""
        logs = self.effects.log_rates()
        scores = np.asarray(self._one_hot @ logs.reshape(-1, logs.shape[2])) + self.log_prior
        shares, _ = normalised(scores)
        return clamp(shares, self._votes.gold)

    def _counts(self, items: Floats) -> Floats:
        m, k = self._votes.shape
        return np.asarray(self._transposed @ items).reshape(m, k, k).transpose(0, 2, 1)


def _check_size(sources: int, cardinality: int) -> None:
    entries = sources * cardinality**2
    if entries > _MOST_ENTRIES:
        raise LabelModelError(
            f"the crowd model needs {entries:,} numbers for the confusion matrices of {sources:,} sources and"
            f" {cardinality:,} classes, expected at most {_MOST_ENTRIES:,}",
            hint='Use the label model "weighted-majority", which has one weight for each source',
        )
