"""Whether labeling functions were edited since the last `vote`: files are compared, no project code is imported.

A `vote` writes down the files that it read. Functions of the workbench are data: they are compared by what they
declare.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import orjson

from labelkit.errors import LabelkitError
from labelkit.lf.declared import WORKBENCH_FILE, read_workbench
from labelkit.lf.fingerprints import fingerprint
from labelkit.lf.importer import imported_files
from labelkit.steps.workspace import Workspace
from labelkit.store import Run

_FILE: Final = "voted_files.json"


Files = dict[str, list[Any]]
"""Path in the project → when the file was written (ns), its size, a digest of it; nothing of one that is not there."""


def imported_now(workspace: Workspace) -> Files:
    """What the files hold that this process has just imported functions from."""
    root = workspace.root.resolve()
    imported = (Path(file).resolve() for file in imported_files())
    files = _matching(workspace) | {file for file in imported if file.is_relative_to(root)}
    return {file.relative_to(root).as_posix(): _state(file, None) for file in files}


def remember(workspace: Workspace, files: Files) -> None:
    """After a vote: write down what it has read. Where the disk refuses, edits go unnoticed."""
    with contextlib.suppress(OSError):
        workspace.cache.mkdir(parents=True, exist_ok=True)
        (workspace.cache / _FILE).write_bytes(orjson.dumps(files))


def edited_since(workspace: Workspace, run: Run) -> str:
    """What was edited since the vote, in words; empty if nothing was."""
    saved = _saved(workspace, run)
    files = _edited_files(workspace)
    parts = []
    if saved:
        parts.append(f"{saved:,} {'function' if saved == 1 else 'functions'} saved or removed in the workbench since")
    if files:
        more = f" and {len(files) - 1:,} more" if len(files) > 1 else ""
        parts.append(f"{files[0]}{more} edited since")
    return "; ".join(parts)


def files_mark(workspace: Workspace) -> tuple[tuple[str, int, int], ...]:
    """Another value when a file with labeling functions was edited."""
    found = []
    for file in sorted(_matching(workspace) | {workspace.root.resolve() / WORKBENCH_FILE}):
        with contextlib.suppress(OSError):
            stat = file.stat()
            found.append((str(file), stat.st_mtime_ns, stat.st_size))
    return tuple(found)


def _saved(workspace: Workspace, run: Run) -> int:
    """Functions of the workbench file that the vote has not seen as they are, and those that were removed."""
    functions = run.parameters.get("functions", ())
    before = {f["name"]: f["fingerprint"] for f in functions}
    ours = {f["name"] for f in functions if str(f.get("place", "")).rpartition(":")[0] == WORKBENCH_FILE}
    try:
        placed = read_workbench(workspace.root)
    except LabelkitError:
        return 1
    changed = {name for name in ours if name not in {one.entry.name for one in placed}}
    for one in placed:
        try:
            made = fingerprint(one.entry.function(one.site), workspace.schema, workspace.root).digest
        except LabelkitError:  # `vote` says what is wrong with it
            made = ""
        if before.get(one.entry.name) != made:
            changed.add(one.entry.name)
    return len(changed)


def _edited_files(workspace: Workspace) -> list[str]:
    """Files that changed, came or went since the vote; none where it did not write them down."""
    try:
        known: Files = orjson.loads((workspace.cache / _FILE).read_bytes())
    except (OSError, ValueError):
        return []
    root = workspace.root.resolve()
    present = {file.relative_to(root).as_posix() for file in _matching(workspace)}
    edited = {name for name, state in known.items() if _state(root / name, state) != state}
    return sorted(edited | (present - known.keys()))


def _state(file: Path, known: Iterable[Any] | None) -> list[Any]:
    """When a file was written, its size, a digest of it; read only where the first two differ from what is known."""
    try:
        stat = file.stat()
        before = list(known or ())
        if before[:2] == [stat.st_mtime_ns, stat.st_size]:
            return before
        digest = hashlib.blake2b(file.read_bytes(), digest_size=16).hexdigest()
    except OSError:
        return []
    if len(before) == 3 and before[2] == digest:  # written again, or copied: the same
        return before
    return [stat.st_mtime_ns, stat.st_size, digest]


def _matching(workspace: Workspace) -> set[Path]:
    """Files of the project that the patterns of the settings name."""
    root = workspace.root.resolve()
    found: set[Path] = set()
    for pattern in workspace.config.labeling_functions.files:
        with contextlib.suppress(ValueError, NotImplementedError):  # the vote says what is wrong with it
            found.update(file for file in root.glob(pattern) if file.is_file() and file.is_relative_to(root))
    return found - {root / WORKBENCH_FILE}
