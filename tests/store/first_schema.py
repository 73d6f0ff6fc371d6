"""Project files as the first schema had them."""

BACK_TO_FIRST = """
drop view standing_adjudications; drop trigger adjudications_open; drop trigger adjudications_append_only;
drop trigger annotations_open; drop trigger items_open;
drop index adjudications_client; drop index adjudications_withdraws;
alter table adjudications drop column withdraws; alter table adjudications drop column shown;
alter table adjudications drop column client_id; alter table adjudications drop column client_sequence;
drop table tie_breaks; drop index queue_open; drop index queue_item; alter table queue drop column closed;
drop index leases_annotator; drop index leases_expiry; drop index leases_gold;
alter table leases drop column client; alter table leases drop column purpose; alter table leases drop column role;
alter table leases drop column place; alter table leases drop column hints_before;
alter table annotators drop column active; alter table annotators drop column asked;
drop index annotations_time; drop index annotations_lease;
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
"""Takes a file of today's schema back to the first (answers keep what their table allows today)."""
