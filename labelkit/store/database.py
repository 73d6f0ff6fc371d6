"""Opening a project file, transactions, and the disk's troubles in our own words."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labelkit.errors import ProjectDamaged, ProjectTooNew, StorageError
from labelkit.store.migrations import APPLICATION_ID, SCHEMA_VERSION, migrate, objects
from labelkit.store.presence import is_served

BUSY_SECONDS = 30.0
_SHOWN_PROBLEMS = 20


def now() -> str:
    """The present in UTC, to the millisecond, as stored everywhere."""
    return stamp(datetime.now(UTC))


def stamp(moment: datetime) -> str:
    """A time (without an offset: UTC) as stored everywhere: such strings sort as the times do."""
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's errors about the disk and the file, as errors a user can act on."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            raise StorageError(
                f"the disk is full while writing {path}", hint="Free some space and run the command again"
            ) from error
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
            raise StorageError(f"{path} is read-only", hint="Make the file and its folder writable") from error
        if code == sqlite3.SQLITE_CANTOPEN:
            raise StorageError(f"cannot open {path}", hint="Is the folder there and writable?") from error
        if code == sqlite3.SQLITE_IOERR:
            raise StorageError(
                f"the disk failed while reading or writing {path} ({error})",
                hint="Check its free space, then `labelkit doctor`",
            ) from error
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise ProjectDamaged(
                f"{path} is damaged or no SQLite file ({error})", hint="Restore a backup of it"
            ) from error
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise StorageError(f"{path} is busy with another process's write", hint="Try again in a moment") from error
        raise


@contextlib.contextmanager
def immediate(connection: sqlite3.Connection, path: Path, begin: Callable[[], None] | None = None) -> Iterator[None]:
    """``BEGIN IMMEDIATE`` … commit; rolled back on any exception, Ctrl-C included. Errors as :func:`translated`.

    ``begin`` takes the place of the first statement, where somebody waits for the lock in a way of their own.
    """
    with translated(path):
        try:
            if begin is None:
                connection.execute("begin immediate")
            else:
                begin()
            yield
            connection.execute("commit")
        except BaseException:
            # SQLite may have rolled back by itself already (full disk).
            if connection.in_transaction:
                connection.execute("rollback")
            raise


def _connect(path: Path, options: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{options}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_SECONDS)


def _connect_readonly(path: Path) -> sqlite3.Connection:
    """Open for reading, also where nothing may be written beside the file.

    SQLite reads a file in WAL mode only with a ``-shm`` file beside it, and makes one if it can. In a
    folder that cannot be written there is none unless another process has the project open. Then,
    if no log waits to be merged, ``immutable`` reads the file as it lies there.
    """
    connection = _connect(path, "mode=ro")
    try:
        connection.execute("select count(*) from sqlite_master").fetchone()
        return connection
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise
        log = path.with_name(f"{path.name}-wal")
        if log.exists() and log.stat().st_size:
            raise StorageError(
                f"{path} cannot be read: {log.name} holds changes that are not merged yet, and the folder is read-only",
                hint="Open the project once where it can be written, or copy both files to such a place",
            ) from error
    except BaseException:
        connection.close()
        raise
    return _connect(path, "mode=ro&immutable=1")


class Database:
    """One connection to one project file. Use it in one thread; open another for another.

    Answers are durable when :meth:`transaction` returns (WAL with ``synchronous=FULL``).
    """

    def __init__(self, path: Path, *, create: bool = False, readonly: bool = False) -> None:
        self.path = path
        if not create and not path.exists():
            raise StorageError(f"{path} does not exist", hint="`labelkit import FILE` or `labelkit run` makes it")
        with translated(path):
            if readonly:
                self.connection = _connect_readonly(path)
            else:
                self.connection = _connect(path, "mode=rwc" if create else "mode=rw")
            try:
                self._prepare(readonly)
            except BaseException:
                self.connection.close()
                raise

    def _prepare(self, readonly: bool) -> None:
        version = self._check_identity()
        self.connection.execute("pragma foreign_keys = on")
        self.connection.execute("pragma temp_store = memory")
        self.connection.execute("pragma cache_size = -65536")  # 64 MB: the index over ids stays in memory
        if readonly:
            if version < SCHEMA_VERSION:
                raise StorageError(
                    f"{self.path} is {'empty' if version == 0 else 'of an older labelkit'} and cannot be brought"
                    " up to date, because it or its folder is read-only",
                    hint="Make both writable, or work on a copy",
                )
            return
        if version == 0:
            self.connection.execute("pragma page_size = 8192")  # a seventh faster to import into than 4096
        self._use_wal()
        self.connection.execute("pragma synchronous = full")
        # Merging the log every 10,000 pages makes imports a third faster than every 1,000. While people answer,
        # small merges are kinder: each syncs the file to a disk that their answers are synced to as well.
        self.connection.execute(f"pragma wal_autocheckpoint = {1_000 if is_served(self.path) else 10_000}")
        if version < SCHEMA_VERSION:
            if version:
                self.backup(self._free_name(f"before-schema-{SCHEMA_VERSION}"))
            migrate(self.connection, version)

    def _use_wal(self) -> None:
        """Switch to WAL mode. SQLite does not wait by itself while another process does the same."""
        until = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                self.connection.execute("pragma journal_mode = wal")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(0.01)

    def _check_identity(self) -> int:
        """The schema version of the file (0: new and empty), if it is a project file that we know."""
        version = self.connection.execute("pragma user_version").fetchone()[0]
        application = self.connection.execute("pragma application_id").fetchone()[0]
        tables = self.connection.execute("select count(*) from sqlite_master").fetchone()[0]
        if application != APPLICATION_ID and (tables or version or application):
            raise ProjectDamaged(
                f"{self.path} is a SQLite file, but not a labelkit project file",
                hint="Move it away, or give the project another name in labelkit.toml",
            )
        if version > SCHEMA_VERSION:
            raise ProjectTooNew(
                f"{self.path.name} was made by a newer labelkit (schema {version}, this one knows {SCHEMA_VERSION})",
                hint="Upgrade labelkit; nothing was changed",
            )
        return int(version)

    def _free_name(self, ending: str) -> Path:
        """A name beside the project file that is not taken (an earlier attempt may have left one)."""
        target, number = self.path.with_name(f"{self.path.name}.{ending}"), 1
        while target.exists():
            number += 1
            target = self.path.with_name(f"{self.path.name}.{ending}-{number}")
        return target

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """``BEGIN IMMEDIATE`` … commit; rolled back on any exception, Ctrl-C included."""
        with immediate(self.connection, self.path):
            yield self.connection

    def rows(self, sql: str, parameters: Any = ()) -> list[Any]:
        """All rows of a query."""
        with translated(self.path):
            return self.connection.execute(sql, parameters).fetchall()

    def stream(self, sql: str, parameters: Any = ()) -> Iterator[Any]:
        """The rows of a query one by one, where all of them would take too much memory."""
        with translated(self.path):
            yield from self.connection.execute(sql, parameters)

    def one(self, sql: str, parameters: Any = ()) -> Any:
        """The first row of a query, or None."""
        with translated(self.path):
            return self.connection.execute(sql, parameters).fetchone()

    def backup(self, target: Path) -> None:
        """A consistent, compact copy (``VACUUM INTO``), also while others write.

        The copy has its name only when it is whole and on the disk.

        Raises
        ------
        StorageError
            If ``target`` exists or cannot be written.
        """
        target = target.absolute()
        partial = target.with_name(f"{target.name}.part-{os.getpid()}")
        try:
            with translated(target), _file_errors(target):
                self.connection.execute("vacuum into ?", (str(partial),))
                _keep_mode(self.path, partial)
                with partial.open("rb") as copy:
                    os.fsync(copy.fileno())
                if target.exists():
                    raise StorageError(f"{target} exists already", hint="Choose another name or remove it")
                partial.replace(target)
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)

    def problems(self) -> list[str]:
        """What is so wrong with the file that reading on makes no sense: damaged pages, missing tables."""
        found = [row[0] for row in self.rows(f"pragma integrity_check({_SHOWN_PROBLEMS})") if row[0] != "ok"]
        if found:
            return found
        return [f"the {kind} {name} is missing or was changed" for kind, name in self._changed_objects()]

    def broken_references(self) -> list[str]:
        """Rows that refer to rows that are not there, the first twenty."""
        found = []
        for place, (table, rowid, parent, _) in enumerate(self.stream("pragma foreign_key_check")):
            if place == _SHOWN_PROBLEMS:
                found.append("… and further rows that refer to missing ones")
                break
            row = "a row" if rowid is None else f"row {rowid}"
            found.append(f"{row} of {table} refers to a missing row of {parent}")
        return found

    def _changed_objects(self) -> list[tuple[str, str]]:
        """Tables, indexes and triggers that are not as the migrations make them: (kind, name)."""
        with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
            migrate(fresh, 0)
            expected = objects(fresh)
        with translated(self.path):
            present = objects(self.connection)
        return sorted(key for key, sql in expected.items() if present.get(key) != sql)

    def close(self) -> None:
        """Close the connection; the write-ahead log is merged into the file when it is the last one."""
        self.connection.close()


@contextlib.contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}", hint="Check the folder and its free space"
        ) from error


def _keep_mode(source: Path, target: Path) -> None:
    """A copy is no more readable than what it was made of, where the file system knows of that."""
    with contextlib.suppress(OSError):
        shutil.copymode(source, target)
