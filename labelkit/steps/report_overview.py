"""The first sections of a report: the project in words, what to do next, and what was run."""

from __future__ import annotations

from collections.abc import Sequence

from labelkit.errors import LabelModelError, ProjectError
from labelkit.report import (
    Block,
    Cell,
    Facts,
    Figure,
    Figures,
    Group,
    Measured,
    Missing,
    Section,
    Share,
    Steps,
    Table,
    Words,
)
from labelkit.report.text import count
from labelkit.steps.report_inputs import OUT_OF_DATE, Inputs, estimate, untold
from labelkit.steps.status import STEPS
from labelkit.store import Run

_URGENT = 8
"""Next steps in the summary."""
_DIGITS = 12
"""Characters of the identity of a run's inputs."""
_ALSO = ("import", "slice")


def summary(inputs: Inputs) -> Section:
    """The state of the project in words and key figures, and the next steps."""
    now = inputs.status
    blocks: list[Block] = [Figures(_figures(inputs)), Words(_in_words(inputs))]
    stale = [f"`{state.step}` ({state.why})" for state in now.steps if state.state == "out of date"]
    if stale:
        blocks.append(Missing(f"{', '.join(stale)}.", "`labelkit run` brings everything up to date.", OUT_OF_DATE))
    try:
        steps = [step.sentence for step in inputs.errors.next_steps]
    except (ProjectError, LabelModelError) as error:
        steps = []
        blocks.append(untold(error))
    if steps:
        blocks.append(Group("Next steps", [Steps(steps, most=_URGENT, rest="`labelkit errors` tells them all")]))
    blocks.append(Words(f"Next command: {now.next}"))
    return Section("summary", "Summary", blocks)


def _figures(inputs: Inputs) -> list[Figure]:
    now, runs = inputs.status, inputs.workspace.store.runs
    splits = ", ".join(f"{count(number)} {split}" for split, number in now.splits.items())
    found = [
        Figure("Items", now.items, splits),
        Figure("Labeling functions", now.functions, f"{count(len(now.labels))} classes"),
    ]
    if now.coverage is not None:
        found.append(Figure("Covered", Share(now.coverage), "items with a vote, at the last `label`"))
    answered = f"annotators {count(now.annotators)}, skips {count(now.skips)}, gold labels {count(now.gold)}"
    found.append(Figure("Answers", now.answers, answered))
    label, train = runs.latest("label"), runs.latest("train")
    if label is not None:
        score = label.metrics["scores"]["label_model"]
        found.append(Figure("Labels right", Measured(estimate(score["covered_accuracy"])), "covered gold test items"))
    if train is not None:
        score = train.metrics["scores"]["end_model"]
        found.append(Figure("End model right", Measured(estimate(score["accuracy"])), "gold test items"))
        audit = estimate(train.metrics["audit"])
        if audit.n:
            found.append(Figure("End model right, audit", Measured(audit), _audit_words(train)))
    return found


def _audit_words(train: Run) -> str:
    simulated = train.metrics["audit"].get("simulated", 0)
    return "random items that people answered" + (f", {count(simulated)} of them simulated" if simulated else "")


def _in_words(inputs: Inputs) -> str:
    now = inputs.status
    if not now.items:
        return "There are no items yet."
    parts = [f"{count(now.items)} items are to be sorted into {count(len(now.labels))} classes."]
    label = inputs.workspace.store.runs.latest("label")
    if not now.functions:
        return f"{parts[0]} No labeling function has voted yet."
    if label is None:
        return f"{parts[0]} {count(now.functions)} labeling functions have voted; nothing is labeled yet."
    found = label.metrics
    model = "majority vote" if found["model"] == "majority" else f"the {found['model']} label model"
    parts.append(
        f"{count(now.functions)} labeling functions vote on {count(found['covered'])} of {count(found['items'])};"
        f" {model} labels {count(found['labeled'])}."
    )
    return " ".join([*parts, _against_majority(label), _people(inputs)]).strip()


def _against_majority(label: Run) -> str:
    scores = label.metrics["scores"]
    ours, theirs = (estimate(scores[who]["covered_accuracy"]) for who in ("label_model", "majority"))
    if not ours.n:
        return "No gold label of a test item tells how good these labels are."
    same = "" if label.metrics["model"] == "majority" else f"; majority vote gets {theirs.value:.1%} of them right"
    return (
        f"On {count(ours.n)} covered gold test items, {ours.value:.1%} [{ours.low:.1%}, {ours.high:.1%}] of the labels"
        f" are right{same}."
    )


def _people(inputs: Inputs) -> str:
    now = inputs.status
    if not (now.answers or now.simulated):
        return "Nobody has answered an item yet."
    simulated = f"; {count(now.simulated)} more are simulated" if now.simulated else ""
    disputed = f"; people disagree on {count(now.disputed)} items" if now.disputed else ""
    return f"People have given {count(now.answers)} answers{simulated}{disputed}."


def runs(inputs: Inputs) -> Section:
    """Every step's last run: its number, seed and inputs; then versions. No times: they would differ each time."""
    store = inputs.workspace.store.runs
    latest = {step: store.latest(step) for step in (*_ALSO[:1], *STEPS, *_ALSO[1:])}
    states = {state.step: (state.state, state.why) for state in inputs.status.steps}
    rows = [_run(step, run, *states.get(step, ("", ""))) for step, run in latest.items() if run or step in STEPS]
    table = Table(
        "The last run of every step",
        ["step", "state", "run", "seed", "inputs", "with"],
        rows,
        text=frozenset({"state", "inputs", "with"}),
        legend="inputs: the first characters of the SHA-256 of everything that the run depended on.",
    )
    schema = inputs.workspace.schema
    facts: list[tuple[str, Cell]] = [
        ("project", inputs.workspace.config.project.name),
        ("seed", str(inputs.workspace.seed)),
        ("classes", f"{count(schema.cardinality)}"),
    ]
    blocks: list[Block] = [Facts(facts), table]
    versions = _versions([run for run in latest.values() if run is not None])
    if versions:
        blocks.append(Table("Versions that the runs were made with", ["package", "version", "steps"], versions,
                            text=frozenset({"version", "steps"})))  # fmt: skip
    return Section("runs", "What was run", blocks)


def _run(step: str, run: Run | None, state: str, why: str) -> list[Cell]:
    told = f"{state}: {why}" if why else state or "–"
    if run is None:
        return [step, told, None, None, None, f"`labelkit {step}` has not run"]
    seed = None if run.seed is None else str(run.seed)
    return [step, told, str(run.id), seed, f"`{run.inputs[:_DIGITS]}`" if run.inputs else None, _with(run)]


def _with(run: Run) -> str:
    """What a run used, in few words."""
    parameters = run.parameters
    if run.step == "import":
        return f"{count(run.metrics.get('added', 0))} items added, {count(run.metrics.get('changed', 0))} changed"
    for step, key, what in (("vote", "functions", "labeling functions"), ("slice", "slices", "slicing functions")):
        if run.step == step:
            return f"{count(len(parameters.get(key, ())))} {what}"
    model = parameters.get("model")
    name = model.get("name") if isinstance(model, dict) else model
    return f"{name}" if name else ""


def _versions(made: Sequence[Run]) -> list[list[Cell]]:
    """(package, version, steps that ran with it)."""
    steps: dict[tuple[str, str], list[str]] = {}
    for run in made:
        for package, version in run.versions.items():
            steps.setdefault((package, version), []).append(run.step)
    first = ("labelkit", "python")
    order = sorted(steps, key=lambda pair: (first.index(pair[0]) if pair[0] in first else 2, pair))
    return [[package, version, ", ".join(steps[package, version])] for package, version in order]
