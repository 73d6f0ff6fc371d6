"""``auto``: chooses a label model by evidence, and says what it chose, why, and how it stands against majority vote.

Two kinds of label matrices need two kinds of models. Labeling functions often vote for a single class each and
are not independent: models with a confusion matrix for each source (Dawid-Skene and its relatives) collapse to
one class there, and one weight for each function, learned from agreement with class shares taken out, is what
holds up. Crowds are many sources that vote on all classes, mistaken each in its own way: there confusion
matrices win. Which case it is shows without labels: by what the sources vote for, and by whether two halves of
them, fitted apart, find the same classes. Known labels then have their say, shrunk, so that ten of them do not
decide alone, and teach whichever model is chosen.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
import numpy.typing as npt

from labelkit.labelmodels.base import Arrays, LabelModel
from labelkit.labelmodels.choosing import Choice, choose
from labelkit.labelmodels.crowd import CrowdLabelModel
from labelkit.labelmodels.known_labels import KnownLabels
from labelkit.labelmodels.standing import Standing, standing
from labelkit.labelmodels.statistics import VoteStatistics
from labelkit.labelmodels.validation import check_whole
from labelkit.labelmodels.weighted_majority import WeightedMajorityLabelModel
from labelkit.types import ABSTAIN, BoolArray, IntArray

CANDIDATES: Final[Mapping[str, type[LabelModel]]] = {
    WeightedMajorityLabelModel.name: WeightedMajorityLabelModel,
    CrowdLabelModel.name: CrowdLabelModel,
}


class AutoLabelModel(LabelModel):
    """The label model that the evidence speaks for; the default.

    Parameters
    ----------
    cardinality
        Number of classes k.
    class_balance
        Share of each class, where items start from. If None, all classes start equal, and known labels move
        the weights only.
    seed
        Of the splits and resamples that the evidence comes from.

    Attributes
    ----------
    chosen
        The fitted model.
    diagnostics
        ``chosen``, ``why``, ``candidates`` and ``standing`` (against majority vote), JSON-able; those of the
        chosen model under ``model``.

    Examples
    --------
    >>> import numpy as np
    >>> L = np.array([[0, 0, -1], [1, 1, 1], [-1, -1, -1], [0, 0, 0]])
    >>> model = AutoLabelModel(2).fit(L)
    >>> model.predict(L).tolist(), model.chosen.name
    ([0, 1, -1, 0], 'weighted-majority')
    """

    name: ClassVar[str] = "auto"
    unit: ClassVar[Literal["log-odds", "votes"]] = "log-odds"
    uses_cooccurrence: ClassVar[bool] = False
    learns_class_balance: ClassVar[bool] = True

    def __init__(self, cardinality: int, *, class_balance: Sequence[float] | None = None, seed: int = 0) -> None:
        super().__init__(cardinality, class_balance=class_balance)
        check_whole("seed", seed)
        self.seed = seed
        self._chosen: LabelModel | None = None

    def fit(  # the base class's, and one more
        self,
        L: IntArray,
        gold: IntArray | None = None,
        *,
        names: Sequence[str] | None = None,
        tuning: BoolArray | None = None,
    ) -> Self:
        """Learn from a label matrix; as in the base class, and:

        Parameters
        ----------
        tuning
            Which of the known labels were drawn at random, shape (n,); all if None. The others are not used:
            items that somebody chose, for instance because models hesitate, are no sample of anything, and
            weights learned from them were measured to do worse than none.
        """
        if tuning is not None and gold is not None and np.shape(tuning) == np.shape(gold):
            gold = np.where(np.asarray(tuning, dtype=bool), gold, ABSTAIN)
        return super().fit(L, gold, names=names)

    @property
    def chosen(self) -> LabelModel:
        """The fitted model that was chosen."""
        self._fitted_on()
        assert self._chosen is not None
        return self._chosen

    def _learn(
        self, statistics: VoteStatistics, gold_votes: IntArray, gold: IntArray, names: Sequence[str] | None
    ) -> None:
        make = {name: partial(self._make, name) for name in CANDIDATES}
        evidence = KnownLabels.of(statistics, gold_votes, gold, seed=self.seed)
        choice = choose(statistics, evidence, make, seed=self.seed)
        model = self._make(choice.name)
        model.fit_statistics(statistics, gold_votes=gold_votes, gold=gold, names=names)
        against = standing(model, statistics, evidence, make[choice.name], seed=self.seed)
        self._chosen = model
        self.n_functions = statistics.m
        self.notes = [choice.sentence, against.sentence, *model.notes]
        self.diagnostics = _figures(choice, against, model)
        if evidence.several:
            self.calibrate(evidence.held_out(make[choice.name])[evidence.judges], gold[evidence.judges])

    def _make(self, name: str) -> LabelModel:
        """A candidate, unfitted, with our parameters where it has them."""
        cls = CANDIDATES[name]
        known = inspect.signature(cls).parameters
        ours: dict[str, Any] = {"class_balance": self.class_balance, "seed": self.seed}
        return cls(self.cardinality, **{option: value for option, value in ours.items() if option in known})

    def _predict_proba(self, votes: IntArray) -> npt.NDArray[np.float64]:
        return self.chosen._predict_proba(votes)

    def contributions(self, votes: IntArray) -> npt.NDArray[np.float64]:
        """Log-odds that each vote adds to each class, shape (m, k); those of the chosen model."""
        return self.chosen.contributions(votes)

    @property
    def log_prior(self) -> npt.NDArray[np.float64]:
        """What every item's class scores start from, shape (k,); that of the chosen model."""
        return self.chosen.log_prior

    def _arrays(self) -> Arrays:
        return self.chosen._arrays()

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        model = self._make(self.diagnostics["chosen"])
        model.n_functions, model.diagnostics = self.n_functions, self.diagnostics["model"]
        model._restore(arrays)
        self._chosen = model


def _figures(choice: Choice, against: Standing, model: LabelModel) -> dict[str, Any]:
    return {
        "chosen": choice.name,
        "why": choice.sentence,
        "candidates": [asdict(one) for one in choice.candidates],
        "standing": asdict(against),
        "told": [choice.sentence, against.sentence],
        "model": model.diagnostics,
    }
