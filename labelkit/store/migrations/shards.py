"""Schema 2: what is known of shards and vote columns, kept beside them."""

from __future__ import annotations

import contextlib
import sqlite3

from labelkit.errors import ProjectDamaged
from labelkit.store.codec import unpack, votes_digest
from labelkit.store.migrations.script import script

# Facts about a column stand before its votes: SQLite then reads them without reading the votes.
_SHARDS = """
create table shards (                   -- what is known of a shard; made again where a row is missing
    first integer primary key,          -- its first item
    rows integer not null,              -- a row does not count when the shard has grown since
    kinds text not null,                -- JSON: further field -> JSON types of its values
    types text not null,                -- JSON: field types over all items, on which the digest rests
    digest text not null,
    identity text not null,             -- SHA-256 of the digest and the items' ids
    split_names text not null,          -- JSON list: the different splits
    split_codes blob not null           -- zstd and CRC-32 of uint16 places in it; empty where there is only one
);
create trigger items_change after update of id, text, fields, content_hash, split on items
    begin delete from shards where old.item >= first and old.item < first + rows; end;
create trigger items_go after delete on items
    begin delete from shards where old.item >= first and old.item < first + rows; end;
delete from project where key = 'field_types';

alter table votes rename to votes_1;
create table votes (
    fingerprint text not null,
    shard_digest text not null,
    rows integer not null,
    dtype text not null,
    digest text,                        -- SHA-256 of the votes as int16; null where they could not be read
    fault_count integer not null,
    faults text not null,               -- JSON: the first examples
    computed_at text not null,
    votes blob not null,                -- zstd and CRC-32 of int8 or int16 class ids, -1 = abstain
    primary key (fingerprint, shard_digest)
) without rowid;
insert into votes (fingerprint, shard_digest, rows, dtype, fault_count, faults, computed_at, votes)
    select fingerprint, shard_digest, rows, dtype, fault_count, faults, computed_at, votes from votes_1;
drop table votes_1;
"""


def shards(connection: sqlite3.Connection) -> None:
    """Facts about shards and vote columns beside them, so that an edit need not read everything again."""
    script(_SHARDS)(connection)
    for fingerprint, shard, rows, dtype, data in connection.execute(
        "select fingerprint, shard_digest, rows, dtype, votes from votes"
    ).fetchall():
        with contextlib.suppress(ProjectDamaged, TypeError):  # `labelkit doctor` names damaged columns
            digest = votes_digest(unpack(data, dtype, rows))
            connection.execute(
                "update votes set digest = ? where fingerprint = ? and shard_digest = ?", (digest, fingerprint, shard)
            )
