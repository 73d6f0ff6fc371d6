"""The guard around Snorkel's optimiser: a solution that stands on its head is found and not used.

Where class shares differ, Snorkel's loss has mirror solutions that name the classes wrongly, and a
small starting point can slide into one: measured on YouTube comments with shares .7/.3, 14 of 100
seeds gave accuracies near .16 instead of .84. Such a solution shows without any label: it agrees
better with majority vote after its classes are renamed, or calls most votes worse than chance. A start
that is smaller still stays near a saddle, where decisions have next to nothing to do with the votes. The
optimiser works on the small matrix O, so trying again from another point costs little.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labelkit.errors import LabelModelError
from labelkit.labelmodels.majority import vote_counts
from labelkit.labelmodels.scoring import VoteScorer, log_likelihood
from labelkit.labelmodels.statistics import VoteStatistics
from labelkit.labelmodels.validation import covered
from labelkit.types import FloatArray, IntArray

MIN_KAPPA: Final = 0.2
"""Agreement with majority vote beyond chance (Cohen's kappa) below which a solution is not believed."""
GOLD_RESTARTS: Final = 3
"""Restarts where only known labels speak against a solution: another start seldom changes that."""
MIN_GOLD: Final = 10
MOST_AGAINST_UNANIMOUS: Final = 0.02
PENALTIES: Final = (0.1, 1.0, 10.0)
"""l2 penalties that are tried in turn on a solution that overrules more unanimous votes than that. Snorkel's
penalty pulls mu to its starting point, where every function is better than chance."""
GOLD_Z: Final = 2.33
"""Standard errors by which majority vote has to be better on known labels (one-sided 1%)."""

Mu = npt.NDArray[np.float32]
Train = Callable[[int, float], Mu]
"""Seed and learning rate → mu; raises :class:`Diverged`."""
Penalised = Callable[[float], Train]
"""l2 penalty → the optimiser with it."""


class Diverged(LabelModelError):
    """The optimiser's loss is no longer a number."""


@dataclass(frozen=True)
class GuardedFit:
    """The chosen mu (m·k, k), figures on the choice, and what the user should be told."""

    mu: Mu
    diagnostics: dict[str, Any]
    notes: list[str]


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
        return self.gold_n >= MIN_GOLD and self.gold_z > GOLD_Z

    @property
    def sound(self) -> bool:
        """Whether nothing speaks against the solution."""
        return not (self.flipped or self.contradicted)

    @property
    def contrary(self) -> bool:
        """Whether it overrules unanimous votes, and known labels do not say that it is right to."""
        borne_out = self.gold_n >= MIN_GOLD and self.gold_accuracy > self.majority_gold_accuracy
        return self.against_unanimous > MOST_AGAINST_UNANIMOUS and not borne_out

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


def guarded_fit(
    train: Train,
    evidence: Evidence,
    *,
    seed: int,
    lr: float,
    max_restarts: int,
    names: Sequence[str] | None = None,
    penalised: Penalised | None = None,
) -> GuardedFit:
    """Train, judge, and train again from derived seeds while the result is suspicious.

    The first sound solution is taken; if there is none, the best one, with a note. Where the
    optimiser diverges, its learning rate is divided by ten, and stays so. A solution that overrules
    unanimous votes without known labels to bear it out is fitted again with growing l2 penalties.

    Raises
    ------
    Diverged
        If the optimiser diverges also at a hundredth of the learning rate.
    """
    tried: list[tuple[int, Mu, Verdict]] = []
    rate = lr
    for attempt in range(max_restarts + 1):
        used = seed if attempt == 0 else derived_seed(seed, attempt)
        mu, rate = _train_slower(train, used, rate, lr)
        verdict = evidence.judge(mu)
        tried.append((used, mu, verdict))
        if verdict.sound or (not verdict.flipped and attempt >= GOLD_RESTARTS):
            break
    used, mu, best = max(tried, key=lambda one: one[2].rank)
    restarts = len(tried) - 1
    l2, first = None, best
    if best.contrary and penalised is not None:
        mu, best, l2 = _penalise(penalised, evidence, used, rate, (mu, best))
    notes = [*_notes(best, restarts), *_slower_note(lr, rate), *_penalty_note(first, best, l2)]
    diagnostics = {
        "guard": True,
        "seed": used,
        "lr": rate,
        "restarts": restarts,
        "agreement_with_majority": best.agreement,
        "kappa_with_majority": best.kappa,
        "first_agreement_with_majority": tried[0][2].agreement,
        "worse_than_chance": [names[i] if names is not None else i for i in best.worse_than_chance],
        "distrusted_votes": best.distrusted_votes,
        "gold_n": best.gold_n,
        "gold_accuracy": best.gold_accuracy if best.gold_n else None,
        "majority_gold_accuracy": best.majority_gold_accuracy if best.gold_n else None,
        "against_unanimous": best.against_unanimous,
        "first_against_unanimous": first.against_unanimous,
        "penalty": l2,
        "warning": not best.sound or best.contrary,
    }
    return GuardedFit(mu, diagnostics, notes)


def _penalise(
    penalised: Penalised, evidence: Evidence, seed: int, rate: float, found: tuple[Mu, Verdict]
) -> tuple[Mu, Verdict, float | None]:
    """The solution under the smallest penalty that leaves unanimous votes alone; the one given if none does."""
    for l2 in PENALTIES:
        try:
            mu, _ = _train_slower(penalised(l2), seed, rate, rate)
        except Diverged:
            continue
        verdict = evidence.judge(mu)
        if not (verdict.flipped or verdict.contrary):
            return mu, verdict, l2
    return *found, None


def _train_slower(train: Train, seed: int, rate: float, asked: float) -> tuple[Mu, float]:
    """Train at the given rate, or at a tenth or a hundredth of the one asked for where that diverges."""
    while True:
        try:
            return train(seed, rate), rate
        except Diverged:
            if rate < asked / 50:
                raise
            rate /= 10


def derived_seed(seed: int, attempt: int) -> int:
    """The seed of a restart: another for each attempt, the same in every process."""
    return int(np.random.SeedSequence([seed, attempt]).generate_state(1)[0])


def _notes(verdict: Verdict, restarts: int) -> list[str]:
    notes = []
    if verdict.flipped:
        notes.append(
            f"the label model stands against majority vote also after {restarts} restarts"
            f" (they agree on {verdict.agreement:.0%} of the items that majority vote decides,"
            f" {verdict.distrusted_votes:.0%} of the votes are estimated worse than chance);"
            " check the class balance and the labeling functions, or use majority vote"
        )
    if verdict.contradicted:
        notes.append(
            f"on {verdict.gold_n} covered items with known labels the label model is right on"
            f" {verdict.gold_accuracy:.0%}, majority vote on {verdict.majority_gold_accuracy:.0%};"
            " consider majority vote"
        )
    return notes


def _penalty_note(first: Verdict, best: Verdict, l2: float | None) -> list[str]:
    notes = []
    if l2 is not None:
        notes.append(
            f"as fitted, the label model overruled {first.against_unanimous:.0%} of the items on which all votes agree;"
            f" it was fitted again with l2 = {l2:g}, which holds functions nearer to better than chance"
        )
    if best.contrary:
        notes.append(
            f"the label model overrules {best.against_unanimous:.0%} of the items on which all votes agree,"
            " and no known labels say that it is right to; compare it with majority vote before you trust it"
        )
    return notes


def _slower_note(asked: float, rate: float) -> list[str]:
    if rate == asked:
        return []
    return [f"Snorkel's optimiser diverged at lr = {asked:g}; the label model was fitted at lr = {rate:g}"]
