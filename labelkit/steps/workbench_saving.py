"""Saving, changing and removing functions in ``labeling_functions/workbench.toml``, with a line in the event log."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

from labelkit.errors import LabelingFunctionError, StorageError
from labelkit.lf.declared import WORKBENCH_FILE, DeclaredFunction, parse_declaration, parse_workbench, read_text
from labelkit.lf.declared_edits import with_added, with_removed, with_replaced
from labelkit.steps.persons import Person
from labelkit.steps.workspace import Workspace, digest

_ATTEMPTS: Final = 20

Edit = Callable[[str], str]


class _Changed(Exception):
    """The file is not what was read any more."""


def save(
    workspace: Workspace, entry: DeclaredFunction, person: Person, *, replaces: str | None, seen: str | None
) -> DeclaredFunction:
    """Write a function into the file; returns it with author and time.

    Parameters
    ----------
    replaces
        The name of the function that it is an edit of; None for a new one.
    seen
        :func:`identity` of that function as the person saw it; None not to ask.

    Raises
    ------
    NotAllowed
    LabelingFunctionError
        If the name is taken, or somebody else has changed the function meanwhile.
    StorageError
        If the file cannot be written.
    """
    person.need("build")
    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    # Through the same checks as the file: whoever calls, nothing else gets in.
    written = parse_declaration(replace(entry, author=person.name, at=at).table(), "the function")
    _check_name(workspace, written.name, replaces)

    def edit(text: str) -> str:
        if replaces is None:
            return with_added(text, written)
        _check_seen(workspace.root, text, replaces, seen)
        return with_replaced(text, replaces, written)

    payload = {"name": written.name, "digest": identity(written), "replaces": replaces}
    _change(workspace, edit, "functions.saved", payload, person)
    return written


def remove(workspace: Workspace, name: str, person: Person, *, seen: str | None) -> None:
    """Take a function out of the file; errors as of :func:`save`."""
    person.need("build")

    def edit(text: str) -> str:
        _check_seen(workspace.root, text, name, seen)
        return with_removed(text, name)

    _change(workspace, edit, "functions.removed", {"name": name}, person)


def identity(entry: DeclaredFunction) -> str:
    """Digest of a declaration, as the event log has it."""
    return digest(entry.table())


def _check_name(workspace: Workspace, name: str, replaces: str | None) -> None:
    """Refuse the name of a function that the last `vote` found elsewhere; the edit itself looks in the file."""
    run = workspace.store.runs.latest("vote")
    for function in () if run is None or name == replaces else run.parameters["functions"]:
        place = str(function["place"])
        if function["name"] == name and place.rpartition(":")[0] != WORKBENCH_FILE:
            raise LabelingFunctionError(
                f"there is a function named {name!r} already, in {place}", hint="Choose another name"
            )


def _check_seen(root: Path, text: str, name: str, seen: str | None) -> None:
    now = [placed.entry for placed in parse_workbench(text) if placed.entry.name == name]
    if seen is not None and now and identity(now[0]) != seen:
        who = f" by {now[0].author}" if now[0].author else ""
        raise LabelingFunctionError(
            f"{name!r} was changed{who} meanwhile", hint="Look at it again before you change it"
        )


def _change(
    workspace: Workspace,
    edit: Edit,
    kind: Literal["functions.saved", "functions.removed"],
    payload: dict[str, Any],
    person: Person,
) -> None:
    """Edit the file and write the event, both or neither.

    The text is made beforehand; the transaction of the event, which only one process can have, checks that the file
    is still the one that was read, and puts the new one in its place.
    """
    path = _path(workspace.root)
    for _ in range(_ATTEMPTS):
        before = _bytes(path)
        partial = _written(path, edit(read_text(path) if before is not None else ""))
        try:
            with contextlib.suppress(_Changed):
                workspace.store.function_log.record(
                    kind, payload, actor=person.name, change=_swap(path, partial, before)
                )
                return
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
    raise StorageError(f"{WORKBENCH_FILE} changes all the time", hint="Try again")


def _path(root: Path) -> Path:
    """The file, where a link leads; never outside the project's folder.

    Raises
    ------
    StorageError
    """
    path = (root / WORKBENCH_FILE).resolve()
    if not path.is_relative_to(root.resolve()):
        raise StorageError(f"{WORKBENCH_FILE} leads out of the project's folder", hint="Replace the link by a file")
    return path


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"cannot read {WORKBENCH_FILE}: {error.strerror or error}") from error


def _written(path: Path, text: str) -> Path:
    """The text in a file beside, safely on the disk."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    try:
        path.parent.mkdir(exist_ok=True)
        with partial.open("xb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            partial.chmod(path.stat().st_mode & 0o777)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise StorageError(
            f"cannot write {WORKBENCH_FILE}: {error.strerror or error}", hint="Make the folder writable"
        ) from error
    return partial


def _swap(path: Path, partial: Path, before: bytes | None) -> Callable[[], None]:
    def swap() -> None:
        if _bytes(path) != before:
            raise _Changed
        try:
            partial.replace(path)
        except OSError as error:
            raise StorageError(f"cannot write {WORKBENCH_FILE}: {error.strerror or error}") from error

    return swap
