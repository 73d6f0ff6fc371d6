"""From a path or a stream to the source that reads it."""

from __future__ import annotations

from pathlib import Path
from typing import IO, cast

from labelkit import registry
from labelkit.errors import SourceError
from labelkit.sources.base import ItemSource, SourceOptions
from labelkit.sources.inputs import Input
from labelkit.sources.mapping import FieldMapping


def open_source(
    target: str | Path | IO[bytes],
    *,
    format: str | None = None,
    mapping: FieldMapping | None = None,
    make_ids: bool = False,
    encoding: str = "utf-8",
    delimiter: str | None = None,
    batch_rows: int = 20_000,
    skip_bad: bool = False,
    name: str | None = None,
) -> ItemSource:
    """Open a file of items.

    What can be checked without reading it all is checked now: that it is there, its encoding's mark,
    its header, and that it has the columns asked for.

    Parameters
    ----------
    target
        A path, ``"-"`` for standard input, or a binary stream. A stream is kept in a temporary file,
        because errors need a second look at it.
    format
        A registered source; by default told by the suffix (``.csv``, ``.tsv``, ``.jsonl``, ``.ndjson``,
        ``.parquet``, and the text formats gzipped with ``.gz``).
    mapping
        Which column is what.
    make_ids
        Number the rows as ``<file stem>-<row>``; a column named ``id`` is then a further field.
    encoding, delimiter
        For text formats; the delimiter by default a comma, in ``.tsv`` a tab.
    batch_rows
        Most rows in one batch.
    skip_bad
        Set bad rows aside and count them instead of raising at the first.
    name
        What messages call the input, and what made ids start with.

    Returns
    -------
    ItemSource
        Iterable of :class:`~labelkit.types.ItemBatch`; can be iterated again.

    Raises
    ------
    SourceError
        If it cannot be opened as that format, or lacks a column.
    """
    file = Input(target, name=name)
    options = SourceOptions(mapping or FieldMapping(), make_ids, encoding, delimiter, batch_rows, skip_bad)
    source = source_of(file, format, options)
    source.roles()
    return source


def source_of(file: Input, format_name: str | None, options: SourceOptions) -> ItemSource:
    """The source for a file, by name of the format or by suffix; columns are not looked at yet."""
    known = registry.names("sources")
    if format_name is not None:
        if format_name not in known:
            raise SourceError(f"unknown format {format_name!r} for {file.name}; the formats are {', '.join(known)}")
        return cast(ItemSource, registry.resolve("sources", format_name)(file, options))
    kinds = [registry.resolve("sources", name) for name in known]
    lowered = file.name.lower().removesuffix(".gz")
    for kind in kinds:
        if lowered.endswith(kind.suffixes):
            return cast(ItemSource, kind(file, options))
    suffixes = ", ".join(suffix for kind in kinds for suffix in kind.suffixes)
    raise SourceError(
        f"cannot tell the format of {file.name} by its name; known endings are {suffixes}",
        hint=f"Say it with --format {'|'.join(known)}",
    )
