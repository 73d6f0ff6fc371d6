"""Parquet: row groups read batch by batch, columns with their types."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import isnan
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from labelkit.errors import SourceError
from labelkit.sources.base import ItemSource, Position, Record, SourceOptions
from labelkit.sources.batches import Chunk, Problems, build_batch, scalar_name
from labelkit.sources.inputs import Input
from labelkit.sources.mapping import Roles
from labelkit.sources.values import is_text, jsonable, value_tokens
from labelkit.types import ItemBatch

_MAGIC = b"PAR1"


class ParquetSource(ItemSource):
    """Rows of a Parquet file.

    Ids may be strings or integers (``7`` → ``"7"``; floats are refused, for they may have lost digits
    already), texts are strings, gold labels strings, integers, booleans or whole floats. Further values
    become JSON: NaN (missing, to pandas) is null, an infinite number is an error, dates and times are
    ISO 8601 strings, decimals strings, bytes base64, nested values nested.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".parquet", ".pq")

    def __init__(self, file: Input, options: SourceOptions) -> None:
        super().__init__(file, options)
        path = file.plain_path
        if path is None:
            raise SourceError(f"{file.name} is a gzipped Parquet file", hint="Unpack it: Parquet compresses by itself")
        self._path = path
        with file.reading():
            self._check_ends()
        with self._parquet() as parquet:
            self._schema = parquet.schema_arrow
            rows = self._rows = int(parquet.metadata.num_rows)
        twice = [name for name, count in Counter(self._schema.names).items() if count > 1]
        if twice:
            raise SourceError(f"{self.name} has two columns named {twice[0]!r}", hint="Rename one")
        if rows == 0:
            raise SourceError(f"{self.name} has columns but no rows", hint="Check that it was written completely")

    def _check_ends(self) -> None:
        with self._path.open("rb") as raw:
            head = raw.read(4)
            size = raw.seek(0, 2)
            raw.seek(max(0, size - 4))
            tail = raw.read(4)
        if size == 0:
            raise SourceError(f"{self.name} is empty", hint="Check that it was written completely")
        if head != _MAGIC:
            raise SourceError(f"{self.name} is not a Parquet file", hint="Say what it is with --format csv or jsonl")
        if tail != _MAGIC or size < 12:
            raise SourceError(f"{self.name} is cut off: the end of the Parquet file is missing", hint="Fetch it again")

    @contextmanager
    def _parquet(self) -> Iterator[Any]:
        try:
            with pq.ParquetFile(self._path) as parquet:
                yield parquet
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise SourceError(f"{self.name}: the Parquet file is damaged: {reason}", hint="Fetch it again") from error

    def expected_rows(self) -> int:
        """The number of rows, from the file's metadata."""
        return self._rows

    @property
    def columns(self) -> Sequence[str]:
        return list(self._schema.names)

    def roles(self) -> Roles:
        roles = super().roles()
        self._check_type(roles.id, "id", "strings or integers", lambda kind: is_text(kind) or pa.types.is_integer(kind))
        self._check_type(roles.text, "text", "strings", is_text)
        self._check_type(roles.split, "split", "strings", lambda kind: is_text(kind) or pa.types.is_null(kind))
        return roles

    def _check_type(self, column: str | None, role: str, wanted: str, fits: Any) -> None:
        if column is None:
            return
        kind = self._schema.field(column).type
        if not fits(kind.value_type if pa.types.is_dictionary(kind) else kind):
            raise SourceError(
                f"{self.name}: column {column!r} holds {kind} and cannot be the {role}, which takes {wanted}",
                hint=f"Cast it before writing the file, or map another column with --{role} COLUMN",
            )

    def _batches(self, roles: Roles) -> Iterator[ItemBatch]:
        done = 0
        with self._parquet() as parquet:
            for block in self._blocks(parquet):
                yield self._batch(roles, block, range(done + 1, done + len(block) + 1))
                done += len(block)

    def _blocks(self, parquet: Any) -> Iterator[pa.RecordBatch]:
        for block in parquet.iter_batches(batch_size=self.options.batch_rows):
            block.validate(full=True)  # a damaged page, or a careless writer: strings that are not UTF-8
            yield block

    def _batch(self, roles: Roles, block: pa.RecordBatch, rows: range) -> ItemBatch:
        problems: Problems = {}
        for name in roles.rest:
            problems.update(_infinite(name, block.column(name)))
        golds = None if roles.gold is None else _gold_names(block.column(roles.gold), problems)
        made_ids = None if roles.id is not None else pa.array([self.made_id(row) for row in rows], pa.string())
        chunk = Chunk(
            ids=_strings(block.column(roles.id)) if made_ids is None else made_ids,
            texts=_strings(block.column(roles.text)) if roles.text is not None else pa.array([""] * len(rows)),
            has_text=roles.text is not None,
            golds=golds,
            splits=None if roles.split is None else _strings(block.column(roles.split)),
            names=roles.rest,
            tokens=[value_tokens(block.column(name)) for name in roles.rest],
            rows=rows,
            problems=problems,
        )
        return build_batch(chunk, self.refuse)

    def records(self) -> Iterator[Record]:
        row = 0
        with self._parquet() as parquet:
            for block in self._blocks(parquet):
                columns = [[jsonable(value) for value in column] for column in block.columns]
                for values in zip(*columns, strict=True):
                    row += 1
                    yield Record(Position(row), dict(zip(block.schema.names, values, strict=True)))


def _strings(array: pa.Array) -> pa.Array:
    plain = array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
    return plain.cast(pa.string())


def _infinite(name: str, array: pa.Array) -> Problems:
    if not pa.types.is_floating(array.type):
        return {}
    infinite = pc.fill_null(pc.is_inf(array), False)
    if not pc.any(infinite).as_py():
        return {}
    problem = f"column {name!r} holds an infinite number, which JSON cannot say"
    return dict.fromkeys(pc.indices_nonzero(infinite).to_pylist(), problem)


def _gold_names(array: pa.Array, problems: Problems) -> pa.Array:
    """Labels as strings; what is no name or number of a label goes to ``problems``."""
    kind = array.type.value_type if pa.types.is_dictionary(array.type) else array.type
    if is_text(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return _strings(array)
    names: list[str | None] = []
    for place, value in enumerate(array.to_pylist()):
        missing = value is None or (isinstance(value, float) and isnan(value))
        name = None if missing else scalar_name(value)
        if name is None and not missing:
            problems[place] = f"the gold label {value!r} is not the name or number of a label"
        names.append(name)
    return pa.array(names, pa.string())
