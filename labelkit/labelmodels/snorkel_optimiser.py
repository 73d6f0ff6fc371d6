"""The one place that runs Snorkel (and torch): its optimiser, on statistics instead of a label matrix."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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
                raise Diverged(
                    f"Snorkel's loss became NaN at lr = {lr:g}", hint=f"Lower lr, for instance to {lr / 10:g}"
                ) from None
            raise
        mu: npt.NDArray[np.float32] = model.mu.detach().cpu().numpy().copy()
        return mu


@cache
def _model_class() -> Any:
    """Snorkel's ``LabelModel`` with O, n and the coverages supplied, made when first needed."""
    import torch
    from snorkel.labeling.model import LabelModel
    from torch import nn

    class ExactLabelModel(LabelModel):  # type: ignore[misc, unused-ignore]
        """Differs from its base in where O comes from and in whose generator draws the starting point."""

        def __init__(self, statistics: VoteStatistics, seed: int) -> None:
            super().__init__(cardinality=statistics.cardinality, verbose=False)
            self._statistics = statistics
            self._starting_seed = seed

        def _generate_O(self, L: npt.NDArray[Any], higher_order: bool = False) -> None:  # noqa: N802
            # The base builds its table of cliques (c_data) here; n decides the clamp afterwards.
            self.d = self._get_augmented_label_matrix(L, higher_order=higher_order).shape[1]
            self.n = self._statistics.n
            self.coverage = self._statistics.coverage
            self.O = torch.from_numpy(self._statistics.overlaps).float().to(self.config.device)

        def _init_params(self) -> None:
            super()._init_params()
            # The draw that np.random.seed(seed) would give, whatever other threads draw meanwhile.
            scale = np.random.RandomState(self._starting_seed).random_sample()
            self.mu = nn.Parameter(self.mu_init.clone() * scale).float()

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
