"""``labelkit export``."""

from __future__ import annotations

from typing import Annotated

import typer

from labelkit.cli.common import JsonOption, ProjectOption, WaitOption, console, open_project, print_json


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

    \b
    Example:
      labelkit export training_set.parquet
      labelkit export - --format jsonl | head -1
    """
    import sys

    with open_project(project, as_json=as_json, wait=wait) as opened:
        if out == "-":
            opened.export(sys.stdout.buffer, format=file_format or "csv")
            return
        result = opened.export(out, format=file_format)
    if as_json:
        print_json(result)
        return
    sources = ", ".join(f"{count:,} {source}" for source, count in result.by_source.items())
    console().print(f"Exported {result.rows:,} items to {result.path} ({sources})", markup=False)
    console().print(f"  SHA-256 {result.sha256}, manifest {result.manifest}", markup=False)
