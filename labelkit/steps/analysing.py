"""Analysis of the labeling functions, and the explanation of one item: figures read, nothing run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from labelkit.analysis import Explanation, explain_votes, lf_summary, vote_summary
from labelkit.errors import ProjectError, StepMissing
from labelkit.labelmodels import load_label_model
from labelkit.steps.error_analysis import top_steps
from labelkit.steps.labeling import item_votes, vote_matrix
from labelkit.steps.reference import known_labels
from labelkit.steps.reviewing_items import decisions_on
from labelkit.steps.training import current_end_model
from labelkit.steps.workspace import Workspace
from labelkit.store import Run
from labelkit.types import Estimate, Fault

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class FunctionRow:
    """One labeling function. Shares are of all items; ``accuracy`` is against the table's reference."""

    name: str
    kind: str
    place: str
    polarity: list[str]
    coverage: float
    overlap: float
    conflict: float
    accuracy: Estimate
    contradicted: int
    """Votes that people's answers contradict."""
    faults: int
    fault_examples: list[Fault]


@dataclass(frozen=True)
class FunctionTable:
    """The analysis of all functions; ``reference`` says in words what accuracies are measured against."""

    functions: list[FunctionRow]
    items: int
    coverage: float
    overlap: float
    conflict: float
    reference: str
    notes: list[str] = field(default_factory=list)
    next_steps: list[str] = field(default_factory=list)
    """What to do first; `labelkit errors` tells more."""

    def frame(self) -> pd.DataFrame:
        """The functions as a DataFrame, one row each."""
        import pandas as pd

        rows = []
        for function in self.functions:
            row = asdict(function)
            estimate = row.pop("accuracy")
            del row["fault_examples"]
            rows.append({**row, "accuracy": estimate["value"], "accuracy_low": estimate["low"],
                         "accuracy_high": estimate["high"], "n": estimate["n"]})  # fmt: skip
        return pd.DataFrame(rows)


def analyse_functions(workspace: Workspace) -> FunctionTable:
    """The analysis of the functions of the last `vote`.

    Raises
    ------
    StepMissing
        If `vote` has not run on the present items.
    """
    run = workspace.need("vote", "the analysis")
    L = vote_matrix(workspace, run)
    functions = run.parameters["functions"]
    reference = known_labels(workspace)
    notes = list(reference.notes)
    digests = run.parameters["shards"]
    faults = [workspace.store.votes.faults(f["fingerprint"], digests) for f in functions]
    schema = workspace.schema
    summaries = lf_summary(
        L,
        [f["name"] for f in functions],
        cardinality=schema.cardinality,
        gold=reference.labels,
        human=schema.to_indices(workspace.people().teaching),
        faults=[sum(count for count, _ in shards) for shards in faults],
        fault_examples=[[f for _, examples in shards for f in examples][:3] for shards in faults],
    )
    rows = [
        FunctionRow(
            name=s.name,
            kind=f["kind"],
            place=f["place"],
            polarity=[schema.names[c] for c in s.polarity],
            coverage=s.coverage,
            overlap=s.overlap,
            conflict=s.conflict,
            accuracy=s.accuracy,
            contradicted=s.contradicted,
            faults=s.faults,
            fault_examples=list(s.fault_examples),
        )
        for s, f in zip(summaries, functions, strict=True)
    ]
    silent = [row.name for row in rows if not row.polarity]
    if silent:
        notes.append(f"{', '.join(silent)} abstained on every item")
    whole = vote_summary(L)
    steps = top_steps(workspace)
    return FunctionTable(
        rows, whole.items, whole.coverage, whole.overlap, whole.conflict, reference.words, notes, steps
    )  # fmt: skip


@dataclass(frozen=True)
class ItemExplanation:
    """One item: who says what about its label. ``explanation`` is None before the first `label` run."""

    id: str
    text: str
    fields: dict[str, Any]
    split: str | None
    gold: str | None
    label: str | None
    source: str | None
    answers: list[dict[str, Any]]
    role: str | None
    explanation: Explanation | None
    notes: list[str]
    decisions: list[dict[str, Any]] = field(default_factory=list)
    """Reviewers' decisions in order, those that were taken back or replaced included."""
    outdated: str | None = None
    """What to run first, where models have labeled the item but its label is no longer known (None)."""


def explain_item(workspace: Workspace, item_id: str) -> ItemExplanation:
    """Why one item has its label.

    Raises
    ------
    ProjectError
        If there is no such item.
    """
    store, schema = workspace.store, workspace.schema
    number = store.items.number_of(item_id)
    if number is None:
        raise ProjectError(f"there is no item with the id {item_id!r}", hint="`labelkit export -` lists them all")
    item = store.items.get(number, schema)
    notes: list[str] = []
    explanation = _explanation(workspace, number, notes)
    label, source, outdated = _final(workspace, number, notes)
    answers = store.people.history(number)
    for answer in answers:
        answer["label"] = None if answer["label"] is None else schema.name_of(answer["label"])
    return ItemExplanation(
        id=item.id,
        text=item.text,
        fields=dict(item.fields),
        split=item.split,
        gold=None if item.gold is None else schema.name_of(item.gold),
        label=label,
        source=source,
        answers=answers,
        role=store.people.roles().get(number),
        explanation=explanation,
        notes=notes,
        decisions=decisions_on(workspace, number),
        outdated=outdated,
    )


def _final(workspace: Workspace, number: int, notes: list[str]) -> tuple[str | None, str | None, str | None]:
    """The label, its source, and what to run where it is out of date."""
    from labelkit.steps.exporting import final_label

    if number in workspace.people().disputed:
        notes.append("people disagree on this item: more answers, or a decision on the Review page, will decide it")
    try:
        return *final_label(workspace, number), None
    except StepMissing as error:
        notes.append(f"its label is not up to date: {error}")
        return None, None, error.hint or error.message


def _explanation(workspace: Workspace, number: int, notes: list[str]) -> Explanation | None:
    store, schema = workspace.store, workspace.schema
    run = store.runs.latest("label")
    if run is None or number >= run.parameters["items"]:
        notes.append("not labeled yet: run `labelkit label`")
        return None
    votes_run = store.runs.get(run.parameters["vote_run"])
    state = store.runs.model_state(run.id)
    assert votes_run is not None and state is not None
    if tuple(run.parameters["class_ids"]) != schema.ids:
        notes.append("the classes changed after the last `labelkit label`: run it again for an explanation")
        return None
    names = [f["name"] for f in votes_run.parameters["functions"]]
    try:
        return _explained(workspace, number, votes_run, state, names, notes)
    except StepMissing as error:
        notes.append(f"no explanation now: {error}")
        return None


def _explained(
    workspace: Workspace, number: int, votes_run: Run, state: Any, names: list[str], notes: list[str]
) -> Explanation:
    schema = workspace.schema
    votes = item_votes(workspace, votes_run, number)
    model = load_label_model(*state)
    if model.calibration is not None:
        notes.append(
            f"the label model's probabilities are calibrated ({model.calibration.why}); the log-odds are as before that"
        )
    end_model, features = _end_model_view(workspace, number, notes)
    return explain_votes(
        votes,
        names=names,
        class_names=schema.names,
        contributions=model.contributions(votes),
        log_prior=model.log_prior,
        probabilities=model.predict_proba(votes[None, :])[0],
        unit=model.unit,
        end_model=end_model,
        features=features,
    )


def _end_model_view(workspace: Workspace, number: int, notes: list[str]) -> tuple[Any, list[tuple[str, float]]]:
    """The end model's probabilities of one item and its strongest features, if it is trained and current."""
    run = workspace.store.runs.latest("train")
    label_run = workspace.store.runs.latest("label")
    if run is None or number >= run.parameters["items"]:
        return None, []
    probabilities = workspace.predictions(run)[number].astype(np.float64)
    if label_run is None or run.parameters["label_inputs"] != label_run.inputs:
        notes.append("the end model is older than the label model: run `labelkit train` to see its features")
        return probabilities, []
    if ":" in run.parameters["model"]["name"]:
        notes.append("the features of a custom end model are not shown: that would import its code")
        return probabilities, []
    try:
        model = current_end_model(workspace, run, workspace.people())
    except StepMissing as error:
        notes.append(f"the end model's features are not shown: {error}")
        return probabilities, []
    if model.explain_note:
        notes.append(model.explain_note)
    weights = model.explain(workspace.store.items.rows([number]), int(probabilities.argmax()))
    return probabilities, [(w.feature, w.weight) for w in weights]
