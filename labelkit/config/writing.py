"""Writing ``labelkit.toml``: a fresh one, and changes that leave comments and everything else as they are."""

from __future__ import annotations

import contextlib
import shutil
import threading
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tomlkit

from labelkit import registry
from labelkit.config.reading import parse_config
from labelkit.config.sections import Config, QuerySection
from labelkit.errors import StorageError

_writing = threading.Lock()
"""Two threads of a server must not change the file at once: one would undo what the other wrote."""


def new_config_text(name: str, labels: list[str], *, data_files: list[str] | None = None) -> str:
    """The text of a fresh ``labelkit.toml`` with the settings that a newcomer changes first, commented."""
    document = tomlkit.document()
    document.add(tomlkit.comment("A labelkit project. Every setting: docs/configuration.md"))
    project = tomlkit.table()
    project.add("name", name)
    project.add("labels", labels)
    project.add("seed", 0)
    document.add("project", project)
    data = tomlkit.table()
    data.add("files", data_files or [])
    data["files"].comment('for instance ["items.csv"]; `labelkit run` imports them')
    for key in ("id_field", "text_field", "gold_field", "split_field"):
        data.add(key, key.removesuffix("_field"))
    document.add("data", data)
    functions = tomlkit.table()
    functions.add("files", ["labeling_functions/*.py"])
    functions.add("fault_tolerant", False)
    document.add("labeling_functions", functions)
    model = tomlkit.table()
    model.add("name", "auto")
    model["name"].comment("or " + ", ".join(n for n in registry.names("label_models") if n != "auto"))
    document.add("label_model", model)
    end = tomlkit.table()
    end.add("name", "logistic")
    end["name"].comment('or any scikit-learn classifier, "sklearn.naive_bayes:MultinomialNB"')
    document.add("end_model", end)
    query = tomlkit.table()
    defaults = QuerySection()
    query.add("size", defaults.size)
    query.add("mix", tomlkit.inline_table())
    query["mix"].update(defaults.mix)
    query.add("audit_share", defaults.audit_share)
    query.add("tuning_share", defaults.tuning_share)
    document.add("query", query)
    return tomlkit.dumps(document)


def set_labels(path: Path, labels: list[str]) -> None:
    """Write another list of labels into ``labelkit.toml``; comments and everything else stay as they are.

    Raises
    ------
    StorageError
        If the file cannot be written; it is as it was then.
    """
    _rewrite(path, lambda document: _replace(document["project"], labels))


def set_values(path: Path, section: str, values: dict[str, Any]) -> Config:
    """Write settings of one section into ``labelkit.toml``; comments and everything else stay as they are.

    A value of None takes the key out, so that the default holds again. Nothing is written unless the whole file
    is good with the new values; returns what it says then.

    Raises
    ------
    ConfigError
        Naming the key and what was expected of it.
    StorageError
        If the file cannot be written; it is as it was then.
    """
    checked: list[Config] = []

    def change(document: tomlkit.TOMLDocument) -> None:
        table = document.setdefault(section, tomlkit.table())
        for key, value in values.items():
            if value is None:
                table.pop(key, None)
            elif key not in table or table[key].unwrap() != value:
                table[key] = value
        checked.append(parse_config(tomllib.loads(tomlkit.dumps(document)), path.name))

    _rewrite(path, change)
    return checked[0]


def _rewrite(path: Path, change: Callable[[tomlkit.TOMLDocument], None]) -> None:
    """Change a TOML file; whoever reads it sees the old text or the new one.

    Raises
    ------
    StorageError
        If the file cannot be written; it is as it was then.
    """
    target = path.resolve()  # a link stays a link
    temporary = target.with_name(f"{target.name}.new")
    with _writing:
        try:
            with target.open(encoding="utf-8-sig", newline="") as file:  # keeps \r\n
                document = tomlkit.parse(file.read())
            change(document)
            with temporary.open("w", encoding="utf-8", newline="") as file:
                file.write(tomlkit.dumps(document))
            shutil.copymode(target, temporary)
            temporary.replace(target)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise StorageError(
                f"cannot write {path}: {error.strerror or error}", hint="Make the file and its folder writable"
            ) from error


def _replace(project: Any, labels: list[str]) -> None:
    """Change a TOML list in place where that says the same: comments beside its lines stay."""
    present = project["labels"]
    old = [str(label) for label in present]
    if len(old) == len(labels) and sorted(old) != sorted(labels):  # renamed
        for place, label in enumerate(labels):
            if old[place] != label:
                present[place] = label
    elif labels[: len(old)] == old:  # added
        for label in labels[len(old) :]:
            present.append(label)
    else:
        wanted = tomlkit.array()
        wanted.extend(labels)
        project["labels"] = wanted.multiline("\n" in present.as_string())
