"""`labelkit bulk`: the same as the project gives, whatever stops it, whoever works, whatever is wrong."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from labelkit import Project
from labelkit.errors import (
    ConfigError,
    ExportError,
    FunctionFault,
    LabelingFunctionError,
    LabelModelError,
    ProjectLocked,
    SourceError,
    StorageError,
)
from labelkit.steps.bulk_result import BulkOptions

TEXTS = ("win cash now", "free prize inside", "see you at lunch", "the meeting moved", "call me", "thanks mum", "")
FUNCTIONS = """
from labelkit import expression, keywords, labeling_function, regex

keywords("money", ["cash", "prize"], label="spam")
regex("free", r"\\bfree\\b", label="spam")
keywords("meeting", ["meeting", "lunch"], label="ham")
expression("few words", "word_count <= 2", label="ham")


@labeling_function()
def polite(row):
    return "ham" if "thanks" in row.text and row.n % 2 == 0 else None
"""
ONE = BulkOptions(workers=1)


def table(rows: int, name: str, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng([seed, rows])
    texts = [f"{TEXTS[i]} {n}" for n, i in enumerate(rng.integers(len(TEXTS), size=rows))]
    return pa.table({"id": [f"{name}-{n}" for n in range(rows)], "text": texts, "n": range(rows)})


def write_files(folder: Path, count: int, rows: int = 200) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        pq.write_table(table(rows, f"f{number}", number), folder / f"{number:03}.parquet", row_group_size=90)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project that combines votes by majority, without items."""
    home = tmp_path / "project"
    Project.init(home, name="texts", labels=["spam", "ham"]).close()
    (home / "labeling_functions" / "functions.py").write_text(FUNCTIONS, encoding="utf-8")
    use_model(home, "majority")
    with Project.open(home) as opened:
        yield opened


def use_model(home: Path, name: str) -> None:
    settings = (home / "labelkit.toml").read_text(encoding="utf-8")
    other = "auto" if name == "majority" else "majority"
    (home / "labelkit.toml").write_text(settings.replace(f'name = "{other}"', f'name = "{name}"', 1), encoding="utf-8")


def edit_functions(project: Project, before: str, after: str) -> None:
    path = project.root / "labeling_functions" / "functions.py"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_files(tmp_path / "in", 3)


def tree(folder: Path) -> dict[str, str]:
    """Path → hash of every file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def read(folder: Path) -> pa.Table:
    """The output as one table, as anybody reads a Parquet folder."""
    parts = sorted(str(path) for path in folder.glob("part-*.parquet"))
    return ds.dataset(parts, format="parquet").to_table()


def manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return found


# ---------------------------------------------------------------------- what comes out


def test_the_output_is_what_the_project_says_of_the_same_items(project: Project, source: Path, tmp_path: Path) -> None:
    use_model(project.root, "snorkel")
    whole = pa.concat_tables([pq.read_table(path) for path in sorted(source.iterdir())])
    pq.write_table(whole, tmp_path / "whole.parquet")
    with Project.open(project.root) as opened:
        result = opened.bulk(source, tmp_path / "out", options=ONE)
        opened.import_items(tmp_path / "whole.parquet")
        opened.vote()
        labeled = opened.label()
        votes, labels = opened.votes(), opened.labels()
    out = read(tmp_path / "out")
    assert out["id"].to_pylist() == whole["id"].to_pylist()
    names = pq.read_schema(tmp_path / "out" / "part-00000.parquet").metadata[b"labelkit"]
    classes = [*json.loads(names)["labels"], None]
    for name in ("money", "free", "meeting", "few words", "polite"):
        mine = [classes[vote] for vote in out[f"vote_{name}"].to_pylist()]
        assert mine == [vote if isinstance(vote, str) else None for vote in votes[name]]
    for name in ("spam", "ham"):
        apart = np.abs(out[f"p_{name}"].to_numpy() - labels[f"p_{name}"].to_numpy())
        assert np.nanmax(apart) < 2e-6  # float32 there; an export says nothing of items without votes
    assert (result.items, result.labeled, result.covered) == (600, labeled.labeled, labeled.covered)
    assert result.class_counts == labeled.class_counts
    by_model = [
        lab if src == "label_model" else None for lab, src in zip(labels["label"], labels["source"], strict=True)
    ]
    assert [m for m in out["label"].to_pylist() if m] == [label for label in by_model if label]


def test_the_manifest_says_what_made_the_output(project: Project, source: Path, tmp_path: Path) -> None:
    project.bulk(source, tmp_path / "out", options=ONE)
    said = manifest(tmp_path / "out")
    assert said["counts"]["items"] == 600
    assert [one["path"] for one in said["request"]["input"]["files"]] == ["000.parquet", "001.parquet", "002.parquet"]
    for part in said["parts"]:
        data = (tmp_path / "out" / part["file"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (part["bytes"], part["sha256"])
    out = read(tmp_path / "out")
    for function in said["labeling_functions"]:
        votes = out[f"vote_{function['name']}"].to_numpy()
        assert function["votes"] == {"spam": int((votes == 0).sum()), "ham": int((votes == 1).sum())}
    text = (tmp_path / "out" / "manifest.json").read_text(encoding="utf-8")
    assert str(tmp_path) not in text
    assert sorted(tree(tmp_path / "out")) == ["manifest.json", *(part["file"] for part in said["parts"])]


def test_a_finished_output_is_left_alone_and_said_to_be_finished(
    project: Project, source: Path, tmp_path: Path, run: Callable[..., Any]
) -> None:
    command = ("bulk", source, tmp_path / "out", "--workers", "1", "--project", project.root)
    first = run(*command)
    assert first.code == 0, first.err
    assert "Labeled" in first.out
    before, times = tree(tmp_path / "out"), [path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()]
    again = run(*command)
    assert (again.code, again.out.splitlines()[0]) == (0, f"Nothing to do: {tmp_path / 'out'} is finished")
    assert tree(tmp_path / "out") == before
    assert [path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()] == times
    as_json = run(*command, "--json")
    assert json.loads(as_json.out)["items"] == 600


def test_one_process_or_several_give_the_same_bytes(project: Project, tmp_path: Path) -> None:
    source = write_files(tmp_path / "in", 9)
    project.bulk(source, tmp_path / "one", options=ONE)
    project.bulk(source, tmp_path / "three", options=BulkOptions(workers=3))
    assert tree(tmp_path / "one") == tree(tmp_path / "three")


def test_functions_see_items_as_after_an_import(project: Project, tmp_path: Path) -> None:
    (project.root / "labeling_functions" / "functions.py").write_text(
        "from labelkit import labeling_function\n"
        "import json\n\n"
        "@labeling_function()\n"
        "def sees(row):\n"
        "    seen = json.dumps({name: row.get(name) for name in ('text', 'at', 'day', 'price', 'small', 'raw',\n"
        "        'tags', 'sure', 'nothing', 'lang', 'field_text', 'gold', 'split')}, sort_keys=True, default=repr)\n"
        "    return 'spam' if hash_of(seen) % 2 else 'ham'\n\n"
        "def hash_of(text):\n"
        "    import zlib\n"
        "    return zlib.crc32(text.encode())\n",
        encoding="utf-8",
    )
    import datetime
    import decimal

    rows = 40
    items = pa.table(
        {
            "key": pa.array(range(rows), pa.int32()),
            "body": pa.array([f"text {n}" for n in range(rows)]).dictionary_encode(),
            "text": [f"another {n}" for n in range(rows)],
            "gold": ["spam", "ham"] * (rows // 2),
            "split": ["train"] * rows,
            "at": pa.array([datetime.datetime(2024, 1, 1, 0, 0, n) for n in range(rows)]),
            "day": pa.array([datetime.date(2024, 1, 1 + n % 28) for n in range(rows)]),
            "price": pa.array([decimal.Decimal(n) / 4 for n in range(rows)], pa.decimal128(10, 2)),
            "small": pa.array([n / 10 if n % 7 else float("nan") for n in range(rows)], pa.float32()),
            "raw": pa.array([bytes([n]) for n in range(rows)]),
            "tags": [[f"t{n}"] * (n % 3) for n in range(rows)],
            "sure": pa.array([None if n % 5 == 0 else n % 2 == 0 for n in range(rows)]),
            "nothing": pa.nulls(rows),
            "lang": pa.array(["en", None] * (rows // 2)).dictionary_encode(),
        }
    )
    (tmp_path / "in").mkdir()
    pq.write_table(items, tmp_path / "in" / "a.parquet")
    settings = (project.root / "labelkit.toml").read_text(encoding="utf-8")
    settings = settings.replace('id_field = "id"', 'id_field = "key"').replace(
        'text_field = "text"', 'text_field = "body"'
    )
    (project.root / "labelkit.toml").write_text(settings, encoding="utf-8")
    with Project.open(project.root) as opened:
        opened.bulk(tmp_path / "in", tmp_path / "out", options=ONE)
        opened.import_items(tmp_path / "in" / "a.parquet")
        opened.vote()
        votes = opened.votes()
    out = read(tmp_path / "out")
    assert out["id"].to_pylist() == [str(n) for n in range(rows)]
    assert [("spam", "ham")[vote] for vote in out["vote_sees"].to_pylist()] == votes["sees"].tolist()


def test_only_columns_that_are_needed_are_read(project: Project, source: Path, tmp_path: Path) -> None:
    edit_functions(project, "row.n % 2 == 0", "row.get('n') is None")
    project.bulk(source, tmp_path / "all", options=ONE)
    project.bulk(source, tmp_path / "few", options=BulkOptions(workers=1, columns=[]))
    assert (read(tmp_path / "all")["vote_polite"].to_numpy() == 1).sum() == 0
    assert (read(tmp_path / "few")["vote_polite"].to_numpy() == 1).sum() > 0
    with pytest.raises(SourceError, match="no column 'm' in the input; the columns are 'id', 'text', 'n'"):
        project.bulk(source, tmp_path / "no", options=BulkOptions(columns=["m"]))


def test_ids_can_be_made_and_texts_left_out(project: Project, tmp_path: Path) -> None:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    pq.write_table(pa.table({"n": [1, 2], "word_count": [1, 9]}), tmp_path / "in" / "sub" / "a.parquet")
    edit_functions(project, 'if "thanks" in row.text and row.n % 2 == 0', "if row.n == 1")
    project.bulk(tmp_path / "in", tmp_path / "out", options=BulkOptions(workers=1, make_ids=True, text_field=""))
    out = read(tmp_path / "out")
    assert out["id"].to_pylist() == ["sub/a-1", "sub/a-2"]
    assert out["vote_polite"].to_pylist() == [1, -1]
    assert out["vote_few words"].to_pylist() == [1, -1]


def test_a_class_that_nothing_votes_for_gets_no_labels(project: Project, source: Path, tmp_path: Path) -> None:
    use_model(project.root, "snorkel")
    settings = (project.root / "labelkit.toml").read_text(encoding="utf-8")
    settings = settings.replace('labels = ["spam", "ham"]', 'labels = ["spam", "ham", "other"]')
    (project.root / "labelkit.toml").write_text(settings, encoding="utf-8")
    with Project.open(project.root) as opened:
        result = opened.bulk(source, tmp_path / "out", options=ONE)
    assert result.class_counts["other"] == 0
    assert read(tmp_path / "out")["p_other"].to_numpy().max() < 0.01


# ---------------------------------------------------------------------- stopping and going on


def start(project: Project, source: Path, out: Path, *more: str, **environment: str) -> subprocess.Popen[str]:
    arguments = ["bulk", str(source), str(out), "--project", str(project.root), *more]
    return subprocess.Popen(
        [sys.executable, "-m", "labelkit.cli.main", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment},
    )  # fmt: skip


def wait_for(process: subprocess.Popen[str], folder: Path, pattern: str, count: int) -> None:
    """Until so many files are there."""
    end = time.monotonic() + 50
    while len(list(folder.glob(pattern))) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.001)


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_kill_9_anywhere_then_the_same_command_gives_the_same_bytes(
    project: Project, tmp_path: Path, workers: str
) -> None:
    source = write_files(tmp_path / "in", 40)
    project.bulk(source, tmp_path / "undisturbed", options=ONE)
    out = tmp_path / "out"
    for pattern, count in (
        ("_work/votes/*.arrow", 1),
        ("_work/votes/*.arrow", 11),
        ("_work/statistics/*.npz", 25),
        ("part-*.parquet", 3),
        ("part-*.parquet", 20),
    ):
        with start(project, source, out, "--workers", workers) as process:
            wait_for(process, out, pattern, count)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert not (out / "manifest.json").exists()
    result = project.bulk(source, out, options=ONE)
    assert result.voted == 0  # nothing that was finished is run again
    assert result.parts_written <= 21  # the last may have been without its figures
    assert tree(out) == tree(tmp_path / "undisturbed")


def test_ctrl_c_keeps_what_is_finished(project: Project, tmp_path: Path) -> None:
    source = write_files(tmp_path / "in", 40)
    project.bulk(source, tmp_path / "undisturbed", options=ONE)
    out = tmp_path / "out"
    with start(project, source, out, "--workers", "2") as process:
        wait_for(process, out, "_work/statistics/*.npz", 8)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert err.startswith("labelkit: error: stopped by Ctrl-C")
    assert list(out.rglob("*.new")) == []
    result = project.bulk(source, out, options=ONE)
    assert result.reused >= 8
    assert tree(out) == tree(tmp_path / "undisturbed")


def stopped_by_a_fault(project: Project, source: Path, out: Path) -> None:
    """A run that ends in the last file, where a function raises."""
    edit_functions(project, "return", 'if row.id == "f2-150": raise ValueError("bad")\n    return')
    with pytest.raises(FunctionFault, match=r"polite.* raised ValueError: bad on item 'f2-150'"):
        project.bulk(source, out, options=ONE)


def test_after_an_edit_only_the_column_of_that_function_is_computed(
    project: Project, source: Path, tmp_path: Path
) -> None:
    out, seen = tmp_path / "out", tmp_path / "seen"
    edit_functions(project, "@labeling_function()", COUNTED.format(path=str(seen)))
    stopped_by_a_fault(project, source, out)
    assert seen.read_text().count("\n") == 600
    seen.unlink()
    edit_functions(project, 'if row.id == "f2-150": raise ValueError("bad")\n    return', "return")
    result = project.bulk(source, out, options=ONE)
    assert (result.voted, result.shards) == (3, 3)  # the edited function on all of them
    assert seen.read_text().count("\n") == 200  # the other only where it has not run: on the last
    project.bulk(source, tmp_path / "undisturbed", options=ONE)
    assert tree(out) == tree(tmp_path / "undisturbed")


COUNTED = """
@labeling_function()
def counted(row):
    with open({path!r}, "a") as file:
        file.write("seen\\n")


@labeling_function()"""


def test_after_a_change_of_the_input_only_its_shards_are_voted(project: Project, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    stopped_by_a_fault(project, source, out)
    pq.write_table(table(50, "new", 7), source / "0000.parquet")
    pq.write_table(table(120, "f2", 2), source / "002.parquet")
    result = project.bulk(source, out, options=ONE)
    assert (result.shards, result.voted, result.reused) == (4, 2, 2)
    project.bulk(source, tmp_path / "undisturbed", options=ONE)
    assert tree(out) == tree(tmp_path / "undisturbed")


def test_tolerated_faults_are_counted_with_examples_and_are_errors_again_later(
    project: Project, source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    settings = (project.root / "labelkit.toml").read_text(encoding="utf-8")
    tolerant = settings.replace("fault_tolerant = false", "fault_tolerant = true")
    edit_functions(project, "return", 'if row.n == 7: raise ValueError("bad")\n    return')
    (project.root / "labelkit.toml").write_text(tolerant, encoding="utf-8")
    with Project.open(project.root) as opened:
        result = opened.bulk(source, out, options=ONE)
    assert result.faults == {"polite": 3}
    assert [(f.item_id, f.problem) for f in result.fault_examples] == [(f"f{n}-7", "ValueError: bad") for n in range(3)]
    assert {f["name"]: f["faults"] for f in manifest(out)["labeling_functions"]}["polite"] == 3
    with pytest.raises(ExportError, match=f"{out} is finished, with other settings"):
        project.bulk(source, out, options=ONE)
    # An unfinished output whose votes were taken tolerantly: the same as if they were not there.
    (out / "manifest.json").unlink()
    shutil.rmtree(out)
    with Project.open(project.root) as opened, pytest.raises(LabelModelError):
        (project.root / "labelkit.toml").write_text(tolerant.replace('"majority"', '"snorkel"'), encoding="utf-8")
        opened.config.label_model.options["n_epochs"] = -1
        opened.bulk(source, out, options=ONE)
    (project.root / "labelkit.toml").write_text(settings, encoding="utf-8")
    with Project.open(project.root) as opened, pytest.raises(FunctionFault, match="f0-7"):
        opened.bulk(source, out, options=ONE)


def test_a_finished_output_of_other_work_is_refused_with_the_difference(
    project: Project, source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    project.bulk(source, out, options=ONE)
    before = tree(out)
    edit_functions(project, "thanks", "thank you")
    with pytest.raises(ExportError, match="is finished, with other labeling functions") as caught:
        project.bulk(source, out, options=ONE)
    assert caught.value.hint == "Give another output folder, or remove this one"
    edit_functions(project, "thank you", "thanks")
    pq.write_table(table(10, "more"), source / "more.parquet")
    with pytest.raises(ExportError, match="is finished, with other input files"):
        project.bulk(source, out, options=ONE)
    assert tree(out) == before


def test_two_at_once_are_kept_apart(project: Project, tmp_path: Path) -> None:
    source = write_files(tmp_path / "in", 40)
    out = tmp_path / "out"
    with start(project, source, out, "--workers", "1") as process:
        wait_for(process, out, "_work/votes/*.arrow", 1)
        process.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(ProjectLocked, match=f"another `labelkit bulk` is writing to {out}"):
                project.bulk(source, out, options=ONE)
        finally:
            process.send_signal(signal.SIGCONT)
        process.communicate(timeout=30)
    assert process.returncode == 0


# ---------------------------------------------------------------------- what can be wrong


def spoil(source: Path) -> None:
    whole = (source / "000.parquet").read_bytes()
    (source / "cut.parquet").write_bytes(whole[:-9])
    (source / "empty.parquet").write_bytes(b"")
    (source / "no.parquet").write_bytes(b"id,text\n")
    pq.write_table(pa.table({"id": ["x"], "text": [1], "n": [1]}), source / "other.parquet")
    damaged = bytearray(whole)
    damaged[300:700] = bytes(400)
    (source / "rotten.parquet").write_bytes(damaged)
    pq.write_table(table(100, "twice").take([0, 1, 1]), source / "twice.parquet")
    pq.write_table(table(2, "null").set_column(0, "id", pa.array(["a", None])), source / "unnamed.parquet")


def test_bad_files_are_named_or_set_aside_and_listed(
    project: Project, source: Path, tmp_path: Path, run: Callable[..., Any]
) -> None:
    project.bulk(source, tmp_path / "good", options=ONE)
    spoil(source)
    command = ("bulk", source, tmp_path / "out", "--workers", "1", "--project", project.root)
    refused = run(*command)
    assert refused.code == 2
    assert refused.err.startswith(
        "labelkit: error: cut.parquet is cut off: the end of the Parquet file is missing; empty.parquet is empty; "
        "no.parquet is no Parquet file; other.parquet has int64 in the column 'text', where the other files have"
    )
    assert len(refused.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()
    skipped = run(*command, "--skip-bad")
    assert skipped.code == 0, skipped.err
    aside = manifest(tmp_path / "out")["set_aside"]
    assert aside.pop("rotten.parquet").startswith("rows 1 to 200: the Parquet file is damaged: ")
    assert aside == {
        "cut.parquet": "is cut off: the end of the Parquet file is missing",
        "empty.parquet": "is empty",
        "no.parquet": "is no Parquet file",
        "other.parquet": "has int64 in the column 'text', where the other files have string",
        "twice.parquet": "rows 1 to 3: the id 'twice-1' occurs twice",
        "unnamed.parquet": "rows 1 to 2: the id of row 2 is empty",
    }
    for path in aside:
        assert f"set aside: {path}: " in skipped.out
    assert read(tmp_path / "out").equals(read(tmp_path / "good"))


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"id": ["a"], "body": ["x"]}, "no column 'text' in the input; the columns are 'id', 'body'.*--text-field"),
        ({"key": ["a"], "text": ["x"]}, "no column 'id' in the input.*--id-field COLUMN, or number .* --make-ids"),
        ({"id": [1.5], "text": ["x"]}, "the column 'id' holds double and cannot be the id, which takes strings or int"),
        ({"id": ["a"], "text": [b"x"]}, "the column 'text' holds binary and cannot be the text"),
        ({"id": [], "text": []}, "cannot be the id|none of the files of .* has a row"),
        ({"id": pa.array([], pa.string()), "text": pa.array([], pa.string())}, "none of the files of .* has a row"),
        ({"id": ["a"], "text": ["x"]}, "polite.* raised AttributeError: no field 'n'"),
    ],
)
def test_inputs_that_cannot_be_are_refused_in_one_line(
    project: Project, tmp_path: Path, columns: dict[str, Any], words: str
) -> None:
    (tmp_path / "in").mkdir()
    pq.write_table(pa.table(columns), tmp_path / "in" / "a.parquet")
    edit_functions(project, '"thanks" in row.text and ', "")
    with pytest.raises((SourceError, LabelingFunctionError)) as caught:
        project.bulk(tmp_path / "in", tmp_path / "out", options=ONE)
    import re

    assert re.search(words, str(caught.value)), str(caught.value)
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_odd_texts_and_files_without_rows_pass(project: Project, source: Path, tmp_path: Path) -> None:
    pq.write_table(table(1, "none").slice(1), source / "no_rows.parquet")
    odd = pa.array(["a\0b", None, "free " + "x" * 100_000_000, "\u2028\U0001f600"])
    pq.write_table(pa.table({"id": list("abcd"), "text": odd, "n": [0, 0, 0, 0]}), source / "odd.parquet")
    result = project.bulk(source, tmp_path / "out", options=ONE)
    assert result.items == 604
    assert read(tmp_path / "out")["vote_free"].to_pylist()[-4:] == [-1, -1, 0, -1]


def test_a_file_that_nothing_votes_on_stays_unlabeled(project: Project, source: Path, tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["quiet"], "text": ["no word of this list"], "n": [1]}), source / "quiet.parquet")
    result = project.bulk(source, tmp_path / "out", options=ONE)
    assert result.items == 601
    assert read(tmp_path / "out").to_pylist()[-1]["label"] is None


def test_a_folder_with_something_else_in_it_is_refused(project: Project, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    with pytest.raises(ExportError, match=r"has something else in it \(thesis.tex\)"):
        project.bulk(source, out, options=ONE)
    assert tree(out) == tree(out)
    (out / "thesis.tex").rename(out / "manifest.json")
    with pytest.raises(ExportError, match=r"manifest.json cannot be read"):
        project.bulk(source, out, options=ONE)
    with pytest.raises(ExportError, match="lie in each other"):
        project.bulk(source, source / "out", options=ONE)
    with pytest.raises(ExportError, match="is a file, where a folder is needed"):
        project.bulk(source, project.root / "labelkit.toml", options=ONE)
    with pytest.raises(ConfigError, match="--address ray://x is for Ray"):
        project.bulk(source, tmp_path / "new", options=BulkOptions(address="ray://x"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of half a megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_one_line_and_the_work_goes_on_with_more_space(
    project: Project, small_disk: Path, tmp_path: Path
) -> None:
    source = write_files(tmp_path / "in", 40)
    project.bulk(source, tmp_path / "undisturbed", options=ONE)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(300_000))
    out = small_disk / "out"
    for _ in range(2):
        with pytest.raises(StorageError) as caught:
            project.bulk(source, out, options=ONE)
        assert "was not written: No space left on device. Free some space and run the same command" in str(caught.value)
        assert list(out.rglob("*.new")) == []
        for path in out.rglob("*.parquet"):
            pq.read_metadata(path)
    done = len(list((out / "_work" / "statistics").iterdir()))
    assert done > 0
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    result = project.bulk(source, out, options=ONE)
    assert result.reused >= done
    assert tree(out) == tree(tmp_path / "undisturbed")


def test_an_output_that_cannot_be_written_is_said(project: Project, source: Path) -> None:
    with pytest.raises(StorageError, match="/proc/nothing cannot be written"):
        project.bulk(source, "/proc/nothing", options=ONE)


def test_a_worker_killed_by_the_kernel_is_replaced(project: Project, source: Path, tmp_path: Path) -> None:
    project.bulk(source, tmp_path / "undisturbed", options=ONE)
    mark = tmp_path / "killed"
    edit_functions(project, "    return", DYING.format(path=str(mark)) + "    return")
    project.bulk(source, tmp_path / "out", options=BulkOptions(workers=2))
    assert mark.exists()
    assert read(tmp_path / "out").equals(read(tmp_path / "undisturbed"))


DYING = """    import os, signal
    if row.id == "f1-3" and not os.path.exists({path!r}):
        open({path!r}, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
"""
