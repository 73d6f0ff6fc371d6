"""The crowd model: sources that answer any class, such as annotators, each with a confusion matrix.

Dawid and Skene's model with a prior over the sources that is learned from them: see ``source_effects``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final, Literal

import numpy as np

from labelkit.labelmodels.collapse import look_for_collapse
from labelkit.labelmodels.confusion import ConfusionModel, ConfusionRates
from labelkit.labelmodels.crowd_fitting import CrowdSettings, fit_crowd
from labelkit.labelmodels.pattern_votes import Floats, PatternVotes
from labelkit.labelmodels.statistics import VoteStatistics
from labelkit.labelmodels.validation import check_number, check_whole
from labelkit.labelmodels.wording import one_class_note, unseen_classes, unseen_note
from labelkit.types import ABSTAIN, IntArray

_MANY: Final = 0.5
_UNSEEN_SHARE: Final = 1e-6
"""Share of a class that no source votes for: it would attract labels out of thin air."""


class CrowdLabelModel(ConfusionModel):
    """Confusion matrices of many sources, drawn to each other as far as the sources are alike.

    For sources that answer any class: annotators, crowd workers, classifiers. Labeling functions that vote for
    one class only have no confusion matrix that their votes could show; the notes say so where they prevail.

    Parameters
    ----------
    cardinality
        Number of classes k.
    variance
        Variance of the sources' effects (log-odds) that is assumed before any vote; it counts as much as 100
        effects where the sources' own is estimated.
    n_iter
        Most rounds of expectation maximisation.
    tol
        Change of any probability below which the rounds end.
    class_balance
        Expected share of each class; uniform if None. The shares are estimated.
    balance_items
        Items that ``class_balance`` counts as much as.

    Examples
    --------
    >>> import numpy as np
    >>> L = np.array([[0, 0, 1], [1, 1, 1], [0, 0, 0], [1, 1, 0], [-1, -1, -1]])
    >>> CrowdLabelModel(2).fit(L).predict(L).tolist()
    [0, 1, 0, 1, -1]
    """

    name: ClassVar[str] = "crowd"
    unit: ClassVar[Literal["log-odds", "votes"]] = "log-odds"
    uses_cooccurrence: ClassVar[bool] = False

    def __init__(
        self,
        cardinality: int,
        *,
        variance: float = 0.5,
        n_iter: int = 100,
        tol: float = 1e-3,
        class_balance: Sequence[float] | None = None,
        balance_items: float = 10.0,
    ) -> None:
        super().__init__(cardinality, class_balance=class_balance)
        check_number("variance", variance, above=0.0)
        check_whole("n_iter", n_iter, least=1)
        check_number("tol", tol, least=0.0)
        check_number("balance_items", balance_items, above=0.0)
        self.variance = variance
        self.n_iter = n_iter
        self.tol = tol
        self.balance_items = balance_items
        self._found = None

    def _learn(
        self, statistics: VoteStatistics, gold_votes: IntArray, gold: IntArray, names: Sequence[str] | None
    ) -> None:
        votes = PatternVotes.of(statistics, gold_votes, gold)
        balance, unseen = self._expected_balance(votes)
        settings = CrowdSettings(self.variance, balance, self.balance_items, self.n_iter, self.tol)
        fit = fit_crowd(votes, settings)
        self._found = ConfusionRates(fit.logs, fit.log_prior)
        self.n_functions = statistics.m
        k = self.cardinality

        def scores(block: PatternVotes) -> Floats:
            return np.asarray(block.one_hot() @ fit.logs.reshape(-1, k)) + fit.log_prior

        diagnostics, notes = look_for_collapse("the crowd model", votes, scores)
        known = int(votes.counts[votes.gold != ABSTAIN].sum())
        self.diagnostics = {**fit.figures, **diagnostics, "unseen_classes": unseen, "gold_n": known}
        self.notes = notes
        one_class = int(diagnostics["one_class_functions"])
        if not notes and one_class > _MANY * statistics.m:
            self.notes = [
                f"{one_class} of {statistics.m} sources vote for one class only; the crowd model is made for sources"
                " that answer any class"
            ]
        nothing = unseen_note(unseen, voter="source", gets="next to no probability")
        self.notes = [*self.notes, *one_class_note(gold_votes, gold), *nothing]

    def _expected_balance(self, votes: PatternVotes) -> tuple[Floats, list[int]]:
        """The expected class shares (k,): as given, or uniform but for classes that nothing speaks for, and these."""
        if self.class_balance is not None:
            return self._prior(), []
        unseen, balance = unseen_classes(votes.cast, votes.gold), self._prior()
        if not unseen:
            return balance, []
        balance[unseen] = _UNSEEN_SHARE
        return balance / balance.sum(), unseen
