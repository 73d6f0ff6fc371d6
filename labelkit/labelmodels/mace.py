"""MACE: each function either knows the class or votes by habit, fitted by (variational) expectation maximisation.

Hovy, Berg-Kirkpatrick, Vaswani, Hovy: Learning whom to trust with MACE, NAACL-HLT 2013
(https://aclanthology.org/N13-1132). The steps and priors are those of crowd-kit's ``MACE``
(https://github.com/Toloka/crowd-kit).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

import numpy as np

from labelkit.errors import LabelModelError
from labelkit.labelmodels.collapse import look_for_collapse
from labelkit.labelmodels.pattern_votes import Floats, PatternVotes, clamp, normalised
from labelkit.labelmodels.statistics import VoteStatistics
from labelkit.labelmodels.validation import check_number, check_whole
from labelkit.labelmodels.weighted_votes import WeightedVotesModel, Weights
from labelkit.labelmodels.wording import one_class_note, unseen_classes, unseen_note
from labelkit.types import ABSTAIN, IntArray

Method = Literal["vb", "em"]
METHODS: Final[tuple[Method, ...]] = ("vb", "em")
_HABIT_PRIOR: Final = 10.0
"""Votes that the habit of a function is taken to have spread evenly before any evidence ("vb")."""
_KNOWING_PRIOR: Final = 0.5
_START_NOISE: Final = 1.5
_LEAST: Final = 1e-300


@dataclass(frozen=True)
class Parameters:
    """One point of the search.

    Attributes
    ----------
    knowing
        Weight of "votes by habit" and "knows the class" of each function, shape (m, 2).
    habit
        Weight of each class in the function's habit, shape (m, k).
    """

    knowing: Floats
    habit: Floats

    @classmethod
    def drawn(cls, functions: int, cardinality: int, rng: np.random.Generator) -> Parameters:
        """A starting point near even shares."""
        knowing = rng.uniform(1.0, 1.0 + _START_NOISE, (functions, 2))
        habit = rng.uniform(1.0, 1.0 + _START_NOISE, (functions, cardinality))
        return cls(knowing / knowing.sum(axis=1, keepdims=True), habit / habit.sum(axis=1, keepdims=True))

    @property
    def by_habit(self) -> Floats:
        """Probability of each vote where the class is another, shape (m, k)."""
        return np.maximum(self.knowing[:, :1] * self.habit, _LEAST)

    @property
    def lift(self) -> Floats:
        """Log-odds that a vote adds to its class, shape (m, k)."""
        return np.asarray(np.log1p(self.knowing[:, 1:] / self.by_habit))


class MaceLabelModel(WeightedVotesModel):
    """MACE on the distinct vote patterns: of several seeded starts, the one with the highest likelihood.

    Function i knows the class with probability θᵢ and then votes for it; else it votes by a habit ξᵢ that has
    nothing to do with the item. Abstentions add nothing. On functions that vote for one class only, habit and
    knowledge cannot be told apart, as with other models of this family; the notes say where that shows.

    Parameters
    ----------
    cardinality
        Number of classes k.
    method
        ``"vb"``: variational Bayes with the priors of the paper; ``"em"``: maximum likelihood, smoothed.
    n_restarts
        Number of starting points.
    n_iter
        Most rounds from each.
    tol
        Gain in log-likelihood per vote below which a run stops; 0 for all ``n_iter`` rounds, as in crowd-kit.
    smoothing
        Added to the counts with ``"em"``; 0.01/k if None.
    seed
        Of the starting points.
    class_balance
        Share of each class; uniform if None, as in the paper.

    Examples
    --------
    >>> import numpy as np
    >>> L = np.array([[0, 0, 1], [1, 1, 1], [0, 0, 0], [1, 1, 0], [-1, -1, -1]])
    >>> MaceLabelModel(2).fit(L).predict(L).tolist()
    [0, 1, 0, 1, -1]
    """

    name: ClassVar[str] = "mace"
    uses_cooccurrence: ClassVar[bool] = False

    def __init__(
        self,
        cardinality: int,
        *,
        method: Method = "vb",
        n_restarts: int = 10,
        n_iter: int = 50,
        tol: float = 1e-6,
        smoothing: float | None = None,
        seed: int = 0,
        class_balance: Sequence[float] | None = None,
    ) -> None:
        super().__init__(cardinality, class_balance=class_balance)
        if method not in METHODS:
            raise LabelModelError(f"method is {method!r}, expected one of {', '.join(METHODS)}")
        check_whole("n_restarts", n_restarts, least=1)
        check_whole("n_iter", n_iter, least=1)
        check_number("tol", tol, least=0.0)
        check_whole("seed", seed)
        if smoothing is not None:
            check_number("smoothing", smoothing, least=0.0)
        self.method: Method = method
        self.n_restarts = n_restarts
        self.n_iter = n_iter
        self.tol = tol
        self.smoothing = smoothing
        self.seed = seed
        self._weights = None

    def _learn(
        self, statistics: VoteStatistics, gold_votes: IntArray, gold: IntArray, names: Sequence[str] | None
    ) -> None:
        m, k = statistics.m, self.cardinality
        votes = PatternVotes.of(statistics, gold_votes, gold)
        log_prior = np.log(self._prior())
        best, best_likelihood, best_start = None, -np.inf, 0
        for start in range(self.n_restarts):
            drawn = Parameters.drawn(m, k, np.random.default_rng([self.seed, start]))
            found, likelihood = self.search(votes, drawn, log_prior)
            if best is None or likelihood > best_likelihood:
                best, best_likelihood, best_start = found, likelihood, start
        assert best is not None  # there is one start at least
        weights = Weights(best.lift, log_prior)
        collapse, notes = look_for_collapse("MACE", votes, lambda part: part.scores(weights.votes) + log_prior)
        self._weights = weights
        self.n_functions = m
        shares = best.knowing[:, 1] / np.maximum(best.knowing.sum(axis=1), _LEAST)
        self.diagnostics = {
            "log_likelihood": best_likelihood,
            "start": best_start,
            "knowing": shares.tolist(),
            **collapse,
            "exact_patterns": statistics.exact,
            "gold_n": int(votes.counts[votes.gold != ABSTAIN].sum()),
        }
        unseen = unseen_classes(statistics.vote_counts, gold) if self.class_balance is None else []
        self.notes = [*notes, *one_class_note(gold_votes, gold), *unseen_note(unseen)]

    def search(self, votes: PatternVotes, start: Parameters, log_prior: Floats) -> tuple[Parameters, float]:
        """Run EM from one starting point; the parameters found and their log-likelihood."""
        point, cast = start, float(votes.weight.sum())
        expected, last = _expected(votes, point, log_prior)
        for _ in range(self.n_iter):
            point = self._maximised(expected)
            expected, likelihood = _expected(votes, point, log_prior)
            small = abs(likelihood - last) < self.tol * cast
            last = likelihood
            if small:
                break
        return point, last

    def _maximised(self, expected: tuple[Floats, Floats]) -> Parameters:
        """The M step, from the expected votes by habit (m, k) and by knowledge (m,)."""
        habit, knew = expected
        knowing = np.column_stack([habit.sum(axis=1), knew])
        if self.method == "vb":
            return Parameters(_variational(knowing, _KNOWING_PRIOR), _variational(habit, _HABIT_PRIOR))
        smoothing = 0.01 / self.cardinality if self.smoothing is None else self.smoothing
        return Parameters(_shares(knowing, smoothing), _shares(habit, smoothing))


def _expected(votes: PatternVotes, point: Parameters, log_prior: Floats) -> tuple[tuple[Floats, Floats], float]:
    """The E step: expected votes by habit (m, k) and by knowledge (m,), and the log-likelihood."""
    m, k = votes.shape
    lift, by_habit = point.lift, point.by_habit
    knew_share = point.knowing[:, 1:] / (by_habit + point.knowing[:, 1:])
    agreed, likelihood = np.zeros((m, k)), float((votes.cast * np.log(by_habit)).sum())
    for block in votes.blocks:
        scores = block.scores(lift) + log_prior
        known = np.flatnonzero(block.gold != ABSTAIN)
        joint = scores[known, block.gold[known]]
        posterior, logs = normalised(scores)
        logs[known] = joint
        clamp(posterior, block.gold)
        likelihood += float(block.counts @ logs)
        agreed += block.per_cell(block.weight * posterior.ravel()[block.place])
    knew = agreed * knew_share
    return (np.maximum(votes.cast - knew, 0.0), knew.sum(axis=1)), likelihood


def _shares(counts: Floats, smoothing: float) -> Floats:
    smoothed = counts + smoothing
    total = smoothed.sum(axis=1, keepdims=True)
    return np.where(total > 0, smoothed / np.where(total > 0, total, 1.0), 1 / counts.shape[1])


def _variational(counts: Floats, prior: float) -> Floats:
    """exp E[log share] under a Dirichlet posterior; rows sum to less than one."""
    from scipy.special import digamma

    smoothed: Any = counts + prior
    return np.asarray(np.exp(digamma(smoothed) - digamma(smoothed.sum(axis=1, keepdims=True))))
