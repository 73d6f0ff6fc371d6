"""``labelkit vote``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labelkit.cli.common import JsonOption, ProjectOption, WaitOption, console, open_project, print_json

if TYPE_CHECKING:
    from labelkit.steps.voting import VoteResult


def command(project: ProjectOption = None, wait: WaitOption = 0.0, as_json: JsonOption = False) -> None:
    """Run the labeling functions on all items; only what is new or edited is computed.

    \b
    Example:
      labelkit vote && labelkit lfs
    """
    with open_project(project, as_json=as_json, wait=wait) as opened:
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
        out.print(f"  {name} raised on {count:,} items, counted as abstain; for instance:", markup=False)
        for fault in [f for f in result.fault_examples if f.function == name][:2]:
            out.print(f"    item {fault.item_id}: {fault.problem}", markup=False)
    for warning in result.warnings:
        out.print(f"  {warning}", markup=False)
