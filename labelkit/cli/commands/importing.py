"""``labelkit import``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labelkit.cli.common import JsonOption, ProjectOption, WaitOption, console, open_project, print_json

if TYPE_CHECKING:
    from labelkit import Project
    from labelkit.steps.importing import AnnotationImportResult, ImportResult


def command(
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="CSV, JSONL or Parquet; - is standard input.")],
    id_field: Annotated[str | None, typer.Option("--id", metavar="COLUMN", help="Column of the ids.")] = None,
    text_field: Annotated[str | None, typer.Option("--text", metavar="COLUMN", help="Column of the text.")] = None,
    gold_field: Annotated[str | None, typer.Option("--gold", metavar="COLUMN", help="Column of gold labels.")] = None,
    split_field: Annotated[
        str | None, typer.Option("--split", metavar="COLUMN", help="Column of train, valid or test.")
    ] = None,
    no_text: Annotated[bool, typer.Option("--no-text", help="The items have no text, only fields.")] = False,
    make_ids: Annotated[bool, typer.Option("--make-ids", help="Number the rows: the file has no id column.")] = False,
    annotations: Annotated[
        bool, typer.Option("--annotations", help="The files hold people's answers: item, annotator, label, time.")
    ] = False,
    file_format: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help="csv, jsonl or parquet; by default by file name.")
    ] = None,
    encoding: Annotated[str | None, typer.Option("--encoding", help="Of text files; utf-8 by default.")] = None,
    delimiter: Annotated[str | None, typer.Option("--delimiter", metavar="CHAR", help="Between CSV cells.")] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Set bad rows aside and count them.")] = False,
    project: ProjectOption = None,
    wait: WaitOption = 0.0,
    as_json: JsonOption = False,
) -> None:
    """Import items, or with --annotations people's earlier answers.

    The columns id, text, gold and split need no mapping; all further ones are kept as fields. The
    same id with the same content is left alone, changed content is versioned. An import that was
    interrupted can simply be run again.

    \b
    Example:
      labelkit import reviews.csv --id review_id --text body --gold stars
      zcat big.jsonl.gz | labelkit import - --format jsonl
      labelkit import old_answers.csv --annotations
    """
    given: dict[str, Any] = {
        "id_field": id_field, "text_field": text_field, "gold_field": gold_field, "split_field": split_field,
        "no_text": no_text, "make_ids": make_ids, "format": file_format, "encoding": encoding,
        "delimiter": delimiter, "skip_bad": skip_bad,
    }  # fmt: skip
    _check(given, annotations)
    with open_project(project, as_json=as_json, wait=wait) as opened:
        if annotations:
            _show_answers(opened.import_annotations(*files), as_json)
            return
        result = _import_items(opened, files, given)
    if as_json:
        print_json(result)
    else:
        show(result)


def _check(given: Mapping[str, Any], annotations: bool) -> None:
    """Fail if options were given that do not go together."""
    if annotations:
        _refuse(
            {f"--{name.removesuffix('_field').replace('_', '-')}": value for name, value in given.items()},
            beside="--annotations",
            hint="A file of answers has the columns item, annotator, label and, if known, time",
        )
    if given["make_ids"]:
        _refuse(
            {"--id": given["id_field"]}, beside="--make-ids", hint="Give a column of ids, or have the rows numbered"
        )


def _import_items(opened: Project, files: Sequence[str], given: Mapping[str, Any]) -> ImportResult:
    import sys

    from labelkit.steps.importing import default_options

    return opened.import_items(*files, options=default_options(opened.config, **given), stdin=sys.stdin.buffer)


def _refuse(options: Mapping[str, object], *, beside: str, hint: str) -> None:
    """Fail if an option was given that another one makes meaningless."""
    from labelkit.errors import ConfigError

    for name, given in options.items():
        if given:
            raise ConfigError(f"{name} means nothing together with {beside}", hint=hint)


def _show_answers(result: AnnotationImportResult, as_json: bool) -> None:
    if as_json:
        print_json(result)
    else:
        print(f"{result.rows:,} answers read, {result.added:,} new")


def show(result: ImportResult) -> None:
    """Print what an import did."""
    rate = result.rows / result.seconds if result.seconds > 0 else 0
    out = console()
    out.print(
        f"Imported {result.rows:,} rows in {result.seconds:.1f} s ({rate:,.0f}/s): {result.added:,} new,"
        f" {result.unchanged:,} unchanged, {result.changed:,} changed, {result.gold:,} gold labels"
    )
    if result.changed:
        out.print(f"  changed: {', '.join(result.changed_ids)}{' …' if result.changed > 20 else ''}", markup=False)
    if result.splits_changed:
        out.print(f"  {result.splits_changed:,} items moved to another split")
    if result.bad_rows:
        out.print(f"  {result.bad_rows:,} bad rows set aside:")
        for example in result.bad_examples[:5]:
            out.print(f"    {example}", markup=False)
