"""The one place that runs Snorkel (and torch): its way to mu, on statistics instead of a label matrix.

Snorkel's ``fit`` runs as it is: starting point, loop, clamp, choice among renamings. Replaced are what it
computes from the votes (O, coverages), how it finds the gradient of its loss, and torch's SGD with the same
step: at 50 functions and 500 epochs 0.33 s became 0.1 s, with every bit of mu the same.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labelkit.labelmodels.guard import Diverged
from labelkit.labelmodels.snorkel_large import LARGE, FactoredObjective, best_renaming, starting_point
from labelkit.labelmodels.snorkel_loss import Loss, PlainObjective, Sgd
from labelkit.labelmodels.snorkel_settings import FitSettings, SnorkelRefusal
from labelkit.labelmodels.statistics import VoteStatistics
from labelkit.types import FloatArray, IntArray

_LOG: Final = logging.getLogger("labelkit.labelmodels")
_FITTING: Final = threading.Lock()
"""Snorkel's ``fit`` seeds the process-wide generators; one fit at a time, so that each can put them back."""
_NEVER_SPLIT: Final = 32_768
"""torch does not split sums of fewer elements over threads, so one thread finds the same bits there."""


def train_mu(
    statistics: VoteStatistics,
    balance: FloatArray,
    settings: FitSettings,
    *,
    exact: bool,
    verbose: bool = False,
) -> npt.NDArray[np.float32]:
    """Fit Snorkel's mu; bit for bit what ``snorkel.labeling.model.LabelModel.fit`` finds on the votes.

    The global generators of random, numpy and torch come back as they were, logging is not configured,
    and draws of other threads do not change the result.

    Parameters
    ----------
    statistics
        Votes to fit to.
    balance
        Share of each class, shape (k,).
    settings
        As Snorkel's ``fit`` has them.
    exact
        Whether bits have to be Snorkel's at any size. If not, sums are made in one thread also where torch
        would split them, so that the bits do not depend on the number of cores, and beyond
        :data:`~labelkit.labelmodels.snorkel_large.LARGE` rows of O the loss is multiplied out.
    verbose
        Whether to tell the logger ``labelkit.labelmodels`` the loss every ``log_freq`` epochs.

    Returns
    -------
    ndarray of float32, shape (m·k, k)

    Raises
    ------
    Diverged
        If the optimiser diverges.
    SnorkelRefusal
        If Snorkel refuses a setting.
    """
    width = statistics.m * statistics.cardinality
    with _FITTING, _generators_kept(), _threads_for(width**2, not exact):
        model_class = _exact_class() if exact or width <= LARGE else _multiplied_out()
        model = model_class(statistics, settings, verbose=verbose)
        # One row that everybody abstains on stands for the votes: Snorkel reads only its shape.
        nothing = np.full((1, statistics.m), -1)
        try:
            model.fit(nothing, class_balance=balance, progress_bar=False, **settings.for_snorkel())
        except ValueError as error:
            raise SnorkelRefusal(str(error)) from None
        except Exception as error:
            if type(error) is Exception and "NaN" in str(error):
                raise _diverged(settings.lr) from None
            raise
        mu: npt.NDArray[np.float32] = model.mu.detach().cpu().numpy().copy()
    if not np.isfinite(mu).all():
        raise _diverged(settings.lr)
    return mu


def _diverged(lr: float) -> Diverged:
    return Diverged(
        f"Loss is NaN: Snorkel's loss became NaN at lr = {lr:g}", hint=f"Lower lr, for instance to {lr / 10:g}"
    )


def import_snorkel() -> None:
    """Import torch and Snorkel. Global random state is left as it was, though Snorkel draws when imported."""
    import snorkel.labeling  # noqa: F401
    import torch  # noqa: F401

    # Only what is left draws: a moment in which draws of other threads would be taken back too.

    with _FITTING:
        state = np.random.get_state()
        try:
            _exact_class()
        finally:
            np.random.set_state(state)


@cache
def _known_gradient() -> Any:
    """The loss as torch sees it: a function of mu whose gradient was found with it."""
    import torch

    class KnownGradient(torch.autograd.Function):
        """Snorkel's loop asks the loss to go backward; the way back is one step."""

        @staticmethod
        def forward(context: Any, mu: Any, objective: Loss, l2: float) -> Any:
            loss, context.gradient = objective.loss_and_gradient(mu, l2)
            return loss

        @staticmethod
        def backward(context: Any, _: Any) -> Any:
            return context.gradient, None, None

    return KnownGradient


class _TellsItsLoss:
    """What replaces the logging of Snorkel's loop: the loss every ``log_freq`` epochs, where that is asked for."""

    _settings: FitSettings
    _told: list[float] | None

    def _execute_logging(self, loss: Any) -> dict[str, float]:
        if self._told is not None:
            self._told.append(loss.item())
            if len(self._told) % self._settings.log_freq == 0:
                _LOG.info("epoch %d: loss %.6g", len(self._told), self._told[-1])
        return {}


@cache
def _exact_class() -> Any:
    """Snorkel's ``LabelModel`` with O, n and the coverages supplied."""
    import torch
    from snorkel.labeling.model import LabelModel
    from torch import nn

    loss_with_gradient = _known_gradient()

    class ExactLabelModel(_TellsItsLoss, LabelModel):  # type: ignore[misc, unused-ignore]
        """Its base's way to mu, with O from elsewhere, a starting point of its own, and a loss that costs less."""

        def __init__(self, statistics: VoteStatistics, settings: FitSettings, *, verbose: bool) -> None:
            super().__init__(cardinality=statistics.cardinality, verbose=False)
            self._statistics = statistics
            self._settings = settings
            self._told = [] if verbose else None

        def _create_tree(self) -> None:
            # Functions are taken as independent: no cliques, and a mask without them.
            pass

        def _generate_O(self, L: npt.NDArray[Any], higher_order: bool = False) -> None:  # noqa: N802
            statistics = self._statistics
            # n decides the clamp afterwards
            self.n, self.d, self.coverage = statistics.n, statistics.m * statistics.cardinality, statistics.coverage
            self.O = torch.from_numpy(statistics.overlaps).float()

        def _build_mask(self) -> None:
            function = torch.arange(self.d) // self.cardinality
            self.mask = function[:, None] != function[None, :]

        def _init_params(self) -> None:
            super()._init_params()
            self._start_from(self.mu_init)
            kept = self.mask.flatten().nonzero().flatten()
            shares = torch.from_numpy(self.p).float()
            diagonal = torch.diag(self.O).clone()
            self._objective: Loss = PlainObjective(self.O, diagonal, kept, -self.mask.float(), shares, self.mu_init)

        def _start_from(self, start: Any) -> None:
            # The draw that np.random.seed(seed) would give, whatever other threads draw meanwhile.
            scale = np.random.RandomState(self._settings.seed).random_sample()
            self.mu = nn.Parameter(start.clone() * scale).float()

        def _loss_mu(self, l2: float = 0) -> Any:
            return loss_with_gradient.apply(self.mu, self._objective, l2)

        def _set_optimizer(self) -> None:
            config = self.train_config
            if config.optimizer == "sgd" and self._settings.constant_rate:
                momentum = config.optimizer_config.sgd_config.momentum
                self.optimizer = Sgd(self.mu, lr=config.lr, momentum=momentum, weight_decay=config.l2)
            else:
                super()._set_optimizer()

    return ExactLabelModel


@cache
def _multiplied_out() -> Any:
    """As :func:`_exact_class`, with the loss multiplied out."""
    import torch
    from torch import nn

    class MultipliedOut(_exact_class()):  # type: ignore[misc]
        """For a large O: neither it nor its mask is made."""

        mu: Any

        def _generate_O(self, L: npt.NDArray[Any], higher_order: bool = False) -> None:  # noqa: N802
            statistics = self._statistics
            self.n, self.d, self.coverage = statistics.n, statistics.m * statistics.cardinality, statistics.coverage

        def _init_params(self) -> None:
            self.mu_init = torch.from_numpy(starting_point(self._statistics, self.p, self._settings.precisions()))
            self._start_from(self.mu_init)
            self._objective = FactoredObjective(self._statistics, torch.from_numpy(self.p).float(), self.mu_init)

        def _break_col_permutation_symmetry(self) -> None:
            order = best_renaming(self.mu.detach().numpy(), self.p)
            self.mu = nn.Parameter(self.mu.detach()[:, torch.from_numpy(order)])

    return MultipliedOut


def snorkels_own(cardinality: int) -> Any:
    """An unfitted ``snorkel.labeling.model.LabelModel`` that logs nothing."""
    import_snorkel()
    from snorkel.labeling.model import LabelModel

    return LabelModel(cardinality, verbose=False)


def rebuilt(statistics: VoteStatistics, balance: FloatArray, settings: FitSettings, mu: npt.NDArray[np.float32]) -> Any:
    """Snorkel's own model as it stands after the fit that found this mu, with O, mask and optimiser of its own."""
    import torch
    from snorkel.labeling.model.label_model import TrainConfig
    from snorkel.utils.config_utils import merge_config
    from torch import nn

    model = snorkels_own(statistics.cardinality)
    model.train_config = merge_config(TrainConfig(), settings.for_snorkel())
    nothing = np.zeros((1, statistics.m), dtype=np.int64)
    model._set_logger()
    model._set_constants(nothing)
    model._set_class_balance(balance)
    model._create_tree()
    model._generate_O(nothing)
    model.n, model.coverage = statistics.n, statistics.coverage
    model.O = torch.from_numpy(statistics.overlaps).float()
    with _FITTING, _generators_kept():
        model._init_params()
    model.mu = nn.Parameter(torch.from_numpy(mu.copy()))
    model._set_optimizer()
    model._set_lr_scheduler()
    return model


def as_parameter(mu: Any) -> Any:
    """An array or tensor as what Snorkel's model keeps its mu in."""
    import torch
    from torch import nn

    return mu if isinstance(mu, torch.Tensor) else nn.Parameter(torch.from_numpy(np.array(mu)))


def check_device(device: str) -> None:
    """Refuse a device that Snorkel would refuse; torch is imported only for another than ``"cpu"``."""
    if device == "cpu":
        return
    import torch

    if not torch.cuda.is_available():
        raise SnorkelRefusal("device=cuda but CUDA not available.", hint='Use device = "cpu"')


def snorkel_score(
    gold: IntArray, decided: IntArray, probabilities: FloatArray, metrics: Sequence[str]
) -> dict[str, float]:
    """Snorkel's ``Scorer``: its metrics by their names."""
    from snorkel.analysis import Scorer

    try:
        return dict(Scorer(metrics=list(metrics)).score(gold, decided, probabilities))
    except ValueError as error:
        raise SnorkelRefusal(str(error)) from None


@contextmanager
def _generators_kept() -> Iterator[None]:
    import torch

    states = random.getstate(), np.random.get_state()
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
    with torch.random.fork_rng(devices=devices):
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])


@contextmanager
def _threads_for(elements: int, one_thread: bool) -> Iterator[None]:
    """Work on small matrices in this thread alone: waking others costs more, on a busy machine tenfold."""
    import torch

    threads = torch.get_num_threads()
    if threads == 1 or (elements >= _NEVER_SPLIT and not one_thread):
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
