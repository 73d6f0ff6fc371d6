"""Simulate: answer the queue from gold labels, batch by batch, to show what the loop brings."""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from labelkit.analysis import score
from labelkit.annotate import HumanLabels
from labelkit.errors import AnnotationError
from labelkit.progress import Advance
from labelkit.steps.labeling import label
from labelkit.steps.ranking import rank
from labelkit.steps.stopping import stopping
from labelkit.steps.training import TrainResult, train
from labelkit.steps.workspace import Workspace
from labelkit.store import NewAnnotation, Store
from labelkit.types import ABSTAIN, QueueEntry

SIMULATED_ANNOTATOR = "simulated"


@dataclass
class CurvePoint:
    """The loop after so many answers. Accuracies are of the shipped end model.

    ``pool_accuracy`` is on all items of the train split with gold, people's answers not put in;
    ``test_accuracy`` on gold test items; ``audit`` the estimate that a project without gold would have.
    """

    answers: int
    pool_accuracy: float | None
    test_accuracy: float | None
    audit: dict[str, Any]


@dataclass
class SimulateResult:
    """The learning curve, the roles that answers had, and what came of each batch."""

    answers: int
    asked: int
    kept: bool
    curve: list[CurvePoint] = field(default_factory=list)
    roles: dict[str, int] = field(default_factory=dict)
    strategies: dict[str, int] = field(default_factory=dict)
    """Answers by the strategy that asked; ``random`` for items drawn for the audit and for tuning."""
    reasons: list[str] = field(default_factory=list)
    """Why items were asked: the first and the last of each role and strategy, with the answers given before."""
    stopping: dict[str, Any] = field(default_factory=dict)
    """Whether one can stop now; see :class:`labelkit.query.stopping.Advice`."""
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0


def simulate(workspace: Workspace, *, answers: int, batch: int = 25, keep: bool = False) -> SimulateResult:
    """Answer ``answers`` queued items from gold labels, refitting everything after each batch.

    It works on a copy of the project file, unless ``keep``: then the answers stay, marked simulated.

    Raises
    ------
    AnnotationError
        If no item of the pool has a gold label.
    """
    if answers < 1 or batch < 1:
        raise AnnotationError(f"cannot simulate {answers} answers in batches of {batch}", hint="Both are at least 1")
    started = time.perf_counter()
    workspace.need_fresh("train", "simulating")
    if keep:
        result = _loop(workspace, answers, batch)
    else:
        with tempfile.TemporaryDirectory(prefix="labelkit-simulate-") as folder:
            copy = Path(folder) / workspace.store.path.name
            workspace.store.database.backup(copy)
            with Store(copy) as store:
                result = _loop(replace(workspace, store=store), answers, batch)
    result.kept = keep
    result.seconds = time.perf_counter() - started
    return result


def _loop(workspace: Workspace, answers: int, batch: int) -> SimulateResult:
    gold = workspace.store.items.gold()
    result = SimulateResult(answers=0, asked=answers, kept=False)
    with workspace.progress.track("simulating answers", answers) as advance:
        trained = _refit(workspace)
        result.curve.append(_point(workspace, trained, 0))
        while result.answers < answers:
            ranked = rank(workspace, size=max(batch * 4, workspace.config.query.size), simulating=True)
            asked = [e for e in ranked.queue if gold[e.item] != ABSTAIN][: min(batch, answers - result.answers)]
            if not asked:
                break
            _answer(workspace, asked, result, advance)
            trained = _refit(workspace)
            result.curve.append(_point(workspace, trained, result.answers))
        rank(workspace)
    result.stopping = asdict(stopping(workspace))
    result.reasons = _chosen_reasons(result.reasons)
    if result.answers == 0:
        raise AnnotationError(
            "no item in the queue has a gold label to answer from",
            hint="Import gold labels for items of the train split, or answer for real with `labelkit serve`",
        )
    if result.answers < answers:
        result.notes.append(f"only {result.answers} of {answers} answers: the queue has no more items with gold labels")
    return result


def _refit(workspace: Workspace) -> TrainResult:
    label(workspace)
    return train(workspace)


def _answer(workspace: Workspace, asked: list[QueueEntry], result: SimulateResult, advance: Advance) -> None:
    gold = workspace.store.items.gold()
    workspace.store.people.append(
        [
            NewAnnotation(e.item, SIMULATED_ANNOTATOR, int(gold[e.item]), role=e.role, simulated=True)
            for e in asked
        ],
        actor=SIMULATED_ANNOTATOR,
    )  # fmt: skip
    for number, entry in enumerate(asked):
        result.roles[entry.role] = result.roles.get(entry.role, 0) + 1
        result.strategies[entry.strategy] = result.strategies.get(entry.strategy, 0) + 1
        result.reasons.append(
            f"{entry.role} by {entry.strategy}, after {result.answers + number} answers: {entry.reason}"
        )
    result.answers += len(asked)
    advance(len(asked))


def _chosen_reasons(reasons: list[str]) -> list[str]:
    """The first and the last of each role and strategy, in the order in which they were asked."""
    kinds: dict[str, list[int]] = {}
    for place, reason in enumerate(reasons):
        kinds.setdefault(reason.split(",", 1)[0], []).append(place)
    kept = {place for places in kinds.values() for place in (places[0], places[-1])}
    return [reason for place, reason in enumerate(reasons) if place in kept]


def _point(workspace: Workspace, trained: TrainResult, answers: int) -> CurvePoint:
    run = workspace.store.runs.get(trained.run)
    assert run is not None
    people: HumanLabels = workspace.people()
    gold = workspace.schema.to_indices(workspace.store.items.gold())
    predictions = workspace.predictions(run)
    in_pool = workspace.training_rows(people)
    pool = score(predictions, _only(gold, in_pool), in_pool)
    test = trained.scores["end_model"]["accuracy"]
    return CurvePoint(
        answers,
        pool.accuracy.value if pool.accuracy.n else None,
        test["value"] if test["n"] else None,
        {key: trained.audit[key] for key in ("value", "low", "high", "n")},
    )


def _only(gold: Any, rows: Any) -> Any:
    out = gold.copy()
    out[~rows] = ABSTAIN
    return out


def curve_as_json(result: SimulateResult) -> dict[str, Any]:
    """The result as one JSON object; ``audit`` in the curve has the keys estimate, low, high, n."""
    data = asdict(result)
    for point in data["curve"]:
        point["audit"] = {"estimate": point["audit"].pop("value"), **point["audit"]}
    return data
