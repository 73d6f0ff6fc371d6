"""Calibrating a label model's probabilities on items whose label is known: a temperature and a share of doubt.

A temperature T > 1 takes the log-probabilities closer together. It cannot reach a probability of 1, which
majority vote gives wherever nobody disagrees; so some of the whole is spread evenly over the classes::

    p' = (1 − e) · softmax(log p / T) + e / k

Both are fitted by maximum a posteriori with priors around "as it is", so that few labels move little. The
order of an item's classes, and its exact ties, stay as they are. Who decides labels with a tolerance
(:func:`labelkit.labelmodels.base.decide`) should do so before: probabilities may come closer together.

Apply it to covered items only. What nothing was voted on has the class balance for probabilities, and no
label that would show whether that is right.

References
----------
Guo, Pleiss, Sun, Weinberger (2017): On calibration of modern neural networks (temperature scaling).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labelkit.errors import LabelModelError
from labelkit.temperature import MINIMUM, best_temperature, tempered
from labelkit.types import ABSTAIN, SHARD_SIZE, FloatArray, IntArray

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Temperature:
    """How probabilities are to be changed.

    Attributes
    ----------
    value
        The temperature T; above 1 makes probabilities less certain.
    mixing
        The share e that is spread evenly over the classes, 0 … 1.
    n
        Labelled rows that it rests on.
    used
        False where there were too few: ``value`` is 1 then, and ``mixing`` 0.
    why
        In words.
    """

    value: float
    mixing: float
    n: int
    used: bool
    why: str


def fit_temperature(proba: FloatArray, gold: IntArray, *, mixing: bool = True, minimum: int = MINIMUM) -> Temperature:
    """The temperature and the share of doubt that fit known labels.

    Parameters
    ----------
    proba
        Class probabilities, shape (g, k), of covered items; of a model that has not learned from ``gold``
        (or, for each row, not from that row's label), else they look better than they are.
    gold
        Known labels, shape (g,), −1 where unknown; such rows are left out.
    mixing
        Also fit the share of doubt; else it is 0 and only the temperature is fitted.
    minimum
        With fewer labelled rows nothing is changed.

    Raises
    ------
    LabelModelError
        If the shapes do not fit, or a value is no probability or no class.
    """
    P = _checked(proba)
    labels = np.asarray(gold)
    if labels.shape != (len(P),):
        raise LabelModelError(f"gold has the shape {labels.shape}, expected ({len(P)},): one label for each row")
    k = P.shape[1]
    if labels.size and (labels.dtype.kind not in "iu" or labels.min() < ABSTAIN or labels.max() >= k):
        raise LabelModelError(f"gold must hold whole numbers from -1 to {k - 1}")
    rows = np.flatnonzero(labels != ABSTAIN)
    n = len(rows)
    if n < max(minimum, 1):
        return Temperature(1.0, 0.0, n, False, f"{n} known labels are too few to calibrate on ({minimum} are enough)")
    value, share = best_temperature(P[rows], labels[rows].astype(np.intp), mixing=mixing)
    return Temperature(value, share, n, True, _words(value, share, n))


def apply_temperature(proba: FloatArray, value: float, mixing: float = 0.0) -> Numbers:
    """Probabilities at a temperature, with a share of doubt.

    Parameters
    ----------
    proba
        Shape (n, k), rows summing to one. Not written to.
    value
        The temperature, above 0; at 1 (and without mixing) nothing changes, to the bit.
    mixing
        The share spread evenly, 0 … 1. Without it, a probability of zero stays exactly zero.

    Raises
    ------
    LabelModelError
        If a number cannot be used.
    """
    if not (math.isfinite(value) and value > 0):
        raise LabelModelError(f"a temperature is a number above 0, not {value!r}")
    if not 0 <= mixing <= 1:
        raise LabelModelError(f"the share to mix in lies between 0 and 1, not {mixing!r}")
    P = _checked(proba)
    if value == 1 and mixing == 0:
        return P.copy()
    out = np.empty_like(P)
    for start in range(0, len(P), SHARD_SIZE):
        block = slice(start, start + SHARD_SIZE)
        out[block] = (1 - mixing) * tempered(P[block], value) + mixing / P.shape[1]
    return out


def _checked(proba: FloatArray) -> Numbers:
    P = np.asarray(proba, dtype=np.float64)
    if P.ndim != 2 or P.shape[1] < 1:
        raise LabelModelError(f"probabilities have the shape {P.shape}, expected (n, k)")
    if P.size and not (np.isfinite(P).all() and P.min() >= 0):
        raise LabelModelError("probabilities must be finite numbers from 0 on")
    if P.size and not np.allclose(P.sum(axis=1), 1, atol=1e-3):
        raise LabelModelError("the probabilities of a row must sum to one")
    return P


def _words(value: float, share: float, n: int) -> str:
    less = f"{share:.0%} spread evenly over the classes" if share >= 0.005 else ""
    drawn = "closer together" if value > 1 else "further apart"
    temperature = f"drawn {drawn} (temperature {value:.2f})" if abs(value - 1) >= 0.005 else ""
    return f"{' and '.join(filter(None, [temperature, less])) or 'hardly changed'}, by {n} known labels"
