"""A confusion table cut to what can be read: the classes with most items on a wrong place, the rest summed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from labelkit.report.document import Heat

LEVELS: Final = 6
"""Steps of colour."""
OTHERS: Final = "other classes"


@dataclass(frozen=True)
class HeatCell:
    """One count: its share of the row, its step of colour (0 … :data:`LEVELS`) and which colour it has."""

    count: int
    share: float
    level: int
    tone: str


@dataclass(frozen=True)
class HeatRow:
    """One row: its name, its total, its cells."""

    name: str
    total: int
    cells: tuple[HeatCell, ...]


@dataclass(frozen=True)
class HeatView:
    """What is drawn; ``left_out`` rows are not."""

    columns: tuple[str, ...]
    rows: tuple[HeatRow, ...]
    left_out: int


def heat_view(heat: Heat) -> HeatView:
    """The rows with most items that are not right, in their own order, and their columns.

    Columns that are not among the rows shown are summed in one of their own.
    """
    wrong = dict.fromkeys(heat.rows, 0)
    totals = dict.fromkeys(heat.rows, 0)
    for (row, column), count in heat.counts.items():
        totals[row] += count
        wrong[row] += count if column != row else 0
    filled = [row for row in heat.rows if totals[row]]
    chosen = set(sorted(filled, key=lambda row: (-wrong[row], -totals[row]))[: heat.most])
    rows = [row for row in filled if row in chosen]
    outside = set(heat.outside)
    columns = [column for column in heat.columns if column in chosen or column in outside]
    kept = set(columns)
    rest: dict[str, int] = {}
    for (row, column), count in heat.counts.items():
        if column not in kept:
            rest[row] = rest.get(row, 0) + count
    shown = tuple(
        HeatRow(
            row,
            totals[row],
            (
                *(
                    _cell(heat.counts.get((row, column), 0), totals[row], _tone(row, column, outside))
                    for column in columns
                ),
                *([_cell(rest.get(row, 0), totals[row], "wrong")] if rest else []),
            ),
        )
        for row in rows
    )
    return HeatView((*columns, *([OTHERS] if rest else [])), shown, len(filled) - len(rows))


def _tone(row: str, column: str, outside: set[str]) -> str:
    if column in outside:
        return "neither"
    return "right" if row == column else "wrong"


def _cell(count: int, total: int, tone: str) -> HeatCell:
    share = count / total if total else 0.0
    level = 0 if not count else max(1, round(LEVELS * share))
    return HeatCell(count, share, level, tone)
