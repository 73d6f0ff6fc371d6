"""Project files as the first schema had them."""

BACK_TO_FIRST = """
drop table shards; drop trigger items_change; drop trigger items_go;
alter table votes rename to newer;
create table votes (
    fingerprint text not null, shard_digest text not null, rows integer not null, votes blob not null,
    dtype text not null, fault_count integer not null, faults text not null, computed_at text not null,
    primary key (fingerprint, shard_digest)
) without rowid;
insert into votes select fingerprint, shard_digest, rows, votes, dtype, fault_count, faults, computed_at from newer;
drop table newer;
pragma user_version = 1;
"""
"""Takes a file of the second schema back to the first."""
