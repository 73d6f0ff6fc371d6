"""Project files: made, opened, refused, migrated, backed up, read where nothing can be written."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from store_helpers import batch, contents, import_items, new_store

from labelkit.errors import ProjectDamaged, ProjectTooNew, StorageError
from labelkit.store import Store, database, migrations
from labelkit.store.migrations import APPLICATION_ID, SCHEMA_VERSION

HERE = Path(__file__).parent


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed project file with three items."""
    file = tmp_path / "texts.labelkit.db"
    with new_store(file) as store:
        import_items(store, batch(["a", "b", "c"]))
    return file


class TestOpening:
    """What is no project file is refused with the reason, and left as it is."""

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(StorageError, match="does not exist"):
            Store(tmp_path / "no.labelkit.db")
        with pytest.raises(StorageError, match="cannot open"):
            Store(tmp_path / "no" / "no.labelkit.db", create=True)

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(StorageError, match="cannot open"):
            Store(tmp_path)

    @pytest.mark.parametrize("text", ["hello", "id,text\n1,hello\n" * 1000])
    @pytest.mark.parametrize("readonly", [False, True])
    def test_a_text_file(self, tmp_path: Path, text: str, readonly: bool) -> None:
        file = tmp_path / "texts.labelkit.db"
        file.write_text(text)
        with pytest.raises(ProjectDamaged, match="damaged or no SQLite file"):
            Store(file, readonly=readonly)
        assert file.read_text() == text
        assert list(tmp_path.iterdir()) == [file]

    @pytest.mark.parametrize("script", ["create table t (x)", "pragma user_version = 1", "pragma application_id = 7"])
    def test_a_sqlite_file_of_something_else(self, tmp_path: Path, script: str) -> None:
        file = tmp_path / "texts.labelkit.db"
        with closing(sqlite3.connect(file)) as other:
            other.executescript(script)
        before = file.read_bytes()
        with pytest.raises(ProjectDamaged, match="not a labelkit project file"):
            Store(file)
        assert file.read_bytes() == before

    def test_a_file_of_a_newer_version(self, path: Path) -> None:
        with closing(sqlite3.connect(path)) as newer:
            newer.execute(f"pragma user_version = {SCHEMA_VERSION + 1}")
        before = path.read_bytes()
        for readonly in (False, True):
            with pytest.raises(ProjectTooNew, match=f"schema {SCHEMA_VERSION + 1}, this one knows {SCHEMA_VERSION}"):
                Store(path, readonly=readonly)
        assert path.read_bytes() == before

    def test_an_empty_file_becomes_a_project_file(self, tmp_path: Path) -> None:
        """It is what a disk that was full leaves when a project is made."""
        file = tmp_path / "texts.labelkit.db"
        file.touch()
        with pytest.raises(StorageError, match="is empty and cannot be brought up to date"):
            Store(file, readonly=True)
        with Store(file) as store:
            assert store.setting("name") is None
            assert store.problems() == []

    def test_a_file_cut_in_half_is_damaged(self, path: Path) -> None:
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
        try:
            with Store(path) as store:
                assert store.problems() != []
        except ProjectDamaged as error:
            assert error.hint == "Restore a backup of it"

    def test_answers_are_durable(self, path: Path) -> None:
        with Store(path) as store:
            assert store.database.one("pragma journal_mode")[0] == "wal"
            assert store.database.one("pragma synchronous")[0] == 2
            assert store.database.one("pragma foreign_keys")[0] == 1


def _make(path: Path) -> None:
    with Store(path, create=True) as store:
        store.initialise("texts", "classification", ["spam", "ham"])
        assert store.labels.schema().names == ("spam", "ham")


def test_several_processes_may_make_a_project_at_once(tmp_path: Path) -> None:
    path = tmp_path / "texts.labelkit.db"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_make, args=(path,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    with Store(path) as store:
        assert store.database.one("select count(*) from events")[0] == 1
        assert store.problems() == []


class TestMigrations:
    """An older file is brought up to date, after a backup."""

    @pytest.fixture
    def newer(self, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
        def use(*more: Callable[[sqlite3.Connection], None]) -> None:
            monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, *more))
            monkeypatch.setattr(database, "SCHEMA_VERSION", SCHEMA_VERSION + len(more))

        return use

    def test_after_a_backup_of_what_was_there(self, path: Path, newer: Callable[..., None]) -> None:
        newer(lambda connection: connection.execute("create table more (x)"))
        with Store(path) as store:
            assert store.database.one("pragma user_version")[0] == SCHEMA_VERSION + 1
            assert store.items.count() == 3
            assert store.problems() == []
        backup = path.with_name(f"{path.name}.before-schema-{SCHEMA_VERSION + 1}")
        with closing(sqlite3.connect(backup)) as before:
            assert before.execute("pragma user_version").fetchone()[0] == SCHEMA_VERSION
            assert before.execute("pragma application_id").fetchone()[0] == APPLICATION_ID
            assert before.execute("select count(*) from items").fetchone()[0] == 3

    def test_one_that_fails_leaves_the_file_as_it_was_and_can_be_tried_again(
        self, path: Path, newer: Callable[..., None]
    ) -> None:
        attempts = []

        def fail_once(connection: sqlite3.Connection) -> None:
            connection.execute("create table more (x)")
            attempts.append(1)
            if len(attempts) == 1:
                raise RuntimeError("power cut")

        newer(fail_once)
        with pytest.raises(RuntimeError):
            Store(path)
        with closing(sqlite3.connect(path)) as raw:
            assert raw.execute("pragma user_version").fetchone()[0] == SCHEMA_VERSION
            assert raw.execute("select 1 from sqlite_master where name = 'more'").fetchone() is None
        with Store(path) as store:
            assert store.database.one("pragma user_version")[0] == SCHEMA_VERSION + 1

    def test_a_file_that_can_only_be_read_says_why_not(self, path: Path, newer: Callable[..., None]) -> None:
        newer(lambda connection: connection.execute("create table more (x)"))
        with pytest.raises(StorageError, match="of an older labelkit and cannot be brought up to date"):
            Store(path, readonly=True)


class TestBackup:
    """A backup is whole, or not there."""

    def test_is_the_same_project(self, path: Path, tmp_path: Path) -> None:
        path.chmod(0o600)
        with Store(path) as store:
            store.database.backup(tmp_path / "copy.db")
            expected = contents(store)
        assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
        with Store(tmp_path / "copy.db") as copy:
            assert contents(copy) == expected
            assert copy.problems() == []

    def test_never_overwrites(self, path: Path, tmp_path: Path) -> None:
        target = tmp_path / "precious"
        target.write_text("mine")
        with Store(path) as store, pytest.raises(StorageError, match="exists already"):
            store.database.backup(target)
        assert target.read_text() == "mine"
        assert list(tmp_path.glob("*.part-*")) == []

    def test_into_a_folder_that_is_not_there(self, path: Path, tmp_path: Path) -> None:
        with Store(path) as store, pytest.raises(StorageError, match="cannot open"):
            store.database.backup(tmp_path / "no" / "copy.db")

    def test_while_another_process_writes_is_at_a_batch_boundary(self, path: Path, tmp_path: Path) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", IMPORT_FOREVER, str(path)], stdout=subprocess.PIPE, text=True, cwd=HERE
        ) as writer:
            assert writer.stdout is not None
            try:
                for number in range(5):
                    writer.stdout.readline()
                    with Store(path) as store:
                        store.database.backup(tmp_path / f"copy-{number}.db")
            finally:
                writer.kill()
        for number in range(5):
            with Store(tmp_path / f"copy-{number}.db") as copy:
                assert copy.items.count() % 100 == 3
                assert copy.problems() == []


IMPORT_FOREVER = """
import sys
from pathlib import Path
from labelkit.store import Store
from store_helpers import batch
with Store(Path(sys.argv[1])) as store:
    writer = store.writer(store.runs.begin("import", parameters={}, versions={}))
    for first in range(0, 10**9, 100):
        writer.write(batch([f"n{n}" for n in range(first, first + 100)]))
        print(first + 100, flush=True)
"""

READ = """
import os, sys, tempfile
from pathlib import Path
from labelkit.errors import LabelkitError
from labelkit.store import Store
from store_helpers import batch, import_items, new_store
with tempfile.TemporaryDirectory() as folder, new_store(Path(folder) / "x.db") as store:
    import_items(store, batch(["a"]))  # import everything while that is still allowed
    store.items.search("text"), store.items.table(0, 9).to_pydict(), store.problems()
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
def attempt(what):
    try:
        print(what())
    except LabelkitError as error:
        print(type(error).__name__, error.message)
path = Path(sys.argv[1])
def read():
    with Store(path, readonly=True) as store:
        attempt(lambda: store.labels.add("more", actor="me"))
        attempt(lambda: store.items.search("text"))
        return store.items.table(0, 9).to_pydict(), len(store.items.shard_digests()), store.problems()
attempt(read)
"""


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that any user may read (pytest's own is for one user only)."""
    folder = Path(tempfile.mkdtemp(prefix="labelkit-test-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def read_as_somebody_else(path: Path) -> list[str]:
    path.parent.chmod(0o555 if os.getuid() else 0o755)
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=False, cwd=HERE
    )
    path.parent.chmod(0o755)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


class TestReadOnly:
    """A folder that one may read but not write."""

    def test_is_read_and_writing_is_refused(self, shared: Path) -> None:
        path = shared / "texts.labelkit.db"
        with new_store(path) as store:
            import_items(store, batch(["a"], fields=[{"n": 1}]))
        added, searched, read = read_as_somebody_else(path)
        assert added == searched == f"StorageError {path} is read-only"
        assert read == "({'id': ['a'], 'text': ['text of a'], 'n': [1]}, 1, [])"
        assert list(shared.iterdir()) == [path]

    def test_is_read_while_another_process_has_it_open(self, shared: Path) -> None:
        path = shared / "texts.labelkit.db"
        with new_store(path) as store:
            import_items(store, batch(["a"], fields=[{"n": 1}]))
            assert (shared / f"{path.name}-wal").stat().st_size
            *_, read = read_as_somebody_else(path)
        assert read == "({'id': ['a'], 'text': ['text of a'], 'n': [1]}, 1, [])"

    def test_with_a_log_that_is_not_merged_says_so_instead_of_reading_old_data(self, shared: Path) -> None:
        path, left = shared / "texts.labelkit.db", shared / "left" / "texts.labelkit.db"
        left.parent.mkdir()
        with new_store(path) as store:
            import_items(store, batch(["a"]))
            for ending in ("", "-wal"):  # as a process that was killed leaves them
                shutil.copy(f"{path}{ending}", f"{left}{ending}")
        assert "holds changes that are not merged yet" in read_as_somebody_else(left)[0]
