"""What leads can change of ``labelkit.toml`` in the app: how people are asked. Everything else stays with the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from labelkit.annotate import answer_keys
from labelkit.config import FILE_NAME, AnnotationSection, Config, read_config, set_values
from labelkit.errors import ConfigError
from labelkit.steps.workspace import Workspace
from labelkit.store.codec import to_json

EDITABLE: Final = ("answers_per_item", "tie_break_answers", "batch", "hints_before", "gold_share", "guidelines", "keys")
"""Keys of ``[annotation]`` that the app may change; none of them makes labelkit run or read anything but
``guidelines``, a file of the project's own folder."""


@dataclass(frozen=True)
class Setting:
    """One setting that matters to people: its key, what it is now, and whether that is the default."""

    key: str
    value: Any
    default: bool


class Settings:
    """Reads and changes settings; every change is in the event log, with its author."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._path = workspace.root / FILE_NAME

    @property
    def config(self) -> Config:
        """What the file says now."""
        return read_config(self._path)

    def keys(self) -> dict[str, str | None]:
        """The key of every label, as the Annotate page has them."""
        return answer_keys(self._workspace.schema.names, self.config.annotation.keys)

    def annotation(self) -> dict[str, Setting]:
        """The settings that :meth:`change` takes, by name."""
        now, default = self.config.annotation, AnnotationSection()
        return {
            name: Setting(f"annotation.{name}", getattr(now, name), getattr(now, name) == getattr(default, name))
            for name in EDITABLE
        }

    def change(self, values: Mapping[str, Any], *, actor: str) -> list[str]:
        """Change settings of ``[annotation]``; all of them or none. Returns the names of those that are new.

        Raises
        ------
        ConfigError
            If one of them cannot be changed here, or is not what the setting takes.
        StorageError
            If the file cannot be written.
        """
        for name in values:
            if name not in EDITABLE:
                raise ConfigError(f"annotation.{name} cannot be changed here", hint=f"Edit {FILE_NAME}")
        before = {name: setting.value for name, setting in self.annotation().items()}
        changed = {name: value for name, value in values.items() if value != before[name]}
        if not changed:
            return []
        if "keys" in changed:
            answer_keys(self._workspace.schema.names, changed["keys"] or {})
        if changed.get("guidelines"):
            self._check_guidelines(changed["guidelines"])
        set_values(self._path, "annotation", changed)
        told: dict[str, str | None] = {
            name: f"{to_json(before[name])} → {to_json(new)}" for name, new in changed.items()
        }
        self._workspace.store.members.note("settings.changed", told, actor=actor)
        return list(changed)

    def _check_guidelines(self, name: str) -> None:
        root = self._workspace.root.resolve()
        path = (root / name).resolve()
        if not path.is_relative_to(root) or not path.is_file() or path.suffix.lower() not in (".md", ".txt"):
            raise ConfigError(
                f"annotation.guidelines = {name[:100]!r}: no .md or .txt file of the project's folder",
                hint="Put the file beside labelkit.toml and give its name",
            )
