"""Watch: vote again whenever a file with labeling functions is saved, and tell what the edit did."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from labelkit.analysis import FunctionFigures, FunctionVersion, compare_versions
from labelkit.errors import LabelkitError, ProjectLocked, StepMissing
from labelkit.lf.declared import WORKBENCH_FILE
from labelkit.lf.importer import imported_files
from labelkit.steps.analysing import FunctionRow, FunctionTable, analyse_functions
from labelkit.steps.labeling import vote_matrix
from labelkit.steps.voting import VoteResult
from labelkit.steps.workspace import Workspace
from labelkit.types import Estimate, IntArray

_SUFFIXES: Final = (".py", ".toml", ".csv", ".skops")
_POLL: Final = 0.25
"""Seconds between looks at the files where the system does not report changes."""
_SAFETY: Final = 2.0
"""Seconds between looks where it does: network drives may report nothing."""
_QUIET: Final = 0.05
"""An editor is done saving when nothing has changed for so long."""
_TEXT: Final = 100
"""Characters of an item's text that are shown."""

Signature = dict[str, tuple[int, int, int]]


@dataclass(frozen=True)
class ChangedItem:
    """An item whose vote is another now; votes by class name, None for abstain."""

    id: str
    text: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Edit:
    """What happened to one labeling function since the last vote. ``changed`` counts items with another vote."""

    name: str
    change: str
    coverage: tuple[float | None, float | None]
    conflict: tuple[float | None, float | None]
    accuracy: tuple[Estimate | None, Estimate | None]
    compared: int
    changed: int
    examples: list[ChangedItem]


@dataclass(frozen=True)
class WatchRound:
    """One vote of a watch: its result and analysis, or what went wrong (``error``), and what was edited."""

    result: VoteResult | None
    table: FunctionTable | None
    edits: list[Edit]
    error: str | None = None
    seconds: float = 0.0
    """From the moment at which the change was noticed to the answer."""


@dataclass(frozen=True)
class _Version:
    """What the labeling functions were at one time."""

    fingerprints: dict[str, str]
    rows: dict[str, FunctionRow]
    columns: dict[str, IntArray]
    classes: tuple[str, ...]

    def of(self, name: str) -> FunctionVersion | None:
        row = self.rows.get(name)
        if row is None:
            return None
        return FunctionVersion(FunctionFigures(row.coverage, row.conflict, row.accuracy), self.columns[name])


def watch(workspace: Workspace, vote: Callable[[], VoteResult]) -> Iterator[WatchRound]:
    """Vote at once, then after every change of the files; never ends by itself.

    Parameters
    ----------
    vote
        Votes, and holds the project's lock only while it does.

    Raises
    ------
    StepMissing
        If there are no items.
    """
    before = _stored(workspace)
    with _notices(workspace) as wait:
        while True:
            seen, started = signature(workspace), time.perf_counter()
            try:
                result = _as_soon_as_free(vote, workspace)
                table = analyse_functions(workspace)
                after = _version(workspace, table)
                edits = [] if before is None else _edits(workspace, before, after)
                yield WatchRound(result, table, edits, seconds=time.perf_counter() - started)
                before = after
            except StepMissing:
                raise
            except LabelkitError as error:
                yield WatchRound(None, None, [], str(error), time.perf_counter() - started)
            _until_changed(workspace, seen, wait)


def _as_soon_as_free(vote: Callable[[], VoteResult], workspace: Workspace) -> VoteResult:
    """Vote when no other process works on the project any more; the edit must not be passed over."""
    told = False
    while True:
        try:
            return vote()
        except ProjectLocked as error:
            if not told:
                workspace.progress.note(f"waiting: {error.message}")
            told = True
            time.sleep(_POLL)


def _stored(workspace: Workspace) -> _Version | None:
    """The version of the last vote, if its votes are all there."""
    try:
        return _version(workspace, analyse_functions(workspace))
    except StepMissing:
        return None


def _version(workspace: Workspace, table: FunctionTable) -> _Version:
    run = workspace.need("vote", "the analysis")
    L = vote_matrix(workspace, run)
    functions = run.parameters["functions"]
    return _Version(
        {f["name"]: f["fingerprint"] for f in functions},
        {row.name: row for row in table.functions},
        {f["name"]: L[:, j] for j, f in enumerate(functions)},
        workspace.schema.names,
    )


def _edits(workspace: Workspace, before: _Version, after: _Version) -> list[Edit]:
    names = [n for n, print in after.fingerprints.items() if before.fingerprints.get(n) != print]
    names += [n for n in before.fingerprints if n not in after.fingerprints]
    if before.classes != after.classes:
        return []  # votes for other classes cannot be compared
    return [_edit(workspace, name, before, after) for name in names]


def _edit(workspace: Workspace, name: str, before: _Version, after: _Version) -> Edit:
    found = compare_versions(name, before.of(name), after.of(name), seed=workspace.seed)
    items = workspace.store.items.rows([each.item for each in found.examples])
    classes = [*after.classes, None]  # −1, abstain, picks the last
    examples = [
        ChangedItem(item_id, _shortened(text), classes[each.before], classes[each.after])
        for each, item_id, text in zip(
            found.examples, items.column("id").to_pylist(), items.column("text").to_pylist(), strict=True
        )
    ]

    def both(figure: str) -> tuple[Any, Any]:
        return getattr(found.before, figure, None), getattr(found.after, figure, None)

    return Edit(
        name,
        found.change,
        coverage=both("coverage"),
        conflict=both("conflict"),
        accuracy=both("accuracy"),
        compared=found.compared,
        changed=found.changed,
        examples=examples,
    )


def _shortened(text: str) -> str:
    line = " ".join(text[: 4 * _TEXT].split())
    return line if len(line) <= _TEXT and len(text) <= 4 * _TEXT else line[: _TEXT - 1] + "…"


def _watched(workspace: Workspace) -> set[Path]:
    """Files with labeling functions, what lies beside them that functions may name, and project modules they import."""
    files: set[Path] = {Path(file) for file in imported_files()}
    workbench = workspace.root.resolve() / WORKBENCH_FILE
    if workbench.is_file():
        files.add(workbench)
    for pattern in workspace.config.labeling_functions.files:
        try:
            files.update(workspace.root.resolve().glob(pattern))
        except (ValueError, NotImplementedError):  # the vote says what is wrong with it
            continue
    for folder in {file.parent for file in files}:
        files.update(file for file in folder.iterdir() if file.suffix in _SUFFIXES and not file.name.startswith("."))
    return files


def signature(workspace: Workspace) -> Signature:
    """What tells one state of the files from another; a save by rename makes another file of the same name."""
    found: Signature = {}
    for file in _watched(workspace):
        try:
            stat = file.stat()
        except OSError:  # just being replaced
            continue
        found[str(file)] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    return found


def _until_changed(workspace: Workspace, seen: Signature, wait: Callable[[], None]) -> None:
    """Wait until the files differ from a state and have settled."""
    now = signature(workspace)
    while now == seen:
        wait()
        now = signature(workspace)
    while True:
        time.sleep(_QUIET)
        settled = signature(workspace)
        if settled == now:
            return
        now = settled


@contextmanager
def _notices(workspace: Workspace) -> Iterator[Callable[[], None]]:
    """Gives a function that sleeps until a file may have changed."""
    try:
        from watchdog.observers import Observer
    except ImportError:
        yield lambda: time.sleep(_POLL)
        return
    told = threading.Event()
    observer = Observer()
    scheduled: set[str] = set()

    class Handler:
        def dispatch(self, event: Any) -> None:
            if event.event_type not in {"opened", "closed_no_write"}:  # reading is no change
                told.set()

    def cover() -> bool:
        new = {str(file.parent) for file in _watched(workspace)} - scheduled
        for folder in sorted(new):
            observer.schedule(Handler(), folder)
        scheduled.update(new)
        return bool(new)

    def wait() -> None:
        if not cover():  # what happened in a new folder before it was covered was not told
            told.wait(_SAFETY)
        told.clear()

    observer.start()
    cover()
    try:
        yield wait
    finally:
        observer.stop()
        observer.join()
