"""Schema 3: people with accounts, leases of pages, gold questions, decisions that stay."""

from __future__ import annotations

import sqlite3

from labelkit.store.migrations.script import script

_ANNOTATING = """
alter table annotators add column active integer not null default 1;  -- 0: may not sign in any more
alter table annotators add column asked integer not null default 0;   -- items ever given to this person

alter table leases add column client text;                            -- the page that holds it; null: no page
alter table leases add column purpose text not null default 'queue'
    check (purpose in ('queue', 'gold', 'revision'));
alter table leases add column role text not null default 'active';    -- of the answer, where nothing was drawn
alter table leases add column place integer not null default 0;       -- how many items came before, for this person
alter table leases add column hints_before integer not null default 0; -- 1: votes and guess shown before the answer
create index leases_annotator on leases(annotator) where ended_at is null;
create index leases_expiry on leases(expires_at) where ended_at is null;
create index leases_gold on leases(annotator, item) where purpose = 'gold';

-- 1: nobody has to be asked any more, as far as answers and decisions go; a claim notes it and never looks again.
-- Whatever may open a place takes the mark away.
alter table queue add column closed integer not null default 0;
create index queue_open on queue(run, rank, item, role) where closed = 0;
create index queue_item on queue(item);
create table tie_breaks (               -- items whose annotators disagree: asked before the queue, whatever is in it
    item integer primary key references items(item),
    since integer not null              -- the answer that showed it
);

alter table annotations rename to annotations_2;
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
    role text not null check (role in ('active', 'audit', 'tuning', 'overlap', 'gold')),
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
insert into annotations select * from annotations_2;
drop table annotations_2;
create index annotations_item on annotations(item, annotator);
create index annotations_supersedes on annotations(supersedes) where supersedes is not null;
create index annotations_annotator on annotations(annotator, answered_at);
create index annotations_time on annotations(answered_at);
create index annotations_lease on annotations(lease_token) where lease_token is not null;
create unique index annotations_client on annotations(client_id, client_sequence, annotator)
    where client_id is not null;
create trigger annotations_open after insert on annotations when new.role != 'gold'
    begin update queue set closed = 0 where closed = 1 and item = new.item; end;
create trigger adjudications_open after insert on adjudications
    begin update queue set closed = 0 where closed = 1 and item = new.item; end;
create trigger items_open after update of content_hash on items
    begin update queue set closed = 0 where closed = 1 and item = new.item; end;
create trigger annotations_append_only before update on annotations
    begin select raise(abort, 'annotations are append-only'); end;
create trigger adjudications_append_only before update on adjudications
    begin select raise(abort, 'adjudications are append-only'); end;

alter table adjudications add column withdraws integer references adjudications(id); -- this row takes that one back
alter table adjudications add column shown text;                      -- JSON: what was shown before the decision
alter table adjudications add column client_id text;
alter table adjudications add column client_sequence integer;
create unique index adjudications_client on adjudications(client_id, client_sequence) where client_id is not null;
create unique index adjudications_withdraws on adjudications(withdraws) where withdraws is not null;
-- What is decided now: of the present content, the newest decision of an item that nobody took back.
create view standing_adjudications as
    select a.* from adjudications a join items i on i.item = a.item and i.content_hash = a.content_hash
    where a.withdraws is null
        and not exists (select 1 from adjudications w where w.withdraws = a.id)
        and not exists (
            select 1 from adjudications n where n.item = a.item and n.content_hash = a.content_hash and n.id > a.id
                and n.withdraws is null and not exists (select 1 from adjudications w where w.withdraws = n.id)
        );
"""


def annotating(connection: sqlite3.Connection) -> None:
    """Rebuild ``annotations`` (a new role, ``gold``) and add what pages and accounts need."""
    # Without this, renaming a table also renames it in the references of its copy.
    connection.execute("pragma legacy_alter_table = on")
    try:
        script(_ANNOTATING)(connection)
    finally:
        connection.execute("pragma legacy_alter_table = off")
