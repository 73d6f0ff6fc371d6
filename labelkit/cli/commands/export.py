"""``labelkit export``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from labelkit.cli.common import JsonOption, ProjectOption, WaitOption, console, open_project, print_json

if TYPE_CHECKING:
    from labelkit.steps.exporting import ExportResult


def command(
    out: Annotated[str, typer.Argument(metavar="OUT", help="The file to write (.csv, .jsonl, .parquet); - is stdout.")],
    file_format: Annotated[
        str | None,
        typer.Option("--format", metavar="NAME", help="csv, jsonl or parquet; by default by file name, csv on stdout."),
    ] = None,
    project: ProjectOption = None,
    wait: WaitOption = 0.0,
    as_json: JsonOption = False,
) -> None:
    """Write the training set: every item with its label, probabilities, source and weight, and a manifest beside it.

    Items that somebody flagged and nobody has decided are left out (training_set.flagged).

    \b
    Example:
      labelkit export training_set.parquet
      labelkit export - --format jsonl | head -1
    """
    import sys

    with open_project(project, as_json=as_json, wait=wait) as opened:
        if out == "-":
            streamed = opened.export(sys.stdout.buffer, format=file_format or "csv")
            typer.echo(_flagged(streamed), err=True, nl=bool(streamed.flagged))
            return
        result = opened.export(out, format=file_format)
    if as_json:
        print_json(result)
        return
    sources = ", ".join(f"{count:,} {source}" for source, count in result.by_source.items())
    console().print(f"Exported {result.rows:,} items to {result.path} ({sources})", markup=False)
    if result.flagged:
        console().print(f"  {_flagged(result)}", markup=False)
    console().print(f"  SHA-256 {result.sha256}, manifest {result.manifest}", markup=False)


def _flagged(result: ExportResult) -> str:
    """What was flagged, in a line; nothing where nothing was."""
    if not result.flagged:
        return ""
    items = "1 flagged item" if result.flagged == 1 else f"{result.flagged:,} flagged items"
    verb = "is" if result.flagged == 1 else "are"
    what = "left out" if result.left_out else "in the export"
    return (
        f"Warning: {items} {verb} {what}, nobody has decided: look on the Review page of `labelkit serve`;"
        " training_set.flagged says what becomes of them"
    )
