"""Which column of a file is the id, the text, the gold label and the split; the rest are further fields."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final, Literal

from labelkit.errors import SourceError
from labelkit.types import Split

ColumnRole = Literal["id", "text", "gold", "split"]

SPLITS: Final[dict[str, Split]] = {
    "train": "train",
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "dev": "valid",
    "test": "test",
    "audit": "audit",  # what an export says of people's audit answers: held out, like test
}
"""Spellings of a split (case and outer blanks do not matter) → its name in labelkit."""

_SHOWN_COLUMNS = 20


@dataclass(frozen=True)
class FieldMapping:
    """Columns of the input by role.

    Parameters
    ----------
    id, text
        Columns that the file must have. ``text=None`` is for tabular projects: every item's text is "".
    gold, split
        Columns that may be there. Under their default names they are used only if the file has them;
        under any other name the file must have them. None: the file's gold labels or splits are not
        wanted, and a column of that name is kept as a further field.
    required
        Roles whose column must be there even under its default name (somebody asked for it by name).

    An empty name means the same as None; for the id, that is its default name.
    """

    id: str | None = "id"
    text: str | None = "text"
    gold: str | None = "gold"
    split: str | None = "split"
    required: frozenset[ColumnRole] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", self.id or "id")
        for role in ("text", "gold", "split"):
            object.__setattr__(self, role, getattr(self, role) or None)

    def must_have(self, role: ColumnRole) -> bool:
        """Whether a file without the column of this role is an error."""
        return role in ("id", "text") or role in self.required or getattr(self, role) != role


@dataclass(frozen=True)
class Roles:
    """The mapping, resolved against the columns of one file; ``rest`` is sorted."""

    id: str | None
    text: str | None
    gold: str | None
    split: str | None
    rest: tuple[str, ...]


def resolve_roles(mapping: FieldMapping, columns: Sequence[str], *, make_ids: bool, where: str, aside: str) -> Roles:
    """Match a mapping with the columns of a file.

    Parameters
    ----------
    where
        Name of the file, for messages.
    aside
        One more sentence for the hint (a delimiter that looks wrong), or "".

    Raises
    ------
    SourceError
        If a column that must be there is missing.
    """
    found: dict[ColumnRole, str | None] = {}
    roles: tuple[ColumnRole, ...] = ("id", "text", "gold", "split")
    for role in roles:
        wanted = None if role == "id" and make_ids else getattr(mapping, role)
        if wanted is not None and wanted not in columns:
            if mapping.must_have(role):
                raise missing_column(where, role, wanted, columns, aside)
            wanted = None
        found[role] = wanted
    taken = set(found.values())
    rest = tuple(sorted(c for c in columns if c not in taken))
    return Roles(found["id"], found["text"], found["gold"], found["split"], rest)


def missing_column(where: str, role: str, wanted: str, columns: Sequence[str], aside: str = "") -> SourceError:
    """The error for a column that is not there: what the file has, the closest name, how to say which."""
    return SourceError(
        f"{where}: no column {wanted!r}; the columns are {list_columns(columns)}",
        hint=missing_hint(role, wanted, columns, aside),
    )


def missing_hint(role: str, wanted: str, columns: Iterable[str], aside: str = "") -> str:
    """What to do about a missing column."""
    closest = closest_name(wanted, columns)
    parts = [aside, f"Did you mean {closest!r}?" if closest else ""]
    if role == "id":
        parts.append("Say which column holds the ids with --id COLUMN, or number the rows with --make-ids")
    elif role == "text":
        parts.append("Say which column holds the text with --text COLUMN")
    else:
        parts.append(f"Say which column holds the {role} with --{role} COLUMN")
    return " ".join(part for part in parts if part)


def closest_name(wanted: str, columns: Iterable[str]) -> str | None:
    """The column whose name is nearest to ``wanted``, whatever its case, or None."""
    by_folded = {column.strip().casefold(): column for column in columns}
    nearest = get_close_matches(wanted.strip().casefold(), list(by_folded), n=1)
    return by_folded[nearest[0]] if nearest else None


def list_columns(columns: Sequence[str]) -> str:
    """Column names for a message, cut where there are very many."""
    shown = ", ".join(repr(c) for c in columns[:_SHOWN_COLUMNS])
    more = len(columns) - _SHOWN_COLUMNS
    return f"{shown} and {more} more" if more > 0 else shown
