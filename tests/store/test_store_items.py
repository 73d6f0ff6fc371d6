"""Items on their way in and out: numbers, versions, duplicates, gold labels, splits, digests."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_helpers import batch, contents, import_items, new_store

from labelkit.sources.content import content_hashes
from labelkit.store import DuplicateRow, RowError, Store
from labelkit.store import items as items_module
from labelkit.store import shards as shards_module
from labelkit.types import content_hash


def test_items_are_numbered_in_order_of_arrival(store: Store) -> None:
    counts = import_items(store, batch(["b", "a"]), batch(["c"], first_row=3))
    assert (counts.added, counts.unchanged, counts.changed) == (3, 0, 0)
    assert [row[:2] for row in contents(store)] == [(0, "b"), (1, "a"), (2, "c")]
    assert store.items.count() == 3
    assert (store.items.number_of("c"), store.items.number_of("d")) == (2, None)
    assert store.items.ids([2, 0]) == ["c", "b"]
    assert store.problems() == []


def test_the_same_import_again_changes_nothing(store: Store) -> None:
    rows = [batch(["a", "b"], gold=["spam", None], splits=["train", "test"]), batch(["c"], first_row=3)]
    import_items(store, *rows)
    before, digests = contents(store), store.items.shard_digests()
    counts = import_items(store, *rows)
    assert (counts.added, counts.unchanged, counts.changed, counts.gold, counts.splits_changed) == (0, 3, 0, 0, 0)
    assert contents(store) == before
    assert store.items.shard_digests() == digests
    assert store.database.one("select count(*) from item_versions")[0] == 0
    assert store.database.one("select count(*) from gold_labels")[0] == 1


def test_changed_content_is_versioned_and_named(store: Store) -> None:
    import_items(store, batch(["a", "b"], ["one", "two"]))
    counts = import_items(store, batch(["b", "a", "c"], ["zwei", "one", "three"]))
    assert (counts.added, counts.unchanged, counts.changed, counts.changed_ids) == (1, 1, 1, ["b"])
    assert [row[:3] for row in contents(store)] == [(0, "a", "one"), (1, "b", "zwei"), (2, "c", "three")]
    assert store.database.rows("select item, text, content_hash from item_versions") == [
        (1, "two", content_hash("two", "{}"))
    ]


def test_fields_are_content_too(store: Store) -> None:
    import_items(store, batch(["a"], fields=[{"x": 1}]))
    assert import_items(store, batch(["a"], fields=[{"x": 2}])).changed == 1


def test_new_and_known_ids_in_one_batch_keep_numbers_dense(store: Store) -> None:
    import_items(store, batch(["a", "b"]))
    import_items(store, batch(["x", "a", "y", "b", "z"]))
    assert [row[:2] for row in contents(store)] == list(enumerate("abxyz"))


def test_known_ids_are_found_when_triggers_write_rows_too(store: Store) -> None:
    """The search index's triggers write some rows for each item: counting those would take known ids for new."""
    known = [f"i{n}" for n in range(20)]
    import_items(store, batch(known))
    store.items.search("text")
    for size in range(1, 20):
        counts = import_items(store, batch([f"new-{size}", *known[:size]]))
        assert (counts.added, counts.unchanged) == (1, size)
    assert store.problems() == []


class TestDuplicates:
    """An id that occurs twice in one input, wherever the two rows are."""

    def test_within_a_batch(self, store: Store) -> None:
        with pytest.raises(DuplicateRow, match="'a' occurs twice") as caught:
            import_items(store, batch(["a", "b", "a"]))
        assert (caught.value.item_id, caught.value.row) == ("a", 3)
        assert store.items.count() == 0

    def test_across_batches_the_earlier_ones_stay(self, store: Store) -> None:
        with pytest.raises(DuplicateRow) as caught:
            import_items(store, batch(["a", "b"]), batch(["c", "b"], first_row=3))
        assert (caught.value.item_id, caught.value.row) == ("b", 4)
        assert [row[1] for row in contents(store)] == ["a", "b"]

    def test_importing_again_after_the_failure(self, store: Store) -> None:
        for _ in range(2):
            with pytest.raises(DuplicateRow) as caught:
                import_items(store, batch(["a", "b"]), batch(["c", "b"], first_row=3))
            assert caught.value.row == 4
        assert [row[1] for row in contents(store)] == ["a", "b"]

    def test_of_a_known_id_within_a_batch(self, store: Store) -> None:
        import_items(store, batch(["a", "b"]))
        with pytest.raises(DuplicateRow) as caught:
            import_items(store, batch(["a", "a"], ["one", "two"]))
        assert caught.value.row == 2
        assert contents(store)[0][2] == "text of a"

    def test_a_batch_that_fails_counts_for_nothing(self, store: Store) -> None:
        import_items(store, batch(["a", "b"]))
        writer = store.writer(store.runs.begin("import", parameters={}, versions={}))
        with pytest.raises(DuplicateRow):
            writer.write(batch(["a", "c", "c"], ["changed", "x", "y"], gold=["spam", None, None]))
        assert writer.counts == type(writer.counts)()
        writer.write(batch(["a", "c"], ["changed", "x"]))
        assert (writer.counts.changed, writer.counts.added) == (1, 1)
        assert [row[:3] for row in contents(store)] == [(0, "a", "changed"), (1, "b", "text of b"), (2, "c", "x")]


IDS = st.lists(st.integers(0, 30), max_size=12)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(imports=st.lists(st.lists(IDS, max_size=4), min_size=1, max_size=4), text=st.integers(0, 2), index=st.booleans())
def test_any_imports_leave_what_a_dictionary_would(
    tmp_path_factory: pytest.TempPathFactory, imports: list[list[list[int]]], text: int, index: bool
) -> None:
    """Batches of an import that repeats an id stop there; everything before is as in a dictionary."""
    expected: dict[str, str] = {}
    with new_store(tmp_path_factory.mktemp("imports") / "texts.labelkit.db") as store:
        if index:
            store.items.search("text")
        for round_, batches in enumerate(imports):
            writer = store.writer(round_ + 1)
            seen: set[str] = set()
            for numbers in batches:
                ids = [f"i{n}" for n in numbers]
                texts = [f"{n} {(round_ * text) % 2}" for n in numbers]
                if len(set(ids)) < len(ids) or seen & set(ids):
                    with pytest.raises(DuplicateRow):
                        writer.write(batch(ids, texts))
                    break
                writer.write(batch(ids, texts))
                seen.update(ids)
                expected.update(zip(ids, texts, strict=True))
        assert [row[:3] for row in contents(store)] == [(n, i, t) for n, (i, t) in enumerate(expected.items())]
        assert store.problems() == []


class TestGold:
    """Gold labels by name, earlier name or number; the newest counts."""

    def test_by_name_alias_and_number(self, store: Store) -> None:
        store.labels.rename("spam", "junk", actor="me")
        import_items(store, batch(["a", "b", "c", "d"], gold=["junk", "spam", "1", None]))
        assert store.items.gold().tolist() == [0, 0, 1, -1]

    def test_a_class_whose_name_is_a_number_is_found_by_name(self, tmp_path: Path) -> None:
        with new_store(tmp_path / "n.labelkit.db", ["1", "0"]) as store:
            import_items(store, batch(["a", "b"], gold=["1", "0"]))
            assert store.items.gold().tolist() == [0, 1]

    def test_an_unknown_label_is_named_with_its_row_and_the_choices(self, store: Store) -> None:
        with pytest.raises(RowError, match=r"unknown label 'spma'.*0 = spam, 1 = ham, 2 = other") as caught:
            import_items(store, batch(["a", "b"]), batch(["c", "d"], gold=["spam", "spma"], first_row=3))
        assert caught.value.row == 4
        assert store.items.count() == 2

    def test_the_newest_import_wins_and_the_earlier_stays(self, store: Store) -> None:
        import_items(store, batch(["a", "b"], gold=["spam", "ham"]))
        counts = import_items(store, batch(["a", "b"], gold=["other", None]))
        assert counts.gold == 1
        assert store.items.gold().tolist() == [2, 1]
        assert store.database.one("select count(*) from gold_labels")[0] == 3

    def test_after_a_merge_the_same_file_is_still_no_news(self, store: Store) -> None:
        import_items(store, batch(["a"], gold=["other"]))
        store.labels.merge("other", "ham", actor="me")
        assert import_items(store, batch(["a"], gold=["other"])).gold == 0
        assert import_items(store, batch(["a"], gold=["ham"])).gold == 0
        assert store.items.get(0, store.labels.schema()).gold == 1


def test_splits_change_only_where_the_source_says_something(store: Store) -> None:
    import_items(store, batch(["a", "b", "c"], splits=["train", "test", None]))
    counts = import_items(store, batch(["a", "b", "c"], splits=["test", None, "valid"]))
    assert counts.splits_changed == 1
    assert store.items.splits() == ["test", "test", "valid"]


def test_an_item_is_read_with_everything(store: Store) -> None:
    import_items(store, batch(["a"], ["hello"], fields=[{"n": 1, "x": None}], gold=["ham"], splits=["train"]))
    item = store.items.get(0, store.labels.schema())
    assert (item.number, item.id, item.text, item.fields, item.split, item.gold) == (
        0, "a", "hello", {"n": 1, "x": None}, "train", 1,
    )  # fmt: skip


@pytest.fixture
def shards_of_four(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items_module, "SHARD_SIZE", 4)
    monkeypatch.setattr(shards_module, "SHARD_SIZE", 4)


@pytest.mark.usefixtures("shards_of_four")
class TestShards:
    """Shards and their digests."""

    def test_shards_cover_all_items_in_order(self, store: Store) -> None:
        import_items(store, batch([f"i{n}" for n in range(10)]))
        assert store.items.shard_count() == 3
        assert [store.items.shard_rows(n) for n in range(3)] == [4, 4, 2]
        tables = [table for _, table in store.items.shards()]
        assert [i for table in tables for i in table.column("id").to_pylist()] == [f"i{n}" for n in range(10)]

    def test_a_digest_changes_when_its_content_changes_and_only_then(self, store: Store) -> None:
        ids = [f"i{n}" for n in range(10)]
        import_items(store, batch(ids))
        first = store.items.shard_digests()
        import_items(store, batch(ids, gold=["spam"] * 10, splits=["train"] * 10))
        assert store.items.shard_digests() == first
        import_items(store, batch(["i5"], ["another text"]))
        second = store.items.shard_digests()
        assert [a == b for a, b in zip(first, second, strict=True)] == [True, False, True]
        import_items(store, batch(["i10"]))
        third = store.items.shard_digests()
        assert third[:2] == second[:2] and third[2] != second[2]
        import_items(store, batch(["i5"]))
        assert store.items.shard_digests()[:2] == first[:2]

    def test_digests_follow_another_process(self, store: Store) -> None:
        import_items(store, batch(["a"]))
        before = store.items.shard_digests()
        with Store(store.path) as other:
            import_items(other, batch(["a"], ["changed"]))
        assert store.items.shard_digests() != before

    def test_digests_depend_on_content_not_on_batches(self, store: Store, tmp_path: Path) -> None:
        ids = [f"i{n}" for n in range(9)]
        import_items(store, batch(ids))
        with new_store(tmp_path / "b.labelkit.db") as other:
            import_items(other, *(batch([i]) for i in ids))
            assert other.items.shard_digests() == store.items.shard_digests()


def test_a_file_without_items_reads_as_empty(store: Store) -> None:
    assert (store.items.count(), store.items.shard_count(), store.items.shard_digests()) == (0, 0, [])
    assert store.items.table(0, 10).to_pydict() == {"id": [], "text": []}
    assert store.items.gold().tolist() == store.items.splits() == []


def test_more_rows_at_once_than_one_statement_takes(store: Store) -> None:
    ids = [f"i{n}" for n in range(2_500)]
    import_items(store, batch(ids))
    wanted = list(range(2_500))
    random.Random(0).shuffle(wanted)
    assert store.items.ids(wanted) == [f"i{n}" for n in wanted]
    assert store.items.rows(wanted).column("id").to_pylist() == [f"i{n}" for n in wanted]
    assert import_items(store, batch(ids)).unchanged == 2_500


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_sources_and_store_agree_on_the_content_hash(text: str, fields: str) -> None:
    assert content_hashes(pa.array([text]), pa.array([fields])) == [content_hash(text, fields)]
