"""The doctor finds what is wrong with a project file, each kind of damage by name."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from store_helpers import batch, import_items, new_store

from labelkit.errors import ProjectDamaged
from labelkit.store import NewAnnotation, Store, StoredColumn, StoredFunction
from labelkit.types import QueueEntry


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed project file with something in every table that the doctor looks at."""
    file = tmp_path / "texts.labelkit.db"
    with new_store(file) as store:
        ids = [f"i{n:04}" for n in range(500)]
        import_items(store, batch(ids, [f"needle-{i} {'hay ' * 20}" for i in ids], gold=["spam"] * 500))
        import_items(store, batch(["i0000"], ["changed"]))
        store.votes.register([StoredFunction("has_link", "fp1", "regex", "a.py:1", "regex(...)")])
        rng = np.random.default_rng(0)
        votes = rng.integers(-1, 3, 500).astype(np.int8)
        store.votes.write("digest", [("fp1", StoredColumn(votes, 0, ()))])
        p = rng.random((500, 3)).astype(np.float32)
        common: dict[str, Any] = {
            "parameters": {"class_ids": [0, 1, 2]}, "inputs": "", "versions": {}, "seconds": 1.0, "metrics": {},
        }  # fmt: skip
        store.runs.finish("label", labels=(p, votes.astype(np.int16)), state={}, arrays={"mu": p}, **common)
        store.runs.finish("train", predictions=p, **common)
        store.runs.finish("rank", queue=[QueueEntry(1, 0, 0.1, "active", "margin", None, "why")], **common)
        store.people.append([NewAnnotation(1, "ann", 0)])
        store.items.search("needle")
        assert store.problems() == []
    return file


def problems(path: Path) -> list[str]:
    with Store(path) as store:
        return store.problems()


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as raw:
        for statement in statements:
            raw.execute(statement)
        raw.commit()


def flip(path: Path, table: str, column: str, place: int = 20) -> None:
    """Flip one bit inside a stored blob."""
    with closing(sqlite3.connect(path)) as raw:
        data = bytearray(raw.execute(f"select {column} from {table} where {column} is not null").fetchone()[0])
        data[place] ^= 4
        raw.execute(f"update {table} set {column} = ? where {column} is not null", (bytes(data),))
        raw.commit()


@pytest.mark.parametrize(
    ("table", "column", "message"),
    [
        ("votes", "votes", "the votes of has_link on the shard digest are damaged: a stored array fails its checksum"),
        ("label_probabilities", "probabilities", "shard 0 of the results of run 3 (`labelkit label`) is damaged"),
        ("label_probabilities", "labels", "shard 0 of the results of run 3 (`labelkit label`) is damaged"),
        ("predictions", "probabilities", "shard 0 of the results of run 4 (`labelkit train`) is damaged"),
        ("runs", "arrays", "the model of run 3 (`labelkit label`) is damaged"),
    ],
)
def test_a_flipped_bit_in_a_blob(path: Path, table: str, column: str, message: str) -> None:
    flip(path, table, column, place=900 if table == "runs" else 20)
    (problem,) = problems(path)
    assert message in problem


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("update votes set rows = 499", "does not hold 499 values"),
        ("update votes set rows = 501", "does not hold 501 values"),
        ("update votes set dtype = 'nonsense'", "damaged"),
        ("delete from label_classes where id = 2", "no class id"),
        ("update predictions set rows = 7", "does not hold 21 values"),
        ("update items set item = 1000 where item = 499", "item numbers are not dense: 500 items, highest number 1000"),
        ("update items set item = 1000 where item = 499", "a row of gold_labels refers to a missing row of items"),
        ("update items set text = 'forged' where item = 3", "the content of 'i0003' is not what was imported"),
        ("""update items set fields = '{"x":1}' where item > 9""", "and 485 more is not what was imported"),
        (
            "update gold_labels set label = 99 where item = 5",
            "a row of gold_labels refers to a missing row of label_cl",
        ),
        ("update item_versions set item = 9999", "row 1 of item_versions refers to a missing row of items"),
        ("drop trigger annotations_append_only", "the trigger annotations_append_only is missing or was changed"),
        ("drop table snapshots", "the table snapshots is missing or was changed"),
        ("drop index annotations_client", "the index annotations_client is missing or was changed"),
        ("update event_payloads set payload = '{}' where event = 1", "payload of event 1"),
    ],
)
def test_damage_by_hand(path: Path, statement: str, message: str) -> None:
    change(path, statement)
    assert any(message in problem for problem in problems(path)), problems(path)


def test_many_broken_references_are_not_all_told(path: Path) -> None:
    change(path, "update gold_labels set label = 99")
    assert 2 <= len(problems(path)) <= 25


def test_a_flipped_byte_in_the_text_of_an_item(path: Path) -> None:
    data = bytearray(path.read_bytes())
    place = data.index(b"needle-i0123 hay")
    data[place + 3] ^= 1
    path.write_bytes(bytes(data))
    assert any("the content of 'i0123' is not what was imported" in problem for problem in problems(path))


@pytest.mark.parametrize("offset", [0, 3, 5])
def test_flipped_bytes_in_the_header_of_a_page(path: Path, offset: int) -> None:
    with closing(sqlite3.connect(path)) as raw:
        size = raw.execute("pragma page_size").fetchone()[0]
        root = raw.execute("select rootpage from sqlite_master where name = 'items'").fetchone()[0]
    data = bytearray(path.read_bytes())
    data[(root - 1) * size + offset] ^= 0xFF
    path.write_bytes(bytes(data))
    try:
        assert problems(path) != []
    except ProjectDamaged as error:  # so bad that it cannot even be opened
        assert "damaged" in error.message


def test_reading_damaged_votes_is_an_error_not_another_vote(path: Path) -> None:
    flip(path, "votes", "votes")
    with Store(path) as store, pytest.raises(ProjectDamaged, match="checksum"):
        store.votes.matrix(["fp1"], ["digest"])
