"""Label: vote columns → one probability per class and item, through a label model."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np

from labelkit import registry
from labelkit.analysis import Score, score
from labelkit.annotate import HumanLabels
from labelkit.errors import LabelModelError, StepMissing
from labelkit.labelmodels import AutoLabelModel, LabelModel, VoteStatistics, held_out, label_model
from labelkit.labelmodels import covered as voted_on
from labelkit.labelmodels.wording import is_unseen_note
from labelkit.steps.label_settings import configured_label_model, naming_the_settings
from labelkit.steps.label_words import metrics_now, named_classes, standing_sentence
from labelkit.steps.opinions import annotator_figures, consensus, opinions_digest
from labelkit.steps.workspace import Workspace, digest
from labelkit.store import Run
from labelkit.types import ABSTAIN, SHARD_SIZE, BoolArray, FloatArray, IntArray

UNSEEN_SHARE = 1e-6
FEWEST_TUNING = 20
"""Tuning labels on covered items from which on probabilities are calibrated."""
PRIOR_STRENGTH = 100.0
"""Pseudo-answers behind the uniform class balance. A balance taken from few labels was measured to
hurt (80.4 against 82.1 mean accuracy over 16 sets with 100 labels), so people's answers move it slowly."""


@dataclass
class LabelResult:
    """What a label run found. Scores are on gold test items: label model and majority vote.

    ``chosen`` is the model that ``auto`` chose; ``why`` says in sentences why, and how it stands against
    majority vote (figures in ``standing``). ``calibration`` is the temperature that probabilities were changed
    by, if they were; ``annotators`` what the answers say about the reliability of those who gave them.
    """

    model: str
    items: int
    covered: int
    labeled: int
    class_counts: dict[str, int]
    class_balance: dict[str, float]
    human: int
    agreement_with_majority: float
    scores: dict[str, Any]
    notes: list[str]
    run: int
    reused: bool
    seconds: float
    chosen: str | None = None
    why: list[str] = field(default_factory=list)
    standing: dict[str, Any] | None = None
    calibration: dict[str, Any] | None = None
    annotators: list[dict[str, Any]] = field(default_factory=list)


def vote_matrix(workspace: Workspace, run: Run) -> IntArray:
    """The label matrix L (n, m) of a vote run, as class indices of today's schema.

    Raises
    ------
    StepMissing
        If items came or changed after the run.
    """
    return workspace.schema.to_indices(workspace.store.votes.matrix(_columns(workspace, run), run.parameters["shards"]))


def item_votes(workspace: Workspace, run: Run, number: int) -> IntArray:
    """One item's row (m,) of :meth:`vote_matrix`; only its shard is read."""
    shard, row = divmod(number, SHARD_SIZE)
    columns = _columns(workspace, run)
    votes = workspace.store.votes.matrix(columns, run.parameters["shards"][shard : shard + 1])
    return workspace.schema.to_indices(votes[row])


def _columns(workspace: Workspace, run: Run) -> list[str]:
    """Fingerprints of a vote run's functions, if their votes on the present items are all there."""
    digests = workspace.store.items.shard_digests()
    if digests != run.parameters["shards"]:
        latest = workspace.need("vote", "reading votes")
        step = "label" if latest.parameters["shards"] == digests else "vote"
        raise StepMissing(
            f"items came or changed after the last `labelkit {step}`", hint=f"Run `labelkit {step}` again"
        )
    present = workspace.store.votes.present(digests)
    functions = run.parameters["functions"]
    missing = [f["name"] for f in functions if any((f["fingerprint"], shard) not in present for shard in digests)]
    if missing:
        raise StepMissing(f"the votes of {', '.join(missing)} are incomplete", hint="Run `labelkit vote` again")
    return [f["fingerprint"] for f in functions]


def people_digest(people: HumanLabels) -> str:
    """Identity of all that a label run takes from people."""
    return digest(people.teaching, people.tuning & people.asked, opinions_digest(people))


def unseen_classes(workspace: Workspace, people: HumanLabels, L: IntArray) -> list[int]:
    """Indices of classes that no function votes for and that nobody gave to an item."""
    seen = np.zeros(workspace.schema.cardinality + 1, dtype=bool)  # abstain (−1) marks the last place
    seen[workspace.schema.to_indices(people.teaching)] = True
    for first in range(0, len(L), SHARD_SIZE):
        if seen[:-1].all():
            break
        seen[L[first : first + SHARD_SIZE]] = True
    return [int(c) for c in np.flatnonzero(~seen[:-1])]


def class_balance(workspace: Workspace, people: HumanLabels, unseen: Sequence[int] = ()) -> list[float]:
    """Class shares from answers to items drawn at random, shrunk to uniform; sums to one.

    A class without any evidence gets next to nothing: it would attract labels out of thin air.
    """
    schema = workspace.schema
    drawn = schema.to_indices(people.drawn_at_random)
    counts = np.bincount(drawn[drawn != ABSTAIN], minlength=schema.cardinality)
    k = schema.cardinality
    shares = (counts + PRIOR_STRENGTH / k) / (counts.sum() + PRIOR_STRENGTH)
    shares[list(unseen)] = UNSEEN_SHARE
    return [float(share) for share in shares / shares.sum()]


def make_label_model(workspace: Workspace, people: HumanLabels, unseen: Sequence[int] = ()) -> LabelModel:
    """The configured label model, unfitted, with the project's seed and class balance where it takes them."""
    settings = workspace.config.label_model
    cls = registry.resolve("label_models", settings.name)
    ours: dict[str, Any] = {"seed": workspace.seed}
    if unseen or not cls.learns_class_balance:
        ours["class_balance"] = class_balance(workspace, people, unseen)
    return configured_label_model(settings, workspace.schema.cardinality, ours)


def label(workspace: Workspace, *, force: bool = False) -> LabelResult:
    """Fit the label model on the training items' votes and label all items.

    A run with the same inputs as the last one is not repeated, unless ``force``.

    Raises
    ------
    StepMissing
        If `vote` has not run on the present items.
    LabelModelError
        If the votes cannot be learned from.
    """
    started = time.perf_counter()
    votes_run = workspace.need("vote", "labelling")
    people = workspace.people()
    L = vote_matrix(workspace, votes_run)
    rows = workspace.training_rows(people)
    unseen = unseen_classes(workspace, people, L)
    model = make_label_model(workspace, people, unseen)
    teaching = workspace.schema.to_indices(people.teaching)
    gold = workspace.test_gold()
    inputs = digest(
        votes_run.inputs, workspace.schema.ids, model.get_params(), rows, people_digest(people), gold,
        workspace.versions, workspace.config.label_model.name,
    )  # fmt: skip
    latest = workspace.store.runs.latest("label")
    if latest is not None and latest.inputs == inputs and not force:
        told = metrics_now(workspace, latest)
        return LabelResult(**told, run=latest.id, reused=True, seconds=time.perf_counter() - started)
    if not rows.any():
        raise LabelModelError(
            f"none of the {len(rows):,} items is in the train split, so there is nothing to learn from",
            hint="Import items whose split is train or empty",
        )
    names = [f["name"] for f in votes_run.parameters["functions"]]
    with naming_the_settings(workspace.config.label_model):
        fitted = fit_to_answers(model, L[rows], teaching[rows], (people.tuning & people.asked)[rows], names)
    metrics, probabilities, decided = _measure(workspace, model, L, people, gold)
    metrics |= fitted | {"annotators": annotator_figures(consensus(workspace, people))}
    _put_in_words(workspace, metrics, fitted, unseen)
    state, arrays = model.to_state()
    run = workspace.store.runs.finish(
        "label",
        parameters={
            "model": workspace.config.label_model.name,
            "options": model.get_params(),
            "vote_run": votes_run.id,
            "vote_inputs": votes_run.inputs,
            "functions": votes_run.parameters["functions"],
            "class_ids": list(workspace.schema.ids),
            "class_names": list(workspace.schema.names),
            "items": len(L),
            "content": workspace.content(),
            "people": people_digest(people),
        },
        inputs=inputs,
        versions=workspace.versions,
        seconds=time.perf_counter() - started,
        metrics=metrics,
        seed=workspace.seed,
        state=state,
        arrays=arrays,
        labels=(probabilities, workspace.schema.to_ids(decided)),
    )
    return LabelResult(**metrics, run=run, reused=False, seconds=time.perf_counter() - started)


def _put_in_words(
    workspace: Workspace, metrics: dict[str, Any], fitted: Mapping[str, Any], unseen: Sequence[int]
) -> None:
    """Say in ``metrics`` how the model stands, and which classes got no labels."""
    if fitted["standing"] is not None:
        metrics["why"] = [fitted["why"][0], standing_sentence(workspace, fitted["standing"], metrics["scores"])]
    without = _without_labels(unseen, metrics["class_counts"], workspace.schema.names)
    if without:  # says in names what the model says in numbers
        metrics["notes"] = [note for note in metrics["notes"] if not is_unseen_note(note)] + without


def _without_labels(unseen: Sequence[int], counts: Mapping[str, int], names: Sequence[str]) -> list[str]:
    """A note on classes that nothing speaks for and that got no labels."""
    missing = [names[c] for c in unseen if not counts[names[c]]]
    if not missing:
        return []
    gets = "it gets" if len(missing) == 1 else "they get"
    return [f"no function votes for {', '.join(missing)} and nobody labeled an item so: {gets} no labels"]


def _measure(
    workspace: Workspace, model: LabelModel, L: IntArray, people: HumanLabels, gold: IntArray
) -> tuple[dict[str, Any], FloatArray, IntArray]:
    schema = workspace.schema
    probabilities, decided = model.label(L)
    majority_p, majority_y = label_model("majority", cardinality=schema.cardinality).fit(L).label(L)
    covered = voted_on(L)
    both = (decided != ABSTAIN) & (majority_y != ABSTAIN)
    scores = {
        "label_model": as_dict(score(probabilities, gold, covered)),
        "majority": as_dict(score(majority_p, gold, covered)),
    }
    human = schema.to_indices(people.teaching)
    notes = [note for note in model.notes if note not in model.diagnostics.get("told", ())]
    metrics = {
        "model": workspace.config.label_model.name,
        "items": len(L),
        "covered": int(covered.sum()),
        "labeled": int((decided != ABSTAIN).sum()),
        "class_counts": {name: int((decided == i).sum()) for i, name in enumerate(schema.names)},
        "class_balance": dict(zip(schema.names, _balance_of(model, schema.cardinality), strict=True)),
        "human": int((human != ABSTAIN).sum()),
        "agreement_with_majority": float((decided == majority_y)[both].mean()) if both.any() else float("nan"),
        "scores": scores,
        "notes": named_classes(notes, model.diagnostics, schema.names),
    }
    return metrics, probabilities, decided


def _balance_of(model: LabelModel, cardinality: int) -> list[float]:
    """Class shares that items start from: as the model has them, or those it was given if it only counts votes."""
    if model.unit == "log-odds":
        start = np.exp(model.log_prior - model.log_prior.max())
        return [float(share) for share in start / start.sum()]
    given = model.get_params().get("class_balance")
    return [float(share) for share in given] if given is not None else [1 / cardinality] * cardinality


def fit_to_answers(
    model: LabelModel, L: IntArray, gold: IntArray, tuning: BoolArray, names: Sequence[str]
) -> dict[str, Any]:
    """Fit a label model, which learns from the tuning labels only, and calibrate it on them; figures for the run.

    Parameters
    ----------
    L, gold
        Rows (n, m) to learn from, and people's labels of them (n,), −1 where unknown.
    tuning
        Shape (n,): items drawn at random for tuning.
    """
    # Answers to items that a queue chose are no sample: weights learned from them were measured to do worse than none.
    gold = np.where(tuning, gold, ABSTAIN)
    known = gold != ABSTAIN
    drawn = known & voted_on(L)
    if isinstance(model, AutoLabelModel):
        model.fit(L, gold, names=names)
        why, standing = list(model.diagnostics["told"]), model.diagnostics["standing"]
        chosen: str | None = model.chosen.name
    else:
        model.fit(L, gold=gold, names=names)
        why, standing, chosen = [], None, None
        if drawn.sum() >= FEWEST_TUNING:
            statistics = VoteStatistics.from_votes(L, model.cardinality)
            judged = held_out(statistics, L[known], gold[known], partial(_again, model), seed=0)
            model.calibrate(judged[drawn[known]], gold[drawn])
    calibration = None if model.calibration is None else asdict(model.calibration)
    return {"chosen": chosen, "why": why, "standing": standing, "calibration": calibration}


def _again(model: LabelModel) -> LabelModel:
    """An unfitted model with the same parameters."""
    return type(model)(**model.get_params())


def as_dict(result: Score) -> dict[str, Any]:
    """A score as JSON-able figures."""
    return asdict(result)
