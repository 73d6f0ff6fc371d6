"""What is kept of shards is what their items say, and only what changed is read again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_helpers import batch, import_items, new_store

from labelkit.store import Store, items, shards
from labelkit.store.codec import to_json


@pytest.fixture(autouse=True)
def shards_of_four(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (items, shards):
        monkeypatch.setattr(module, "SHARD_SIZE", 4)


@contextmanager
def shards_read(store: Store) -> Iterator[list[int]]:
    """First items of the shards whose contents are read meanwhile."""
    found: list[int] = []

    def note(statement: str) -> None:
        if "content_hash, split, id from items" in statement:
            found.append(int(statement.partition("item >= ")[2].split()[0]))

    store.database.connection.set_trace_callback(note)
    yield found
    store.database.connection.set_trace_callback(None)


def by_definition(store: Store) -> list[str]:
    types = to_json(store.items.field_types()).encode()
    hashes = [row[0] for row in store.database.rows("select content_hash from items order by item")]
    return [hashlib.sha256(types + b"".join(hashes[n : n + 4])).hexdigest() for n in range(0, len(hashes), 4)]


def ids(count: int) -> list[str]:
    return [f"i{n}" for n in range(count)]


EVENTS = st.lists(
    st.tuples(
        st.integers(1, 11),
        st.sampled_from([{}, {"n": 1}, {"n": 0.5}, {"m": "x"}]),
        st.sampled_from(["one", "two"]),
        st.sampled_from([None, "train", "test"]),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(events=EVENTS)
def test_whatever_is_imported_they_follow(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[int, dict[str, Any], str, str | None]]
) -> None:
    path = tmp_path_factory.mktemp("shards") / "texts.labelkit.db"
    with new_store(path) as store, Store(path) as reader:
        for count, fields, text, split in events:
            imported = batch(ids(count)[::2], [text] * len(ids(count)[::2]), fields=[fields] * len(ids(count)[::2]),
                             splits=[split] * len(ids(count)[::2]))  # fmt: skip
            import_items(store, imported)
            for opened in (store, reader, Store(path)):
                assert opened.items.shard_digests() == by_definition(store)
                stored = [row[0] for row in store.database.rows("select split from items order by item")]
                assert opened.items.splits() == stored
                for wanted in ((None, "train"), ("test",), ("nowhere",)):
                    assert opened.items.in_splits(*wanted).tolist() == [each in wanted for each in stored]


def test_only_what_changed_is_read_again(store: Store) -> None:
    import_items(store, batch(ids(10)))
    with shards_read(store) as read:
        store.items.shard_digests()
        assert read == [0, 4, 8]
    with Store(store.path) as again, shards_read(again) as read:
        again.items.shard_digests(), again.items.splits(), again.items.field_types()
        assert read == []
    with shards_read(store) as read:
        import_items(store, batch(["i5"], ["another text"]))
        store.items.shard_digests()
        import_items(store, batch(["i9", "i10", "i11"]))
        store.items.shard_digests()
        import_items(store, batch(["i0"], splits=["test"]))
        assert store.items.splits() == ["test", *[None] * 11]
        assert read == [4, 8, 0]


def test_another_type_of_a_field_changes_every_digest(store: Store) -> None:
    import_items(store, batch(ids(10), fields=[{"n": 1}] * 10))
    before = store.items.shard_digests()
    import_items(store, batch(["i9"], fields=[{"n": "many"}]))
    assert store.items.shard_digests() == by_definition(store)
    assert not set(store.items.shard_digests()) & set(before)


@pytest.mark.parametrize(
    "statement",
    [
        "update items set content_hash = x'00' where item = 5",
        "update items set split = 'test' where item = 5",
        "delete from items where item = 9",
    ],
)
def test_what_others_write_is_seen_too(store: Store, statement: str) -> None:
    import_items(store, batch(ids(10)))
    store.items.shard_digests(), store.items.splits()
    store.database.connection.execute(statement)
    with Store(store.path) as again:
        assert again.items.shard_digests() == by_definition(store)
        assert again.items.splits() == [row[0] for row in store.database.rows("select split from items order by item")]


def test_many_different_splits(store: Store) -> None:
    import_items(store, batch(ids(9), splits=[f"fold {n % 5}" if n % 3 else None for n in range(9)]))
    assert store.items.splits() == [f"fold {n % 5}" if n % 3 else None for n in range(9)]
    assert store.items.in_splits("fold 1").tolist() == [n == 1 for n in range(9)]
