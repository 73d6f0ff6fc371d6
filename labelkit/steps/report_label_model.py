"""The label model's section of a report: what was chosen and why, how it stands against majority vote, the labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from labelkit.report import Bar, Block, Cell, Facts, Gap, Group, Measured, Missing, Number, Section, Share, Table, Words
from labelkit.report.text import count
from labelkit.steps.label_words import metrics_now
from labelkit.steps.report_inputs import OUT_OF_DATE, OUTPUTS, Inputs, estimate
from labelkit.store import Run

_TOLD: Final = ("chosen", "why", "standing", "candidates", "calibration", "annotators")
_CLASSES: Final = 30
_OPTIONS: Final = 20
_NO_OPTIONS: Final = ("cardinality", "class_balance")
"""Parameters of a model that the project gives it, and that other parts of the report tell."""
_TITLES: Final = {
    "name": "label model",
    "reliability": "agreement of two halves of the sources (kappa)",
    "gold_accuracy": "right on known labels",
}
"""What candidates' figures are called where their key does not say it."""


def label_model(inputs: Inputs) -> Section:
    """What the last `label` found; whatever it tells of its choice is shown, known to us or not."""
    run = inputs.workspace.need("label", "this part of the report")
    run = replace(run, metrics=metrics_now(inputs.workspace, run))
    told = _told(inputs, run)
    blocks: list[Block] = []
    state = next(state for state in inputs.status.steps if state.step == "label")
    if state.state != "up to date":
        blocks.append(Missing(_sentence(state.why), "Run `labelkit run`.", OUT_OF_DATE))
    blocks.append(Facts(_facts(run, told)))
    blocks += [Words(_sentence(each)) for each in dict.fromkeys([*_reasons(told), *run.metrics["notes"]])]
    blocks += _standing(told.get("standing"))
    blocks += _named_table("Label models that were considered", told.get("candidates"))
    blocks.append(_scores(inputs, run))
    blocks.append(_classes(run.metrics))
    blocks += _annotators(told.get("annotators"))
    return Section("label-model", "Label model", blocks)


def _told(inputs: Inputs, run: Run) -> dict[str, Any]:
    """What the label model tells of itself: in the run's metrics, else with the fitted model."""
    state = inputs.workspace.store.runs.model_state(run.id)
    kept = state[0].get("diagnostics", {}) if state is not None else {}
    own = {key: run.metrics[key] for key in _TOLD if run.metrics.get(key)}
    return {**kept, **own}


def _reasons(told: Mapping[str, Any]) -> list[str]:
    """Why this model was chosen: one sentence or several."""
    why = told.get("why") or ()
    return [why] if isinstance(why, str) else [str(each) for each in why]


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}" + ("" if words.endswith((".", "!", "?")) else ".")


def _facts(run: Run, told: Mapping[str, Any]) -> list[tuple[str, Cell]]:
    found: list[tuple[str, Cell]] = [("configured", f"{run.parameters['model']}")]
    if "chosen" in told:
        found.append(("chosen", f"{told['chosen']}"))
    metrics = run.metrics
    found += [
        ("items", f"{count(metrics['items'])}, {count(metrics['covered'])} with a vote,"
                  f" {count(metrics['labeled'])} labeled"),
        ("items that people labeled", metrics["human"]),
        ("agrees with majority vote, where that decides", Share(_number(metrics["agreement_with_majority"]))),
    ]  # fmt: skip
    found.append(("probabilities", _calibrated(told.get("calibration"))))
    options = {name: value for name, value in run.parameters["options"].items() if name not in _NO_OPTIONS}
    shown = [f"{name} = {_toml(value)}" for name, value in options.items() if value is not None][:_OPTIONS]
    found.append(("options", ", ".join(shown) or None))
    return found


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _toml(value: Any) -> str:
    """As it is written in the settings."""
    return str(value).lower() if isinstance(value, bool) else f"{value}"


def _calibrated(calibration: Any) -> Cell:
    """Whether known labels changed the probabilities, in words."""
    if not isinstance(calibration, Mapping) or not calibration.get("used"):
        return "as the label model gives them: too few tuning answers to calibrate on"
    return f"calibrated: {calibration['why']}"


def _is_estimate(figures: Mapping[str, Any]) -> bool:
    return {"value", "low", "high", "n"} <= figures.keys()


def _cell(value: Any) -> Cell:
    if value is None:
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return Measured(estimate(value)) if _is_estimate(value) else ", ".join(f"{k} {v}" for k, v in value.items())
    if isinstance(value, float):
        return Number(value, 3)
    return value if isinstance(value, (int, str)) else ", ".join(str(each) for each in value)


def _standing(standing: Any) -> list[Block]:
    """How the labels stand against majority vote, drawn."""
    if not isinstance(standing, Mapping) or not {"lead", "low", "high"} <= standing.keys():
        return []
    n = standing.get("gold_n") or 0
    low, high = float(standing["low"]), float(standing["high"])
    lead = Gap(float(standing["lead"]), low, high, sure=bool(n) and (low > 0 or high < 0), n=n or None)
    on = "no known labels: the model's own estimate"
    if n:
        on = f"{count(n)} covered items with known labels, each by a model that had not seen its label"
    facts: list[tuple[str, Cell]] = [("accuracy less that of majority vote, points", lead), ("measured on", on)]
    differs = float(standing.get("differs") or 0.0)
    facts.append(("decided otherwise, of covered items", Share(differs)))
    if differs:
        facts.append(("ties of majority vote among these", Share(float(standing.get("of_ties") or 0.0) / differs)))
    return [Group("Against majority vote", [Facts(facts)])]


def _named_table(caption: str, entries: Any) -> list[Block]:
    """A table of entries with a name, and with whatever is told of each; estimates are drawn."""
    rows = [dict(one) for one in entries or () if isinstance(one, Mapping) and "name" in one]
    if not rows:
        return []
    told = dict.fromkeys(key for row in rows for key, value in row.items() if key != "name" and value is not None)
    keys = ["name", *told]
    titles = [_TITLES.get(key, key.replace("_", " ")) for key in keys]
    text = {
        title for key, title in zip(keys, titles, strict=True) if any(isinstance(row.get(key), str) for row in rows)
    }
    return [Table(caption, titles, [[_cell(row.get(key)) for key in keys] for row in rows], text=frozenset(text))]


def _annotators(entries: Any) -> list[Block]:
    """How often each person who answered seems to be right."""
    rows: list[list[Cell]] = [
        [str(one["annotator"]), Measured(estimate(one))]
        for one in entries or ()
        if isinstance(one, Mapping) and "annotator" in one and _is_estimate(one)
    ]
    if not rows:
        return []
    legend = "Estimated from answers that another answer or a decision can be held against; n is their number."
    return [Table("People who answered", ["annotator", "right"], rows, most=_CLASSES, legend=legend)]


def _scores(inputs: Inputs, run: Run) -> Block:
    """Label model, majority vote and end model on gold test items, with intervals."""
    scores = dict(run.metrics["scores"])
    train = inputs.workspace.store.runs.latest("train")
    if train is not None and train.parameters.get("label_run") == run.id:
        scores = {**scores, **train.metrics["scores"]}
    n = max((estimate(score["accuracy"]).n for score in scores.values()), default=0)
    if not n:
        return Missing(
            "No test item has a gold label: how many labels are right is not known.",
            "Import gold labels for a test split, or answer audit items: `labelkit rank` draws them, `labelkit serve`"
            " asks for them.",
        )
    rows = [
        [OUTPUTS.get(name, name), Measured(estimate(score["covered_accuracy"])), Measured(estimate(score["accuracy"])),
         Share(_number(score["coverage"]))]
        for name, score in scores.items()
    ]  # fmt: skip
    return Table(
        "Accuracy on gold test items",
        ["labels of", "right, where covered", "right, of all", "covered"],
        rows,
        legend="An uncovered item counts as a guess; a tie as a uniform choice among the tied classes.",
    )


def _classes(metrics: Mapping[str, Any]) -> Block:
    """Labels of each class, most frequent first, and the class balance that items start from."""
    counts: Mapping[str, int] = metrics["class_counts"]
    balance: Mapping[str, Any] = metrics["class_balance"]
    longest = max([*counts.values(), 1])
    labeled = max(sum(counts.values()), 1)
    names: Sequence[str] = sorted(counts, key=lambda name: (-counts[name], name))
    return Table(
        "Labels of each class",
        ["class", "labels", "of all labels", "class balance"],
        [
            [name, Bar(counts[name], longest), Share(counts[name] / labeled), Share(_number(balance.get(name)))]
            for name in names
        ],
        most=_CLASSES,
        rest="`labelkit label --json` has them all",
    )
