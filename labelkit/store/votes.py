"""Votes as columns, addressed by content: (fingerprint of the function, digest of the shard)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from labelkit.errors import ProjectDamaged, StepMissing
from labelkit.store.codec import from_json, pack, to_json, unpack, votes_digest
from labelkit.store.database import Database, now
from labelkit.types import ABSTAIN, Fault, IntArray


@dataclass(frozen=True, slots=True)
class StoredFunction:
    """A labeling function as the project file knows it."""

    name: str
    fingerprint: str
    kind: str
    place: str
    declaration: str


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """One function's votes on one shard: stable class ids, −1 = abstain."""

    votes: IntArray
    fault_count: int
    faults: tuple[Fault, ...]


class Votes:
    """Reads and writes vote columns and the functions that made them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, functions: Sequence[StoredFunction]) -> None:
        """Remember functions; one seen before only gets a newer ``last_seen``."""
        at = now()
        with self._database.transaction() as connection:
            connection.executemany(
                "insert into labeling_functions values (?, ?, ?, ?, ?, ?, ?)"
                " on conflict (name, fingerprint) do update set last_seen = excluded.last_seen, place = excluded.place",
                [(f.name, f.fingerprint, f.kind, f.place, f.declaration, at, at) for f in functions],
            )

    def function(self, name: str, fingerprint: str) -> StoredFunction | None:
        """A function seen before, by name and fingerprint."""
        row = self._database.one(
            "select name, fingerprint, kind, place, declaration from labeling_functions"
            " where name = ? and fingerprint = ?",
            (name, fingerprint),
        )
        return None if row is None else StoredFunction(*row)

    def present(self, shard_digests: Sequence[str], fingerprints: Sequence[str] | None = None) -> set[tuple[str, str]]:
        """The (fingerprint, shard digest) pairs that are stored, for the given shards.

        Only ``fingerprints`` are looked up where they are given: a project may hold many earlier ones.
        """
        wanted = set(shard_digests)
        if fingerprints is None:
            rows = self._database.rows("select fingerprint, shard_digest from votes")
            return {(f, s) for f, s in rows if s in wanted}
        return {(f, s) for f in fingerprints for s, _ in self._facts(f, "digest") if s in wanted}

    def _facts(self, fingerprint: str, fact: str) -> list[tuple[str, Any]]:
        """(shard digest, fact) of all columns of a function; their votes are not read."""
        return self._database.rows(f"select shard_digest, {fact} from votes where fingerprint = ?", (fingerprint,))

    def write(self, shard_digest: str, columns: Sequence[tuple[str, StoredColumn]]) -> None:
        """Store (fingerprint, column) pairs of one shard in one transaction."""
        at = now()
        rows: list[tuple[Any, ...]] = []
        for fingerprint, column in columns:
            faults = to_json([[f.function, f.item_id, f.problem] for f in column.faults])
            rows.append(
                (fingerprint, shard_digest, len(column.votes), column.votes.dtype.str, votes_digest(column.votes),
                 column.fault_count, faults, at, pack(column.votes))
            )  # fmt: skip
        with self._database.transaction() as connection:
            connection.executemany(
                "insert or replace into votes (fingerprint, shard_digest, rows, dtype, digest, fault_count, faults,"
                " computed_at, votes) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )

    def read(self, fingerprint: str, shard_digest: str) -> StoredColumn | None:
        """One column of one shard, or None if the function has not run on it."""
        row = self._database.one(
            "select votes, dtype, rows, fault_count, faults from votes where fingerprint = ? and shard_digest = ?",
            (fingerprint, shard_digest),
        )
        if row is None:
            return None
        faults = tuple(Fault(*fault) for fault in from_json(row[4]))
        return StoredColumn(unpack(row[0], row[1], row[2]), row[3], faults)

    def faults(self, fingerprint: str, shard_digests: Sequence[str]) -> list[tuple[int, tuple[Fault, ...]]]:
        """(count, first examples) of every shard on which the function raised."""
        rows = self._database.rows(
            "select shard_digest, fault_count, faults from votes where fingerprint = ? and fault_count > 0",
            (fingerprint,),
        )
        wanted = set(shard_digests)
        return [(count, tuple(Fault(*f) for f in from_json(data))) for digest, count, data in rows if digest in wanted]

    def faulty(self, fingerprints: Sequence[str], shard_digests: Sequence[str]) -> set[tuple[str, str]]:
        """(fingerprint, shard digest) of the columns on which the function raised."""
        digests = set(shard_digests)
        return {(f, s) for f in fingerprints for s, count in self._facts(f, "fault_count") if count and s in digests}

    def digest(self, fingerprints: Sequence[str], shard_digests: Sequence[str]) -> str:
        """SHA-256 over the digests of all columns of these functions on these shards, as they were written."""
        state = hashlib.sha256()
        for fingerprint in fingerprints:
            found = dict(self._facts(fingerprint, "digest"))
            for shard_digest in shard_digests:
                state.update(f"{found.get(shard_digest)}\n".encode())
        return state.hexdigest()

    def drop(self, fingerprint: str) -> None:
        """Forget a function's votes on all shards (they turned out to be stale)."""
        with self._database.transaction() as connection:
            connection.execute("delete from votes where fingerprint = ?", (fingerprint,))

    def matrix(self, fingerprints: Sequence[str], shard_digests: Sequence[str]) -> IntArray:
        """Votes of all functions on all shards, (n, m) stable class ids.

        Raises
        ------
        StepMissing
            If a function has not run on a shard.
        """
        if not fingerprints:
            return np.empty((0, 0), dtype=np.int8)
        wanted = set(shard_digests)
        kinds = {kind for f in fingerprints for digest, kind in self._facts(f, "dtype") if digest in wanted}
        sizes = dict(self._facts(fingerprints[0], "rows"))
        rows = sum(sizes.get(digest, 0) for digest in shard_digests)
        out = np.empty((rows, len(fingerprints)), dtype=np.result_type(np.int8, *kinds))
        first = 0
        for digest in shard_digests:  # shard by shard, so that the rows being filled stay in the processor's cache
            last = first + sizes.get(digest, 0)
            for place, fingerprint in enumerate(fingerprints):
                out[first:last, place] = self._votes(fingerprint, digest)
            first = last
        return out

    def _votes(self, fingerprint: str, shard_digest: str) -> IntArray:
        column = self.read(fingerprint, shard_digest)
        if column is None:
            raise StepMissing("a labeling function has no votes on some items", hint="Run `labelkit vote`")
        return column.votes

    def problems(self) -> list[str]:
        """Columns that cannot be read, or hold what is no class id."""
        found: list[str] = []
        top = self._database.one("select coalesce(max(id), -1) from label_classes")[0]
        names = dict(self._database.rows("select fingerprint, name from labeling_functions"))
        for fingerprint, digest, dtype, rows, noted, data in self._database.stream(
            "select fingerprint, shard_digest, dtype, rows, digest, votes from votes"
        ):
            problem = _column_problem(data, dtype, rows, noted, top)
            if problem:
                name = names.get(fingerprint, fingerprint[:12])
                found.append(f"the votes of {name} on the shard {digest[:12]} are damaged: {problem}")
        return found


def _column_problem(data: bytes, dtype: str, rows: int, noted: str | None, top: int) -> str | None:
    try:
        votes = unpack(data, dtype, rows)
    except (ProjectDamaged, TypeError) as error:  # TypeError: no such dtype
        return error.message if isinstance(error, ProjectDamaged) else str(error)
    if rows and (votes.dtype.kind != "i" or votes.min() < ABSTAIN or votes.max() > top):
        return "they hold a number that is no class id"
    if noted != votes_digest(votes):
        return "they are not what was written"
    return None
