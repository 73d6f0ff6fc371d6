"""What the project file says after the load, against what the server told each client."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WITHDRAWN = "withdrawn"


@dataclass
class Checked:
    """Counts of what must not be; ``examples`` of each."""

    acknowledged: int = 0
    late: int = 0
    refused: int = 0
    unacknowledged: int = 0
    lost: int = 0
    """Acknowledged, but not in the file."""
    doubled: int = 0
    """In the file more than once."""
    wrong: int = 0
    """In the file with another item, label or person than was sent."""
    strange: int = 0
    """In the file, though nobody sent it."""
    over_assigned: int = 0
    """Leases given while the item had no open place, or to somebody who had it already."""
    told_twice: int = 0
    """Leases that clients were told, and that the file does not have, or has for another person or item."""
    leases: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not (self.lost or self.doubled or self.wrong or self.strange or self.over_assigned or self.told_twice)

    def note(self, kind: str, text: str) -> None:
        """One more finding."""
        setattr(self, kind, getattr(self, kind) + 1)
        if len(self.examples) < 10:
            self.examples.append(f"{kind}: {text}")


def check(project_file: Path, people: Sequence[dict[str, Any]], *, places: int, tie_break: int) -> Checked:
    """Compare."""
    found = Checked()
    with sqlite3.connect(f"file:{project_file}?mode=ro", uri=True) as connection:
        _answers(connection, people, found)
        _told(connection, people, found)
        _assigned(connection, places, tie_break, found)
    return found


def _answers(connection: sqlite3.Connection, people: Sequence[dict[str, Any]], found: Checked) -> None:
    classes = dict(connection.execute("select id, name from label_classes"))
    stored: dict[tuple[str, int], list[tuple[Any, ...]]] = defaultdict(list)
    clients = {person["client"] for person in people}
    for client, sequence, *row in connection.execute(
        "select client_id, client_sequence, item, p.name, label, skip_reason, lease_token"
        " from annotations a join annotators p on p.id = a.annotator where client_id is not null"
    ):
        if client in clients:
            stored[client, sequence].append(tuple(row))
    sent = set()
    for person in people:
        found.refused += len(person["refused"])
        found.unacknowledged += len(person["unsent"])
        sent |= {(person["client"], a["sequence"]) for a in (*person["refused"], *person["unsent"])}
        for answer in person["acknowledged"]:
            key = (person["client"], answer["sequence"])
            found.acknowledged += 1
            found.late += answer["status"] == "late"
            if key in sent:
                found.note("doubled", f"{key} was acknowledged twice")
            sent.add(key)
            rows = stored.get(key, [])
            expected = (answer["item"], person["name"], answer.get("label"), answer.get("skip"), answer["token"])
            if not rows:
                found.note("lost", f"{key} {expected}")
            elif len(rows) > 1:
                found.note("doubled", f"{key} {rows}")
            else:
                item, name, label, skip, token = rows[0]
                if (item, name, classes.get(label), skip, token) != expected:
                    found.note("wrong", f"{key}: sent {expected}, stored {rows[0]}")
    for key in stored.keys() - sent:
        found.note("strange", f"{key} {stored[key]}")
    for token, count in connection.execute(
        "select lease_token, count(*) from annotations a where lease_token is not null and supersedes is null"
        " and not outdated group by lease_token having count(*) > 1"
    ):
        found.note("doubled", f"{count} answers with the token {token}")


def _told(connection: sqlite3.Connection, people: Sequence[dict[str, Any]], found: Checked) -> None:
    given = {
        token: (item, name)
        for token, item, name in connection.execute(
            "select token, item, p.name from leases l join annotators p on p.id = l.annotator"
        )
    }
    for person in people:
        for token, item, _ in person["told"]:
            found.leases += 1
            if given.get(token) != (item, person["name"]):
                found.note("told_twice", f"{person['name']} was told {item} with {token}; stored {given.get(token)}")


def _assigned(connection: sqlite3.Connection, places: int, tie_break: int, found: Checked) -> None:
    """Replay every item: at each claim, who else had it or had answered it, and whether that left a place open.

    More answers than ``places`` are wanted only where the first ones are not all the same label.
    """
    events: dict[int, list[tuple[str, int, str, int, Any]]] = defaultdict(list)
    for row, item, person, claimed, expires, ended in connection.execute(
        "select token, item, annotator, claimed_at, expires_at, ended_at from leases where purpose = 'queue'"
    ):
        events[item].append((claimed, 2, "lease", person, row))
        events[item].append((min(ended or expires, expires), 0, "end", person, row))
    for row, item, person, label, skip, at in connection.execute(
        "select id, item, annotator, label, skip_reason, answered_at from annotations"
        " where lease_token is not null and role != 'gold' and not outdated"
    ):
        events[item].append((at, 1, "answer", person, (row, label, skip)))
    for item, history in events.items():
        _replay(item, sorted(history, key=lambda e: (e[0], e[1], str(e[4]))), places, tie_break, found)


def _replay(item: int, history: Sequence[Any], places: int, tie_break: int, found: Checked) -> None:
    live: dict[int, int] = {}
    answered: dict[int, Any] = {}
    for at, _, kind, person, what in history:
        if kind == "end":
            live.pop(what, None)
        elif kind == "answer":
            _, label, skip = what
            if skip == WITHDRAWN:
                answered.pop(person, None)
            else:
                answered[person] = label
        else:
            others = set(live.values()) | answered.keys()
            undecided = len(set(answered.values())) > 1 or None in answered.values()
            wanted = places + (tie_break if len(answered) >= places and undecided else 0)
            if person in others:
                found.note("over_assigned", f"item {item} given to {person} again at {at}")
            elif len(others) >= wanted:
                found.note("over_assigned", f"item {item}: {len(others)} of {wanted} places taken, given at {at}")
            live[what] = person
