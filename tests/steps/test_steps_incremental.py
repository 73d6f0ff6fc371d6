"""Only what an edit touches is computed again, and the result is as if all had been."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from labelkit import Project
from labelkit.steps import staleness
from labelkit.store.migrations import SCHEMA_VERSION
from tests.conftest import FUNCTIONS, write_rows
from tests.store.first_schema import BACK_TO_FIRST


@pytest.fixture
def shards_of_sixteen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample has four shards then."""
    for module in ("store.items", "store.shards", "store.runs", "steps.shard_voting", "steps.staleness", "steps.voting",
                   "steps.labeling"):  # fmt: skip
        monkeypatch.setattr(f"labelkit.{module}.SHARD_SIZE", 16)


def votes_file(folder: Path, text: str) -> None:
    (folder / "labeling_functions" / "functions.py").write_text(text, encoding="utf-8")


def columns(folder: Path) -> dict[tuple[str, str], bytes]:
    with closing(sqlite3.connect(folder / "texts.labelkit.db")) as raw:
        rows = raw.execute(
            "select fingerprint, shard_digest, dtype || digest || fault_count || faults, votes from votes"
        )
        return {(row[0], row[1]): row[2].encode() + row[3] for row in rows}


@pytest.mark.usefixtures("shards_of_sixteen")
def test_appending_computes_the_last_shards_and_an_edit_one_column(folder: Path, tmp_path: Path) -> None:
    with Project.open(folder) as project:
        project.vote()
        before = columns(folder)
        assert len(before) == 5 * 4
        project.import_items(write_rows(tmp_path / "m.csv", [["id", "text", "channel"], ["x1", "win cash", "mail"]]))
        assert project.vote().computed == ["money", "free", "meeting", "short", "polite"]
        appended = {key: value for key, value in columns(folder).items() if key not in before}
        assert len(appended) == 5  # the last shard's, of every function
        votes_file(folder, FUNCTIONS.replace('["cash", "prize"]', '["cash", "prize", "phone"]'))
        assert project.vote().computed == ["money"]
        edited = set(columns(folder)) - set(before) - set(appended)
        assert len({fingerprint for fingerprint, _ in edited}) == 1 and len(edited) == 4
        votes_file(folder, FUNCTIONS)
        assert project.vote().computed == []
        incremental = project._workspace.store
        latest = incremental.runs.latest("vote")
        assert latest is not None
        matrix = incremental.votes.matrix([f["fingerprint"] for f in latest.parameters["functions"]],
                                          latest.parameters["shards"])  # fmt: skip
    with closing(sqlite3.connect(folder / "texts.labelkit.db")) as raw:
        raw.execute("delete from votes")
        raw.commit()
    with Project.open(folder) as project:
        assert len(project.vote().computed) == 5
        store = project._workspace.store
        again = store.votes.matrix([f["fingerprint"] for f in latest.parameters["functions"]],
                                   latest.parameters["shards"])  # fmt: skip
    assert np.array_equal(again, matrix)


@pytest.mark.usefixtures("shards_of_sixteen")
def test_the_cache_may_go_between_any_two_steps(folder: Path, tmp_path: Path) -> None:
    exports = []
    for name, lose in (("kept", False), ("lost", True)):
        home = tmp_path / name
        shutil.copytree(folder, home)
        with Project.open(home) as project:
            for step in (project.vote, project.label, project.train, project.rank, project.vote):
                step()
                if lose:
                    shutil.rmtree(home / "texts.labelkit.cache", ignore_errors=True)
            project.export(home / "out.csv")
        exports.append((home / "out.csv").read_bytes())
    assert exports[0] == exports[1]


def test_a_function_that_votes_otherwise_on_one_item_is_found_when_it_is_drawn(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sample is random over all items: in the end every item of every column is looked at."""
    monkeypatch.setattr(staleness, "STALENESS_SAMPLE", 8)
    flag = folder / "flag"
    votes_file(folder, FUNCTIONS + f"""
@labeling_function()
def moody(row):
    import os
    return "spam" if row.id == "ham-1-3" and os.path.exists({str(flag)!r}) else None
""")  # fmt: skip
    with Project.open(folder) as project:
        project.vote()
        flag.touch()
        rounds = 0
        while not project.vote().stale:
            rounds += 1
            assert rounds < 200
        assert project.votes().loc["ham-1-3", "moody"] == "spam"


def test_paths_are_kept_with_the_run(folder: Path) -> None:
    with Project.open(folder) as project:
        project.vote()
        first = project._workspace.need("vote", "")
        assert set(first.metrics["paths"]) == {f["name"] for f in first.parameters["functions"]}
        assert all(isinstance(how, str) and isinstance(why, str) for how, why in first.metrics["paths"].values())
        project.vote()
        assert project._workspace.need("vote", "").id == first.id
        with project._workspace.store.database.transaction() as connection:
            connection.execute("update runs set metrics = '{}' where id = ?", (first.id,))
        project.vote()  # a run of an earlier labelkit did not keep them
        again = project._workspace.need("vote", "")
        assert (again.metrics["paths"], again.inputs) == (first.metrics["paths"], first.inputs)
        project.label()
        assert project.status().steps[1].state == "up to date"


def test_a_project_of_the_first_schema_computes_nothing_again(folder: Path, tmp_path: Path) -> None:
    with Project.open(folder) as project:
        project.run()
        project.export(tmp_path / "before.csv")
    with closing(sqlite3.connect(folder / "texts.labelkit.db")) as raw:
        raw.executescript(BACK_TO_FIRST)
    with Project.open(folder) as project:
        assert (folder / f"texts.labelkit.db.before-schema-{SCHEMA_VERSION}").exists()
        assert [step.state for step in project.status().steps] == ["up to date"] * 4
        project.export(tmp_path / "after.csv")
        assert project.vote().computed == []
        assert project.label().reused
        assert project.doctor() == []
    assert (tmp_path / "before.csv").read_bytes() == (tmp_path / "after.csv").read_bytes()
