"""The ids of items that an analysis shows, and afterwards their texts."""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa

from labelkit.analysis.terms import TermTable, field_terms, text_terms
from labelkit.steps.workspace import Workspace
from labelkit.types import IntArray

LONGEST: Final = 300
"""Characters of an item that are shown."""


class ItemTexts:
    """Remembers which items were named, so that only their texts are read."""

    def __init__(self, workspace: Workspace) -> None:
        self._items = workspace.store.items
        self._named: dict[int, str] = {}

    def ids(self, numbers: IntArray) -> list[str]:
        """External ids of items, in the given order."""
        wanted = [int(number) for number in numbers]
        new = [number for number in dict.fromkeys(wanted) if number not in self._named]
        self._named.update(zip(new, self._items.ids(new), strict=True))
        return [self._named[number] for number in wanted]

    def read(self) -> dict[str, str]:
        """Id → what is shown of it, of all items that were named, in order of item."""
        numbers = sorted(self._named)
        table = self._items.rows(numbers)
        return dict(zip(table.column("id").to_pylist(), shown(table), strict=True)) if numbers else {}


def shown(table: pa.Table) -> list[str]:
    """One line for each item: its text, or its fields where that is empty; the beginning of a long one."""
    fields = [name for name in table.column_names if name not in ("id", "text")]
    texts = table.column("text").to_pylist()
    return [
        _shortened(text) if text.strip() else _shortened(_in_words(table, fields, row))
        for row, text in enumerate(texts)
    ]


def _in_words(table: pa.Table, fields: list[str], row: int) -> str:
    values: dict[str, Any] = {name: table.column(name)[row].as_py() for name in fields}
    return ", ".join(f"{name} = {value}" for name, value in values.items() if value is not None)


def _shortened(text: str) -> str:
    line = " ".join(text[: 4 * LONGEST].split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST].rstrip()} …"


def item_terms(workspace: Workspace, numbers: IntArray) -> TermTable:
    """Words of items, or values of their fields where most have no text."""
    items = workspace.store.items
    table = items.rows(numbers)
    texts = table.column("text").to_pylist()
    if 2 * sum(1 for text in texts if text.strip()) >= len(texts):
        return text_terms(texts)
    nested = set(items.json_fields())
    names = [name for name in table.column_names if name not in ("id", "text") and name not in nested]
    return field_terms({name: table.column(name).to_pylist() for name in names})
