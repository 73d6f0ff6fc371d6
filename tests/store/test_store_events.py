"""The event log: whoever rewrites it is found out; what is forgotten is not."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import pytest

from labelkit.store import Store
from labelkit.store.events import verify


@pytest.fixture
def log(store: Store) -> Store:
    for name in ("a", "b", "c"):
        store.labels.add(name, actor="me")
    return store


def tamper(store: Store, *statements: str) -> None:
    with store.database.transaction() as connection:
        for trigger in ("events_append_only", "events_stay"):
            connection.execute(f"drop trigger {trigger}")
        for statement in statements:
            connection.execute(statement)


def test_a_sound_log_holds(log: Store) -> None:
    assert verify(log.database) == []
    kinds = log.database.rows("select kind, actor from events order by id")
    assert kinds == [("project.created", "labelkit"), *[("schema.add", "me")] * 3]


def test_events_cannot_be_changed_or_deleted_by_mistake(log: Store) -> None:
    for statement in ("update events set actor = 'you'", "delete from events"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"), log.database.transaction() as connection:
            connection.execute(statement)


@pytest.mark.parametrize("column", ["at", "actor", "kind", "commitment", "previous", "hash"])
def test_a_changed_event_is_found(log: Store, column: str) -> None:
    tamper(log, f"update events set {column} = {column} || 'x' where id = 2")
    assert verify(log.database)[0].startswith("the event log is broken at event")
    assert any("events_stay is missing" in problem for problem in log.problems())


@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_missing_event_is_found(log: Store, number: int) -> None:
    tamper(log, f"delete from event_payloads where event = {number}", f"delete from events where id = {number}")
    (problem,) = verify(log.database)
    assert ("cut short" if number == 4 else "broken at event") in problem


@pytest.mark.parametrize("column", ["payload", "salt"])
def test_a_changed_payload_is_found(log: Store, column: str) -> None:
    with log.database.transaction() as connection:
        connection.execute(f"update event_payloads set {column} = replace({column}, 'a', 'b') || ' ' where event = 2")
    assert "payload of event 2" in verify(log.database)[0]


def test_a_forgotten_payload_leaves_the_chain_whole(log: Store) -> None:
    with log.database.transaction() as connection:
        connection.execute("delete from event_payloads where event = 2")
    assert verify(log.database) == []
    assert log.problems() == []


def test_a_failed_change_leaves_no_event_and_no_gap(log: Store) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        from labelkit.store.events import append

        append(connection, "never", {})
        raise RuntimeError

    attempt: Callable[[sqlite3.Connection], None] = fail
    with pytest.raises(RuntimeError), log.database.transaction() as connection:
        attempt(connection)
    log.labels.add("d", actor="me")
    assert verify(log.database) == []
    assert log.database.one("select max(id) from events")[0] == 5
