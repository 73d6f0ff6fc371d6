"""Declarations that look a field's value up in a table (distant supervision)."""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from labelkit.lf.base import (
    Declaration,
    FunctionKind,
    Label,
    Resolve,
    check_field,
    check_label,
    check_name,
    declare,
    refusal,
)
from labelkit.lf.collector import active_project, declaration_site
from labelkit.lf.files import find_file


@dataclass(frozen=True, eq=False, kw_only=True)
class LookupFunction(Declaration):
    """Votes the class that a table gives for a field's value; abstains for values not in it."""

    kind: ClassVar[FunctionKind] = "lookup"
    entries: Mapping[str, Label]
    shown: str

    def identity(self, resolve: Resolve) -> Mapping[str, Any]:
        known = {label: resolve(label) for label in set(self.entries.values())}
        pairs = sorted((value, known[label]) for value, label in self.entries.items())
        return {"field": self.field, "entries": pairs}

    def __str__(self) -> str:
        return f"lookup({self.name!r}, {self.shown}, field={self.field!r})"


def lookup(
    name: str,
    table: Mapping[Any, Any] | Collection[Any] | str | Path,
    *,
    field: str = "text",
    label: Label | Mapping[Any, Label] | None = None,
) -> LookupFunction:
    """Declare a labeling function that votes by looking a field's value up in a table.

    Parameters
    ----------
    name
        Unique in the project.
    table
        Mapping from value to class; or a list of values that all mean ``label``; or the path of a CSV
        file with a header, whose first column holds the values and whose second column the classes.
        A relative path starts at the file that declares the function, or at the project's folder.
    field
        The field whose value is looked up; values match as a whole, numbers by their usual notation.
    label
        The one class to vote for every value in the table, or a mapping from the table's entries to
        classes (entries that it does not have abstain). Without it the table's entries are the classes.

    Raises
    ------
    LabelingFunctionError
        If the name, the table or a label cannot be used.

    Examples
    --------
    >>> lookup("by_plan", {"team": "billing", "free": "praise"}, field="plan").entries["team"]
    'billing'
    """
    check_name("lookup", name)
    check_field("lookup", name, field)
    pairs, shown = _pairs(name, table)
    if not pairs:
        raise refusal("lookup", name, "has an empty table")
    entries: dict[str, Label] = {}
    for value, entry in pairs:
        found = _label(name, entry, label)
        if found is None:
            continue
        key = as_key(value)
        if key is None:
            raise refusal("lookup", name, f"has {value!r} in its table, which no field can be equal to")
        if entries.setdefault(key, found) != found:
            raise refusal("lookup", name, f"gives {key!r} both {entries[key]!r} and {found!r}")
    if not entries:
        raise refusal("lookup", name, f"has no entry in its table that label={label!r} has a class for")
    if label is not None:
        shown += f", label={label!r}"
    return declare(
        LookupFunction(name=name, field=field, entries=entries, shown=shown, site=declaration_site()),
    )


def as_key(value: object) -> str | None:
    """A value in the notation in which tables and fields are compared, or None if it has none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (int, float)) or hasattr(value, "isoformat"):
        return str(value)
    return None


def _pairs(name: str, table: object) -> tuple[list[tuple[Any, Any]], str]:
    if isinstance(table, (str, Path)):
        return _read_csv(name, table), repr(str(table))
    if isinstance(table, Mapping):
        return list(table.items()), f"{{… {len(table)} values …}}"
    if isinstance(table, Collection):
        return [(value, None) for value in table], f"[… {len(table)} values …]"
    raise refusal("lookup", name, f"needs a mapping, a list of values or the path of a CSV file, not {table!r}")


def _label(name: str, entry: object, label: Label | Mapping[Any, Label] | None) -> Label | None:
    if label is None:
        if entry is None:
            raise refusal("lookup", name, "has a table without classes", hint="Say label=")
        return check_label("lookup", name, entry)
    if isinstance(label, Mapping):
        found = label.get(entry)
        return None if found is None else check_label("lookup", name, found)
    return check_label("lookup", name, label)


def _read_csv(name: str, given: str | Path) -> list[tuple[Any, Any]]:
    file = find_file("lookup", name, given)
    project = active_project()
    shown = project.shown(str(file)) if project else str(file)
    pairs: list[tuple[Any, Any]] = []
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            header = next(reader, [])
            for row in reader:
                if not row:
                    continue
                if len(row) != len(header):
                    problem = f"reads {shown}, whose line {reader.line_num} has {len(row)} columns instead of"
                    raise refusal("lookup", name, f"{problem} {len(header)}")
                pairs.append((row[0], row[1] if len(row) > 1 else None))
    except UnicodeDecodeError as error:
        raise refusal("lookup", name, f"reads {shown}, which is not UTF-8: byte {error.start}") from error
    except (OSError, csv.Error) as error:
        raise refusal("lookup", name, f"cannot read {shown}: {error}") from error
    return pairs
