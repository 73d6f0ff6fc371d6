"""The label schema in the project file: classes with stable ids."""

from __future__ import annotations

import sqlite3

from labelkit.errors import SchemaError
from labelkit.store.codec import from_json, to_json
from labelkit.store.database import Database
from labelkit.store.events import append
from labelkit.types import LabelClass, LabelSchema, label_name_problem


class Labels:
    """Reads and changes the classes. No change touches a stored vote or annotation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def schema(self) -> LabelSchema:
        """The classes in use, in order, and the merged ones."""
        rows = self._database.rows("select id, name, position, aliases, merged_into from label_classes")
        used = sorted((row for row in rows if row[2] is not None), key=lambda row: row[2])
        classes = tuple(LabelClass(row[0], row[1], tuple(from_json(row[3]))) for row in used)
        return LabelSchema(classes, {row[0]: row[4] for row in rows if row[4] is not None})

    def add(self, name: str, *, actor: str) -> None:
        """Append a class with the next free id."""
        with self._database.transaction() as connection:
            self._add(connection, name)
            append(connection, "schema.add", {"name": name}, actor=actor)

    def _add(self, connection: sqlite3.Connection, name: str) -> None:
        _check_name(name)
        schema = self.schema()
        for cls in schema.classes:
            if name == cls.name:
                raise SchemaError(f"there is a class {name!r} already")
            if name in cls.aliases:
                raise SchemaError(
                    f"the name {name!r} was used by the class that is now called {cls.name!r}",
                    hint="Labeling functions may still use it; choose another name",
                )
        next_id = connection.execute("select coalesce(max(id) + 1, 0) from label_classes").fetchone()[0]
        if next_id > 32_000:
            raise SchemaError("a project can have at most 32,000 classes in its life")
        connection.execute(
            "insert into label_classes (id, name, position) values (?, ?, ?)", (next_id, name, schema.cardinality)
        )

    def rename(self, old: str, new: str, *, actor: str) -> None:
        """Give a class another name; the old one stays as an alias."""
        _check_name(new)
        with self._database.transaction() as connection:
            schema = self.schema()
            target = _named(schema, old)
            for cls in schema.classes:
                if cls.id != target.id and (new == cls.name or new in cls.aliases):
                    raise SchemaError(f"the name {new!r} belongs to the class {cls.name!r}")
            aliases = sorted({*target.aliases, old} - {new})
            connection.execute(
                "update label_classes set name = ?, aliases = ? where id = ?", (new, to_json(aliases), target.id)
            )
            append(connection, "schema.rename", {"id": target.id, "old": old, "new": new}, actor=actor)

    def merge(self, old: str, into: str, *, actor: str) -> None:
        """Let one class take over another: its votes and answers count for ``into`` from now on."""
        with self._database.transaction() as connection:
            schema = self.schema()
            source, target = _named(schema, old), _named(schema, into)
            if old == into:
                raise SchemaError(f"{old!r} cannot be merged into itself")
            if schema.cardinality == 2:
                raise SchemaError("merging the last two classes would leave nothing to tell apart")
            aliases = sorted({*target.aliases, *source.aliases, source.name})
            connection.execute("update label_classes set merged_into = ? where merged_into = ?", (target.id, source.id))
            connection.execute(
                "update label_classes set merged_into = ?, position = null, aliases = '[]' where id = ?",
                (target.id, source.id),
            )
            connection.execute("update label_classes set aliases = ? where id = ?", (to_json(aliases), target.id))
            rest = [cls.id for cls in schema.classes if cls.id != source.id]
            connection.executemany("update label_classes set position = ? where id = ?", enumerate(rest))
            append(connection, "schema.merge", {"id": source.id, "into": target.id}, actor=actor)

    def reorder(self, names: list[str], *, actor: str) -> None:
        """Put the classes into another order (the order of columns in exports, of keys in the app)."""
        with self._database.transaction() as connection:
            schema = self.schema()
            if sorted(names) != sorted(schema.names):
                raise SchemaError(
                    f"the new order has to name each class once; given {', '.join(names)},"
                    f" the classes are {', '.join(schema.names)}"
                )
            # A merged class may still carry a name that is in use again: only classes in use move.
            places = [(place, schema.resolve(name)) for place, name in enumerate(names)]
            connection.executemany("update label_classes set position = ? where id = ?", places)
            append(connection, "schema.reorder", {"names": names}, actor=actor)


def _check_name(name: str) -> None:
    problem = label_name_problem(name)
    if problem:
        raise SchemaError(problem)


def _named(schema: LabelSchema, name: str) -> LabelClass:
    if name not in schema.names:
        raise SchemaError(f"there is no class {name!r}; the classes are {', '.join(schema.names)}")
    return schema.classes[schema.names.index(name)]
