"""Schema 1: the tables of the first release."""

from __future__ import annotations

from labelkit.store.migrations.script import script

_INITIAL = """
create table project (
    key text primary key,
    value text not null                 -- JSON
) without rowid;

create table label_classes (
    id integer primary key,             -- stable: never used again
    name text not null,
    position integer,                   -- order among the classes in use; null when merged away
    aliases text not null default '[]', -- JSON: earlier names
    merged_into integer references label_classes(id)
);

create table items (
    item integer primary key,           -- dense, in order of arrival
    id text not null unique,
    text text not null,
    fields text not null,               -- JSON object
    content_hash blob not null,
    split text,
    source integer not null,            -- runs.id of the import
    added_at text not null
);

create table item_versions (
    item integer not null references items(item),
    content_hash blob not null,
    text text not null,
    fields text not null,
    source integer not null,
    replaced_at text not null
);
create index item_versions_item on item_versions(item);

create table gold_labels (
    item integer not null references items(item),
    source integer not null,
    label integer not null references label_classes(id),
    added_at text not null,
    primary key (item, source)
) without rowid;

create table labeling_functions (
    name text not null,
    fingerprint text not null,
    kind text not null,
    place text not null,                -- file:line
    declaration text not null,          -- source code or declaration
    first_seen text not null,
    last_seen text not null,
    primary key (name, fingerprint)
) without rowid;

create table votes (
    fingerprint text not null,
    shard_digest text not null,
    rows integer not null,
    votes blob not null,                -- zstd and CRC-32 of int8 or int16 class ids, -1 = abstain
    dtype text not null,
    fault_count integer not null,
    faults text not null,               -- JSON: the first examples
    computed_at text not null,
    primary key (fingerprint, shard_digest)
) without rowid;

create table annotators (
    id integer primary key,
    name text not null unique,
    role text not null check (role in ('annotator', 'reviewer', 'data scientist', 'lead')),
    created_at text not null
);

create table annotations (
    id integer primary key autoincrement,
    item integer not null references items(item),
    content_hash blob not null,         -- of the content that was answered
    annotator integer not null references annotators(id),
    kind text not null check (kind in ('label', 'skip', 'flag')),
    label integer references label_classes(id),
    value text,                         -- JSON, for tasks whose answer is more than one class
    skip_reason text,
    comment text,
    seconds real,
    shown text,                         -- JSON: model version, hints
    role text not null check (role in ('active', 'audit', 'tuning', 'overlap')),
    lease_token text,
    client_id text,
    client_sequence integer,
    supersedes integer references annotations(id),
    outdated integer not null default 0, -- came when there was a newer answer of this person already
    simulated integer not null default 0,
    late integer not null default 0,    -- came after its lease had ended
    answered_at text not null,
    check ((kind = 'label') = (label is not null or value is not null))
);
create index annotations_item on annotations(item, annotator);
create index annotations_supersedes on annotations(supersedes) where supersedes is not null;
create index annotations_annotator on annotations(annotator, answered_at);
create unique index annotations_client on annotations(client_id, client_sequence) where client_id is not null;
create trigger annotations_append_only before update on annotations
    begin select raise(abort, 'annotations are append-only'); end;

create table adjudications (
    id integer primary key autoincrement,
    item integer not null references items(item),
    content_hash blob not null,         -- of the content that was decided on
    label integer references label_classes(id),
    value text,
    annotator integer not null references annotators(id),
    annotations text not null,          -- JSON list of annotation ids
    comment text,
    decided_at text not null
);
create index adjudications_item on adjudications(item);

create table leases (
    token text primary key,
    item integer not null references items(item),
    annotator integer not null references annotators(id),
    claimed_at text not null,
    expires_at text not null,
    ended_at text
) without rowid;
create index leases_item on leases(item) where ended_at is null;

create table item_roles (
    item integer primary key references items(item),
    role text not null check (role in ('audit', 'tuning')),
    inclusion_probability real not null,
    run integer not null,
    drawn_at text not null
);

create table runs (
    id integer primary key autoincrement,
    step text not null,
    status text not null check (status in ('running', 'done', 'failed')),
    parameters text not null,           -- JSON
    inputs text not null,               -- digest of everything that the result depends on
    seed integer,
    versions text not null,             -- JSON: of libraries
    metrics text not null default '{}', -- JSON
    state text,                         -- JSON of a fitted label model
    arrays blob,                        -- npz of a fitted label model
    started_at text not null,
    seconds real,
    pinned integer not null default 0
);
create index runs_step on runs(step, status, id);

create table label_probabilities (
    run integer not null references runs(id),
    shard integer not null,
    rows integer not null,
    probabilities blob not null,        -- zstd and CRC-32 of float32, rows x classes
    labels blob not null,               -- the same of int16 class ids, -1 = nothing decides
    primary key (run, shard)
) without rowid;

create table predictions (
    run integer not null references runs(id),
    shard integer not null,
    rows integer not null,
    probabilities blob not null,
    primary key (run, shard)
) without rowid;

create table queue (
    run integer not null references runs(id),
    rank integer not null,
    item integer not null references items(item),
    utility real not null,
    role text not null,
    strategy text not null,
    inclusion_probability real,
    reason text not null,
    primary key (run, rank)
) without rowid;

create table events (
    id integer primary key autoincrement,
    at text not null,
    actor text not null,
    kind text not null,
    commitment text not null,           -- SHA-256 over salt and payload
    previous text not null,             -- hash of the event before
    hash text not null
);
create trigger events_append_only before update on events
    begin select raise(abort, 'events are append-only'); end;
create trigger events_stay before delete on events
    begin select raise(abort, 'events are append-only'); end;

create table event_payloads (           -- apart, so that one can be forgotten
    event integer primary key references events(id),
    salt text not null,
    payload text not null
);

create table snapshots (
    name text primary key,
    manifest text not null,
    hash text not null,
    created_at text not null
) without rowid;
"""

initial = script(_INITIAL)
"""Make all tables of schema 1."""
