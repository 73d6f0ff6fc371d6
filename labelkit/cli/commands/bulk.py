"""``labelkit bulk``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from labelkit.cli.common import JsonOption, ProjectOption, console, open_project, print_json

if TYPE_CHECKING:
    from labelkit.steps.bulk_result import BulkResult


def command(
    source: Annotated[
        str, typer.Argument(metavar="INPUT", help="A folder, file or URL (s3://, gs://) of Parquet; never imported.")
    ],
    out: Annotated[str, typer.Argument(metavar="OUTPUT", help="A new folder, or one that an earlier run began.")],
    engine: Annotated[
        Literal["local", "ray"], typer.Option("--engine", help="The cores of this machine, or Ray.")
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option("--address", metavar="URL", help="A Ray cluster (ray://HOST:10001); by default a local start."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", min=1, help="Shards at a time; by default one per core.")
    ] = None,
    id_field: Annotated[
        str | None, typer.Option("--id-field", metavar="COLUMN", help="The column with the ids.")
    ] = None,
    text_field: Annotated[
        str | None,
        typer.Option("--text-field", metavar="COLUMN", help='The column with the texts; "" if there is none.'),
    ] = None,
    make_ids: Annotated[bool, typer.Option("--make-ids", help="Number the rows: FILE-1, FILE-2, …")] = False,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            metavar="A,B",
            help="The only further columns that functions see; by default those that they can need.",
        ),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Set files that cannot be used aside instead of stopping.")
    ] = False,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Vote on and label Parquet of any size, shard by shard; run it again to go on after a stop.

    OUTPUT gets Parquet parts with id, label, probabilities and votes, and a manifest, which is written last.

    \b
    Example:
      labelkit bulk reviews/ labeled/
      labelkit bulk s3://bucket/reviews labeled/ --engine ray --address ray://head:10001
    """
    from labelkit.steps.bulk_result import BulkOptions

    options = BulkOptions(
        engine=engine, address=address, workers=workers, id_field=id_field, text_field=text_field, make_ids=make_ids,
        skip_bad=skip_bad, columns=None if columns is None else [name for name in columns.split(",") if name],
    )  # fmt: skip
    with open_project(project, as_json=as_json) as opened:
        result = opened.bulk(source, out, options=options)
    if as_json:
        print_json(result)
    else:
        show(result)


def show(result: BulkResult) -> None:
    """Print what a bulk run did."""
    out = console()
    if result.finished_before:
        out.print(f"Nothing to do: {result.output} is finished", markup=False)
    else:
        again = f" ({result.reused:,} of {result.shards:,} shards were voted on before)" if result.reused else ""
        out.print(
            f"Labeled {result.labeled:,} of {result.items:,} items in {result.files:,} files with the {result.model}"
            f" label model in {result.seconds:.1f} s{again}"
        )
        out.print(f"  written: {result.shards:,} parts and manifest.json in {result.output}", markup=False)
    out.print(f"  {', '.join(f'{name} {count:,}' for name, count in result.class_counts.items())}", markup=False)
    if result.agreement_with_majority is not None:
        out.print(f"  decided as majority vote where both decide: {result.agreement_with_majority:.1%}")
    for path, problem in result.set_aside.items():
        out.print(f"  set aside: {path}: {problem}", markup=False)
    if result.ignored:
        out.print(f"  not looked at, for their names: {', '.join(result.ignored[:5])}", markup=False)
    for name, count in result.faults.items():
        out.print(f"  {name} raised on {count:,} items, counted as abstain; for instance:", markup=False)
        for fault in [f for f in result.fault_examples if f.function == name][:2]:
            out.print(f"    item {fault.item_id}: {fault.problem}", markup=False)
    for note in result.notes:
        out.print(f"  note: {note}", markup=False)
