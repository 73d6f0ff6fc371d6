"""The one place that runs Snorkel (and torch): its way to mu, on statistics instead of a label matrix.

Snorkel's ``fit`` runs as it is: starting point, loop, clamp, choice among renamings. Replaced are what it
computes from the votes (O, coverages), how it finds the gradient of its loss, and torch's SGD with the same
step: at 50 functions and 500 epochs 0.33 s became 0.1 s, with every bit of mu the same.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labelkit.labelmodels.guard import Diverged
from labelkit.labelmodels.statistics import VoteStatistics
from labelkit.types import FloatArray

_FITTING: Final = threading.Lock()
"""Snorkel's ``fit`` seeds the process-wide generators; one fit at a time, so that each can put them back."""
_NEVER_SPLIT: Final = 32_768
"""torch does not split sums of fewer elements over threads, so one thread finds the same bits there."""


def train_mu(
    statistics: VoteStatistics,
    balance: FloatArray,
    *,
    seed: int,
    n_epochs: int,
    lr: float,
    l2: float,
    optimizer: str,
    prec_init: float,
    mu_eps: float | None,
    one_thread: bool,
) -> npt.NDArray[np.float32]:
    """Fit Snorkel's mu; bit for bit what ``snorkel.labeling.model.LabelModel.fit`` finds on the votes.

    The global generators of random, numpy and torch come back as they were, logging is not configured,
    and draws of other threads do not change the result.

    Parameters
    ----------
    one_thread
        Sum in one thread also where torch would split sums: the bits then do not depend on the number
        of cores, but differ from Snorkel's run on several.

    Returns
    -------
    ndarray of float32, shape (m·k, k)

    Raises
    ------
    Diverged
        If the optimiser diverges.
    """
    with _FITTING, _generators_kept(), _threads_for((statistics.m * statistics.cardinality) ** 2, one_thread):
        model = _model_class()(statistics, seed)
        try:
            # One row that everybody abstains on stands for the votes: Snorkel reads only its shape.
            model.fit(
                np.full((1, statistics.m), -1),
                class_balance=balance,
                progress_bar=False,
                n_epochs=n_epochs,
                lr=float(lr),
                l2=float(l2),
                optimizer=optimizer,
                prec_init=float(prec_init),
                mu_eps=mu_eps,
                seed=seed,
            )
        except Exception as error:
            if type(error) is Exception and "NaN" in str(error):
                raise _diverged(lr) from None
            raise
        mu: npt.NDArray[np.float32] = model.mu.detach().cpu().numpy().copy()
    if not np.isfinite(mu).all():
        raise _diverged(lr)
    return mu


def _diverged(lr: float) -> Diverged:
    return Diverged(f"Snorkel's loss became NaN at lr = {lr:g}", hint=f"Lower lr, for instance to {lr / 10:g}")


@dataclass(frozen=True)
class _Objective:
    """What Snorkel's loss compares mu with; fixed while it trains.

    Attributes
    ----------
    overlaps, diagonal
        Snorkel's matrix O, shape (d, d), and its diagonal, d = m·k.
    kept
        Positions in the flat O of the entries that count: those of two different functions.
    minus_kept
        −1 at these entries and 0 elsewhere, shape (d, d).
    shares
        The class balance, shape (k,).
    start
        What the l2 penalty pulls mu to, shape (d, k).
    """

    overlaps: Any
    diagonal: Any
    kept: Any
    minus_kept: Any
    shares: Any
    start: Any

    def loss_and_gradient(self, mu: Any, l2: float) -> tuple[Any, Any]:
        """Snorkel's ``_loss_mu`` and the gradient that torch finds for it, operation by operation.

        The same operations on the same values in the same order, without the recorded graph and without
        selecting by a boolean mask: the gradient is the same to the bit at a third of the time.
        """
        import torch

        norm = torch.linalg.vector_norm
        joint = mu * self.shares
        apart = self.overlaps - joint @ mu.t()
        # The entries that count, in a row of their own: summed elsewhere, the norm would be rounded otherwise.
        first = norm(apart.view(-1).index_select(0, self.kept))
        missing = joint.sum(1) - self.diagonal
        second = norm(missing)
        loss = first * first + second * second
        gradient = _over(missing / second, second).mul_(2 * second).unsqueeze(1) * self.shares
        if l2:
            pulled = (mu - self.start) * l2
            third = norm(pulled)
            loss = loss + third * third
            gradient = _over(pulled / third, third).mul_(2 * third).mul_(l2) + gradient
        back = _over(apart.div_(first), first).mul_(2 * first).mul_(self.minus_kept)
        gradient += back.t() @ joint
        gradient += (back @ mu) * self.shares
        return loss, gradient


def _over(direction: Any, norm: Any) -> Any:
    """A vector divided by its norm; nothing where that is zero, as torch has it (functions that never meet)."""
    return direction.masked_fill_(norm == 0, 0)


class _Sgd:
    """``torch.optim.SGD`` for one parameter, to the bit; the first use of torch's own imports 1 s of compiler."""

    def __init__(self, parameter: Any, *, lr: float, momentum: float, weight_decay: float) -> None:
        self._parameter, self._lr, self._momentum, self._decay = parameter, lr, momentum, weight_decay
        self._velocity: Any = None

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self._parameter.grad = None

    def step(self) -> None:
        """Move the parameter."""
        values, change = self._parameter.data, self._parameter.grad
        if self._decay:
            change = change.add(values, alpha=self._decay)
        self._velocity = change.clone() if self._velocity is None else self._velocity.mul_(self._momentum).add_(change)
        values.add_(self._velocity, alpha=-self._lr)


def import_snorkel() -> None:
    """Import torch and Snorkel. Global random state is left as it was, though Snorkel draws when imported."""
    import snorkel.labeling  # noqa: F401
    import torch  # noqa: F401

    # Only what is left draws: a moment in which draws of other threads would be taken back too.

    with _FITTING:
        state = np.random.get_state()
        try:
            _model_class()
        finally:
            np.random.set_state(state)


@cache
def _known_gradient() -> Any:
    """The loss as torch sees it: a function of mu whose gradient was found with it."""
    import torch

    class KnownGradient(torch.autograd.Function):
        """Snorkel's loop asks the loss to go backward; the way back is one step."""

        @staticmethod
        def forward(context: Any, mu: Any, objective: _Objective, l2: float) -> Any:
            loss, context.gradient = objective.loss_and_gradient(mu, l2)
            return loss

        @staticmethod
        def backward(context: Any, _: Any) -> Any:
            return context.gradient, None, None

    return KnownGradient


@cache
def _model_class() -> Any:
    """Snorkel's ``LabelModel`` with O, n and the coverages supplied, made when first needed."""
    import torch
    from snorkel.labeling.model import LabelModel
    from torch import nn

    loss_with_gradient = _known_gradient()

    class ExactLabelModel(LabelModel):  # type: ignore[misc, unused-ignore]
        """Its base's way to mu, with O from elsewhere, a starting point of its own, and a loss that costs less."""

        def __init__(self, statistics: VoteStatistics, seed: int) -> None:
            super().__init__(cardinality=statistics.cardinality, verbose=False)
            self._statistics = statistics
            self._starting_seed = seed

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
            # The draw that np.random.seed(seed) would give, whatever other threads draw meanwhile.
            scale = np.random.RandomState(self._starting_seed).random_sample()
            self.mu = nn.Parameter(self.mu_init.clone() * scale).float()
            kept = self.mask.flatten().nonzero().flatten()
            shares = torch.from_numpy(self.p).float()
            diagonal = torch.diag(self.O).clone()
            self._objective = _Objective(self.O, diagonal, kept, -self.mask.float(), shares, self.mu_init)

        def _loss_mu(self, l2: float = 0) -> Any:
            return loss_with_gradient.apply(self.mu, self._objective, l2)

        def _set_optimizer(self) -> None:
            config = self.train_config
            if config.optimizer == "sgd":
                momentum = config.optimizer_config.sgd_config.momentum
                self.optimizer = _Sgd(self.mu, lr=config.lr, momentum=momentum, weight_decay=config.l2)
            else:
                super()._set_optimizer()

        def _execute_logging(self, loss: Any) -> dict[str, float]:
            return {}

    return ExactLabelModel


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
