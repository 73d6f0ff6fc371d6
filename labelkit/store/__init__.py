"""The project file: SQLite through sqlite-utils and sqlite3. All SQL of labelkit lives in this room."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from labelkit.errors import ProjectDamaged
from labelkit.store.activity import Activity
from labelkit.store.added import problems as answer_problems
from labelkit.store.adjudications import Adjudications, Decision, NewDecision, Withdrawal
from labelkit.store.annotation_writer import AnnotationWriter
from labelkit.store.browsing import AnswerFacts, Browsing, Happening, Mark
from labelkit.store.codec import from_json, to_json
from labelkit.store.columns import column_name
from labelkit.store.database import Database
from labelkit.store.events import append, verify
from labelkit.store.function_log import FunctionLog
from labelkit.store.hint_reader import HintReader
from labelkit.store.item_writer import DuplicateRow, ImportCounts, ItemWriter, RowError
from labelkit.store.items import Items
from labelkit.store.labels import Labels
from labelkit.store.lease_records import AnswerStatus, Lease, LeaseAnswer, LeaseRules, OwnAnswer, Taken
from labelkit.store.leases import Leases
from labelkit.store.lock import TRAINER, project_lock
from labelkit.store.members import Member, Members
from labelkit.store.mirror import Mirror, ShardItems
from labelkit.store.people import NewAnnotation, People
from labelkit.store.presence import is_served, is_trained, serving, training
from labelkit.store.reviewable import GivenAnswer, LoggedAnswer, Reviewable
from labelkit.store.runs import Run, Runs
from labelkit.store.runs_kept import KeptRun
from labelkit.store.secret_codes import StoredCode
from labelkit.store.secret_sessions import StoredSession
from labelkit.store.secrets import Secrets
from labelkit.store.votes import StoredColumn, StoredFunction, Votes

__all__ = [
    "TRAINER",
    "AnswerFacts",
    "AnswerStatus",
    "Browsing",
    "Database",
    "Decision",
    "DuplicateRow",
    "GivenAnswer",
    "Happening",
    "ImportCounts",
    "ItemWriter",
    "KeptRun",
    "Lease",
    "LeaseAnswer",
    "LeaseRules",
    "LoggedAnswer",
    "Mark",
    "Member",
    "NewAnnotation",
    "NewDecision",
    "OwnAnswer",
    "RowError",
    "Run",
    "Secrets",
    "ShardItems",
    "Store",
    "StoredCode",
    "StoredColumn",
    "StoredFunction",
    "StoredSession",
    "Taken",
    "Withdrawal",
    "column_name",
    "is_served",
    "is_trained",
    "project_lock",
    "serving",
    "training",
]


class Store:
    """One open project file; tables in groups: ``items``, ``votes``, ``people``, ``leases``, ``runs``, ``labels``."""

    def __init__(self, path: Path, *, create: bool = False, readonly: bool = False) -> None:
        self.path = path
        self.database = Database(path, create=create, readonly=readonly)
        self.items = Items(self.database, Mirror(path.with_suffix(".cache") / "items"))
        self.votes = Votes(self.database)
        self.people = People(self.database)
        self.members = Members(self.database)
        self.adjudications = Adjudications(self.database, self.people)
        self.reviewable = Reviewable(self.database)
        self.leases = Leases(self.database, self.people)
        self.hints = HintReader(self.database)
        self.runs = Runs(self.database)
        self.labels = Labels(self.database)
        self.browsing = Browsing(self.database)
        self.activity = Activity(self.database)
        self.function_log = FunctionLog(self.database)
        self._secrets: Secrets | None = None

    def secrets(self) -> Secrets:
        """The side file with password hashes and sessions, made on first use; it is closed with the store."""
        if self._secrets is None:
            self._secrets = Secrets(self.path.with_suffix(".secrets"))
        return self._secrets

    def setting(self, key: str) -> Any:
        """A value of the ``project`` table, or None."""
        row = self.database.one("select value from project where key = ?", (key,))
        return None if row is None else from_json(row[0])

    def count_up(self, key: str) -> int:
        """The next number of a counter in the ``project`` table, from 1."""
        with self.database.transaction() as connection:
            row = connection.execute("select value from project where key = ?", (key,)).fetchone()
            number = 1 + (from_json(row[0]) if row else 0)
            connection.execute("insert or replace into project values (?, ?)", (key, to_json(number)))
        return int(number)

    def initialise(self, name: str, task: str, labels: list[str]) -> None:
        """Give a new project file its name, task and classes, in one transaction."""
        with self.database.transaction() as connection:
            if connection.execute("select 1 from project where key = 'name'").fetchone():
                return  # another process was faster
            connection.executemany(
                "insert into project values (?, ?)", [("name", to_json(name)), ("task", to_json(task))]
            )
            connection.executemany(
                "insert into label_classes (id, name, position) values (?, ?, ?)",
                [(i, label, i) for i, label in enumerate(labels)],
            )
            append(connection, "project.created", {"name": name, "labels": labels})

    def writer(self, source: int) -> ItemWriter:
        """A writer of items for the import with run number ``source``."""
        return ItemWriter(self.database, self.labels.schema(), source)

    def annotation_writer(self) -> AnnotationWriter:
        """A writer of one file of answers that people gave elsewhere."""
        return AnnotationWriter(self.database, self.people)

    def problems(self) -> list[str]:
        """What is wrong with the file, in words; empty when all is well. It reads the whole file."""
        try:
            found = self.database.problems()
            if found:
                return found
            return [
                *self.database.broken_references(),
                *self.items.problems(),
                *self.votes.problems(),
                *self.runs.problems(),
                *verify(self.database),
                *answer_problems(self.database),
                *self.adjudications.problems(),
            ]
        except ProjectDamaged as error:
            return [str(error)]

    def close(self) -> None:
        """Close the connection."""
        if self._secrets is not None:
            self._secrets.close()
        self.database.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
