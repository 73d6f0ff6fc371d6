"""What a report consists of: sections of blocks, and tables of cells. How they look is decided elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from labelkit.types import Estimate

Tone = Literal["plain", "good", "bad"]


# ------------------------------------------------------------------ cells


@dataclass(frozen=True)
class Share:
    """A share that is counted, not estimated, 0 … 1; NaN where there is nothing to divide by."""

    kind: ClassVar[str] = "share"
    value: float


@dataclass(frozen=True)
class Measured:
    """An estimated share: number, 95% interval and n, and a bar with whiskers.

    ``mark`` is a value to compare it with, drawn as a line (chance, or the accuracy of all items); with
    ``drawn=False`` there are only the figures.
    """

    kind: ClassVar[str] = "measured"
    estimate: Estimate
    mark: float | None = None
    drawn: bool = True


@dataclass(frozen=True)
class Gap:
    """A difference of two shares with its 95% interval, −1 … 1; ``sure`` where it is more than chance."""

    kind: ClassVar[str] = "gap"
    value: float
    low: float
    high: float
    sure: bool = False
    n: int | None = None


@dataclass(frozen=True)
class Number:
    """A number with so many digits after the point."""

    kind: ClassVar[str] = "number"
    value: float
    digits: int = 1


@dataclass(frozen=True)
class Names:
    """Names of functions or classes; of very many, the first ones."""

    kind: ClassVar[str] = "names"
    names: Sequence[str]
    most: int = 5


@dataclass(frozen=True)
class Flags:
    """What is remarkable about a row, each with its tone."""

    kind: ClassVar[str] = "flags"
    flags: Sequence[tuple[str, Tone]]


@dataclass(frozen=True)
class Items:
    """Examples: (id, what is shown of the item)."""

    kind: ClassVar[str] = "items"
    items: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Bar:
    """A count with a bar as long as its share of the longest."""

    kind: ClassVar[str] = "bar"
    count: int
    longest: int


Cell = str | int | Share | Measured | Gap | Number | Names | Flags | Items | Bar | None
"""A string is text, an int a count, None nothing."""


# ------------------------------------------------------------------ blocks


@dataclass(frozen=True)
class Words:
    """A paragraph; ``parts in backticks`` are code."""

    kind: ClassVar[str] = "words"
    text: str


@dataclass(frozen=True)
class Steps:
    """Sentences in order of importance; of more than ``most``, ``rest`` says where to find the others."""

    kind: ClassVar[str] = "steps"
    sentences: Sequence[str]
    most: int = 10
    rest: str = ""


@dataclass(frozen=True)
class Facts:
    """Names with values."""

    kind: ClassVar[str] = "facts"
    facts: Sequence[tuple[str, Cell]]


@dataclass(frozen=True)
class Figure:
    """A key figure: its name, what it is, and what to know about it."""

    name: str
    value: Cell
    about: str = ""


@dataclass(frozen=True)
class Figures:
    """Key figures side by side."""

    kind: ClassVar[str] = "figures"
    figures: Sequence[Figure]


@dataclass(frozen=True)
class Table:
    """A table whose first column names the rows.

    Attributes
    ----------
    caption
        What it tells.
    columns
        Titles; those in ``text`` hold text (left-aligned), the others figures.
    rows
        Cells, as many in each as there are columns.
    most
        Rows that are shown; ``rest`` says where to find the others.
    legend
        What the columns mean.
    """

    kind: ClassVar[str] = "table"
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    text: frozenset[str] = frozenset()
    most: int = 50
    rest: str = ""
    legend: str = ""

    @property
    def styles(self) -> list[str]:
        """How each column is set: ``text``, ``items``, ``drawn`` (figures with bars, left-aligned) or ``figure``."""
        kinds = [{getattr(row[at], "kind", "") for row in self.rows} for at in range(len(self.columns))]
        return [
            "items" if Items.kind in found
            else "drawn" if found & {Measured.kind, Gap.kind, Bar.kind}
            else "text" if title in self.text
            else "figure"
            for title, found in zip(self.columns, kinds, strict=True)
        ]  # fmt: skip


@dataclass(frozen=True)
class Heat:
    """Counts by two classifications, coloured by their share of the row.

    Attributes
    ----------
    rows, columns
        Names; a cell whose row and column have the same name is right, all others are wrong.
    counts
        (row, column) → number; what is missing is 0.
    outside
        Columns that are no classes, such as "no vote": neither right nor wrong.
    """

    kind: ClassVar[str] = "heat"
    caption: str
    row_title: str
    column_title: str
    rows: Sequence[str]
    columns: Sequence[str]
    counts: dict[tuple[str, str], int]
    outside: Sequence[str] = ()
    most: int = 20
    rest: str = ""


@dataclass(frozen=True)
class CurvePoint:
    """Items of similar confidence ``low`` … ``high``: their mean confidence and their measured accuracy."""

    low: float
    high: float
    confidence: float
    accuracy: Estimate


@dataclass(frozen=True)
class Reliability:
    """Confidence against accuracy, as a curve and as a table."""

    kind: ClassVar[str] = "reliability"
    caption: str
    points: Sequence[CurvePoint]


@dataclass(frozen=True)
class Histogram:
    """Items in bins of equal width between 0 and 1."""

    kind: ClassVar[str] = "histogram"
    caption: str
    axis: str
    counts: Sequence[int]


@dataclass(frozen=True)
class Missing:
    """What could not be told, why, and what to do about it; or what is told, but is ``Out of date``."""

    kind: ClassVar[str] = "missing"
    what: str
    hint: str = ""
    title: str = "Not told"


@dataclass(frozen=True)
class Group:
    """Blocks under a heading of their own."""

    kind: ClassVar[str] = "group"
    title: str
    blocks: Sequence[Block]
    beside: bool = False
    """Whether the blocks may stand side by side."""


Block = Words | Steps | Facts | Figures | Table | Heat | Items | Reliability | Histogram | Missing | Group


@dataclass(frozen=True)
class Section:
    """One subject. ``key`` is its address in the page: letters and hyphens."""

    key: str
    title: str
    blocks: Sequence[Block]
    intro: str = ""

    @property
    def missing(self) -> list[Missing]:
        """What could not be told, also in groups."""
        return list(_missing(self.blocks))


def _missing(blocks: Sequence[Block]) -> Iterator[Missing]:
    for block in blocks:
        if isinstance(block, Missing):
            yield block
        elif isinstance(block, Group):
            yield from _missing(block.blocks)


@dataclass(frozen=True)
class Report:
    """A whole report; ``language`` is that of its own words (BCP 47)."""

    title: str
    subtitle: str
    sections: Sequence[Section] = field(default_factory=tuple)
    language: str = "en"
