"""What speaks for and against a solution of Snorkel's loss: majority vote, chance, and known labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from labelkit.labelmodels.majority import vote_counts
from labelkit.labelmodels.scoring import VoteScorer, log_likelihood
from labelkit.labelmodels.statistics import VoteStatistics
from labelkit.labelmodels.validation import covered
from labelkit.types import FloatArray, IntArray

MIN_KAPPA: Final = 0.2
"""Agreement with majority vote beyond chance (Cohen's kappa) below which a solution is not believed."""
MIN_GOLD: Final = 10
"""Known labels of covered items below which they decide nothing."""
MOST_AGAINST_UNANIMOUS: Final = 0.02
"""Share of unanimous items that a solution may speak against."""
_NEARLY_ALL: Final = 0.99
"""Share of one class from which on chance is nearly always right: nothing can be told better from it."""
GOLD_Z: Final = 2.33
"""Standard errors by which majority vote has to be better on known labels (one-sided 1%)."""

Mu = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Verdict:
    """How one solution compares with majority vote, chance, and known labels."""

    agreement: float
    """Share of the covered, untied items on which it decides as majority vote does; 1 if there are none."""
    renamed_agreement: float
    """The same after the renaming of its classes that agrees best."""
    kappa: float
    """Agreement beyond what the two's class shares alone would give; 1 is full, 0 none."""
    worse_than_chance: tuple[int, ...]
    """Functions estimated to be right less often than class shares alone would make them."""
    distrusted_votes: float
    """Share of all votes that these functions cast."""
    gold_n: int
    gold_accuracy: float
    majority_gold_accuracy: float
    gold_z: float
    """Standard errors by which majority vote is better on known labels."""
    gold_classes: int
    """Classes among the known labels of covered items."""
    against_unanimous: float
    """Share of the items on which all votes agree, but by its weights speak for another class."""

    @property
    def flipped(self) -> bool:
        """Whether the solution names classes wrongly or not at all, judged without labels."""
        renamed = self.renamed_agreement > self.agreement + 1e-9
        return renamed or self.kappa < MIN_KAPPA or self.distrusted_votes > 0.5

    @property
    def contradicted(self) -> bool:
        """Whether known labels say that majority vote is clearly better."""
        # Labels of one class alone bear out whatever leans to that class.
        return self.gold_n >= MIN_GOLD and self.gold_classes > 1 and self.gold_z > GOLD_Z

    @property
    def sound(self) -> bool:
        """Whether nothing speaks against the solution."""
        return not (self.flipped or self.contradicted)

    @property
    def contrary(self) -> bool:
        """Whether it overrules unanimous votes, and known labels do not say that it is right to."""
        telling = self.gold_n >= MIN_GOLD and self.gold_classes > 1
        borne_out = telling and self.gold_accuracy > self.majority_gold_accuracy
        return self.against_unanimous > MOST_AGAINST_UNANIMOUS and not borne_out

    def votes_below_chance(self, cardinality: int) -> bool:
        """Whether known labels say that even majority vote does worse than guessing."""
        if self.gold_n < MIN_GOLD or self.gold_classes < 2:
            return False
        chance = 1 / cardinality
        spread = float(np.sqrt(chance * (1 - chance) / self.gold_n))
        return self.majority_gold_accuracy < chance - GOLD_Z * spread

    @property
    def rank(self) -> tuple[bool, bool, float, float]:
        """Larger is better."""
        return not self.flipped, not self.contradicted, -self.gold_z, self.agreement


@dataclass(frozen=True)
class Evidence:
    """What solutions are judged by; the same for all of them."""

    balance: npt.NDArray[np.float64]
    vote_shares: FloatArray
    """Share of the items on which function i votes a, shape (m, k)."""
    rows: IntArray
    counts: npt.NDArray[np.int64]
    winners: IntArray
    """Distinct vote rows of the sample on which majority vote is decided, their counts and majority classes."""
    unanimous: npt.NDArray[np.bool_]
    """Which of these rows have votes for one class only."""
    gold_votes: IntArray
    gold: IntArray
    """Covered items whose label is known: their votes (g, m) and labels (g,)."""

    @classmethod
    def of(
        cls,
        statistics: VoteStatistics,
        balance: FloatArray,
        gold_votes: IntArray | None,
        gold: IntArray | None,
    ) -> Evidence:
        """Collect the evidence in vote statistics and known labels."""
        k = statistics.cardinality
        rows, counts = statistics.patterns, statistics.counts
        votes = vote_counts(rows, k)
        decided = (votes == votes.max(axis=1, keepdims=True)).sum(axis=1) == 1
        if gold_votes is None or gold is None:
            gold_votes, gold = np.empty((0, statistics.m), dtype=rows.dtype), np.empty(0, dtype=np.int64)
        voted = covered(gold_votes)
        return cls(
            balance / balance.sum(),
            statistics.vote_counts / statistics.n,
            rows[decided],
            counts[decided],
            votes[decided].argmax(axis=1),
            votes[decided].max(axis=1) == votes[decided].sum(axis=1),
            gold_votes[voted],
            gold[voted],
        )

    def judge(self, mu: Mu) -> Verdict:
        """Hold one solution against the evidence."""
        ours, theirs, z = self._on_gold(mu)
        return Verdict(
            *self._agreement(mu),
            *self._worse_than_chance(mu),
            gold_n=len(self.gold),
            gold_accuracy=ours,
            majority_gold_accuracy=theirs,
            gold_z=z,
            gold_classes=len(np.unique(self.gold)),
            against_unanimous=self._against_unanimous(mu),
        )

    def _decisions(self, mu: Mu, rows: IntArray) -> IntArray:
        return np.asarray(VoteScorer(log_likelihood(mu), np.log(self.balance)).scores(rows).argmax(axis=0))

    def _agreement(self, mu: Mu) -> tuple[float, float, float]:
        """Agreement with majority vote, the same after the best renaming, and kappa."""
        from scipy.optimize import linear_sum_assignment

        k = len(self.balance)
        if not len(self.rows):
            return 1.0, 1.0, 1.0
        decisions = self._decisions(mu, self.rows)
        cells = decisions * k + self.winners
        table = np.bincount(cells, weights=self.counts, minlength=k * k).reshape(k, k)
        total = float(self.counts.sum())
        agreement = float(np.trace(table)) / total
        renamed = float(table[linear_sum_assignment(-table)].sum()) / total
        chance = float(table.sum(axis=0) @ table.sum(axis=1)) / total**2
        return agreement, renamed, (agreement - chance) / (1 - chance) if chance < 1 else agreement

    def _against_unanimous(self, mu: Mu) -> float:
        rows, counts = self.rows[self.unanimous], self.counts[self.unanimous]
        if not len(rows):
            return 0.0
        # The votes' own weight: that class shares outweigh a weak vote is no fault of the solution.
        weighed = VoteScorer(log_likelihood(mu), np.zeros(len(self.balance))).scores(rows).argmax(axis=0)
        other = weighed != self.winners[self.unanimous]
        return float(counts[other].sum() / counts.sum())

    def _worse_than_chance(self, mu: Mu) -> tuple[tuple[int, ...], float]:
        k = len(self.balance)
        if self.balance.max() > _NEARLY_ALL:
            return (), 0.0
        right = np.diagonal(mu.reshape(-1, k, k) * self.balance, axis1=1, axis2=2).sum(axis=1)
        by_chance = self.vote_shares @ self.balance
        distrusted = np.flatnonzero(right < by_chance - 1e-6)
        votes = self.vote_shares.sum(axis=1)
        return tuple(int(i) for i in distrusted), float(votes[distrusted].sum() / votes.sum())

    def _on_gold(self, mu: Mu) -> tuple[float, float, float]:
        if not len(self.gold):
            return float("nan"), float("nan"), 0.0
        ours = (self._decisions(mu, self.gold_votes) == self.gold).astype(np.float64)
        votes = vote_counts(self.gold_votes, len(self.balance))
        top = votes == votes.max(axis=1, keepdims=True)
        theirs = top[np.arange(len(top)), self.gold] / top.sum(axis=1)
        lead = theirs - ours
        spread = float(np.sqrt(np.square(lead).sum()))
        return float(ours.mean()), float(theirs.mean()), float(lead.sum()) / spread if spread else 0.0
