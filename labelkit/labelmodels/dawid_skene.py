"""Dawid and Skene's model: a confusion matrix for each function, fitted by expectation maximisation.

Dawid, Skene: Maximum likelihood estimation of observer error-rates using the EM algorithm, Applied Statistics
28 (1979). The steps, the start and the smallest count are those of crowd-kit's ``DawidSkene``
(https://github.com/Toloka/crowd-kit), so that the same number of rounds gives the same probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

import numpy as np

from labelkit.errors import LabelModelError
from labelkit.labelmodels.collapse import look_for_collapse
from labelkit.labelmodels.confusion import ConfusionModel, ConfusionRates
from labelkit.labelmodels.pattern_votes import Floats, PatternVotes, clamp, normalised
from labelkit.labelmodels.statistics import VoteStatistics
from labelkit.labelmodels.validation import check_number, check_whole
from labelkit.labelmodels.wording import one_class_note, unseen_classes, unseen_note
from labelkit.types import ABSTAIN, IntArray

Rates = Literal["per-vote", "per-item"]
RATES: Final[tuple[Rates, ...]] = ("per-vote", "per-item")
_LEAST_COUNT: Final = 1e-10
"""Smallest count and class share, as in crowd-kit: a probability of zero could never be left again."""
_MOST_ENTRIES: Final = 1 << 25
"""Functions × classes × classes at most: 256 MB of confusion matrices."""


@dataclass
class _Block:
    """One part of the patterns, with what every round needs of it."""

    votes: PatternVotes
    one_hot: Any
    transposed: Any

    @classmethod
    def of(cls, votes: PatternVotes) -> _Block:
        one_hot = votes.one_hot()
        return cls(votes, one_hot, one_hot.T.tocsr())

    def majority(self) -> Floats:
        """Share of the votes for each class, known labels clamped, shape (d, k)."""
        m, k = self.votes.shape
        shares = self.votes.scores(np.ones((m, k)))
        shares /= shares.sum(axis=1, keepdims=True)
        return clamp(shares, self.votes.gold)

    def scores(self, found: ConfusionRates) -> Floats:
        """Log joint probability of each pattern and class, shape (d, k)."""
        k = len(found.log_prior)
        return np.asarray(self.one_hot @ found.logs.reshape(-1, k)) + found.log_prior

    def posterior(self, found: ConfusionRates) -> tuple[Floats, float]:
        """Class probabilities, known labels clamped, shape (d, k), and the log-likelihood of the votes."""
        scores = self.scores(found)
        known = np.flatnonzero(self.votes.gold != ABSTAIN)
        joint = scores[known, self.votes.gold[known]]
        shares, logs = normalised(scores)
        logs[known] = joint
        return clamp(shares, self.votes.gold), float(self.votes.counts @ logs)


class DawidSkeneLabelModel(ConfusionModel):
    """Dawid and Skene's EM on the distinct vote patterns, in logarithms.

    Each function has a confusion matrix: how often it votes each class where the class is y. An abstention adds
    nothing. The first posterior is each item's shares of the votes. On functions that vote for one class
    only, ``rates="per-vote"`` (Dawid and Skene's own) has nothing to learn, since such a function votes its class
    whatever the truth, and collapses into one class; the notes say so. ``rates="per-item"`` takes rates
    among all items with a vote, so that where such a function votes is evidence.

    Parameters
    ----------
    cardinality
        Number of classes k.
    n_iter
        Most rounds of EM.
    tol
        Gain in log-likelihood per vote below which EM stops; 0 never stops early while it still gains.
    smoothing
        Votes added to every entry of the confusion matrices; 0 for crowd-kit's.
    rates
        ``"per-vote"`` or ``"per-item"``: what the entries are shares of.
    class_balance
        Share of each class; estimated if None. Where ``learn_balance``, it counts as much as k items do.
    learn_balance
        Whether the class shares are estimated too; if not, ``class_balance`` stays as it is.

    Examples
    --------
    >>> import numpy as np
    >>> L = np.array([[0, 0, 1], [1, 1, 1], [0, 0, 0], [1, 1, 0], [-1, -1, -1]])
    >>> DawidSkeneLabelModel(2).fit(L).predict(L).tolist()
    [0, 1, 0, 1, -1]
    """

    name: ClassVar[str] = "dawid-skene"
    unit: ClassVar[Literal["log-odds", "votes"]] = "log-odds"
    uses_cooccurrence: ClassVar[bool] = False

    def __init__(
        self,
        cardinality: int,
        *,
        n_iter: int = 100,
        tol: float = 1e-5,
        smoothing: float = 0.01,
        rates: Rates = "per-vote",
        class_balance: Sequence[float] | None = None,
        learn_balance: bool = True,
    ) -> None:
        super().__init__(cardinality, class_balance=class_balance)
        check_whole("n_iter", n_iter, least=1)
        check_number("tol", tol, least=0.0)
        check_number("smoothing", smoothing, least=0.0)
        if rates not in RATES:
            raise LabelModelError(f"rates is {rates!r}, expected one of {', '.join(RATES)}")
        if not isinstance(learn_balance, bool):
            raise LabelModelError(f"learn_balance is {learn_balance!r}, expected true or false")
        self.n_iter = n_iter
        self.tol = tol
        self.smoothing = smoothing
        self.rates: Rates = rates
        self.learn_balance = learn_balance
        self._found = None

    def _learn(
        self, statistics: VoteStatistics, gold_votes: IntArray, gold: IntArray, names: Sequence[str] | None
    ) -> None:
        _check_size(statistics.m, self.cardinality)
        votes = PatternVotes.of(statistics, gold_votes, gold)
        found, figures = self._maximised(votes)
        collapse, notes = look_for_collapse("Dawid-Skene", votes, lambda part: _Block.of(part).scores(found))
        self._found = found
        self.n_functions = statistics.m
        known = int(votes.counts[votes.gold != ABSTAIN].sum())
        self.diagnostics = {**figures, **collapse, "exact_patterns": statistics.exact, "gold_n": known}
        unseen = unseen_classes(statistics.vote_counts, gold) if self.class_balance is None else []
        self.notes = [*notes, *one_class_note(gold_votes, gold), *unseen_note(unseen)]

    def _maximised(self, votes: PatternVotes) -> tuple[ConfusionRates, dict[str, Any]]:
        """EM: rates from a posterior, a posterior from rates; the rates that the last posterior came from."""
        blocks = [_Block.of(block) for block in votes.blocks]
        found = self._rates(_Sums.of(blocks, None))
        cast = float(votes.weight.sum())
        last, gain = -np.inf, np.inf
        for rounds in range(1, self.n_iter + 1):
            sums = _Sums.of(blocks, found)
            gain, last = (sums.log_likelihood - last) / cast, sums.log_likelihood
            if gain < self.tol or rounds == self.n_iter:
                break
            found = self._rates(sums)
        return found, {"rounds": rounds, "log_likelihood": last, "converged": bool(gain < self.tol)}

    def _rates(self, sums: _Sums) -> ConfusionRates:
        """The M step."""
        k = self.cardinality
        counts = np.maximum(sums.votes.reshape(-1, k, k) + self.smoothing, _LEAST_COUNT)
        if self.rates == "per-vote":
            if not self.smoothing:
                # as in crowd-kit, classes that a function never votes for take no share
                counts = np.where(sums.votes.reshape(-1, k, k).any(axis=2, keepdims=True), counts, 0.0)
            whole = counts.sum(axis=1, keepdims=True)
        else:
            whole = np.maximum(sums.items + (k + 1) * self.smoothing, _LEAST_COUNT)
        seen = counts > 0
        logs = np.log(np.where(seen, counts, 1.0)) - np.where(seen, np.log(np.where(whole > 0, whole, 1.0)), 0.0)
        return ConfusionRates(logs, np.log(self._shares(sums.items)))

    def _shares(self, items: Floats) -> Floats:
        if not self.learn_balance:
            return self._prior()
        pseudo = 0.0 if self.class_balance is None else self._prior() * self.cardinality
        counted = items + pseudo
        return np.asarray(np.maximum(counted / counted.sum(), _LEAST_COUNT))


@dataclass
class _Sums:
    """What the M step needs of a posterior."""

    votes: Floats
    """Items on which function i voted a and the class is y, shape (m·k, k)."""
    items: Floats
    log_likelihood: float

    @classmethod
    def of(cls, blocks: Sequence[_Block], found: ConfusionRates | None) -> _Sums:
        """The E step under these rates; from the shares of the votes where there are none yet."""
        m, k = blocks[0].votes.shape
        sums = cls(np.zeros((m * k, k)), np.zeros(k), 0.0)
        for block in blocks:
            if found is None:
                shares = block.majority()
            else:
                shares, log_likelihood = block.posterior(found)
                sums.log_likelihood += log_likelihood
            shares *= block.votes.counts[:, None]
            sums.votes += block.transposed @ shares
            sums.items += shares.sum(axis=0)
        return sums


def _check_size(functions: int, cardinality: int) -> None:
    entries = functions * cardinality**2
    if entries > _MOST_ENTRIES:
        raise LabelModelError(
            f"the label model 'dawid-skene' needs {entries:,} numbers for the confusion matrices of {functions:,}"
            f" labeling functions and {cardinality:,} classes, expected at most {_MOST_ENTRIES:,}",
            hint='Set [label_model] name = "weighted-majority" or "mace", which have one matrix row for each function',
        )
