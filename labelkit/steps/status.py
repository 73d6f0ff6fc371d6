"""Status: how far each step is, what is out of date, what the figures are, what to do next."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from labelkit.annotate import HumanLabels
from labelkit.steps.dashboard_queue import answers_wanted
from labelkit.steps.edited import edited_since
from labelkit.steps.labeling import people_digest
from labelkit.steps.next_steps import actions, command, sentence
from labelkit.steps.ranking import pool_items
from labelkit.steps.reviewing_disputes import disputes
from labelkit.steps.stopping import stopping
from labelkit.steps.trainer_state import trainer_state
from labelkit.steps.workspace import Workspace, digest
from labelkit.store import Run

STEPS = ("vote", "label", "train", "rank")
_MODEL = ("content", "class_ids", "people")
_RESTS_ON = {
    "vote": ("shards",),
    "label": ("vote_inputs", *_MODEL),
    "train": ("label_inputs", *_MODEL),
    "rank": ("train_inputs", "pool"),
}
"""What the parameters of a run say that it was made from; runs of early versions do not say all of it."""


@dataclass(frozen=True)
class StepState:
    """One step: ``state`` is ``never ran``, ``up to date`` or ``out of date``; ``why`` says what changed."""

    step: str
    state: str
    why: str = ""
    run: int | None = None
    at: str | None = None
    seconds: float | None = None


@dataclass
class Status:
    """The project at a glance. ``scores`` and ``audit`` as in the last `train`, else empty."""

    name: str
    file: str
    labels: list[str]
    items: int
    splits: dict[str, int]
    gold: int
    functions: int
    coverage: float | None
    answers: int
    skips: int
    simulated: int
    annotators: int
    disputed: int
    to_decide: int
    """Disputed items about which nobody else is still to be asked."""
    flagged: int
    """Items that somebody flagged and nobody has decided."""
    steps: list[StepState]
    scores: dict[str, Any] = field(default_factory=dict)
    audit: dict[str, Any] = field(default_factory=dict)
    measured_by: int | None = None
    """The `train` run that ``scores`` and ``audit`` are of: what people answered since is not in them."""
    stopping: dict[str, Any] = field(default_factory=dict)
    """Whether one can stop asking people, and what is missing for it; see :class:`labelkit.query.stopping.Advice`."""
    queued: int = 0
    next: str = ""
    """The command for the most urgent of ``next_steps``, which are sentences."""
    next_steps: list[str] = field(default_factory=list)


def status(workspace: Workspace, reviewer: str | None = None) -> Status:
    """Read the state of every step; runs nothing, imports no project code.

    Labeling functions count as edited where their files, or the declarations of the workbench, were edited since the
    last `vote`; `vote` itself also sees what they rest on.

    Parameters
    ----------
    reviewer
        Who looks: nobody waits for the own answer to an item that is to be decided.
    """
    store = workspace.store
    people = workspace.people()
    splits: dict[str, int] = {}
    for split in store.items.splits():
        splits[split or "none"] = splits.get(split or "none", 0) + 1
    runs = {step: store.runs.latest(step) for step in STEPS}
    counts = store.people.counts()
    out = Status(
        name=workspace.config.project.name,
        file=str(store.path),
        labels=list(workspace.schema.names),
        items=store.items.count(),
        splits=splits,
        gold=int((store.items.gold() >= 0).sum()),
        functions=len(runs["vote"].parameters.get("functions", ())) if runs["vote"] else 0,
        coverage=_coverage(runs["label"]),
        answers=counts["labels"],
        skips=counts["skips"],
        simulated=counts["simulated"],
        annotators=counts["annotators"],
        disputed=len(people.disputed),
        to_decide=sum(not waits for waits in disputes(workspace, reviewer).values()) if people.disputed else 0,
        flagged=len(store.reviewable.flagged()),
        steps=_states(workspace, runs, people),
    )
    if runs["train"] is not None:
        out.scores, out.audit = runs["train"].metrics.get("scores", {}), runs["train"].metrics.get("audit", {})
        out.measured_by = runs["train"].id
        out.stopping = asdict(stopping(workspace))
    if runs["rank"] is not None:
        wanted = answers_wanted(workspace, store.runs.queue(runs["rank"].id))
        out.queued = sum(number > 0 for number in wanted.values())
    trainer = trainer_state(workspace)
    following = actions(workspace, out)
    out.next_steps = [sentence(action, trainer) for action in following]
    out.next = command(following[0], trainer)
    return out


def _coverage(run: Run | None) -> float | None:
    if run is None or not run.metrics.get("items") or "covered" not in run.metrics:
        return None
    return float(run.metrics["covered"] / run.metrics["items"])


def _states(workspace: Workspace, runs: dict[str, Run | None], people: HumanLabels) -> list[StepState]:
    states: list[StepState] = []
    for step in STEPS:
        run = runs[step]
        if run is None:
            states.append(StepState(step, "never ran"))
            continue
        if all(key in run.parameters for key in _RESTS_ON[step]):
            why = _changed(workspace, step, run, runs, people)
        else:
            why = "what it rests on is not known: run it again"
        if not why and states and states[-1].state != "up to date":
            why = f"{states[-1].step} is out of date"
        states.append(StepState(step, "out of date" if why else "up to date", why, run.id, run.started_at, run.seconds))
    return states


def _changed(workspace: Workspace, step: str, run: Run, runs: dict[str, Run | None], people: HumanLabels) -> str:
    """What happened since a step ran, in words; empty if nothing did."""
    parameters = run.parameters
    if step == "vote":
        same = parameters["shards"] == workspace.store.items.shard_digests()
        return edited_since(workspace, run) if same else "items came or changed"
    before = STEPS[STEPS.index(step) - 1]
    upstream = runs[before]
    if upstream is not None and parameters[f"{before}_inputs"] != upstream.inputs:
        return f"{before} has run since"
    if step == "rank":
        return "" if parameters["pool"] == digest(pool_items(workspace, people)) else "people have answered since"
    if parameters["content"] != workspace.content():
        return "items came or changed"
    if parameters["class_ids"] != list(workspace.schema.ids):
        return "the classes changed"
    return "" if parameters["people"] == people_digest(people) else "people have answered since"
