"""Full disks, Ctrl-C, kill -9: whole batches stay, and the work can be done again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from store_helpers import batch, contents, import_items, new_store

from labelkit.errors import ProjectLocked, StorageError
from labelkit.store import Store, project_lock

ROWS = 200

IMPORT = """
import resource, sys
from pathlib import Path
from labelkit.errors import LabelkitError
from store_helpers import batch
from labelkit.store import Store
path, limit = Path(sys.argv[1]), int(sys.argv[2])
with Store(path) as store:
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    writer = store.writer(store.runs.begin("import", parameters={}, versions={}))
    try:
        for first in range(0, 10**9, 200):
            ids = [f"n{n}" for n in range(first, first + 200)]
            writer.write(batch(ids, [i * 20 for i in ids], gold=["spam"] * 200))
            print(first + 200, flush=True)
    except LabelkitError as error:
        print(type(error).__name__, error, flush=True)
        print(writer.counts.added, flush=True)
"""


def start(path: Path, limit: int = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", IMPORT, str(path), str(limit)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parent,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    )  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed project file without items."""
    file = tmp_path / "texts.labelkit.db"
    new_store(file).close()
    return file


def whole_batches(path: Path) -> int:
    """How many batches there are; fails unless they are whole, sound, and can be imported again."""
    with Store(path) as store:
        count = store.items.count()
        assert count % ROWS == 0
        assert (store.items.gold() == 0).all()
        assert store.problems() == []
        ids = [f"n{n}" for n in range(count + ROWS)]
        counts = import_items(store, batch(ids, [i * 20 for i in ids]))
        assert (counts.unchanged, counts.added, counts.changed) == (count, ROWS, 0)
        assert [row[1] for row in contents(store)] == ids
    return count // ROWS


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_or_interrupted_import_leaves_whole_batches(path: Path, end: signal.Signals) -> None:
    with start(path) as process:
        assert process.stdout is not None
        for _ in range(10):
            told = int(process.stdout.readline())
        time.sleep(0.013)  # somewhere in a batch
        process.send_signal(end)
        told = max([told, *(int(line) for line in process.stdout.read().split())])
        process.wait(30)
    assert process.returncode != 0
    assert whole_batches(path) >= told // ROWS  # what was said to be stored is stored


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = os.getuid() == 0 and (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], capture_output=True, check=False
        ).returncode
        == 0
    )
    if not mounted:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_said_to_be_full_and_loses_no_batch(small_disk: Path, tmp_path: Path) -> None:
    path = small_disk / "texts.labelkit.db"
    new_store(path).close()
    with start(path) as process:
        out, err = process.communicate(timeout=60)
    *told, error, added = out.splitlines()
    assert error.startswith("StorageError the disk is full while writing"), out + err
    assert added == told[-1]
    with Store(path) as store:
        assert store.items.count() == int(told[-1])
        assert store.problems() == []
    roomy = tmp_path / path.name
    for file in small_disk.iterdir():  # the log too: merging it takes space
        shutil.copy(file, tmp_path)
    assert whole_batches(roomy) == int(told[-1]) // ROWS


def test_a_backup_that_does_not_fit_leaves_nothing(small_disk: Path, path: Path) -> None:
    with Store(path) as store:
        ids = [f"n{n}" for n in range(20_000)]
        import_items(store, batch(ids, [i * 20 for i in ids]))
        with pytest.raises(StorageError, match="the disk is full while writing"):
            store.database.backup(small_disk / "copy.db")
    assert list(small_disk.iterdir()) == []


def test_a_file_that_may_not_grow_is_a_clear_error_and_loses_no_batch(path: Path) -> None:
    with start(path, limit=1_500_000) as process:
        out, err = process.communicate(timeout=60)
    *told, error, added = out.splitlines()
    assert error.startswith("StorageError the disk failed while reading or writing"), out + err
    assert added == told[-1]
    assert whole_batches(path) == int(told[-1]) // ROWS


HOLD = """
import sys, time
from pathlib import Path
from labelkit.store import project_lock
with project_lock(Path(sys.argv[1]), "labelkit vote"):
    print("held", flush=True)
    time.sleep(60)
"""


class TestLock:
    """One process works on a project at a time; the others are told who."""

    @pytest.fixture
    def holder(self, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
        with subprocess.Popen(
            [sys.executable, "-c", HOLD, str(tmp_path / "texts.labelkit.lock")], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None and process.stdout.readline() == "held\n"
            yield process
            process.kill()

    def test_the_second_is_told_who_holds_it(self, holder: subprocess.Popen[str], tmp_path: Path) -> None:
        message = rf"`labelkit vote` \(process {holder.pid} on .*, since 20.*Z\) is working on this project"
        with (
            pytest.raises(ProjectLocked, match=message),
            project_lock(tmp_path / "texts.labelkit.lock", "labelkit train"),
        ):
            pytest.fail("both hold the lock")

    def test_waiting_gives_up_in_time(self, holder: subprocess.Popen[str], tmp_path: Path) -> None:
        started = time.monotonic()
        with pytest.raises(ProjectLocked), project_lock(tmp_path / "texts.labelkit.lock", "labelkit train", wait=0.3):
            pytest.fail("both hold the lock")
        assert 0.2 < time.monotonic() - started < 10

    def test_a_killed_holder_holds_nothing(self, holder: subprocess.Popen[str], tmp_path: Path) -> None:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert (tmp_path / "texts.labelkit.lock.holder").exists()
        with project_lock(tmp_path / "texts.labelkit.lock", "labelkit train"):
            assert b"labelkit train" in (tmp_path / "texts.labelkit.lock.holder").read_bytes()
        assert not (tmp_path / "texts.labelkit.lock.holder").exists()

    def test_it_is_free_after_an_error(self, tmp_path: Path) -> None:
        path = tmp_path / "texts.labelkit.lock"
        with pytest.raises(RuntimeError), project_lock(path, "labelkit vote"):
            raise RuntimeError
        with project_lock(path, "labelkit vote"):
            pass

    def test_a_place_where_no_file_can_be_is_a_clear_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with (
            pytest.raises(StorageError, match="cannot lock"),
            project_lock(tmp_path / "file" / "lock", "labelkit vote"),
        ):
            pytest.fail("there can be no lock")
