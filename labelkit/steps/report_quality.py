"""The honest sections of a report: whether probabilities mean what they say, and which slices are worse."""

from __future__ import annotations

from typing import Final

import numpy as np

from labelkit.analysis.calibration import BINS, Calibration, measure_calibration
from labelkit.analysis.calibration_interval import ErrorInterval, error_interval
from labelkit.analysis.slices import SliceFigures
from labelkit.errors import StepMissing
from labelkit.report import (
    Block,
    Cell,
    CurvePoint,
    Facts,
    Gap,
    Group,
    Histogram,
    Measured,
    Missing,
    Reliability,
    Section,
    Share,
    Table,
)
from labelkit.report.text import count
from labelkit.steps.report_inputs import OUTPUTS, Inputs, untold
from labelkit.types import ABSTAIN, BoolArray, Estimate, FloatArray

_BINS: Final = 20
_SLICES: Final = 40
_STEP: Final = {"label_model": "label", "end_model": "train"}


def calibration(inputs: Inputs) -> Section:
    """Reliability, calibration error and distribution of the label model's and the end model's probabilities."""
    truth = inputs.truth
    blocks: list[Block] = []
    if not (truth.labels != ABSTAIN).any():
        blocks.append(_nothing_known())
    for output in _STEP:
        blocks.append(_output(inputs, output))
    intro = (
        f"Of the labels with a probability of 80%, 80% should be right. Measured against {truth.words}, which nothing"
        " has learned from."
    )
    simulated = f" {count(truth.simulated)} of the answers are simulated." if truth.simulated else ""
    return Section("calibration", "What probabilities mean", blocks, intro + simulated)


def _nothing_known() -> Missing:
    return Missing(
        "Nobody has answered an audit item, and no test item has a gold label: calibration cannot be measured.",
        "`labelkit rank` draws audit items, `labelkit serve` asks for them.",
    )


def _output(inputs: Inputs, output: str) -> Block:
    name = OUTPUTS[output]
    try:
        probabilities, opinion = _probabilities(inputs, output)
    except StepMissing as error:
        return Group(name.capitalize(), [untold(error)])
    top = probabilities[opinion].max(axis=1) if opinion.any() else np.empty(0)
    counts = np.bincount(np.clip((top * _BINS).astype(int), 0, _BINS - 1), minlength=_BINS)
    spread = Histogram(f"Probability of the label, {name}: all items with one", "probability", counts.tolist())
    found = measure_calibration(probabilities, inputs.truth.labels, opinion)
    if not found.n:
        return Group(name.capitalize(), [spread])
    known = np.where(opinion, inputs.truth.labels, ABSTAIN)
    interval = error_interval(probabilities, known, seed=inputs.workspace.seed)
    assert interval is not None
    points = [CurvePoint(b.low, b.high, b.confidence, b.accuracy) for b in found.top.equal_mass]
    curve = Reliability(f"Accuracy by confidence, {name}, {count(found.n)} known items", points)
    return Group(
        name.capitalize(), [Facts(_facts(found, interval)), Group("", [curve, spread], beside=True)],
    )  # fmt: skip


def _probabilities(inputs: Inputs, output: str) -> tuple[FloatArray, BoolArray]:
    """Class probabilities (n, k), and the items that the model has an opinion on."""
    step = _STEP[output]
    run = inputs.workspace.need_fresh(step, f"the calibration of the {OUTPUTS[output]}")
    if output == "end_model":
        return inputs.workspace.predictions(run), np.ones(len(inputs.truth.labels), dtype=bool)
    return inputs.workspace.label_probabilities(run)[0], inputs.covered


def _facts(found: Calibration, interval: ErrorInterval) -> list[tuple[str, Cell]]:
    curve, over = found.top, interval.over
    debiased = Estimate(curve.ece_debiased, interval.low, interval.high, found.n)
    sure = over.low > 0 or over.high < 0
    return [
        ("right", Measured(curve.accuracy, curve.confidence)),
        ("mean probability", Share(curve.confidence)),
        ("mean probability less accuracy, points", Gap(over.value, over.low, over.high, sure, found.n)),
        ("expected calibration error, less what chance adds", Measured(debiased)),
        (
            "the same as usually computed",
            f"{curve.ece:.1%} in {BINS} bins of equal width, n = {count(found.n)}; by chance alone, probabilities that"
            f" mean what they say would show up to {interval.chance:.1%}",
        ),
    ]


def slices(inputs: Inputs) -> Section:
    """Accuracy slice by slice, the worst first."""
    found = inputs.slices
    if not found.slices:
        hint = "Set [slices] fields in `labelkit.toml`, or write slicing functions."
        nothing = Missing("There are no slices.", hint)
        return Section(
            "slices",
            "Slices",
            [nothing],
        )
    whole = found.whole
    first, *others = found.outputs
    columns = ["slice", "items", "coverage", f"right: {OUTPUTS[first]}", "to the rest, points"]
    columns += [f"right: {OUTPUTS[output]}" for output in others]
    mark = whole.scores[0].accuracy.value if whole.known else None
    order = f"worst first by the {OUTPUTS[first]}" if whole.known else "least covered first"
    table = Table(
        f"Slices, {order}",
        columns,
        [_slice(whole, mark), *(_slice(each, mark) for each in found.slices)],
        most=_SLICES + 1,
        rest="`labelkit slices --limit 1000` shows them all",
        legend="The line marks the accuracy of all items. A slice comes first if it is bad even at the upper end of its"
        " interval. * more than chance, at a false discovery rate of 5% over the slices compared.",
    )
    intro = f"Accuracy is against {found.reference}; {count(found.tested)} slices could be compared with the rest."
    return Section("slices", "Slices", [table], intro)


def _slice(figures: SliceFigures, mark: float | None) -> list[Cell]:
    first, *others = figures.scores
    difference = first.difference
    gap = None
    if difference is not None:
        gap = Gap(difference.value, difference.low, difference.high, difference.beyond_chance)
    return [
        figures.name, figures.items, Share(figures.coverage), Measured(first.accuracy, mark), gap,
        *(Measured(each.accuracy, drawn=False) for each in others),
    ]  # fmt: skip
