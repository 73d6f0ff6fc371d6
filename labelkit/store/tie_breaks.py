"""Items whose annotators disagree: a further person is asked before the queue goes on, also when a new queue came."""

from __future__ import annotations

import sqlite3
from typing import Final

from labelkit.store.lease_records import Places
from labelkit.store.occupancy import MEASURES, Occupancy, occupancy

_MOST: Final = 200
"""Items that one claim looks at."""
_DISAGREEING: Final = (
    "select item, max(id) from annotations a where label is not null and "
    f"{MEASURES}{{}} group by item having count(distinct label) > 1"
)


def note_disagreement(connection: sqlite3.Connection, item: int) -> None:
    """After an answer: remember its item if there is more than one label on it."""
    connection.execute(f"insert or ignore into tie_breaks {_DISAGREEING.format(' and item = ?')}", (item,))


def note_all(connection: sqlite3.Connection) -> None:
    """Under another rule of places: look through all answers."""
    connection.execute("delete from tie_breaks")
    connection.execute(f"insert into tie_breaks {_DISAGREEING.format('')}")


def tie_breaks_for(connection: sqlite3.Connection, person: int, rule: Places, most: int) -> list[int]:
    """Up to ``most`` items that want this person to break a tie, the longest undecided first.

    What is decided meanwhile is forgotten.
    """
    rows = connection.execute(
        "select item from tie_breaks t where not exists (select 1 from annotations a"
        " where a.item = t.item and a.annotator = ?) order by since limit ?",
        (person, _MOST),
    ).fetchall()
    state = occupancy(connection, [row[0] for row in rows]) if rows else {}
    over = [item for item, one in state.items() if not _is_tied(one, rule)]
    connection.executemany("delete from tie_breaks where item = ?", [(item,) for item in over])
    return [item for item, one in state.items() if _is_tied(one, rule) and one.open_for(person, rule)][:most]


def _is_tied(state: Occupancy, rule: Places) -> bool:
    return not state.closed(rule) and rule.places(list(state.answers.values())) > rule.places([])
