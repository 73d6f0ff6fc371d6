"""Items, their earlier versions and their gold labels."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from labelkit.errors import LabelkitError
from labelkit.store.codec import from_json
from labelkit.store.columns import arrow_type, fields_to_columns
from labelkit.store.database import Database
from labelkit.store.mirror import Mirror, ShardItems
from labelkit.store.search_index import SearchIndex
from labelkit.store.shards import Shards
from labelkit.types import SHARD_SIZE, BoolArray, IntArray, Item, LabelSchema, content_hash

_MANY = 4096
"""From so many rows on, reading them through the Arrow mirror is quicker than asking SQLite for them
(measured on 1M items: 5,000 rows 9 against 23 ms, 100,000 rows 19 against 300 ms)."""
VARIABLES = 900  # SQLite builds exist that take no more than 999 in one statement


class Items:
    """Reads items; see :class:`~labelkit.store.item_writer.ItemWriter` for writing them."""

    def __init__(self, database: Database, mirror: Mirror) -> None:
        self._database = database
        self._gold: tuple[tuple[int, int], IntArray] | None = None
        self._shards = Shards(database)
        self._mirror = mirror
        self.search_index = SearchIndex(database)

    def count(self) -> int:
        """Number of items."""
        return self._shards.count()

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
        """Content digest of every shard, in order: over the content hashes of its items and the types of fields."""
        return self._shards.digests()

    def field_types(self) -> dict[str, str]:
        """Field name → column type over all items, in order of name."""
        return self._shards.field_types()

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
            f"select {_wanted(types)} from items where item >= ? and item < ? order by item", (first, last)
        )
        return _as_table(rows, types)

    def rows(self, numbers: Sequence[int] | IntArray) -> pa.Table:
        """The given items, in the given order, as :meth:`table`."""
        wanted = np.asarray(numbers, dtype=np.int64)
        return self._few_rows(wanted.tolist()) if len(wanted) < _MANY else self._many_rows(wanted)

    def _few_rows(self, wanted: list[int]) -> pa.Table:
        types = self.field_types()
        found = {}
        for start in range(0, len(wanted), VARIABLES):
            some = wanted[start : start + VARIABLES]
            marks = ",".join("?" * len(some))
            for row in self._database.rows(f"select item, {_wanted(types)} from items where item in ({marks})", some):
                found[row[0]] = row[1:]
        return _as_table([found[n] for n in wanted], types)

    def _many_rows(self, wanted: IntArray) -> pa.Table:
        order = np.argsort(wanted, kind="stable")
        shards, places = np.divmod(wanted[order], SHARD_SIZE)
        parts = [self.shard(number).take(places[shards == number]) for number in np.unique(shards).tolist()]
        return pa.concat_tables(parts).take(np.argsort(order))

    def shard(self, number: int) -> pa.Table:
        """The items of one shard, as :meth:`table`: from the Arrow mirror, which is made where it is missing."""
        try:
            return self.shard_items(number).table()
        except (OSError, pa.ArrowException):  # somebody deletes the cache at this moment
            return self._read_shard(number)

    def shard_items(self, number: int) -> ShardItems:
        """The items of one shard in the Arrow mirror, or from SQLite where that cannot be made."""
        changes, identities = self._shards.changes(), self._shards.identities()
        if number >= len(identities):
            return ShardItems(None, self._read_shard(number))
        path = self._mirror.find(identities[number])
        if path is not None:
            return ShardItems(path)
        table = self._read_shard(number)
        if self._shards.changes() == changes:  # else this may be another content than the identity's
            path = self._mirror.write(identities[number], table)
        return ShardItems(None, table) if path is None else ShardItems(path)

    def _read_shard(self, number: int) -> pa.Table:
        return self.table(number * SHARD_SIZE, (number + 1) * SHARD_SIZE)

    def prune_mirror(self) -> None:
        """Remove what the Arrow mirror holds of earlier contents; call it only while the project lock is held."""
        self._mirror.prune(self._shards.identities())

    def shards(self) -> Iterator[tuple[int, pa.Table]]:
        """(number, table) of every shard."""
        for number in range(self.shard_count()):
            yield number, self.shard(number)

    def imports(self) -> IntArray:
        """Number of the import run that every item's content came from, shape (n,)."""
        rows = self._database.rows("select source from items order by item")
        return np.fromiter((row[0] for row in rows), np.int64, len(rows))

    def splits(self) -> list[str | None]:
        """The split of every item, in order."""
        return self._shards.splits().to_list()

    def in_splits(self, *wanted: str | None) -> BoolArray:
        """(n,) whether each item's split is one of these; None stands for no split."""
        return self._shards.splits().among(wanted)

    def gold(self) -> IntArray:
        """Stable class id of the newest gold label of every item, −1 where there is none; shape (n,)."""
        # Rows are only ever added: as many as before are the same ones.
        state = (self.count(), int(self._database.one("select count(*) from gold_labels")[0]))
        if self._gold is None or self._gold[0] != state:
            self._gold = (state, self._read_gold(state[0]))
        return self._gold[1].copy()

    def _read_gold(self, count: int) -> IntArray:
        out = np.full(count, -1, dtype=np.int16)
        rows = self._database.rows("select item, label from gold_labels order by item, source")
        if rows:
            pairs = np.array(rows, dtype=np.int64)
            out[pairs[:, 0]] = pairs[:, 1]
        return out

    def search(self, query: str, limit: int = 20) -> list[int]:
        """Item numbers that match an FTS5 query, best first. What the index lacks is built first.

        Raises
        ------
        LabelkitError
            If the query is not in the FTS5 query language.
        StorageError
            If there is no index yet and the project cannot be written.
        """
        self.search_index.build()
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


def _wanted(types: Mapping[str, str]) -> str:
    """The columns of ``items`` that a table is made of; without further fields there is no JSON to read."""
    return "id, text, fields" if types else "id, text"


def _as_table(rows: Sequence[Sequence[str]], types: Mapping[str, str]) -> pa.Table:
    columns = {
        "id": pa.array([row[0] for row in rows], pa.string()),
        "text": pa.array([row[1] for row in rows], pa.string()),
    }
    if types:
        columns |= fields_to_columns([row[2] for row in rows], types)
    return pa.table(columns)
