"""Import: input files → items, gold labels; answers from elsewhere → annotations."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from labelkit.config import Config
from labelkit.errors import LabelkitError, SourceError
from labelkit.sources import AnnotationRow, FieldMapping, ItemSource, open_source, read_annotations
from labelkit.steps.workspace import Workspace
from labelkit.store import DuplicateRow, ItemWriter, NewAnnotation, RowError
from labelkit.types import LabelSchema

STDIN = "-"


@dataclass(frozen=True)
class ImportOptions:
    """How input files are read; :func:`default_options` makes them from the settings."""

    mapping: FieldMapping = field(default_factory=FieldMapping)
    make_ids: bool = False
    encoding: str = "utf-8"
    delimiter: str | None = None
    format: str | None = None
    skip_bad: bool = False


def default_options(
    config: Config,
    *,
    id_field: str | None = None,
    text_field: str | None = None,
    gold_field: str | None = None,
    split_field: str | None = None,
    no_text: bool = False,
    make_ids: bool = False,
    encoding: str | None = None,
    delimiter: str | None = None,
    format: str | None = None,
    skip_bad: bool = False,
) -> ImportOptions:
    """The options of ``[data]`` in ``labelkit.toml``, with what is given here in their place."""
    data = config.data
    given = {"id": id_field, "text": text_field, "gold": gold_field, "split": split_field}
    required = frozenset(role for role, column in given.items() if column is not None)
    return ImportOptions(
        mapping=FieldMapping(
            id=id_field or data.id_field,
            text=None if no_text else text_field or data.text_field,
            gold=gold_field or data.gold_field,
            split=split_field or data.split_field,
            required=required,  # type: ignore[arg-type]
        ),
        make_ids=make_ids or (data.make_ids and id_field is None),
        encoding=encoding or data.encoding,
        delimiter=delimiter or data.delimiter,
        format=format,
        skip_bad=skip_bad,
    )


@dataclass
class ImportResult:
    """What an import did: numbers of items, and the first ids whose content changed."""

    files: list[str] = field(default_factory=list)
    added: int = 0
    unchanged: int = 0
    changed: int = 0
    changed_ids: list[str] = field(default_factory=list)
    gold: int = 0
    splits_changed: int = 0
    bad_rows: int = 0
    bad_examples: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        """Rows read and accepted."""
        return self.added + self.unchanged + self.changed


def import_items(
    workspace: Workspace,
    files: Sequence[str | Path],
    options: ImportOptions,
    *,
    stdin: BinaryIO | None = None,
) -> ImportResult:
    """Import files in order, each in batches of one transaction.

    The same id with the same content is a no-op; changed content is versioned and counted. If it
    fails, all batches before the failing one stay, and the same import can simply be run again.

    Raises
    ------
    SourceError
        Naming file, line and what to do.
    """
    started = time.perf_counter()
    result = ImportResult(files=[str(f) for f in files])
    for name in files:
        _import_one(workspace, name, options, result, stdin)
    result.seconds = time.perf_counter() - started
    return result


def _import_one(
    workspace: Workspace, name: str | Path, options: ImportOptions, result: ImportResult, stdin: BinaryIO | None
) -> None:
    source = _open(name, options, stdin)
    run = workspace.store.runs.begin(
        "import",
        parameters={"file": source.name, "format": options.format, "encoding": options.encoding},
        versions=workspace.versions,
    )
    started = time.perf_counter()
    writer = workspace.store.writer(run)
    try:
        _write_all(workspace, source, writer, str(name), made_ids=options.make_ids)
    except BaseException:
        workspace.store.runs.end(run, seconds=time.perf_counter() - started, metrics=asdict(writer.counts), failed=True)
        raise
    counts = writer.counts
    workspace.store.runs.end(run, seconds=time.perf_counter() - started, metrics=asdict(counts))
    result.added += counts.added
    result.unchanged += counts.unchanged
    result.changed += counts.changed
    result.changed_ids = (result.changed_ids + counts.changed_ids)[:20]
    result.gold += counts.gold
    result.splits_changed += counts.splits_changed
    result.bad_rows += source.bad_count
    result.bad_examples = (result.bad_examples + source.bad_rows)[:20]


def _open(name: str | Path, options: ImportOptions, stdin: BinaryIO | None) -> ItemSource:
    if str(name) == STDIN and stdin is None:
        raise SourceError("'-' reads standard input, which is not connected")
    return open_source(
        stdin if str(name) == STDIN and stdin is not None else Path(name),
        format=options.format,
        mapping=options.mapping,
        make_ids=options.make_ids,
        encoding=options.encoding,
        delimiter=options.delimiter,
        skip_bad=options.skip_bad,
    )


def _write_all(workspace: Workspace, source: ItemSource, writer: ItemWriter, name: str, *, made_ids: bool) -> None:
    what = "standard input" if name == STDIN else Path(name).name
    with workspace.progress.track(f"importing {what}", source.expected_rows()) as advance:
        for batch in source:
            try:
                writer.write(batch, made_ids=made_ids)
            except DuplicateRow as error:
                raise source.duplicate(error.item_id, error.row) from None
            except RowError as error:
                where = f"{source.name}, {source.position_of(error.row)}"
                raise SourceError(f"{where}: {error.message}", hint=error.hint) from None
            advance(len(batch))


@dataclass
class AnnotationImportResult:
    """What an import of answers did."""

    files: list[str]
    rows: int
    added: int
    seconds: float = 0.0


def import_annotations(workspace: Workspace, files: Sequence[str | Path]) -> AnnotationImportResult:
    """Import people's earlier answers (item, annotator, label, time), a file at a time.

    A file is read to its end before anything of it is stored. If writing it is interrupted, what was written stays,
    and the same import can simply be run again.

    Raises
    ------
    SourceError
        If a row names an item or a label that the project does not have.
    """
    started = time.perf_counter()
    rows = added = 0
    for name in files:
        answers = _answers(workspace, Path(name))
        with workspace.progress.track(f"importing {Path(name).name}", len(answers)) as advance:
            for portion in workspace.store.annotation_writer().write(answers):
                added += portion.added
                advance(portion.rows)
        rows += len(answers)
    return AnnotationImportResult([str(f) for f in files], rows, added, time.perf_counter() - started)


def _answers(workspace: Workspace, path: Path) -> list[NewAnnotation]:
    store, schema = workspace.store, workspace.schema
    roles: dict[int, Any] = dict(store.people.roles())
    answers = []
    for row in read_annotations(path):
        number = store.items.number_of(row.item)
        if number is None:
            raise SourceError(
                f"{path.name}, {row.place}: there is no item with the id {row.item!r}", hint="Import the items first"
            )
        answers.append(
            NewAnnotation(
                number,
                row.annotator,
                _label(schema, path, row),
                role=roles.get(number, "active"),
                comment=row.comment,
                answered_at=row.at,
            )
        )
    return answers


def _label(schema: LabelSchema, path: Path, row: AnnotationRow) -> int:
    try:
        return schema.parse(row.label)
    except LabelkitError as error:
        raise SourceError(f"{path.name}, {row.place}: {error}") from None
