"""labelkit's own loop for ``label_efficiency.py``, in memory: what `label`, `train` and `rank` do, without a store.

The one file to change when the loop does: :func:`train` is what a refit trains, :func:`choose` what is asked next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
from _efficiency_loop import Predict, State
from _efficiency_people import SKIP
from _efficiency_sets import Problem

from labelkit.config.sections import QuerySection
from labelkit.endmodels import EndModel, latent
from labelkit.endmodels.mixed import mixed_targets, weak_scores
from labelkit.labelmodels import AutoLabelModel
from labelkit.query import Answers, Labelled, Pool, compose_queue
from labelkit.query.auto import scheduled_mix, scheduled_tuning
from labelkit.steps.labeling import PRIOR_STRENGTH, UNSEEN_SHARE, fit_to_answers
from labelkit.steps.workspace import clamp
from labelkit.types import ABSTAIN, FloatArray, IntArray, QueueEntry


@dataclass
class Trained:
    """What a refit leaves: the end model, and (n, k) probabilities of it and of the label model (answers clamped)."""

    model: EndModel
    end_model: FloatArray
    label_model: FloatArray

    def predict(self, X: sp.csr_matrix) -> FloatArray:
        """(m, k) probabilities of rows of the problem's features, or of the test items'."""
        return self.model.predict_proba(X)


@dataclass
class Memory:
    """What outlives a refit, as the project file would keep it: roles that were drawn, the last models."""

    drawn: dict[int, str] = field(default_factory=dict)
    trained: Trained | None = None
    lead: dict[str, float] | None = None


Train = Callable[[State, Memory], Trained]
Choose = Callable[[State, Memory, int], Sequence[QueueEntry]]


class LabelkitLoop:
    """The loop: ``train`` on votes and answers, ``choose`` what to ask."""

    def __init__(self, problem: Problem, seed: int, train: Train, choose: Choose) -> None:
        del problem, seed  # both come with the state
        self._train, self._choose = train, choose
        self._memory = Memory()

    def refit(self, state: State) -> Predict:
        """See ``Method.refit``."""
        self._memory.trained = self._train(state, self._memory)
        return self._memory.trained.predict

    def ask(self, state: State, count: int) -> Sequence[QueueEntry]:
        """See ``Method.ask``."""
        return self._choose(state, self._memory, count)


def train(state: State, memory: Memory) -> Trained:
    """As `labelkit label` and `labelkit train`: answers correct the weak labels of all items."""
    problem = state.problem
    tuning, teaching = state.tuning, state.teaching
    rows = np.ones(len(teaching), dtype=bool)  # the votes on audit items teach, the answers do not
    model = AutoLabelModel(problem.cardinality, class_balance=_class_balance(state), seed=state.seed)
    fit_to_answers(model, problem.L, teaching, tuning, problem.function_names)
    probabilities = model.predict_proba(problem.L)
    mixed = mixed_targets(
        problem.X,
        problem.remembered("latent", lambda: latent(problem.X)[0]),
        P=probabilities,
        votes=problem.L,
        words=problem.remembered("words", lambda: _words(problem)),
        answers=teaching,
        drawn=tuning,
        rows=rows,
        seed=state.seed,
    )
    memory.lead = mixed.figures.get("lead")
    end = problem.fit(mixed.targets, mixed.usable.astype(np.float64))
    return Trained(end, end.predict_proba(problem.X), clamp(probabilities, teaching))


def _words(problem: Problem) -> FloatArray:
    """What the words say after learning from votes that no answer has corrected."""
    model = AutoLabelModel(problem.cardinality).fit(problem.L, names=problem.function_names)
    return weak_scores(problem.X, model.predict_proba(problem.L), problem.covered)


def _class_balance(state: State) -> list[float] | None:
    """As `labelkit label` sets it: only where a class is seen neither in votes nor in answers."""
    k = state.problem.cardinality
    seen = np.zeros(k + 1, dtype=bool)  # abstain (−1) marks the last place
    seen[state.problem.L] = True
    seen[state.teaching] = True
    if seen[:k].all():
        return None
    drawn = state.labels[state.tuning & (state.labels != ABSTAIN)]
    shares = (np.bincount(drawn, minlength=k) + PRIOR_STRENGTH / k) / (len(drawn) + PRIOR_STRENGTH)
    shares[~seen[:k]] = UNSEEN_SHARE
    return [float(share) for share in shares / shares.sum()]


def pool_of(state: State, memory: Memory, rows: IntArray) -> Pool:
    """The pool of open rows, with every part that strategies may need but a committee."""
    problem, trained, teaching = state.problem, memory.trained, state.teaching
    assert trained is not None
    known = np.flatnonzero(teaching != ABSTAIN)
    given = [one for one in state.opinions if one.label != SKIP and one.role != "audit"]
    columns = np.array([(one.row, one.person, one.label) for one in given], dtype=np.int64).reshape(-1, 3)
    return Pool(
        items=rows,
        covered=problem.covered[rows],
        label_names=problem.label_names,
        end_model=trained.end_model[rows],
        label_model=trained.label_model[rows],
        features=problem.X[rows],
        votes=problem.L[rows],
        labelled=Labelled(teaching[known], problem.X[known], problem.L[known], trained.end_model[known]),
        answers=Answers(*columns.T),
    )


def choose_by(mix: Mapping[str, float] | None = None) -> Choose:
    """As `labelkit rank` with this mix (the default one if None) and the default shares for audit and tuning."""

    def choose(state: State, memory: Memory, count: int) -> Sequence[QueueEntry]:
        settings = QuerySection()
        rows = state.open_rows
        if not len(rows):
            return []
        shares, _ = scheduled_mix(settings.mix if mix is None else mix, memory.lead)
        composed = compose_queue(
            pool_of(state, memory, rows),
            mix=shares,
            size=max(settings.size, 4 * count),
            audit_share=settings.audit_share,
            tuning_share=scheduled_tuning(settings.tuning_share, int(state.tuning.sum())),
            roles=memory.drawn,
            answered={role: int((state.roles == role).sum()) for role in ("audit", "tuning", "active")},
            seed=state.seed,
        )
        memory.drawn.update({e.item: e.role for e in composed.entries if e.role in ("audit", "tuning")})
        return composed.entries[:count]

    return choose


choose = choose_by()


def auto(problem: Problem, seed: int) -> LabelkitLoop:
    """What a project with the default settings does."""
    return LabelkitLoop(problem, seed, train, choose)


def at_random(problem: Problem, seed: int) -> LabelkitLoop:
    """The same training and the same audit and tuning shares; everything else is asked at random."""
    return LabelkitLoop(problem, seed, train, choose_by({"random": 1.0}))
