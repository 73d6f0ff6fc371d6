"""Functions that were saved or removed in the workbench, in the event log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from labelkit.store.database import Database
from labelkit.store.events import append


class FunctionLog:
    """Writes the events; the declarations themselves are in a file of the project."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(
        self,
        kind: Literal["functions.saved", "functions.removed"],
        payload: dict[str, Any],
        *,
        actor: str,
        change: Callable[[], None],
    ) -> None:
        """Change the file and say so, both or neither; nobody else's change comes in between.

        Parameters
        ----------
        change
            Puts the new file in its place; quick, since answers wait for it. What it raises undoes the event.
        """
        with self._database.transaction() as connection:
            append(connection, kind, payload, actor=actor)
            change()
