"""How a label model stands against majority vote: where it decides otherwise, and what that gains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from labelkit.labelmodels.base import LabelModel
from labelkit.labelmodels.known_labels import FEWEST, KnownLabels, Make, shares_right, tops
from labelkit.labelmodels.majority import MajorityLabelModel
from labelkit.labelmodels.statistics import VoteStatistics
from labelkit.types import FloatArray

RESAMPLES: Final = 12
Z95: Final = 1.959963984540054


@dataclass(frozen=True)
class Standing:
    """How a model stands against majority vote.

    Attributes
    ----------
    differs, of_ties
        Share of the covered items that it decides otherwise; the part of it where majority vote is tied.
    lead, low, high
        Its accuracy less that of majority vote, with a 95% interval.
    gold_n
        Covered items with known labels that the lead is measured on, each by a model that had not seen its
        label; 0 where it is the model's own estimate, with an interval over resampled items.
    known
        Covered items with known labels, also where these are too few to measure on.
    """

    differs: float
    of_ties: float
    lead: float
    low: float
    high: float
    gold_n: int = 0
    known: int = 0

    @property
    def sentence(self) -> str:
        """In words, and what is missing to be sure."""
        if self.sure:
            return self.found
        if self.known:
            return f"{self.found}; {self.known} known labels of covered items are too few to tell ({FEWEST} are enough)"
        return f"{self.found}, which only known labels can confirm"

    @property
    def sure(self) -> bool:
        """Whether known labels say it, or there is nothing to say: then no further label is needed to believe it."""
        return bool(self.gold_n) or not self.differs

    @property
    def found(self) -> str:
        """In words: where it decides otherwise, and whether that gains anything."""
        if not self.differs:
            differs = "it decides every covered item as majority vote does"
        else:
            tied = self.of_ties / self.differs
            share = {0.0: "none", 1.0: "all"}.get(tied, f"{tied:.0%}")
            differs = (
                f"it decides {_percent(self.differs)} of the covered items otherwise than majority vote, which is tied"
                f" on {share} of them"
            )
        if self.gold_n:
            interval = f"[{100 * self.low:+.1f}, {100 * self.high:+.1f}]"
            chance = ", which may be chance" if self._points and self.low <= 0 <= self.high else ""
            on = f"on {self.gold_n:,} covered items with known labels"
            return f"{differs}; {on} its accuracy is {self._lead} {interval}{chance}"
        # Its interval tells how much the estimate would move with other items, not how wrong the model may be.
        return f"{differs}; by its own estimate its accuracy is {self._lead}" if self.differs else differs

    @property
    def _points(self) -> float:
        return round(100 * self.lead, 1)

    @property
    def _lead(self) -> str:
        if not self._points:
            return "no different"
        return f"{abs(self._points):.1f} points {'higher' if self._points > 0 else 'lower'}"


def standing(
    model: LabelModel, statistics: VoteStatistics, evidence: KnownLabels, make: Make, *, seed: int
) -> Standing:
    """Hold a fitted model against majority vote, on known labels or else by its own estimate."""
    rows = statistics.some_rows()
    majority = MajorityLabelModel(statistics.cardinality).fit(rows)
    theirs, ours = majority.predict_proba(rows), model.predict_proba(rows)
    tied = tops(theirs).sum(axis=1) > 1
    differs = (tops(ours) != tops(theirs)).any(axis=1)
    shares = float(differs.mean()), float((differs & tied).mean())
    if evidence.enough:
        right = shares_right(evidence.held_out(make), evidence.gold)
        lead = right - shares_right(majority.predict_proba(evidence.votes), evidence.gold)
        return Standing(*shares, *paired_difference(lead[evidence.judges]), gold_n=evidence.n, known=evidence.n)
    expected = _expected_lead(ours, theirs)
    generator = np.random.default_rng(seed)
    again = []
    for _ in range(RESAMPLES):
        drawn = rows[generator.integers(0, len(rows), len(rows))]
        again.append(_expected_lead(make().fit(drawn).predict_proba(rows), theirs))
    low, high = np.quantile(again, [0.025, 0.975])
    return Standing(*shares, expected, min(float(low), expected), max(float(high), expected), known=evidence.n)


def _percent(share: float) -> str:
    return "less than 0.1%" if 0 < share < 0.001 else f"{share:.1%}"


def paired_difference(leads: FloatArray) -> tuple[float, float, float]:
    """Mean of paired differences in [−1, 1] and its 95% interval, by the adjusted Wald method.

    Agresti, Min (2005): Simple improved confidence intervals for comparing matched proportions.
    """
    n = len(leads) + 2
    middle = float(leads.sum()) / n
    spread = Z95 * float(np.sqrt(max((np.square(leads).sum() + 1) / n - middle**2, 0.0) / n))
    mean = float(leads.mean())
    return mean, max(-1.0, min(middle - spread, mean)), min(1.0, max(middle + spread, mean))


def _expected_lead(ours: FloatArray, theirs: FloatArray) -> float:
    """By our probabilities: accuracy of our decisions less that of theirs."""
    shares = [tops(one) / tops(one).sum(axis=1, keepdims=True) for one in (ours, theirs)]
    return float(((shares[0] - shares[1]) * ours).sum(axis=1).mean())
