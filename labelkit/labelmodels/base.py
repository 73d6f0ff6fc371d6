"""What every label model offers; a new one is a file with a subclass and a line in the registry."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
import numpy.typing as npt

from labelkit.errors import LabelModelError
from labelkit.labelmodels.calibration import Temperature, apply_temperature, fit_temperature
from labelkit.labelmodels.statistics import VoteStatistics
from labelkit.labelmodels.validation import (
    check_cardinality,
    check_class_balance,
    check_enough,
    check_gold,
    check_learnable,
    check_votes,
    covered,
)
from labelkit.types import ABSTAIN, SHARD_SIZE, IntArray

TIE: Final = 1e-5
"""Probabilities closer than this count as equal, as in Snorkel."""

Arrays = dict[str, npt.NDArray[Any]]


class LabelModel(ABC):
    """Base of the label models: checks, parameters, state; subclasses learn and predict.

    Parameters
    ----------
    cardinality
        Number of classes k.
    class_balance
        Share of each class, length k; uniform if None.

    Attributes
    ----------
    notes
        Sentences for the user about the last fit; empty if there is nothing to say.
    diagnostics
        Figures about the last fit, JSON-able.
    calibration
        How :meth:`calibrate` changed the probabilities; None if it did not.
    """

    name: ClassVar[str]
    """The registered name."""
    unit: ClassVar[Literal["log-odds", "votes"]]
    """What :meth:`contributions` are measured in."""
    minimum_functions: ClassVar[int] = 1
    uses_cooccurrence: ClassVar[bool] = True
    """Whether `_learn` reads how often two functions vote together, which takes long with thousands of them."""
    learns_class_balance: ClassVar[bool] = False
    """Whether the model does without a class balance that somebody else took from known labels."""

    cardinality: int
    class_balance: Sequence[float] | None
    notes: list[str]
    diagnostics: dict[str, Any]
    calibration: Temperature | None
    n_functions: int | None
    """Number of labeling functions m that the model was fitted on; None before."""

    def __init__(self, cardinality: int, *, class_balance: Sequence[float] | None = None) -> None:
        check_cardinality(cardinality)
        check_class_balance(class_balance, cardinality)
        self.cardinality = cardinality
        self.class_balance = class_balance
        self.n_functions = None
        self.calibration = None
        self.notes = []
        self.diagnostics = {}

    def fit(self, L: IntArray, gold: IntArray | None = None, *, names: Sequence[str] | None = None) -> Self:
        """Learn from a label matrix.

        Parameters
        ----------
        L
            Label matrix, shape (n, m): class indices 0 … k − 1, −1 = abstain. Not written to.
        gold
            Known labels, shape (n,), −1 where unknown.
        names
            Names of the m labeling functions, for messages.

        Raises
        ------
        LabelModelError
            If a value is no vote, there are too few functions, or all of them abstain everywhere.
        """
        votes = check_votes(L, self.cardinality, names=names)
        check_learnable(votes, minimum=self.minimum_functions, model=self.name)
        known = None if gold is None else check_gold(gold, len(votes), self.cardinality)
        self.calibration = None
        self._fit(votes, known, names)
        return self

    def fit_statistics(
        self,
        statistics: VoteStatistics,
        *,
        gold_votes: IntArray | None = None,
        gold: IntArray | None = None,
        names: Sequence[str] | None = None,
    ) -> Self:
        """Learn from statistics that were summed elsewhere; :meth:`fit` does the summing itself.

        Parameters
        ----------
        statistics
            Of the label matrix to learn from.
        gold_votes, gold
            The rows of the label matrix whose label is known, shape (g, m), and these labels, shape (g,).
        names
            Names of the m labeling functions, for messages and notes.

        Raises
        ------
        LabelModelError
            If there is nothing to learn from, or something does not fit.
        """
        if statistics.cardinality != self.cardinality:
            raise LabelModelError(
                f"the vote statistics have {statistics.cardinality} classes, expected {self.cardinality}"
            )
        voted = bool(statistics.vote_counts.any())
        check_enough(statistics.n, statistics.m, voted, minimum=self.minimum_functions, model=self.name)
        if gold_votes is None or gold is None:
            gold_votes, gold = statistics.sample.rows[:0], np.empty(0, dtype=np.int64)
        gold_votes = check_votes(gold_votes, self.cardinality, names=names, functions=statistics.m)
        self.calibration = None
        self._learn(statistics, gold_votes, check_gold(gold, len(gold_votes), self.cardinality), names)
        return self

    def predict_proba(self, L: IntArray) -> npt.NDArray[np.float64]:
        """Class probabilities, shape (n, k), rows summing to one; the prior where nothing was voted.

        Raises
        ------
        LabelModelError
            Before :meth:`fit`, or if ``L`` is no label matrix of the m functions.
        """
        votes = self._checked(L)
        return self._calibrated(votes, self._predict_proba(votes))

    def predict(self, L: IntArray) -> IntArray:
        """Class indices, shape (n,); −1 where no function voted or the most probable classes tie."""
        return self.label(L)[1]

    def label(self, L: IntArray) -> tuple[npt.NDArray[np.float64], IntArray]:
        """What :meth:`predict_proba` and :meth:`predict` give, for the price of the first.

        Returns
        -------
        ndarray, shape (n, k), and ndarray of int64, shape (n,)
            Class probabilities; class indices, −1 where undecided.

        Raises
        ------
        LabelModelError
            Before :meth:`fit`, or if ``L`` is no label matrix of the m functions.
        """
        votes = self._checked(L)
        probabilities = self._predict_proba(votes)
        return self._calibrated(votes, probabilities), self._decide(votes, probabilities)

    def calibrate(self, probabilities: npt.NDArray[np.float64], gold: IntArray) -> Temperature:
        """Make probabilities mean what they say, by a temperature fitted on known labels; decisions stay.

        Parameters
        ----------
        probabilities
            Class probabilities, shape (g, k), of covered items drawn at random, from a model that had not
            learned their labels; see :func:`labelkit.labelmodels.held_out`.
        gold
            Their labels, shape (g,).

        Returns
        -------
        Temperature
            ``used`` is False where there were too few labels; nothing changes then.
        """
        found = fit_temperature(probabilities, gold)
        self.calibration = found if found.used else None
        return found

    @classmethod  # noqa: B027 (most models have nothing to prepare)
    def prepare(cls) -> None:
        """Import what :meth:`fit` needs, if that takes long; may be called from another thread."""

    @abstractmethod
    def contributions(self, votes: IntArray) -> npt.NDArray[np.float64]:
        """What each function's vote adds to each class's score, in :attr:`unit`.

        Parameters
        ----------
        votes
            Votes of the m functions on one item, shape (m,).

        Returns
        -------
        ndarray, shape (m, k)
            Rows of functions that abstain are zero.
        """

    @property
    @abstractmethod
    def log_prior(self) -> npt.NDArray[np.float64]:
        """What every item's class scores start from, shape (k,), in :attr:`unit`."""

    def _fit(self, votes: IntArray, gold: IntArray | None, names: Sequence[str] | None) -> None:
        """Learn from a checked label matrix; through its statistics unless a subclass has a shorter way."""
        statistics = VoteStatistics.of_checked(votes, self.cardinality, pairs=self.uses_cooccurrence)
        known = np.empty(0, dtype=np.intp) if gold is None else np.flatnonzero(gold != ABSTAIN)
        labels = np.empty(0, dtype=np.int64) if gold is None else gold[known]
        self._learn(statistics, votes[known], labels, names)

    @abstractmethod
    def _learn(
        self, statistics: VoteStatistics, gold_votes: IntArray, gold: IntArray, names: Sequence[str] | None
    ) -> None:
        """Learn from checked statistics and the checked rows (g, m) whose labels (g,) are known; g may be 0."""

    @abstractmethod
    def _predict_proba(self, votes: IntArray) -> npt.NDArray[np.float64]: ...

    @abstractmethod
    def _arrays(self) -> Arrays: ...

    @abstractmethod
    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None: ...

    def _calibrated(self, votes: IntArray, probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        if self.calibration is None:
            return probabilities
        rows = covered(votes)
        probabilities[rows] = apply_temperature(probabilities[rows], self.calibration.value, self.calibration.mixing)
        return probabilities

    def _decide(self, votes: IntArray, probabilities: npt.NDArray[np.float64]) -> IntArray:
        decided = decide(probabilities)
        decided[~covered(votes)] = ABSTAIN
        return decided

    def _checked(self, L: IntArray) -> IntArray:
        return check_votes(L, self.cardinality, functions=self._fitted_on())

    def _checked_item(self, votes: IntArray) -> IntArray:
        one = np.asarray(votes)
        if one.ndim != 1:
            raise LabelModelError(f"the votes on one item have {one.ndim} dimensions, expected 1")
        return np.asarray(self._checked(one[None, :])[0])

    def _fitted_on(self) -> int:
        if self.n_functions is None:
            raise LabelModelError(f"the label model {self.name!r} is not fitted", hint="Call fit(L) first")
        return self.n_functions

    def _prior(self) -> npt.NDArray[np.float64]:
        shares = check_class_balance(self.class_balance, self.cardinality)
        return np.asarray(shares / shares.sum())

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's parameters by name, as scikit-learn has it."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> Self:
        """Change parameters; the model has to be fitted again.

        Raises
        ------
        LabelModelError
            If there is no such parameter, or its value cannot be used.
        """
        present = self.get_params()
        for name in params:
            if name not in present:
                raise LabelModelError(
                    f"the label model {self.name!r} has no parameter {name!r}; it has {', '.join(present)}"
                )
        type(self).__init__(self, **{**present, **params})
        return self

    def to_state(self) -> tuple[dict[str, Any], Arrays]:
        """The fitted model as a JSON-able dict and named arrays; see :meth:`from_state`."""
        state = {
            "model": self.name,
            "params": {name: _plain(value) for name, value in self.get_params().items()},
            "n_functions": self._fitted_on(),
            "notes": list(self.notes),
            "diagnostics": dict(self.diagnostics),
            "calibration": None if self.calibration is None else asdict(self.calibration),
        }
        return state, self._arrays()

    @classmethod
    def from_state(cls, state: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """The model that :meth:`to_state` described.

        Raises
        ------
        LabelModelError
            If the state is of another label model, or incomplete.
        """
        if state.get("model") != cls.name:
            raise LabelModelError(f"the stored label model is {state.get('model')!r}, expected {cls.name!r}")
        try:
            model = cls(**state["params"])
            model.n_functions = int(state["n_functions"])
            model.notes = list(state["notes"])
            model.diagnostics = dict(state["diagnostics"])
            model.calibration = Temperature(**state["calibration"]) if state.get("calibration") else None
            model._restore(arrays)
        except (KeyError, TypeError, ValueError) as error:
            raise LabelModelError(
                f"the stored label model {cls.name!r} is incomplete: {type(error).__name__}: {error}",
                hint="Run `labelkit label` again",
            ) from None
        return model


def decide(probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """The most probable class of each row of (n, k), −1 where two lie within :data:`TIE` of the top."""
    decided = np.empty(len(probabilities), dtype=np.int64)
    for start in range(0, len(probabilities), SHARD_SIZE):
        classes = np.ascontiguousarray(probabilities[start : start + SHARD_SIZE].T)
        top = classes.max(axis=0)
        near_top = np.zeros(len(top), dtype=np.int64)
        found = decided[start : start + SHARD_SIZE]
        for label, share in enumerate(classes):
            near = top - share < TIE
            near_top += near
            np.copyto(found, label, where=near)
        np.copyto(found, ABSTAIN, where=near_top != 1)
    return decided


def _plain(value: Any) -> Any:
    """A parameter as JSON has it: arrays and tuples become lists, numpy scalars Python's."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value
