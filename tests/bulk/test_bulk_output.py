"""Votes as bytes, parts as Parquet, files written whole or not at all."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelkit.bulk.output import MARK, WORK, Output
from labelkit.bulk.parts import PartColumns, part_bytes, part_names
from labelkit.bulk.votes import ShardVotes, VoteColumn, pack_votes, packed_faults, unpack_votes
from labelkit.errors import ExportError, StorageError
from labelkit.types import Fault, LabelSchema

fingerprints = st.text("0123456789abcdef", min_size=4, max_size=8)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)


@settings(deadline=None)
@given(data=st.data(), rows=st.integers(0, 20), names=st.lists(fingerprints, unique=True, max_size=4))
def test_votes_come_back_as_they_were(data: st.DataObject, rows: int, names: list[str]) -> None:
    ids = data.draw(st.lists(texts, min_size=rows, max_size=rows))
    dtype = data.draw(st.sampled_from([np.int8, np.int16]))
    columns = {}
    for name in names:
        votes = np.array(data.draw(st.lists(st.integers(-1, 100), min_size=rows, max_size=rows)), dtype=dtype)
        examples = tuple(Fault(*data.draw(st.tuples(texts, texts, texts))) for _ in range(data.draw(st.integers(0, 2))))
        columns[name] = VoteColumn(votes, len(examples) * 5, examples)
    packed = pack_votes(ShardVotes(pa.chunked_array([pa.array(ids, pa.string())]), columns))
    back = unpack_votes(packed)
    assert back.ids.to_pylist() == ids
    assert list(back.columns) == names
    for name, column in columns.items():
        same = back.columns[name]
        assert same.votes.dtype == dtype
        assert same.votes.tolist() == column.votes.tolist()
        assert (same.fault_count, same.faults) == (column.fault_count, column.faults)
    assert packed_faults(packed) == {name: column.fault_count for name, column in columns.items()}
    assert back.matrix(names[::-1]).shape == (rows, len(names))


def test_other_bytes_are_no_votes() -> None:
    for data in (b"", b"PAR1" * 10):
        assert packed_faults(data) == {}
        with pytest.raises(ValueError, match="no votes"):
            unpack_votes(data)


def columns_of(labels: list[str]) -> PartColumns:
    return PartColumns(LabelSchema.from_names(labels), (("first", "f1"), ("second one", "f2")))


def test_a_part_says_what_its_numbers_mean(tmp_path: Path) -> None:
    columns = columns_of(["spam", "ham"])
    votes = np.array([[0, -1], [1, 1], [-1, -1]], dtype=np.int8)
    chances = np.array([[0.9, 0.1], [0.1234567, 0.8765433], [0.5, 0.5]])
    table = columns.table(pa.array(["a", "b", "c"]), votes, chances, np.array([0, 1, -1]))
    (tmp_path / "p.parquet").write_bytes(part_bytes(table))
    back = pq.read_table(tmp_path / "p.parquet")
    assert back.to_pydict() == {
        "id": ["a", "b", "c"],
        "label": ["spam", "ham", None],
        "p_spam": [0.9, 0.123457, 0.5],
        "p_ham": [0.1, 0.876543, 0.5],
        "vote_first": [0, 1, -1],
        "vote_second one": [-1, 1, -1],
    }
    assert back.schema.metadata[b"labelkit"] == b'{"labels":["spam","ham"]}'
    assert back.schema.field("vote_first").metadata[b"fingerprint"] == b"f1"
    assert back.schema.field("vote_first").type == pa.int8()
    assert part_bytes(table) == part_bytes(table)


def test_parts_of_any_number_sort_in_their_order() -> None:
    for count in (0, 1, 100_000, 100_001):
        names = part_names(count)
        assert len(names) == count
        assert list(names) == sorted(names)
    assert part_names(1) == ["part-00000.parquet"]


def test_only_an_empty_folder_or_its_own_is_taken(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with Output(folder).opened():
        assert (folder / WORK / MARK).exists()
    with Output(folder).opened():
        pass
    (folder / WORK / MARK).unlink()  # stopped before the mark was written
    with Output(folder).opened():
        pass
    (folder / WORK / MARK).unlink()
    (folder / "other").write_text("")
    with pytest.raises(ExportError, match="has something else in it"), Output(folder).opened():
        pass
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(ExportError, match="has something else in it"):
        Output(tmp_path).manifest()


def test_temporary_files_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    output = Output(tmp_path / "out")
    with output.opened():
        for folder in (output.folder, output.work, output.work / "votes"):
            folder.mkdir(exist_ok=True)
            (folder / ".part-00000.parquet.abc.new").write_text("half")
        output.clear_temporaries()
    assert list(output.folder.rglob("*.new")) == []


FULL = """
import resource, signal, sys
from pathlib import Path
from labelkit.bulk.output import Output
from labelkit.errors import StorageError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    Output(Path(sys.argv[1])).write("part", b"x" * 10_000)
except StorageError as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="needs a limit on the size of files")
def test_a_file_beyond_the_limit_leaves_the_earlier_one(tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(b"earlier")
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "part was not written: File too large. Free some space" in done.stdout
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("part", b"earlier")]


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_without_rights_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="cannot be written: Permission denied"):
        Output(tmp_path).write("part", b"x")
