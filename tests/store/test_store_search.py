"""Full-text search: an index made on first use, kept by triggers, and queries from anybody."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_helpers import batch, import_items, new_store

from labelkit.errors import LabelkitError
from labelkit.store import Store

TEXTS = ["Where is my refund?", "refund, refund, refund", "the app crashes", "login fails"]


def ids(store: Store, query: str, limit: int = 20) -> list[str]:
    return store.items.ids(store.items.search(query, limit))


def test_the_best_match_comes_first_and_the_limit_holds(store: Store) -> None:
    import_items(store, batch(["a", "b", "c", "d"], TEXTS))
    assert ids(store, "refund") == ["b", "a"]
    assert ids(store, "refund", 1) == ["b"]
    assert ids(store, "crash*") == ["c"]
    assert set(ids(store, "(refund OR login) NOT where")) == {"b", "d"}


def test_the_index_follows_items(store: Store) -> None:
    import_items(store, batch(["a", "b"], TEXTS[:2]))
    assert ids(store, "login") == []
    import_items(store, batch(["d"], [TEXTS[3]]))
    assert ids(store, "login") == ["d"]
    import_items(store, batch(["a", "e"], ["I cannot login", "login login login"]))
    assert set(ids(store, "login")) == {"a", "d", "e"}
    assert ids(store, "refund") == ["b"]
    import_items(store, batch(["a", "e"], ["I cannot login", "login login login"], splits=["train", "test"]))
    assert set(ids(store, "login")) == {"a", "d", "e"}
    assert store.problems() == []


@pytest.mark.parametrize(
    "query",
    ['"', "", " ", "AND", "refund AND", "(", "a NEAR/ b", "nosuch:refund", "don't", "*", "-", "^", "100%", "\x00"],
)
def test_a_query_that_is_none_is_one_clear_line(store: Store, query: str) -> None:
    import_items(store, batch(["a"], ["refund"]))
    with pytest.raises(LabelkitError, match="cannot search for") as caught:
        store.items.search(query)
    assert "\n" not in str(caught.value)
    assert caught.value.hint


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    query=st.text(st.sampled_from("ab \"'()*:^+-,.{}%;\x00\\") | st.characters(exclude_categories=["Cs"]), max_size=12)
)
def test_no_query_breaks_anything(store: Store, query: str) -> None:
    try:
        found = store.items.search(query)
    except LabelkitError as error:
        assert "cannot search for" in error.message
    else:
        assert found == []


def _search(path: Path) -> None:
    with Store(path) as store:
        assert store.items.search("refund") == [1, 0]


def test_two_processes_may_build_the_index_at_once(tmp_path: Path) -> None:
    path = tmp_path / "texts.labelkit.db"
    with new_store(path) as store:
        import_items(store, batch([f"i{n}" for n in range(3000)], [*TEXTS[:2], *["nothing"] * 2998]))
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_search, args=(path,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
