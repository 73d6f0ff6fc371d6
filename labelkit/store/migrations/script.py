"""SQL of several statements as one migration."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable


def script(sql: str) -> Callable[[sqlite3.Connection], None]:
    """A function that runs the statements one by one, inside the caller's transaction."""

    def run(connection: sqlite3.Connection) -> None:
        statement = ""
        for line in sql.splitlines(keepends=True):
            statement += line
            if sqlite3.complete_statement(statement):
                connection.execute(statement)  # executescript would commit on its own
                statement = ""

    return run
