"""Versions of models and queues: which there are, and what is different between two of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from labelkit.errors import StepMissing
from labelkit.steps.comparing_figures import FigureChange, SettingChange, changed_figures, changed_settings
from labelkit.steps.comparing_results import PredictionChange, QueueChange, changed_predictions, changed_queue
from labelkit.steps.workspace import Workspace
from labelkit.store import KeptRun, Run

FLIPS = 10
"""Items that are shown by default."""
_UP = {"rank": ("train", "train_run"), "train": ("label", "label_run")}
"""Step → the step before it, and the parameter that names the run it rests on."""
_DOWN = {before: (step, parameter) for step, (before, parameter) in _UP.items()}
_STEPS = ("label", "train", "rank")


@dataclass
class RunList:
    """The runs of label, train and rank, the newest first. ``current``: the newest of each step."""

    runs: list[KeptRun]
    current: dict[str, int]


@dataclass(frozen=True)
class Version:
    """The runs that belong together: a label model, the end model trained on it, the queue ranked with that.

    ``run`` is the one that was asked for; those that never ran are None.
    """

    run: int
    step: str
    at: str
    label: int | None
    train: int | None
    rank: int | None


@dataclass
class RunComparison:
    """Two versions, and what is different.

    Attributes
    ----------
    first, second
        The two versions.
    settings
        Settings, functions, classes and library versions that differ.
    figures
        Figures that differ, the scores first.
    predictions
        What the end models predict; None where it cannot be compared, and ``notes`` say why.
    labels
        The same of the label models.
    queues
        What the queues have in common.
    notes
        What could not be compared, and what a reader has to know.
    """

    first: Version
    second: Version
    settings: list[SettingChange] = field(default_factory=list)
    figures: list[FigureChange] = field(default_factory=list)
    predictions: PredictionChange | None = None
    labels: PredictionChange | None = None
    queues: QueueChange | None = None
    notes: list[str] = field(default_factory=list)


def list_runs(workspace: Workspace, *, limit: int | None = None) -> RunList:
    """The runs there are, ``limit`` of each step, and which of them still have their results."""
    runs = workspace.store.runs.versions.listed(limit=limit)
    newest = {run.step: run.id for run in sorted(runs, key=lambda run: run.id)}
    return RunList(runs, newest)


def compare_runs(workspace: Workspace, first: int, second: int, *, flips: int = FLIPS) -> RunComparison:
    """Compare two versions; each is named by any of its runs.

    Parameters
    ----------
    flips
        How many items with another label are told.

    Raises
    ------
    StepMissing
        If there is no such run, or it is none of label, train and rank.
    """
    out = RunComparison(_version(workspace, first), _version(workspace, second))
    for step in _STEPS:
        one, other = getattr(out.first, step), getattr(out.second, step)
        if one is None or other is None:
            missing = out.first if one is None else out.second
            out.notes.append(f"there is no `labelkit {step}` of the version of run {missing.run}")
        elif one == other:
            out.notes.append(f"both versions have the same run of `labelkit {step}`: {one}")
        else:
            _compare(workspace, out, step, _run(workspace, one), _run(workspace, other), flips)
    return out


def _compare(workspace: Workspace, out: RunComparison, step: str, one: Run, other: Run, flips: int) -> None:
    out.settings += changed_settings(one, other)
    out.figures += changed_figures(one, other)
    try:
        if step == "rank":
            out.queues = changed_queue(workspace, one, other)
        elif step == "train":
            out.predictions = changed_predictions(workspace, one, other, flips)
        else:
            out.labels = changed_predictions(workspace, one, other, flips)
    except StepMissing as error:
        out.notes.append(f"{error.message}; the current run, the last three and pinned ones (`labelkit runs pin`) are")
    contents = [run.parameters.get("content") for run in (one, other)]
    if contents[0] != contents[1]:
        out.notes.append(f"items came or changed between the two runs of `labelkit {step}`")


def _version(workspace: Workspace, number: int) -> Version:
    """The runs that a run rests on, and the newest ones that rest on it."""
    run = _run(workspace, number)
    found: dict[str, int | None] = {run.step: run.id}
    upper: Run | None = run
    while upper is not None and upper.step in _UP:
        before, parameter = _UP[upper.step]
        rests_on = upper.parameters.get(parameter)
        found[before] = rests_on
        upper = None if rests_on is None else workspace.store.runs.get(rests_on)
    step = run.step
    while step in _DOWN:
        after, parameter = _DOWN[step]
        below = found[step]
        found[after] = None if below is None else workspace.store.runs.versions.resting_on(after, parameter, below)
        step = after
    return Version(run.id, run.step, run.started_at, found.get("label"), found.get("train"), found.get("rank"))


def _run(workspace: Workspace, number: int) -> Run:
    run = workspace.store.runs.get(number)
    if run is None or run.step not in _STEPS:
        what = "there is no such run" if run is None else f"it is a run of `labelkit {run.step}`"
        raise StepMissing(
            f"run {number} cannot be compared: {what}", hint="`labelkit runs` lists those of label, train and rank"
        )
    return run


def pin_run(workspace: Workspace, number: int, *, pinned: bool = True) -> KeptRun:
    """Keep a run's results until it is unpinned, or no longer.

    Raises
    ------
    StepMissing
        If there is no such run, or its results are gone already.
    """
    workspace.store.runs.pin(number, pinned)
    return next(run for run in workspace.store.runs.versions.listed() if run.id == number)


def as_words(out: RunComparison) -> list[str]:
    """The comparison in sentences, the most important first."""
    first, second = out.first, out.second
    words = []
    for what, found in (("end model", out.predictions), ("label model", out.labels)):
        if found is not None:
            words.append(
                f"{what}: {found.changed:,} of {found.compared:,} items ({found.share:.1%}) have another label in run"
                f" {_number(second, what)} than in run {_number(first, what)}"
            )
    if out.queues is not None:
        queues = out.queues
        words.append(
            f"queue: {queues.shared:,} items are in both ({queues.share:.0%} of the shorter);"
            f" {queues.answered:,} of the {queues.left:,} that left it have been answered"
        )
    same = "settings: none that is noted differs" if not out.settings else f"settings: {len(out.settings)} differ"
    return [*words, same]


def _number(version: Version, what: str) -> int | None:
    numbers = asdict(version)
    found: int | None = numbers["train" if what == "end model" else "label"]
    return found
