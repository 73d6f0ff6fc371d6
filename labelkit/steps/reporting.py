"""The report: everything that is known about the state of a project, as one HTML file."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from labelkit.errors import ConfigError, EndModelError, LabelModelError, ProjectDamaged, ProjectError
from labelkit.report import Block, Report, Section, Steps, Words, render
from labelkit.report.text import count
from labelkit.steps.report_errors import conflicts, confusion, uncovered
from labelkit.steps.report_file import checked, write_report_file
from labelkit.steps.report_functions import dependencies, functions
from labelkit.steps.report_inputs import Inputs, untold
from labelkit.steps.report_label_model import label_model
from labelkit.steps.report_overview import runs, summary
from labelkit.steps.report_quality import calibration, slices
from labelkit.steps.workspace import Workspace

STDOUT: Final = "-"

_SECTIONS: Final[tuple[tuple[str, str, Callable[[Inputs], Section]], ...]] = (
    ("summary", "Summary", summary),
    ("label-model", "Label model", label_model),
    ("calibration", "What probabilities mean", calibration),
    ("functions", "Labeling functions", functions),
    ("confusion", "Labels against known labels", confusion),
    ("conflicts", "Conflicts", conflicts),
    ("uncovered", "Uncovered items", uncovered),
    ("dependencies", "Functions that depend on each other", dependencies),
    ("slices", "Slices", slices),
    ("runs", "What was run", runs),
)
"""Key, title and maker of each section; a section whose steps have not run says which command to run."""


@dataclass(frozen=True)
class ReportResult:
    """What was written.

    Attributes
    ----------
    path
        None for a stream.
    bytes, sha256
        Of the file.
    missing
        What the report could not tell, by section.
    """

    path: Path | None
    bytes: int
    sha256: str
    missing: dict[str, list[str]]


def write_report(workspace: Workspace, out: str | Path | BinaryIO) -> ReportResult:
    """Write the report as one HTML file: whole or not at all, and the same bytes for the same project.

    Parameters
    ----------
    out
        A path that ends in .html, ``"-"`` for standard output, or a binary stream.

    Raises
    ------
    ExportError
        If the path has another ending, is a folder, or lies in a folder that does not exist.
    StorageError
        If the disk is full or does not let us write.
    """
    path = None if not isinstance(out, (str, Path)) or str(out) == STDOUT else checked(Path(out))
    made = make_report(workspace)
    data = render(made).encode()
    if path is not None:
        write_report_file(path, data)
    else:
        stream = sys.stdout.buffer if isinstance(out, (str, Path)) else out
        stream.write(data)
        stream.flush()
    missing = {section.title: [one.what for one in section.missing] for section in made.sections if section.missing}
    return ReportResult(path, len(data), hashlib.sha256(data).hexdigest(), missing)


def make_report(workspace: Workspace) -> Report:
    """Collect the report. Nothing is run; test and audit items are never among the examples."""
    inputs = Inputs(workspace)
    sections = []
    with workspace.progress.track("collecting the report", len(_SECTIONS)) as advance:
        for key, title, make in _SECTIONS:
            sections.append(_section(inputs, key, title, make))
            advance(1)
    sections.append(_notes(inputs, sections))
    name = workspace.config.project.name
    classes = workspace.schema.cardinality
    subtitle = f"{count(inputs.status.items)} items, {count(classes)} classes; made by `labelkit report`"
    return Report(f"The state of {name}", subtitle, sections)


def _section(inputs: Inputs, key: str, title: str, make: Callable[[Inputs], Section]) -> Section:
    """A section, or in its place what has to be done first."""
    try:
        return make(inputs)
    except ProjectDamaged:
        raise
    except (ConfigError, EndModelError, LabelModelError, ProjectError) as error:
        return Section(key, title, [untold(error)])


def _notes(inputs: Inputs, sections: list[Section]) -> Section:
    """All that the analyses have to say about their figures, and what no section could tell."""
    notes: dict[str, None] = {}
    readers: tuple[Callable[[], list[str]], ...] = (
        lambda: inputs.errors.notes,
        lambda: inputs.slices.notes,
        lambda: inputs.dependencies.notes,
    )
    for read in readers:
        try:
            found = read()
        except (ConfigError, LabelModelError, ProjectError):
            continue
        notes |= dict.fromkeys(found)
    for section in sections:
        notes |= {f"{section.title}: {one.what} {one.hint}".strip(): None for one in section.missing}
    blocks: list[Block] = [Steps(list(notes), most=100)] if notes else [Words("Nothing is missing.")]
    return Section("notes", "Notes and what is missing", blocks)
