"""Snorkel's label model, fed exact statistics, with its own random state, and guarded against flips.

Ratner, Hancock, Dunnmon, Sala, Pandey, Ré: Training Complex Models with Multi-Task Weak Supervision,
AAAI 2019 (https://arxiv.org/abs/1810.02840); implementation: Snorkel 0.10 (https://snorkel.org).
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
import numpy.typing as npt

from labelkit.errors import LabelModelError
from labelkit.labelmodels.base import Arrays, decide
from labelkit.labelmodels.scoring import log_likelihood
from labelkit.labelmodels.snorkel_arguments import (
    development_balance,
    labels,
    one_of,
    refusals_as_value_errors,
    taken_as_y_dev,
)
from labelkit.labelmodels.snorkel_fitting import Asked, Fitted, fitted_to, presumed_balance
from labelkit.labelmodels.snorkel_interface import SnorkelInterface
from labelkit.labelmodels.snorkel_internals import Mu, Trained
from labelkit.labelmodels.snorkel_large import check_size
from labelkit.labelmodels.snorkel_optimiser import as_parameter, check_device, import_snorkel
from labelkit.labelmodels.snorkel_settings import FitSettings, whole_numbers, without_arrays
from labelkit.labelmodels.statistics import VoteStatistics
from labelkit.labelmodels.validation import check_class_balance, check_whole
from labelkit.types import FloatArray, IntArray

GUARDED_EPOCHS: Final = 500
SNORKELS_EPOCHS: Final = 100


class SnorkelLabelModel(SnorkelInterface):
    """Snorkel's ``LabelModel`` on exact sufficient statistics; code written for that runs on this.

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
        does not depend on the number of cores. Input that says nothing or nonsense is refused in both.
    n_epochs, lr, l2, optimizer, optimizer_config, lr_scheduler, lr_scheduler_config, prec_init, log_freq, mu_eps
        As in Snorkel's ``LabelModel.fit``, which may also be given them for one fit. ``n_epochs`` is 500 if
        None, and Snorkel's 100 without the guard.
    seed
        Seed of the starting point, 0 … 2³² − 1. The global generators are left as they were.
    class_balance
        Share of each class, positive, summing to one. If None, uniform; with the guard, a class that no
        function and no known label speaks for gets next to nothing.
    max_restarts
        How many further starting points the guard may try.
    verbose
        Whether the logger ``labelkit.labelmodels`` hears of the loss. Logging is never configured.
    device
        As in Snorkel; the matrices are small, so training stays on the CPU also where it is another.

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
        cardinality: int = 2,
        *,
        guard: bool = True,
        n_epochs: int | None = None,
        lr: float = 0.01,
        l2: float = 0.0,
        seed: int = 0,
        class_balance: Sequence[float] | None = None,
        optimizer: str = "sgd",
        prec_init: Any = 0.7,
        mu_eps: float | None = None,
        max_restarts: int = 10,
        optimizer_config: Any = None,
        lr_scheduler: str = "constant",
        lr_scheduler_config: Any = None,
        log_freq: int = 10,
        verbose: bool = False,
        device: str = "cpu",
    ) -> None:
        super().__init__(cardinality, class_balance=class_balance)
        for flag, value in (("guard", guard), ("verbose", verbose)):
            if not isinstance(value, bool):
                raise LabelModelError(f"{flag} is {value!r}, expected true or false")
        check_whole("max_restarts", max_restarts)
        check_device(device)
        self.guard, self.max_restarts, self.verbose, self.device = guard, max_restarts, verbose, device
        self.n_epochs, self.lr, self.l2, self.seed = n_epochs, lr, l2, seed
        self.prec_init, self.mu_eps, self.log_freq = prec_init, mu_eps, log_freq
        self.optimizer_config, self.lr_scheduler_config = optimizer_config, lr_scheduler_config
        self._names = {"optimizer": optimizer, "lr_scheduler": lr_scheduler}
        self._inside = self._trained = None
        self._fitted: Fitted | None = None
        self._this_fit: Asked | None = None
        self._ties = np.random.default_rng(self._settings().seed)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's parameters by name, as scikit-learn has it."""
        given = inspect.signature(type(self)).parameters
        return {name: self._names[name] if name in self._names else getattr(self, name) for name in given}

    def fit(  # the second positional argument means two things; by their names they are as in the base class
        self,
        matrix: IntArray | None = None,
        known: IntArray | Sequence[int] | None = None,
        /,
        class_balance: Sequence[float] | None = None,
        progress_bar: bool = True,
        *,
        L: IntArray | None = None,
        L_train: IntArray | None = None,
        gold: IntArray | None = None,
        Y_dev: IntArray | Sequence[int] | None = None,
        names: Sequence[str] | None = None,
        **settings: Any,
    ) -> Self:
        """Learn from a label matrix; called as the other label models are, or as Snorkel's is.

        Parameters
        ----------
        matrix, L, L_train
            The label matrix, shape (n, m), once: class indices 0 … k − 1, −1 = abstain. Not written to.
        known
            With the guard, n labels are ``gold``; any other number of them, and any without the guard, is ``Y_dev``.
        class_balance
            Share of each class for this fit; goes before ``Y_dev``, and both before the constructor's.
        progress_bar
            For code written against Snorkel; a fit is too short for a bar.
        gold
            Known labels of the matrix's rows, shape (n,), −1 where unknown: evidence for the guard.
        Y_dev
            Labels of other items, of any number: their class balance is taken, as in Snorkel, except that −1
            is an unknown label here, not a class.
        names
            Names of the m labeling functions, for messages.
        **settings
            Snorkel's settings, which go before the constructor's for this fit.

        Raises
        ------
        LabelModelError
            If a value is no vote, there are too few functions, all abstain everywhere, a setting is unknown
            or of no use, or the optimiser diverges; but for the last it is a ValueError too, as in Snorkel.
        """
        votes = whole_numbers(one_of("a label matrix", matrix=matrix, L=L, L_train=L_train))
        told: list[str] = []
        if known is not None and self.guard and np.shape(known) == (len(votes),):
            gold = one_of("known labels", known=known, gold=gold)
        elif known is not None:
            Y_dev = one_of("labels of a development set", known=known, Y_dev=Y_dev)
            told = [taken_as_y_dev(np.shape(known), len(votes))] if self.guard else []
        with refusals_as_value_errors(votes, self.cardinality):
            rows = None if gold is None else labels("gold", gold, self.cardinality)
            self._this_fit = self._asked(class_balance, Y_dev, settings)
            try:
                super().fit(votes, rows, names=names)
            finally:
                self._this_fit = None
        self.notes += told
        return self

    def _asked(self, class_balance: Any, Y_dev: Any, settings: Mapping[str, Any]) -> Asked:
        balance: FloatArray | None = None
        notes: list[str] = []
        if class_balance is not None:
            balance = check_class_balance(class_balance, self.cardinality)
        elif Y_dev is not None:
            balance, notes = development_balance(Y_dev, self.cardinality)
        elif self.class_balance is not None:
            balance = check_class_balance(self.class_balance, self.cardinality)
        return Asked(self._settings().replaced(settings), balance, notes)

    def _settings(self) -> FitSettings:
        params = self.get_params()
        chosen = {field.name: params[field.name] for field in fields(FitSettings)}
        if self.n_epochs is None:
            chosen["n_epochs"] = GUARDED_EPOCHS if self.guard else SNORKELS_EPOCHS
        return FitSettings(**chosen)

    def _fit(self, votes: IntArray, gold: IntArray | None, names: Sequence[str] | None) -> None:
        self._check_size(votes.shape[1])
        super()._fit(votes, gold, names)

    def _check_size(self, functions: int) -> None:
        settings = self._settings() if self._this_fit is None else self._this_fit.settings
        check_size(functions, self.cardinality, n_epochs=settings.n_epochs, guard=self.guard)
        settings.check_functions(functions)

    def _learn(
        self, statistics: VoteStatistics, gold_votes: IntArray, gold: IntArray, names: Sequence[str] | None
    ) -> None:
        self._check_size(statistics.m)
        asked = self._this_fit or self._asked(None, None, {})
        balance, notes = presumed_balance(statistics, gold, asked, guard=self.guard)
        found = fitted_to(
            statistics,
            balance,
            asked.settings,
            (gold_votes, gold) if self.guard else None,
            max_restarts=self.max_restarts,
            names=names,
            verbose=self.verbose,
        )
        self._fitted = Fitted(found.mu, balance, statistics.coverage)
        self._inside = None
        self._trained = None if self.guard else Trained.kept(statistics, balance, asked.settings, found.mu)
        self._ties = np.random.default_rng(asked.settings.seed)
        self.n_functions = statistics.m
        self.diagnostics, self.notes = found.diagnostics, [*notes, *found.notes]

    @classmethod
    def prepare(cls) -> None:
        """Import torch and Snorkel: seconds, once in a process; may be called from another thread."""
        import_snorkel()

    def _predict_proba(self, votes: IntArray) -> npt.NDArray[np.float64]:
        return self._need().scorer.probabilities(votes)

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
        """Fitted P(function i votes a | class y), shape (m·k, k), at row i·k + a; a copy.

        It can be set without the guard, also to a torch parameter, as tests of Snorkel's do.
        """
        return self._need().mu.copy().view(Mu)

    @mu.setter
    def mu(self, value: Any) -> None:
        self.snorkels_own("mu").mu = as_parameter(value)

    def to_state(self) -> tuple[dict[str, Any], Arrays]:
        """The fitted model as a JSON-able dict and named arrays; see :meth:`from_state`."""
        state, arrays = super().to_state()
        return state | {"params": without_arrays(self.get_params())}, arrays

    def _need(self) -> Fitted:
        functions = self._fitted_on()
        if self._inside is not None:
            k = self.cardinality
            balance = getattr(self._inside, "p", np.full(k, 1 / k))
            coverage = getattr(self._inside, "coverage", np.full(functions, np.nan))
            return Fitted(self._inside.mu.detach().cpu().numpy().copy(), balance, coverage)
        assert self._fitted is not None
        return self._fitted

    def _fitted_on(self) -> int:
        mu = getattr(self._inside, "mu", None)
        return super()._fitted_on() if mu is None else len(mu) // self.cardinality

    def _checked(self, L: IntArray) -> IntArray:
        return super()._checked(whole_numbers(L))

    def _arrays(self) -> Arrays:
        fitted = self._need()
        return {"mu": fitted.mu, "balance": fitted.balance, "coverage": fitted.coverage}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        assert self.n_functions is not None
        k = self.cardinality
        fitted = Fitted(np.asarray(arrays["mu"], np.float32), arrays["balance"], arrays["coverage"])
        shapes = (fitted.mu.shape, fitted.balance.shape, fitted.coverage.shape)
        if shapes != ((self.n_functions * k, k), (k,), (self.n_functions,)):
            raise ValueError(f"array shapes {shapes} do not fit {self.n_functions} functions and {k} classes")
        self._fitted = fitted
