"""The classes: changes asked for by command, and changes made in ``labelkit.toml`` by hand."""

from __future__ import annotations

from collections.abc import Sequence

from labelkit.config import FILE_NAME, set_labels
from labelkit.errors import ConfigError, SchemaError
from labelkit.steps.workspace import Workspace
from labelkit.types import LabelSchema

_NAMES = {"rename": 2, "add": 1, "merge": 2}


def settings_differ(workspace: Workspace) -> bool:
    """Whether ``labelkit.toml`` lists other classes, or another order, than the project file has.

    Raises
    ------
    ConfigError
        If a class is missing there: that may be a renaming, a merging or a slip, and only the owner knows.
    """
    wanted, known = workspace.config.project.labels, workspace.schema.names
    gone = [name for name in known if name not in wanted]
    new = [name for name in wanted if name not in known]
    if gone:
        example = f"`labelkit schema rename {gone[0]} {new[0]}`" if new else f"`labelkit schema merge {gone[0]} …`"
        raise ConfigError(
            f"{FILE_NAME}: project.labels lacks {', '.join(map(repr, gone))}, which the project file has",
            hint=f"Put it back; to rename or merge a class without losing labels use {example}",
        )
    return list(wanted) != list(known)


def follow_settings(workspace: Workspace) -> None:
    """Take over classes that were added or put into another order in ``labelkit.toml``."""
    wanted, known = workspace.config.project.labels, workspace.schema.names
    for name in wanted:
        if name not in known:
            workspace.store.labels.add(name, actor=FILE_NAME)
    workspace.store.labels.reorder(list(wanted), actor=FILE_NAME)


def change_schema(workspace: Workspace, change: str, names: Sequence[str]) -> LabelSchema:
    """Rename (old, new), add (name), merge (old, into) or reorder (all names) classes.

    ``labelkit.toml`` follows; no stored vote or answer is touched.

    Raises
    ------
    SchemaError
        If the change makes no sense; nothing is changed then.
    """
    if change in _NAMES and len(names) != _NAMES[change]:
        raise SchemaError(f"`schema {change}` takes {_NAMES[change]} name(s), {len(names)} given")
    after = _names_after(workspace.schema, change, list(names))
    toml = workspace.root / FILE_NAME
    before = toml.read_bytes()
    set_labels(toml, after)
    labels = workspace.store.labels
    try:
        if change == "rename":
            labels.rename(names[0], names[1], actor="owner")
        elif change == "add":
            labels.add(names[0], actor="owner")
        elif change == "merge":
            labels.merge(names[0], names[1], actor="owner")
        else:
            labels.reorder(list(names), actor="owner")
    except BaseException:
        toml.write_bytes(before)
        raise
    return workspace.schema


def _names_after(schema: LabelSchema, change: str, names: list[str]) -> list[str]:
    old = list(schema.names)
    if change == "rename":
        return [names[1] if name == names[0] else name for name in old]
    if change == "add":
        return [*old, names[0]]
    if change == "merge":
        return [name for name in old if name != names[0]]
    if change == "reorder":
        return names
    raise SchemaError(f"unknown change {change!r} of the schema; choose one of rename, add, merge, reorder")
