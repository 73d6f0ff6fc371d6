"""Writing items: one import, batch by batch."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from labelkit.errors import SourceError, UnknownLabel
from labelkit.store.database import Database, now
from labelkit.store.items import VARIABLES
from labelkit.store.presence import Pace
from labelkit.store.shards import items_changed
from labelkit.types import ItemBatch, LabelSchema


class RowError(SourceError):
    """A row that the store cannot take; ``row`` lets the caller say where it is in the file."""

    def __init__(self, row: int, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.row = row


class DuplicateRow(RowError):
    """An id that occurs twice in one input."""

    def __init__(self, item_id: str, row: int) -> None:
        super().__init__(row, f"the id {item_id!r} occurs twice in this input")
        self.item_id = item_id


def _ambiguous(item_id: str, row: int) -> RowError:
    return RowError(
        row,
        f"the id {item_id!r} exists with another content",
        hint="Made ids cannot tell an edited file from another one of the same name: rename the file, or give an id"
        " column",
    )


@dataclass
class ImportCounts:
    """What an import did so far."""

    added: int = 0
    unchanged: int = 0
    changed: int = 0
    changed_ids: list[str] = field(default_factory=list)
    """The first twenty ids whose content differs from what was stored."""
    gold: int = 0
    splits_changed: int = 0


class ItemWriter:
    """Takes the batches of one import; each is one transaction, or several short ones while people answer.

    It remembers in one bit per item which items this import has touched, so that a duplicate id is
    found also in an input that is imported again.
    """

    def __init__(self, database: Database, schema: LabelSchema, source: int) -> None:
        self._database = database
        self._schema = schema
        self._source = source
        self._next = database.one("select coalesce(max(item) + 1, 0) from items")[0]
        self._seen = bytearray(self._next)
        self._gold_ids: dict[str, int] = {}
        self._pace = Pace(database.path)
        self.counts = ImportCounts()

    def write(self, batch: ItemBatch, *, made_ids: bool = False) -> None:
        """Store one batch: new items are added, known ones compared by content hash.

        Parameters
        ----------
        made_ids
            The ids are made from file name and row: changed content is then more likely another file
            than a new version, and is refused.

        Raises
        ------
        DuplicateRow
            If an id occurs twice in this import. Batches before this one stay stored, and while the project is
            served also the rows of this one that were written before.
        RowError
            If a gold label is not in the schema, or content changed under a made id.
        """
        gold = self._gold(batch)
        first = 0
        while first < len(batch):
            rows = self._pace.rows(len(batch) - first)
            part = batch if rows == len(batch) else batch.part(first, first + rows)
            seconds = self._write(part, gold[first : first + rows], made_ids)
            self._pace.measured(rows, seconds)
            first += rows

    def _write(self, batch: ItemBatch, gold: list[int | None], made_ids: bool) -> float:
        """Store rows in one transaction; returns for how many seconds others could not write."""
        done = ImportCounts()
        with self._database.transaction() as connection:
            began = time.perf_counter()
            before = connection.total_changes
            numbers = self._insert(connection, batch, done, made_ids)
            if connection.total_changes != before:
                items_changed(connection)
            self._store_gold(connection, numbers, gold, done)
        seconds = time.perf_counter() - began
        self._remember(numbers, done)
        return seconds

    def _remember(self, numbers: Sequence[int], done: ImportCounts) -> None:
        """Count what is stored now: not before the transaction has ended well."""
        self._next += done.added
        self._seen.extend(bytes(done.added))
        if isinstance(numbers, range):
            self._seen[numbers.start : numbers.stop] = b"\x01" * len(numbers)
        else:
            for number in numbers:
                self._seen[number] = 1
        counts = self.counts
        counts.added += done.added
        counts.unchanged += done.unchanged
        counts.changed += done.changed
        counts.changed_ids = (counts.changed_ids + done.changed_ids)[:20]
        counts.gold += done.gold
        counts.splits_changed += done.splits_changed

    def _gold(self, batch: ItemBatch) -> list[int | None]:
        if not any(batch.gold):
            return [None] * len(batch)
        out: list[int | None] = []
        for row, name in zip(batch.rows, batch.gold, strict=True):
            if name is None:
                out.append(None)
                continue
            if name not in self._gold_ids:
                try:
                    self._gold_ids[name] = self._schema.parse(name)
                except UnknownLabel as error:
                    raise RowError(
                        row,
                        str(error),
                        hint="Correct the file, add the class to labels in labelkit.toml, or map another gold column",
                    ) from None
            out.append(self._gold_ids[name])
        return out

    def _insert(
        self, connection: sqlite3.Connection, batch: ItemBatch, done: ImportCounts, made_ids: bool
    ) -> Sequence[int]:
        first, at, source = self._next, now(), self._source
        rows = zip(
            range(first, first + len(batch)), batch.ids, batch.texts, batch.fields, batch.hashes, batch.splits,
            strict=True,
        )  # fmt: skip
        # rowcount leaves out what triggers change (the search index), unlike total_changes.
        stored = connection.executemany(
            "insert or ignore into items (item, id, text, fields, content_hash, split, source, added_at)"
            f" values (?, ?, ?, ?, ?, ?, {source:d}, '{at}')",
            rows,
        ).rowcount
        if stored == len(batch):  # all new: the usual case, and the fast one
            done.added = stored
            return range(first, first + stored)
        if stored > 0:
            connection.execute("delete from items where item >= ?", (first,))
        return self._insert_slowly(connection, batch, done, at, made_ids)

    def _insert_slowly(
        self, connection: sqlite3.Connection, batch: ItemBatch, done: ImportCounts, at: str, made_ids: bool
    ) -> Sequence[int]:
        """Some ids were known: tell row by row what is new, what is changed, and what occurs twice."""
        known = self._known(connection, batch.ids)
        numbers: list[int] = []
        fresh: list[tuple[Any, ...]] = []
        here: set[str] = set()
        for position, item_id in enumerate(batch.ids):
            stored = known.get(item_id)
            if item_id in here or (stored is not None and self._seen[stored[0]]):
                raise DuplicateRow(item_id, batch.rows[position])
            here.add(item_id)
            if stored is None:
                numbers.append(self._next + len(fresh))
                fresh.append(
                    (numbers[-1], item_id, batch.texts[position], batch.fields[position], batch.hashes[position],
                     batch.splits[position], self._source, at)
                )  # fmt: skip
            else:
                if made_ids and batch.hashes[position] != stored[1]:
                    raise _ambiguous(item_id, batch.rows[position])
                numbers.append(stored[0])
                self._update(connection, batch, position, stored, at, done)
        connection.executemany(
            "insert into items (item, id, text, fields, content_hash, split, source, added_at)"
            " values (?, ?, ?, ?, ?, ?, ?, ?)",
            fresh,
        )
        done.added = len(fresh)
        return numbers

    @staticmethod
    def _known(connection: sqlite3.Connection, ids: list[str]) -> dict[str, tuple[int, bytes, str | None]]:
        known: dict[str, tuple[int, bytes, str | None]] = {}
        for start in range(0, len(ids), VARIABLES):
            some = ids[start : start + VARIABLES]
            marks = ",".join("?" * len(some))
            for item_id, number, digest, split in connection.execute(
                f"select id, item, content_hash, split from items where id in ({marks})", some
            ):
                known[item_id] = (number, digest, split)
        return known

    def _update(
        self, connection: sqlite3.Connection, batch: ItemBatch, position: int,
        stored: tuple[int, bytes, str | None], at: str, done: ImportCounts,
    ) -> None:  # fmt: skip
        number, digest, split = stored
        if batch.hashes[position] != digest:
            connection.execute(
                "insert into item_versions (item, content_hash, text, fields, source, replaced_at)"
                " select item, content_hash, text, fields, source, ? from items where item = ?",
                (at, number),
            )
            connection.execute(
                "update items set text = ?, fields = ?, content_hash = ?, source = ? where item = ?",
                (batch.texts[position], batch.fields[position], batch.hashes[position], self._source, number),
            )
            done.changed += 1
            if len(done.changed_ids) < 20:
                done.changed_ids.append(batch.ids[position])
        else:
            done.unchanged += 1
        given = batch.splits[position]
        if given is not None and given != split:
            connection.execute("update items set split = ? where item = ?", (given, number))
            done.splits_changed += split is not None

    def _store_gold(
        self, connection: sqlite3.Connection, numbers: Sequence[int], gold: list[int | None], done: ImportCounts
    ) -> None:
        at = now()
        rows = [(n, self._source, label, at) for n, label in zip(numbers, gold, strict=True) if label is not None]
        if not rows:
            return
        # The same gold again is no news, also under the name of a class that has taken it over; another
        # one is kept beside the earlier and is the newer.
        done.gold = connection.executemany(
            "insert into gold_labels (item, source, label, added_at) select ?1, ?2, ?3, ?4 where ?3 is not"
            " (select coalesce(c.merged_into, c.id) from gold_labels g join label_classes c on c.id = g.label"
            " where g.item = ?1 order by g.source desc limit 1)",
            rows,
        ).rowcount
