"""The diagnosis for the writer of labeling functions: what is wrong, where to look, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

from labelkit.analysis.advice import next_steps
from labelkit.analysis.buckets import DecisionBucket, decision_buckets
from labelkit.analysis.conflicts import Conflict, costly_conflicts
from labelkit.analysis.errors import FunctionErrors
from labelkit.analysis.findings import Findings, NextStep
from labelkit.analysis.uncovered import UncoveredCluster
from labelkit.errors import ProjectError
from labelkit.steps.error_figures import Looked, clustered, diagnosed, look, voteless
from labelkit.steps.workspace import Workspace
from labelkit.types import ABSTAIN

if TYPE_CHECKING:
    import pandas as pd

_LISTED = 10

Part = Literal["functions", "buckets", "decisions", "conflicts", "clusters", "next_steps"]


@dataclass(frozen=True)
class ErrorAnalysis:
    """What is wrong with the labels and with the functions that they come from; JSON-able.

    Attributes
    ----------
    items
        Items looked at: outside the test split and the audit (a random part of them, where a note says so).
    covered, undecided
        Of these, with a vote; with votes but without a label, because the most probable classes tie.
    known
        Items with a known label.
    reference
        What these labels are, in words.
    decided_by
        Who decides the labels: "the label model" or "majority vote".
    model
        The registered name of that label model.
    functions
        One entry for each function, or the one that was asked for.
    decisions
        Known label × decision.
    conflicts
        Those that cost most first.
    clusters
        Groups of similar items that nothing votes on, largest first; None if they were not looked for.
    next_steps
        What to do, most urgent first.
    texts
        Id → text of each example (its fields, where it has no text), shortened.
    notes
        What is missing, and what was measured on a part of the items only.
    """

    items: int
    covered: int
    undecided: int
    known: int
    reference: str
    decided_by: str
    model: str
    functions: tuple[FunctionErrors, ...]
    decisions: tuple[DecisionBucket, ...]
    conflicts: tuple[Conflict, ...]
    clusters: tuple[UncoveredCluster, ...] | None
    next_steps: tuple[NextStep, ...]
    texts: dict[str, str]
    notes: list[str] = field(default_factory=list)

    def frame(self, part: Part = "functions") -> pd.DataFrame:
        """One part as a DataFrame, one row each; ``buckets`` are those of all functions.

        An accuracy becomes four columns: its name, and with ``_low``, ``_high`` and ``_n`` behind it.
        """
        import pandas as pd

        if part == "buckets":
            rows = [{"function": f.name, **asdict(b)} for f in self.functions for b in f.buckets]
            return pd.DataFrame(rows)
        rows = [_flat(asdict(entry)) for entry in getattr(self, part) or ()]
        return pd.DataFrame(rows)


def _flat(row: dict[str, object]) -> dict[str, object]:
    row.pop("buckets", None)
    out: dict[str, object] = {}
    for name, value in row.items():
        if isinstance(value, dict) and value.keys() == {"value", "low", "high", "n"}:
            out |= {name: value["value"], **{f"{name}_{key}": value[key] for key in ("low", "high", "n")}}
        else:
            out[name] = value
    return out


def analyse_errors(
    workspace: Workspace,
    *,
    function: str | None = None,
    limit: int = 10,
    examples: int = 3,
    uncovered: bool = True,
) -> ErrorAnalysis:
    """Diagnose the functions of the last `vote`, by the label model of the last `label` if that is up to date.

    Parameters
    ----------
    function
        Only this function: its buckets with examples of each, its conflicts, its next steps.
    limit
        Conflicts and next steps at most.
    examples
        Items in each bucket, conflict and cluster at most.
    uncovered
        Whether to group the items that nothing votes on; that reads texts and takes longest.

    Raises
    ------
    StepMissing
        If `vote` has not run on the present items.
    ProjectError
        If there is no such function.
    """
    run = workspace.need("vote", "the error analysis")
    names = [f["name"] for f in run.parameters["functions"]]
    only = None if function is None else _position(names, function)
    notes: list[str] = []
    looked = look(workspace, run, names, notes)
    voted, rows = looked.voted, looked.rows
    found = Findings(
        items=len(rows),
        uncovered=int((~voted.covered[rows]).sum()),
        known=len(voted.known_rows),
        functions=diagnosed(workspace, looked, notes, only=only, examples=examples),
        decisions=decision_buckets(voted, examples=examples),
        conflicts=costly_conflicts(voted, rows, limit=limit, examples=examples, function=only, seed=workspace.seed),
        clusters=clustered(workspace, looked, notes, examples) if uncovered and only is None else None,
        voteless=voteless(voted),
        decider=looked.decided.words,
    )
    steps = [step for step in next_steps(found) if only is None or names[only] in step.functions]
    return _result(looked, found, steps[:limit], notes)


def _result(looked: Looked, found: Findings, steps: Sequence[NextStep], notes: list[str]) -> ErrorAnalysis:
    voted, rows = looked.voted, looked.rows
    return ErrorAnalysis(
        items=found.items,
        covered=found.items - found.uncovered,
        undecided=int((voted.covered[rows] & (voted.decided[rows] == ABSTAIN)).sum()),
        known=found.known,
        reference=looked.reference.words,
        decided_by=looked.decided.words,
        model=looked.decided.model,
        functions=tuple(found.functions),
        decisions=tuple(found.decisions),
        conflicts=tuple(found.conflicts),
        clusters=None if found.clusters is None else tuple(found.clusters),
        next_steps=tuple(steps),
        texts=looked.texts.read(),
        notes=notes,
    )


def top_steps(workspace: Workspace, limit: int = 3) -> list[str]:
    """The most urgent next steps as sentences, without grouping the uncovered items; see :func:`analyse_errors`."""
    found = analyse_errors(workspace, limit=limit, uncovered=False)
    return [step.sentence for step in found.next_steps]


def _position(names: Sequence[str], name: str) -> int:
    """The column of a function.

    Raises
    ------
    ProjectError
        If the last `vote` had none of this name.
    """
    if name in names:
        return names.index(name)
    near = get_close_matches(name, names, n=1)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    known = "" if near else f"; there are {', '.join(names[:_LISTED])}{more}"
    meant = f"Did you mean {near[0]!r}? " if near else ""
    raise ProjectError(
        f"there is no labeling function {name!r} in the last `labelkit vote`{known}",
        hint=f"{meant}A new or renamed one needs `labelkit vote` first",
    )
