"""Slices: the figures of labels and predictions for groups of items. Nothing is run, results are read."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from labelkit.analysis import Output, Slice, SliceFigures, number_slices, slice_figures, value_slices
from labelkit.annotate import HumanLabels
from labelkit.errors import ConfigError, StepMissing
from labelkit.labelmodels import covered as voted_on
from labelkit.labelmodels import label_model
from labelkit.steps.labeling import vote_matrix
from labelkit.steps.workspace import Workspace
from labelkit.store import Run
from labelkit.store.columns import column_name
from labelkit.types import ABSTAIN, BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    import pandas as pd

WORDS: Final = "words"
"""The built-in slices by the number of words in the text."""
BUILT_IN: Final = (WORDS, "split", "source")
OUTPUTS: Final = {"end_model": "train", "label_model": "label", "majority": "vote"}
"""What is measured, and the step that makes it; the first that there is decides the order of the slices."""
_MOST_DISTINCT: Final = 20
"""With ``fields = "auto"``, a text field with more different values is left out: it may be an id."""


@dataclass(frozen=True)
class SliceTable:
    """The slices, worst first.

    Attributes
    ----------
    slices
        One entry each.
    whole
        All items together.
    outputs
        Names of what was measured; the first decides the order.
    reference
        In words, what accuracies are measured against.
    tested
        Slices that the first output's difference to the rest was tested on.
    notes
        What is missing, and what to know before believing the figures.
    """

    slices: list[SliceFigures]
    whole: SliceFigures
    outputs: list[str]
    reference: str
    tested: int
    notes: list[str] = field(default_factory=list)

    def frame(self) -> pd.DataFrame:
        """One row for each slice and output."""
        import pandas as pd

        return pd.DataFrame([row for each in (self.whole, *self.slices) for row in _rows(each)])


def analyse_slices(workspace: Workspace, *, by: str | None = None, output: str | None = None) -> SliceTable:
    """Figures of every slice of the items.

    Accuracies come from answers to audit items and gold labels of test items only.

    Parameters
    ----------
    by
        Look at the slices by this field only (or ``words``, ``split``, ``source``).
    output
        What decides the order: ``end_model``, ``label_model`` or ``majority``; by default the first of
        these that is up to date.

    Raises
    ------
    StepMissing
        If `vote` has not run on the present items.
    ConfigError
        If there is no such field or output, or the field's values are lists or objects.
    """
    if output is not None and output not in OUTPUTS:
        raise ConfigError(f"--output is {output!r}, expected one of {', '.join(OUTPUTS)}")
    votes_run = workspace.need("vote", "slices")
    L = vote_matrix(workspace, votes_run)
    covered = voted_on(L)
    notes: list[str] = []
    truth, words = _truth(workspace, workspace.people(), notes)
    slices = _slices(workspace, by, notes)
    outputs = _outputs(workspace, L, covered, notes)
    if output is not None:
        workspace.need(OUTPUTS[output], f"ordering slices by the {output.replace('_', ' ')}")
        outputs.sort(key=lambda each: each.name != output)
    everything = Slice("all items", "all", np.ones(len(L), dtype=bool))
    (whole,) = slice_figures([everything], outputs, truth, covered)
    found = slice_figures(slices, outputs, truth, covered)
    tested = sum(bool(f.scores) and f.scores[0].difference is not None for f in found)
    return SliceTable(found, whole, [o.name for o in outputs], words, tested, notes)


def _truth(workspace: Workspace, people: HumanLabels, notes: list[str]) -> tuple[IntArray, str]:
    """Known labels that nothing has learned from, and what they are in words."""
    audited, gold = workspace.schema.to_indices(people.audited), workspace.test_gold()
    known = np.where(audited != ABSTAIN, audited, gold)
    answers, n = int((audited != ABSTAIN).sum()), int((known != ABSTAIN).sum())
    if not n:
        notes.append(
            "no accuracies: nobody has answered an audit item, and no test item has a gold label;"
            " `labelkit rank` draws audit items, `labelkit serve` asks for them"
        )
        return known, "nothing"
    simulated = int((people.simulated & (audited != ABSTAIN)).sum())
    if simulated:
        notes.append(f"{simulated:,} of the audit answers are simulated")
    parts = [f"{n - answers:,} gold labels of test items"] if n > answers else []
    parts += [f"{answers:,} audit answers"] if answers else []
    return known, " and ".join(parts)


def _outputs(workspace: Workspace, L: IntArray, covered: BoolArray, notes: list[str]) -> list[Output]:
    """End model, label model, majority vote: those that are up to date, in this order."""
    found: list[Output] = []
    for output in ("end_model", "label_model"):
        step, name = OUTPUTS[output], output.replace("_", " ")
        if workspace.store.runs.latest(step) is None:
            notes.append(f"no {name}: `labelkit {step}` has not run")
            continue
        try:
            run = workspace.need_fresh(step, f"slices of the {name}")
        except StepMissing as error:
            notes.append(f"the {name} is left out: {error}")
            continue
        found.append(Output(output, *_of_run(workspace, step, run, covered)))
    majority = label_model("majority", cardinality=workspace.schema.cardinality).fit(L).predict_proba(L)
    return [*found, Output("majority", majority, covered)]


def _of_run(workspace: Workspace, step: str, run: Run, covered: BoolArray) -> tuple[FloatArray, BoolArray]:
    if step == "train":
        return workspace.predictions(run), np.ones(len(covered), dtype=bool)
    return workspace.label_probabilities(run)[0], covered


def _slices(workspace: Workspace, by: str | None, notes: list[str]) -> list[Slice]:
    """The slices asked for; built-in ones give way to a field of the same name."""
    types = workspace.store.items.field_types()
    minimum = workspace.config.slices.minimum
    if by is not None:
        _check_field(by, types, "--by")
        found = _of_field(workspace, by, types, minimum) if by in types else list(_built_in(workspace, by, minimum))
        if not found:
            notes.append(f"no group of items by {by} has {minimum:,} items ([slices] minimum)")
        return found
    wanted = workspace.config.slices.fields
    automatic = wanted == "auto"
    found = _of_functions(workspace, notes)
    for name in [n for n in BUILT_IN if n not in types]:
        own = list(_built_in(workspace, name, minimum))
        found += own if len(own) > 1 else []  # one value for all is no slice
    for name in types if automatic else wanted:
        _check_field(name, types, "[slices] fields")
        if automatic and types[name] in ("json", "null"):
            continue
        if name in types:
            found += _of_field(workspace, name, types, minimum, automatic=automatic)
    return found


def _check_field(name: str, types: dict[str, str], where: str) -> None:
    known = [*types, *(n for n in BUILT_IN if n not in types)]
    if name not in known:
        close = difflib.get_close_matches(name, known, n=3)
        raise ConfigError(
            f"{where} names {name!r}, which is no field of the items",
            hint=f"Did you mean {' or '.join(close)}?" if close else f"There are {', '.join(known)}",
        )
    if types.get(name) == "json":
        raise ConfigError(
            f"{where} names {name!r}, which holds lists or objects", hint="Slice by a field with one value per item"
        )


def _of_functions(workspace: Workspace, notes: list[str]) -> list[Slice]:
    """The slices of the slicing functions, as the last `vote` has found their members."""
    run = workspace.store.runs.latest("slice")
    if run is None or not run.parameters["slices"]:
        return []
    functions, digests = run.parameters["slices"], run.parameters["shards"]
    if digests != workspace.store.items.shard_digests():
        notes.append("the slicing functions are left out: items came or changed; run `labelkit vote`")
        return []
    try:
        members = workspace.store.votes.matrix([f["fingerprint"] for f in functions], digests) != ABSTAIN
    except StepMissing:
        notes.append("the slicing functions are left out: their answers are incomplete; run `labelkit vote`")
        return []
    found = [Slice(f["name"], "function", members[:, j]) for j, f in enumerate(functions)]
    empty = [each.name for each in found if not each.members.any()]
    if empty:
        notes.append(f"no item is in the slice {', '.join(empty)}")
    return found


def _built_in(workspace: Workspace, name: str, minimum: int) -> Iterator[Slice]:
    items = workspace.store.items
    if name == WORDS:
        counts = np.concatenate([np.empty(0), *(word_counts(table.column("text")) for _, table in items.shards())])
        if counts.any():
            yield from number_slices(WORDS, WORDS, counts, minimum=minimum)
        return
    values: list[Any] = items.splits() if name == "split" else _files(workspace)
    yield from value_slices(name, name, values, minimum=minimum)


def _files(workspace: Workspace) -> list[str]:
    """The file that each item's content came from, as seen from the project."""
    numbers, place = np.unique(workspace.store.items.imports(), return_inverse=True)
    runs = [workspace.store.runs.get(int(number)) for number in numbers]
    files = [Path("?" if run is None else run.parameters["file"]) for run in runs]
    root = workspace.root.resolve()
    names = [(file.relative_to(root) if file.is_relative_to(root) else Path(file.name)).as_posix() for file in files]
    return [names[each] for each in place]


def _of_field(
    workspace: Workspace, name: str, types: dict[str, str], minimum: int, *, automatic: bool = False
) -> list[Slice]:
    """The slices by one field; with ``automatic``, none where it has too many or too few different values."""
    shards = [table.column(column_name(name)) for _, table in workspace.store.items.shards()]
    if types[name] in ("int", "float"):
        numbers = np.concatenate([np.empty(0), *(_as_numbers(column) for column in shards)])
        found = number_slices(name, "field", numbers, minimum=minimum)
    else:
        values: list[Any] = [value for column in shards for value in column.to_pylist()]
        if automatic and len(set(values)) > _MOST_DISTINCT:
            return []
        found = value_slices(name, "field", values, minimum=minimum)
    return [] if automatic and len(found) < 2 else found


def _as_numbers(column: pa.ChunkedArray) -> FloatArray:
    numbers: FloatArray = column.cast(pa.float64(), safe=False).to_numpy()
    return numbers


def word_counts(texts: pa.ChunkedArray) -> FloatArray:
    """Words in every text, as ``word_count`` in expressions has it: parts between white space; shape (n,)."""
    trimmed = pc.utf8_trim_whitespace(texts)
    parts = pc.list_value_length(pc.utf8_split_whitespace(trimmed))
    counts: FloatArray = pc.if_else(pc.equal(trimmed, ""), 0, parts).to_numpy().astype(np.float64)
    return counts


def _rows(figures: SliceFigures) -> Iterator[dict[str, Any]]:
    for each in figures.scores:
        difference = each.difference
        yield {
            "slice": figures.name, "kind": figures.kind, "items": figures.items, "coverage": figures.coverage,
            "known": figures.known, "output": each.output, "accuracy": each.accuracy.value,
            "accuracy_low": each.accuracy.low, "accuracy_high": each.accuracy.high, "n": each.accuracy.n,
            "macro_f1": each.macro_f1, "calibration_error": each.calibration_error,
            "difference": None if difference is None else difference.value,
            "q": None if difference is None else difference.q,
            "beyond_chance": None if difference is None else difference.beyond_chance,
        }  # fmt: skip
