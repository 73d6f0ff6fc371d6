"""What is known of each shard without reading its items: kept in the project file, one row a shard.

Digests, field types and splits rest on every item. Reading a million items for them takes longer than
computing the votes of one labeling function, so they are kept. A row goes when one of its items is
changed or deleted (a trigger sees to that), and does not count when the shard has grown since.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

import numpy as np
import numpy.typing as npt

from labelkit.errors import StorageError
from labelkit.store.codec import from_json, pack, to_json, unpack
from labelkit.store.columns import merged_type
from labelkit.store.database import Database
from labelkit.types import SHARD_SIZE

_SPLIT_CODES = "<u2"
"""A shard cannot hold more different splits than this type has values."""
_COLUMNS = "first, rows, kinds, types, digest, identity, split_names, split_codes"


def items_changed(connection: sqlite3.Connection) -> None:
    """Note inside a transaction that items came or changed: what a process remembers of them is out of date.

    Whoever writes to ``items`` has to call this.
    """
    connection.execute(
        "insert into project values ('items_changes', '1') on conflict (key) do update set value = value + 1"
    )


@dataclass(frozen=True)
class Splits:
    """The split of every item.

    Attributes
    ----------
    names
        The different splits, None for items without one.
    codes
        (n,) each item's position in ``names``.
    """

    names: tuple[str | None, ...]
    codes: npt.NDArray[np.uint16]

    def among(self, wanted: Sequence[str | None]) -> npt.NDArray[np.bool_]:
        """(n,) whether each item's split is one of these."""
        return np.array([name in wanted for name in self.names], dtype=bool)[self.codes]

    def to_list(self) -> list[str | None]:
        """The split of every item, in order."""
        if len(self.names) == 1:
            return [self.names[0]] * len(self.codes)
        out: list[str | None] = np.array(self.names, dtype=object)[self.codes].tolist()
        return out


@dataclass(frozen=True, slots=True)
class _Shard:
    """One row of the table ``shards``; ``types``: the field types that the digest rests on, as JSON."""

    first: int
    rows: int
    kinds: str
    types: str
    digest: str
    identity: str
    split_names: str
    split_codes: bytes


class Shards:
    """Digests, field types and splits, read from the rows of shards; what is missing is made and kept."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: tuple[int, list[_Shard]] = (-1, [])

    def changes(self) -> int:
        """How often items came or changed."""
        row = self._database.one("select value from project where key = 'items_changes'")
        return 0 if row is None else int(row[0])

    def count(self) -> int:
        """Number of items."""
        return int(self._database.one("select coalesce(max(item) + 1, 0) from items")[0])

    def digests(self) -> list[str]:
        """Content digest of every shard, in order: over the content hashes of its items and the types of fields."""
        return [shard.digest for shard in self._all()]

    def identities(self) -> list[str]:
        """Of every shard, in order, what tells it from every other: its digest and the ids of its items."""
        return [shard.identity for shard in self._all()]

    def field_types(self) -> dict[str, str]:
        """Field name → column type over all items, in order of name."""
        shards = self._all()
        return dict(from_json(shards[0].types)) if shards else {}

    def splits(self) -> Splits:
        """The split of every item."""
        names: dict[str | None, int] = {}
        parts = [np.empty(0, np.uint16)]
        for shard in self._all():
            here = [names.setdefault(name, len(names)) for name in from_json(shard.split_names)]
            if len(here) == 1:
                parts.append(np.full(shard.rows, here[0], dtype=np.uint16))
            else:
                parts.append(np.array(here, np.uint16)[unpack(shard.split_codes, _SPLIT_CODES, shard.rows)])
        return Splits(tuple(names), np.concatenate(parts))

    def _all(self) -> list[_Shard]:
        state = self.changes()  # read before the items: a change in between makes the result out of date at once
        if self._known[0] != state:
            self._known = (state, self._read_all(state))
        return self._known[1]

    def _read_all(self, state: int) -> list[_Shard]:
        count = self.count()
        sizes = {first: min(SHARD_SIZE, count - first) for first in range(0, count, SHARD_SIZE)}
        rows = self._database.rows(f"select {_COLUMNS} from shards")
        kept = {row[0]: _Shard(*row) for row in rows if sizes.get(row[0]) == row[1]}
        kinds = {first: kept[first].kinds if first in kept else self._read_kinds(first) for first in sizes}
        # A function sees fields with the types that they have over all items.
        types = to_json(_merged(kinds.values()))
        shards = [
            kept[first] if first in kept and kept[first].types == types else self._read(first, kinds[first], types)
            for first in sizes
        ]
        self._keep([shard for shard in shards if shard is not kept.get(shard.first)], state)
        return shards

    def _read_kinds(self, first: int) -> str:
        """Field name → SQLite's JSON types of its values in one shard, as JSON."""
        found: dict[str, list[str]] = {}
        for name, kind in self._database.rows(
            "select j.key, case when j.type = 'integer' and typeof(j.value) <> 'integer' then 'big' else j.type end"
            " as kind from items, json_each(items.fields) j"
            " where item >= ? and item < ? and fields <> '{}' group by j.key, kind order by j.key, kind",
            (first, first + SHARD_SIZE),
        ):
            found.setdefault(name, []).append(kind)
        return to_json(found)

    def _read(self, first: int, kinds: str, types: str) -> _Shard:
        rows = self._database.rows(
            "select content_hash, split, id from items where item >= ? and item < ? order by item",
            (first, first + SHARD_SIZE),
        )
        digest = hashlib.sha256(types.encode() + b"".join([row[0] for row in rows])).hexdigest()
        identity = hashlib.sha256(to_json([digest, *[row[2] for row in rows]]).encode()).hexdigest()
        names: dict[str | None, int] = {}
        codes = np.array([names.setdefault(row[1], len(names)) for row in rows], dtype=_SPLIT_CODES)
        packed = pack(codes) if len(names) > 1 else b""
        return _Shard(first, len(rows), kinds, types, digest, identity, to_json(list(names)), packed)

    def _keep(self, fresh: Sequence[_Shard], state: int) -> None:
        """Store rows of shards, unless items changed while they were made.

        They are a cache: where it cannot be written (read-only project), they are made again next time.
        """
        if not fresh:
            return
        with contextlib.suppress(StorageError), self._database.transaction() as connection:
            if self.changes() == state:
                connection.executemany(
                    f"insert or replace into shards ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?)",
                    [astuple(shard) for shard in fresh],
                )


def _merged(kinds: Iterable[str]) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for each in kinds:
        for name, some in from_json(each).items():
            found.setdefault(name, set()).update(some)
    return {name: merged_type(found[name]) for name in sorted(found)}
