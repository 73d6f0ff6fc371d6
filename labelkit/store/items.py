"""Items, their earlier versions and their gold labels."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from labelkit.errors import LabelkitError, StorageError
from labelkit.store.codec import from_json, to_json
from labelkit.store.columns import arrow_type, fields_to_columns, merged_type
from labelkit.store.database import Database
from labelkit.types import SHARD_SIZE, IntArray, Item, LabelSchema, content_hash

VARIABLES = 900  # SQLite builds exist that take no more than 999 in one statement


def items_changed(connection: sqlite3.Connection) -> None:
    """Note inside a transaction that contents came or changed: what was derived from them is out of date.

    Whoever writes to ``items`` has to call this.
    """
    connection.execute(
        "insert into project values ('items_changes', '1') on conflict (key) do update set value = value + 1"
    )


class Items:
    """Reads items; see :class:`~labelkit.store.item_writer.ItemWriter` for writing them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._digests: tuple[int, list[str]] = (-1, [])

    def _changes(self) -> int:
        """How often contents came or changed."""
        row = self._database.one("select value from project where key = 'items_changes'")
        return 0 if row is None else int(row[0])

    def count(self) -> int:
        """Number of items."""
        return int(self._database.one("select coalesce(max(item) + 1, 0) from items")[0])

    def shard_count(self) -> int:
        """Number of shards of 65,536 items."""
        return -(-self.count() // SHARD_SIZE)

    def shard_rows(self, number: int) -> int:
        """Items in one shard."""
        return min(SHARD_SIZE, self.count() - number * SHARD_SIZE)

    def number_of(self, item_id: str) -> int | None:
        """The dense number of the item with this id, or None."""
        row = self._database.one("select item from items where id = ?", (item_id,))
        return None if row is None else int(row[0])

    def ids(self, numbers: Sequence[int] | IntArray) -> list[str]:
        """External ids of the given item numbers, in their order."""
        found: dict[int, str] = {}
        wanted = [int(n) for n in numbers]
        for start in range(0, len(wanted), VARIABLES):
            some = wanted[start : start + VARIABLES]
            marks = ",".join("?" * len(some))
            found.update(self._database.rows(f"select item, id from items where item in ({marks})", some))
        return [found[n] for n in wanted]

    def get(self, number: int, schema: LabelSchema) -> Item:
        """One item, its fields parsed."""
        row = self._database.one("select id, text, fields, split from items where item = ?", (number,))
        gold = self._database.one(
            "select label from gold_labels where item = ? order by source desc limit 1", (number,)
        )
        label = None if gold is None else schema.resolve(gold[0])
        return Item(number, row[0], row[1], from_json(row[2]), row[3], label)

    def shard_digests(self) -> list[str]:
        """Content digest of every shard, in order: over the content hashes of its items."""
        state = self._changes()
        if self._digests[0] == state:
            return list(self._digests[1])
        digests: list[str] = []
        # A function sees fields with the types that they have over all items.
        types = to_json(self.field_types()).encode()
        for first in range(0, self.count(), SHARD_SIZE):
            rows = self._database.rows(
                "select content_hash from items where item >= ? and item < ? order by item", (first, first + SHARD_SIZE)
            )
            digests.append(hashlib.sha256(types + b"".join(row[0] for row in rows)).hexdigest())
        self._digests = (state, digests)
        return list(digests)

    def field_types(self) -> dict[str, str]:
        """Field name → column type over all items, in order of name; kept until items change."""
        state = self._changes()  # read before the items: a change in between makes the result out of date at once
        kept = self._database.one("select value from project where key = 'field_types'")
        if kept is not None and from_json(kept[0])["state"] == state:
            return dict(from_json(kept[0])["types"])
        found: dict[str, set[str]] = {}
        for name, kind in self._database.rows(
            "select j.key, case when j.type = 'integer' and typeof(j.value) <> 'integer' then 'big' else j.type end"
            " as kind from items, json_each(items.fields) j group by j.key, kind order by j.key"
        ):
            found.setdefault(name, set()).add(kind)
        types: dict[str, str] = {name: merged_type(kinds) for name, kinds in found.items()}
        # A cache: where it cannot be written (read-only project), it is made again next time.
        with contextlib.suppress(StorageError), self._database.transaction() as connection:
            connection.execute(
                "insert or replace into project values ('field_types', ?)", (to_json({"state": state, "types": types}),)
            )
        return types

    def arrow_types(self) -> dict[str, pa.DataType]:
        """Field name → Arrow type of its column."""
        return {name: arrow_type(kind) for name, kind in self.field_types().items()}

    def json_fields(self) -> list[str]:
        """Fields whose values are lists or objects: their columns hold JSON texts."""
        return [name for name, kind in self.field_types().items() if kind == "json"]

    def table(self, first: int, last: int) -> pa.Table:
        """Items ``first`` … ``last − 1`` as an Arrow table: ``id``, ``text``, then the further fields."""
        types = self.field_types()
        rows = self._database.rows(
            "select id, text, fields from items where item >= ? and item < ? order by item", (first, last)
        )
        return self._as_table(rows, types)

    @staticmethod
    def _as_table(rows: Sequence[Sequence[str]], types: dict[str, str]) -> pa.Table:
        columns = {
            "id": pa.array([row[0] for row in rows], pa.string()),
            "text": pa.array([row[1] for row in rows], pa.string()),
            **fields_to_columns([row[2] for row in rows], types),
        }
        return pa.table(columns)

    def rows(self, numbers: Sequence[int] | IntArray) -> pa.Table:
        """The given items, in the given order, as :meth:`table`."""
        types = self.field_types()
        found = {}
        wanted = [int(n) for n in numbers]
        for start in range(0, len(wanted), VARIABLES):
            some = wanted[start : start + VARIABLES]
            marks = ",".join("?" * len(some))
            for row in self._database.rows(f"select item, id, text, fields from items where item in ({marks})", some):
                found[row[0]] = row[1:]
        return self._as_table([found[n] for n in wanted], types)

    def shard(self, number: int) -> pa.Table:
        """The items of one shard, as :meth:`table`."""
        return self.table(number * SHARD_SIZE, (number + 1) * SHARD_SIZE)

    def shards(self) -> Iterator[tuple[int, pa.Table]]:
        """(number, table) of every shard."""
        for number in range(self.shard_count()):
            yield number, self.shard(number)

    def splits(self) -> list[str | None]:
        """The split of every item, in order."""
        return [row[0] for row in self._database.rows("select split from items order by item")]

    def gold(self) -> IntArray:
        """Stable class id of the newest gold label of every item, −1 where there is none; shape (n,)."""
        out = np.full(self.count(), -1, dtype=np.int16)
        rows = self._database.rows("select item, label from gold_labels order by item, source")
        if rows:
            pairs = np.array(rows, dtype=np.int64)
            out[pairs[:, 0]] = pairs[:, 1]
        return out

    def search(self, query: str, limit: int = 20) -> list[int]:
        """Item numbers that match an FTS5 query, best first. The index is built on the first search.

        Raises
        ------
        LabelkitError
            If the query is not in the FTS5 query language.
        StorageError
            If there is no index yet and the project cannot be written.
        """
        self._ensure_index()
        try:
            rows = self._database.rows(
                "select rowid from items_fts where items_fts match ? order by rank limit ?", (query, limit)
            )
        except sqlite3.OperationalError as error:  # the file's own troubles are translated already
            raise LabelkitError(
                f"cannot search for {query!r}: {error}",
                hint='Put words and phrases with special characters in double quotes: "don\'t"',
            ) from error
        return [int(row[0]) for row in rows]

    def _ensure_index(self) -> None:
        exists = "select 1 from sqlite_master where name = 'items_fts'"
        if self._database.one(exists):
            return
        import sqlite_utils

        with self._database.transaction() as connection:
            if connection.execute(exists).fetchone() is None:  # another process may have been faster
                sqlite_utils.Database(connection)["items"].enable_fts(["text"], create_triggers=True)

    def problems(self) -> list[str]:
        """Numbers that are not dense, and contents that are not those which were hashed when they came."""
        found = []
        count, top = self._database.one("select count(*), coalesce(max(item) + 1, 0) from items")
        if count != top:
            found.append(f"item numbers are not dense: {count} items, highest number {top - 1}")
        changed = [
            row[0]
            for row in self._database.stream("select id, text, fields, content_hash from items")
            if content_hash(row[1], row[2]) != row[3]
        ]
        if changed:
            more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
            found.append(
                f"the content of {', '.join(map(repr, changed[:5]))}{more} is not what was imported: import it again"
            )
        return found
