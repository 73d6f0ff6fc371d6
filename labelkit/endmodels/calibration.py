"""Calibrating an end model's probabilities on held-out labels: one temperature, and if asked a bias per class.

``p' = softmax(log p / T + b)``. With ``method="temperature"`` b is zero: the order of an item's classes stays,
so no predicted label changes, to the bit. With ``"bias"`` classes may change places. Scaling each class by a
factor of its own (vector scaling) was left out: with a bias per class it was not better in the comparison of
Alexandari et al., and the log-odds would no longer be sums over features, which explanations rest on.

What is reported after is *cross-fitted*: every label is scored by a scaling that was fitted without it.

References
----------
Guo, Pleiss, Sun, Weinberger (2017): On calibration of modern neural networks.
Alexandari, Kundaje, Shrikumar (2020): Maximum likelihood with bias-corrected calibration is hard-to-beat at
label shift adaptation.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from labelkit.errors import EndModelError
from labelkit.temperature import MINIMUM, best_temperature, tempered
from labelkit.types import ABSTAIN, FloatArray, IntArray

Method = Literal["temperature", "bias"]
FOLDS: Final = 10
_BIAS_SPREAD: Final = 1.0
"""Standard deviation of the normal prior of a class's bias around 0, in nats."""
_SMALLEST: Final = 1e-12
"""What a probability counts as at least in the log loss."""
_BOUND: Final = 1e-3
"""How far from one the sum of a row may be."""

Numbers = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Calibration:
    """How an end model's probabilities are changed, and what that was worth.

    Attributes
    ----------
    temperature
        T; above 1 makes probabilities less certain.
    bias
        b for each of the k classes, in nats; empty where there is none.
    n
        Held-out labels that it rests on.
    used
        False where there were too few, or it did not help: nothing is changed then.
    before, after
        Mean log loss of the held-out labels in nats, as it was and cross-fitted; None without labels.
    why
        In words.
    """

    temperature: float
    bias: tuple[float, ...]
    n: int
    used: bool
    before: float | None
    after: float | None
    why: str

    def apply(self, probabilities: FloatArray) -> FloatArray:
        """(n, k) → (n, k) of the same dtype; a class of probability zero keeps it."""
        if not self.used or not len(probabilities):
            return probabilities
        out = _scaled(probabilities.astype(np.float64), self.temperature, np.array(self.bias))
        changed: FloatArray = out.astype(probabilities.dtype)
        return changed if self.bias else _keep_first(changed, probabilities)

    def state(self) -> dict[str, Any]:
        """JSON-able, for :meth:`from_state`."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Calibration:
        """The calibration that :meth:`state` described."""
        return cls(**{**state, "bias": tuple(state["bias"])})


def fit_calibration(
    probabilities: FloatArray, gold: IntArray, *, method: Method = "temperature", minimum: int = MINIMUM
) -> Calibration:
    """Fit a calibration to labels that the model has not learned from.

    Parameters
    ----------
    probabilities
        (m, k) of the model without calibration.
    gold
        (m,) class indices, −1 where unknown; such rows are left out.
    minimum
        With fewer labels nothing is changed.

    Raises
    ------
    EndModelError
        If shapes do not fit, a value is no probability or no class, or the method is unknown.
    """
    P, labels = _known(probabilities, gold, method)
    n = len(labels)
    before = _loss(P, labels) if n else None
    if n < max(minimum, 2):
        why = f"{n} held-out labels are too few to calibrate on ({minimum} are enough)"
        return Calibration(1.0, (), n, False, before, before, why)
    temperature, bias = _fit(P, labels, method)
    after = _cross_fitted(P, labels, method)
    if before is None or after >= before:
        why = f"left as it is: on {n} held-out labels a calibration does not help"
        return Calibration(1.0, (), n, False, before, before, why)
    what = f"temperature {temperature:.2f}" + (" and a bias for each class" if method == "bias" else "")
    why = f"calibrated on {n} held-out labels ({what}): log loss {before:.3f} before, {after:.3f} after (cross-fitted)"
    return Calibration(temperature, tuple(float(b) for b in bias), n, True, before, after, why)


def _known(probabilities: FloatArray, gold: IntArray, method: str) -> tuple[Numbers, Indices]:
    if method not in get_args(Method):
        raise EndModelError(f"unknown calibration {method!r}; choose {' or '.join(get_args(Method))}")
    P, labels = np.asarray(probabilities, dtype=np.float64), np.asarray(gold)
    if P.ndim != 2 or labels.shape != (len(P),):
        raise EndModelError(
            f"probabilities of shape {P.shape} came with labels of shape {labels.shape}; (m, k) and (m,) were expected"
        )
    if labels.size and (labels.dtype.kind not in "iu" or labels.min() < ABSTAIN or labels.max() >= P.shape[1]):
        raise EndModelError(f"held-out labels must be whole numbers from -1 to {P.shape[1] - 1}")
    rows = np.flatnonzero(labels != ABSTAIN)
    P = P[rows]
    if not np.isfinite(P).all() or (P < 0).any() or (np.abs(P.sum(axis=1) - 1) > _BOUND).any():
        raise EndModelError("the probabilities to calibrate must be finite, not negative, and sum to 1 in each row")
    return P, labels[rows].astype(np.intp)


def _fit(P: Numbers, gold: Indices, method: Method) -> tuple[float, Numbers]:
    if method == "temperature":
        return best_temperature(P, gold, mixing=False)[0], np.empty(0)
    return _biased(P, gold)


def _biased(P: Numbers, gold: Indices) -> tuple[float, Numbers]:
    """(T, b) of the highest posterior; the biases sum to zero, which changes no probability."""
    from scipy.optimize import minimize

    k = P.shape[1]
    logs = np.log(np.maximum(P, _SMALLEST))
    one_hot = np.eye(k)[gold]

    def objective(flat: Numbers) -> tuple[float, Numbers]:
        slope, bias = np.exp(-flat[0]), flat[1:]
        scores = slope * logs + bias
        top = scores.max(axis=1, keepdims=True)
        total = np.exp(scores - top).sum(axis=1, keepdims=True)
        residual = np.exp(scores - top) / total - one_hot
        loss = (np.log(total) + top).sum() - (one_hot * scores).sum()
        prior = 0.5 * flat[0] ** 2 + 0.5 * (bias @ bias) / _BIAS_SPREAD**2
        slopes = -slope * (residual * logs).sum() + flat[0]
        return float(loss + prior), np.concatenate([[slopes], residual.sum(axis=0) + bias / _BIAS_SPREAD**2])

    bounds = [(np.log(0.1), np.log(10.0))] + [(None, None)] * k
    found = minimize(objective, np.zeros(k + 1), jac=True, method="L-BFGS-B", bounds=bounds)
    return float(np.exp(found.x[0])), np.asarray(found.x[1:] - found.x[1:].mean())


def _scaled(P: Numbers, temperature: float, bias: Numbers) -> Numbers:
    powers = tempered(P, temperature)
    if not bias.size:
        return powers
    shifted = powers * np.exp(bias - bias.max())
    sums = shifted.sum(axis=1, keepdims=True)
    return np.asarray(np.where(sums > 0, shifted / np.where(sums > 0, sums, 1.0), powers))


def _cross_fitted(P: Numbers, gold: Indices, method: Method) -> float:
    """Mean log loss where each label is scored by the fit to the other folds."""
    n = len(gold)
    # Equal classes side by side, dealt out in turn: every fold has its share of each class, without chance.
    fold = np.empty(n, dtype=np.intp)
    fold[np.argsort(gold, kind="stable")] = np.arange(n) % min(FOLDS, n)
    losses = np.empty(n)
    for number in range(min(FOLDS, n)):
        out = fold == number
        temperature, bias = _fit(P[~out], gold[~out], method)
        own = _scaled(P[out], temperature, bias)[np.arange(out.sum()), gold[out]]
        losses[out] = -np.log(np.maximum(own, _SMALLEST))
    return float(losses.mean())


def _loss(P: Numbers, gold: Indices) -> float:
    return float(-np.log(np.maximum(P[np.arange(len(gold)), gold], _SMALLEST)).mean())


def _keep_first(changed: FloatArray, original: FloatArray) -> FloatArray:
    """Rounding may make two nearly equal probabilities equal; the class that was first stays first."""
    winner = original.argmax(axis=1)
    rows = np.flatnonzero(changed.argmax(axis=1) != winner)
    if rows.size:
        top = changed[rows].max(axis=1)
        changed[rows, winner[rows]] = np.nextafter(top, top.dtype.type(2.0))
    return changed
