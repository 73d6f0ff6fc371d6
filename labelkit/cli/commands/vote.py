"""``labelkit vote``."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labelkit.cli.common import (
    JsonOption,
    ProjectOption,
    WaitOption,
    console,
    open_project,
    print_json,
    print_json_line,
)

if TYPE_CHECKING:
    from labelkit.project import Project
    from labelkit.steps.voting import VoteResult
    from labelkit.steps.watching import Edit, WatchRound


def command(
    project: ProjectOption = None,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Vote again whenever a labeling function is saved, and show what the edit did."),
    ] = False,
    wait: WaitOption = 0.0,
    as_json: JsonOption = False,
) -> None:
    """Run the labeling functions on all items; only what is new or edited is computed.

    \b
    Example:
      labelkit vote && labelkit lfs
    """
    with open_project(project, as_json=as_json, wait=wait) as opened:
        if watch:
            _watch(opened, as_json)
            return
        result = opened.vote()
    if as_json:
        print_json(result)
    else:
        show(result)


def show(result: VoteResult) -> None:
    """Print what a vote did."""
    out = console()
    out.print(
        f"Voted: {result.functions} labeling functions on {result.items:,} items in {result.seconds:.1f} s"
        f" ({len(result.computed)} computed, {len(result.reused)} reused)"
    )
    for name in result.stale:
        out.print(
            f"  {name}: its stored votes were stale (it depends on something that is not in its source)", markup=False
        )
    for name, count in result.faults.items():
        counted = "not in it" if name in result.slices else "abstain"
        out.print(f"  {name} raised on {count:,} items, counted as {counted}; for instance:", markup=False)
        for fault in [f for f in result.fault_examples if f.function == name][:2]:
            out.print(f"    item {fault.item_id}: {fault.problem}", markup=False)
    if result.slices:
        members = ", ".join(f"{name} {count:,}" for name, count in result.slices.items())
        out.print(f"  slices: {members}; see `labelkit slices`", markup=False)
    for warning in result.warnings:
        out.print(f"  {warning}", markup=False)


def _watch(project: Project, as_json: bool) -> None:
    """Print a round after every save until Ctrl-C."""
    with _until_stopped() as stopped:
        for number, each in enumerate(project.watch()):
            if as_json:
                print_json_line(each)
            else:
                _show_round(each, first=number == 0)
                console().print("Watching the labeling functions; Ctrl-C stops." if number == 0 else "Watching.")
            sys.stdout.flush()
    if stopped and not as_json:
        console().print("Stopped watching.")


@contextmanager
def _until_stopped() -> Iterator[list[int]]:
    """Ctrl-C and SIGTERM end this block, as the way to end it; the list then is not empty."""
    stopped: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield stopped
    except KeyboardInterrupt:
        stopped.append(1)
    finally:
        signal.signal(signal.SIGTERM, before)


def _show_round(each: WatchRound, *, first: bool) -> None:
    from labelkit.cli.commands.lfs import show as show_functions

    out = console()
    if each.result is None or each.table is None:
        out.print(f"\nerror: {each.error}", markup=False)
        return
    out.print()
    show_functions(each.table)
    for edit in each.edits:
        _show_edit(edit)
    if not each.edits and not first:
        out.print("No labeling function has changed.")
    show(each.result)


def _show_edit(edit: Edit) -> None:
    from labelkit.cli.console import table

    out = console()
    out.print(f"{edit.name} {_WORDS[edit.change]}: {', '.join(_figures(edit))}", markup=False)
    if edit.change != "edited":
        return
    out.print(f"  {edit.changed:,} of {edit.compared:,} items changed their vote", markup=False)
    if edit.examples:
        rows = [[f"  {e.id}", f"{e.before or 'abstain'} → {e.after or 'abstain'}", e.text] for e in edit.examples]
        out.print(table(None, ["  item", "vote", "text"], rows, left=3, whole=2))


_WORDS = {"added": "is new", "removed": "is gone", "edited": "was edited"}


def _figures(edit: Edit) -> list[str]:
    def percent(value: float | None) -> str:
        return "" if value is None else f"{value:.1%}"

    def accuracy(value: Any) -> str:
        if value is None:
            return ""
        return f"{value.value:.1%} (n = {value.n:,})" if value.n else "unknown"

    pairs = {
        "coverage": [percent(value) for value in edit.coverage],
        "conflict": [percent(value) for value in edit.conflict],
        "accuracy": [accuracy(value) for value in edit.accuracy],
    }
    return [f"{figure} {' → '.join(value for value in pair if value)}" for figure, pair in pairs.items()]
