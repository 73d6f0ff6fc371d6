"""The default end model: multinomial logistic regression on soft labels."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp

from labelkit.endmodels.base import EndModel
from labelkit.endmodels.softmax import SoftmaxFit, fit_softmax, softmax
from labelkit.errors import EndModelError
from labelkit.types import FloatArray, IntArray


class LogisticEndModel(EndModel):
    """Multinomial logistic regression, trained on probabilities rather than on their best guesses.

    Parameters
    ----------
    C
        Inverse strength of the L2 penalty, relative to the sum of the training weights as in
        scikit-learn. 5 was the best compromise of 1, 3, 5, 10 and 30 on the YouTube, SMS, TREC,
        SemEval, AG News and IMDb sets, with weak labels and with gold.
    max_iter
        Iterations of L-BFGS at most.
    tol
        Largest component of the gradient, per unit of weight, at which it stops.
    """

    can_save: ClassVar[bool] = True
    spec = "logistic"

    def __init__(self, *, C: float = 5.0, max_iter: int = 300, tol: float = 1e-4) -> None:
        super().__init__()
        for name, value in (("C", C), ("max_iter", max_iter), ("tol", tol)):
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
                raise EndModelError(f"the option {name} of 'logistic' is {value!r}; a number above 0 was expected")
        self.C, self.max_iter, self.tol = float(C), int(max_iter), float(tol)
        self._learned: SoftmaxFit | None = None
        self._begin: SoftmaxFit | None = None

    def options(self) -> dict[str, Any]:
        """See :meth:`EndModel.options`."""
        return {"C": self.C, "max_iter": self.max_iter, "tol": self.tol}

    def _fit(self, X: sp.csr_matrix, Y: FloatArray, weights: FloatArray, seed: int) -> None:
        del seed  # nothing is random
        begin, self._begin = self._begin, None
        self._learned = fit_softmax(X, Y, weights, C=self.C, max_iter=self.max_iter, tol=self.tol, start=begin)
        if not self._learned.converged:
            self._notes.append(f"training stopped after {self._learned.iterations} iterations before it converged")

    def _begin_from(self, earlier: EndModel, columns: IntArray, classes: IntArray) -> None:
        """See :meth:`EndModel._begin_from`."""
        if not isinstance(earlier, LogisticEndModel) or earlier._learned is None:
            return
        known, old = earlier._learned, np.ix_(np.maximum(columns, 0), np.maximum(classes, 0))
        table = np.where((columns >= 0)[:, None] & (classes >= 0), known.coefficients[old], np.float32(0))
        intercepts = np.where(classes >= 0, known.intercepts[np.maximum(classes, 0)], known.intercepts.min())
        self._begin = SoftmaxFit(table, intercepts, 0, False)

    def _proba(self, X: sp.csr_matrix) -> FloatArray:
        learned = self._need_learned()
        return softmax(np.asarray(X @ learned.coefficients) + learned.intercepts)

    def _coefficients(self) -> tuple[FloatArray, FloatArray] | None:
        learned = self._need_learned()
        return learned.coefficients, learned.intercepts

    def _state(self) -> tuple[dict[str, Any], dict[str, FloatArray]]:
        if self._learned is None:
            return {}, {}
        learned = self._learned
        return (
            {"iterations": learned.iterations, "converged": learned.converged},
            {"coefficients": learned.coefficients, "intercepts": learned.intercepts},
        )

    def _restore(self, state: dict[str, Any], arrays: dict[str, FloatArray]) -> None:
        if arrays:
            self._learned = SoftmaxFit(
                arrays["coefficients"], arrays["intercepts"], state["iterations"], state["converged"]
            )

    def _need_learned(self) -> SoftmaxFit:
        if self._learned is None:
            raise EndModelError("this end model has no coefficients: it saw one class only, or was not fitted")
        return self._learned
