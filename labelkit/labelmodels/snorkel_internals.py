"""The inside of Snorkel's class, for code that reaches into it: Snorkel's own model, made when first asked for.

``SnorkelLabelModel(guard=False)`` answers to ``_generate_O``, ``mask``, ``train_config`` and their like by
handing them on to a ``snorkel.labeling.model.LabelModel`` that stands where ours stands after its fit. From
then on that model's mu and class balance are the ones that predictions rest on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from labelkit.errors import LabelModelError
from labelkit.labelmodels import snorkel_optimiser
from labelkit.labelmodels.snorkel_settings import FitSettings
from labelkit.labelmodels.statistics import VoteStatistics
from labelkit.types import FloatArray

MOST_KEPT: Final = 64 * 2**20
"""Bytes of co-occurrence counts beyond which an unguarded model does not keep them for its inside."""


class NoSuchInside(LabelModelError, AttributeError):
    """A part of Snorkel's class that this label model does not have now."""


@dataclass(frozen=True)
class Trained:
    """What Snorkel's own model is made again from after an unguarded fit."""

    statistics: VoteStatistics
    balance: FloatArray
    settings: FitSettings
    mu: npt.NDArray[np.float32]

    @classmethod
    def kept(
        cls, statistics: VoteStatistics, balance: FloatArray, settings: FitSettings, mu: npt.NDArray[np.float32]
    ) -> Trained | None:
        """None where the counts are too large to keep."""
        small = statistics.cooccurrence.nbytes <= MOST_KEPT
        return cls(statistics, balance, settings, mu) if small else None


class Mu(np.ndarray[Any, np.dtype[Any]]):
    """An array that also answers to the methods by which code reads Snorkel's mu, a torch parameter."""

    @property
    def data(self) -> Self:  # type: ignore[override]
        """The array itself."""
        return self

    def detach(self) -> Self:
        """The array itself."""
        return self

    def cpu(self) -> Self:
        """The array itself."""
        return self

    def numpy(self) -> npt.NDArray[Any]:
        """The array as a plain one."""
        return np.asarray(self)


class _Inside:
    """An attribute of Snorkel's model."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, model: SnorkelInternals | None, owner: type | None = None) -> Any:
        return self if model is None else getattr(model.snorkels_own(self._name), self._name)

    def __set__(self, model: SnorkelInternals, value: Any) -> None:
        setattr(model.snorkels_own(self._name), self._name, value)


class _NameThenObject:
    """A setting's name until an unguarded fit, then the object that Snorkel made by it."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, model: SnorkelInternals | None, owner: type | None = None) -> Any:
        if model is None:
            return self
        inside = model._inside if model._trained is None else model.snorkels_own(self._name)
        return getattr(inside, self._name, model._names[self._name])

    def __set__(self, model: SnorkelInternals, value: Any) -> None:
        model._names[self._name] = value


class SnorkelInternals:
    """Mixin: hands the inside of Snorkel's class on to a model of that class; ``guard=False`` only."""

    guard: bool
    cardinality: int
    n_functions: int | None
    _inside: Any = None
    """Snorkel's own model, once somebody asked for it."""
    _trained: Trained | None = None
    _names: dict[str, Any]

    optimizer = _NameThenObject()
    lr_scheduler = _NameThenObject()

    n, m, t, d = _Inside(), _Inside(), _Inside(), _Inside()
    p, P, O = _Inside(), _Inside(), _Inside()  # noqa: E741
    mask, mu_init, c_tree, c_data, coverage = _Inside(), _Inside(), _Inside(), _Inside(), _Inside()
    config, train_config, logger = _Inside(), _Inside(), _Inside()
    warmup_steps, warmup_scheduler = _Inside(), _Inside()
    _prec_init = _Inside()
    _set_constants, _create_tree, _build_mask, _generate_O = _Inside(), _Inside(), _Inside(), _Inside()  # noqa: N815
    _create_L_ind, _get_augmented_label_matrix = _Inside(), _Inside()  # noqa: N815
    _set_class_balance, _init_params, _clamp_params = _Inside(), _Inside(), _Inside()
    _loss_mu, _loss_l2, _get_conditional_probs = _Inside(), _Inside(), _Inside()
    _set_optimizer, _set_lr_scheduler, _set_warmup_scheduler = _Inside(), _Inside(), _Inside()
    _set_logger, _execute_logging, _update_lr_scheduler = _Inside(), _Inside(), _Inside()
    _break_col_permutation_symmetry = _Inside()

    def snorkels_own(self, wanted: str) -> Any:
        """Snorkel's model that stands where this one stands.

        Raises
        ------
        NoSuchInside
            If this model is guarded, was loaded, or is too large for its inside to be kept.
        """
        if self.guard:
            raise NoSuchInside(
                f"{wanted!r} is a part of Snorkel's own class, which a guarded label model does not have",
                hint="Use SnorkelLabelModel(cardinality, guard=False)",
            )
        if self._inside is None and self.n_functions is not None and self._trained is None:
            raise NoSuchInside(
                f"{wanted!r} is a part of Snorkel's own class, which this label model no longer has: it was loaded, or"
                " is too large to keep it",
                hint="Fit it again, on fewer functions",
            )
        if self._inside is None:
            trained = self._trained
            if trained is not None:
                self._inside = snorkel_optimiser.rebuilt(
                    trained.statistics, trained.balance, trained.settings, trained.mu
                )
            else:
                self._inside = snorkel_optimiser.snorkels_own(self.cardinality)
        return self._inside

    def eval(self) -> Self:
        """Nothing: there is no mode to set; for code written against Snorkel."""
        return self

    def train(self, mode: bool = True) -> Self:
        """Nothing: there is no mode to set; for code written against Snorkel."""
        return self
