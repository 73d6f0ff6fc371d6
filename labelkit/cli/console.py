"""Tables and progress bars on a terminal, through rich."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from labelkit.progress import Advance

SHOW_AFTER = 1.0
"""Seconds before a bar appears: quick work stays quiet."""

WIDE = 116
"""Columns of output that goes to no terminal; the widest table fits."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""All control characters but tab and line end, and those that turn the direction of writing."""


def visible(text: str) -> str:
    """A text with its control characters written out, so that data cannot steer the terminal."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class _Console(Console):
    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(visible(each) if isinstance(each, str) else each for each in objects), **options)


def stdout() -> Console:
    """Standard output; where it is no terminal, of a fixed width, so that logs and documents look alike."""
    if sys.stdout.isatty():
        return _Console(highlight=False)
    return _Console(highlight=False, width=max(WIDE, int(os.environ.get("COLUMNS", "0"))), color_system=None)


def table(
    title: str | None, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, left: int = 1, whole: int = 1
) -> Table:
    """A table for the console; cells are never read as markup.

    Parameters
    ----------
    left
        So many columns are left-aligned, the others right-aligned.
    whole
        Cells of so many columns are never broken over lines.
    """
    out = Table(title=title, box=SIMPLE, title_justify="left", title_style="bold", pad_edge=False, padding=(0, 1))
    for number, column in enumerate(columns):
        out.add_column(column, justify="left" if number < left else "right", overflow="fold", no_wrap=number < whole)
    for row in rows:
        out.add_row(*(escape(visible(str(cell))) for cell in row))
    return out


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed else "", style="progress.data.speed")


class TerminalProgress:
    """Progress bars with rate and time left on standard error, for work of more than a second."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._console = _Console(stderr=True, highlight=False)

    @contextmanager
    def track(self, description: str, total: int | None = None) -> Iterator[Advance]:
        """See :class:`labelkit.progress.Progress`."""
        if self._quiet or not self._console.is_terminal:
            yield _nothing
            return
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn() if total is not None else TextColumn("{task.completed:,.0f}"),
            _Rate(),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
        )
        task = bar.add_task(escape(visible(description)), total=total)
        timer = threading.Timer(SHOW_AFTER, bar.start)
        timer.daemon = True
        timer.start()
        try:
            yield lambda units=1, /: bar.advance(task, units)
        finally:
            timer.cancel()
            timer.join()
            bar.stop()

    def note(self, message: str) -> None:
        """See :class:`labelkit.progress.Progress`."""
        if not self._quiet:
            self._console.print(f"note: {message}", markup=False)


def _nothing(units: int = 1, /) -> None:
    del units
