"""Small real project files for the tests of the store."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from labelkit.store import ImportCounts, Store
from labelkit.types import ItemBatch, content_hash


def new_store(path: Path, labels: Sequence[str] = ("spam", "ham", "other")) -> Store:
    """A fresh project file, open."""
    store = Store(path, create=True)
    store.initialise("texts", "classification", list(labels))
    return store


def batch(
    ids: Sequence[str],
    texts: Sequence[str] | None = None,
    *,
    fields: Sequence[Mapping[str, Any]] | None = None,
    gold: Sequence[str | None] | None = None,
    splits: Sequence[str | None] | None = None,
    first_row: int = 1,
) -> ItemBatch:
    """Rows as a source hands them over."""
    n = len(ids)
    texts = [f"text of {item_id}" for item_id in ids] if texts is None else texts
    objects = [json.dumps(f, sort_keys=True, separators=(",", ":")) for f in fields or [{}] * n]
    hashes = [content_hash(text, data) for text, data in zip(texts, objects, strict=True)]
    return ItemBatch(
        list(ids), list(texts), objects, hashes, list(gold or [None] * n), list(splits or [None] * n),
        range(first_row, first_row + n),
    )  # fmt: skip


def import_items(store: Store, *batches: ItemBatch) -> ImportCounts:
    """One import of some batches, as the import step does it."""
    run = store.runs.begin("import", parameters={}, versions={})
    writer = store.writer(run)
    for one in batches:
        writer.write(one)
    store.runs.end(run, seconds=0.0, metrics={})
    return writer.counts


def contents(store: Store) -> list[tuple[int, str, str, str]]:
    """(number, id, text, fields) of all items."""
    return [tuple(row) for row in store.database.rows("select item, id, text, fields from items order by item")]
