"""Rows of Parquet as labeling functions see items: the same columns and types as after an import."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from labelkit.bulk.inputs import is_text
from labelkit.errors import SourceError
from labelkit.lf.base import Declaration, LabelingFunction
from labelkit.lf.expressions import BUILT_IN, ExpressionFunction
from labelkit.sources.mapping import closest_name, list_columns
from labelkit.sources.values import value_tokens
from labelkit.store.columns import column_name, fields_to_columns


@dataclass(frozen=True)
class ItemColumns:
    """Which columns of the input mean what.

    Parameters
    ----------
    id
        The ids; None to number the rows.
    text
        The text; None where items have none.
    fields
        Further fields, sorted.
    """

    id: str | None
    text: str | None
    fields: tuple[str, ...]

    @property
    def read(self) -> list[str]:
        """The columns to read."""
        return [name for name in (self.id, self.text) if name is not None] + list(self.fields)


def fields_of(functions: Iterable[LabelingFunction]) -> frozenset[str] | None:
    """Every field that the functions can read, or None where that cannot be known."""
    names: set[str] = {"text"}
    for function in functions:
        if isinstance(function, ExpressionFunction):
            names |= _names_in(function.tree)
        elif isinstance(function, Declaration):
            names.add(function.field)
        else:
            return None
    return frozenset(names)


def _names_in(tree: ast.expr) -> set[str]:
    # More than are fields: a string may be the argument of field("a name"), or a value to compare with.
    found = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    found |= {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return found | set(BUILT_IN)


def choose_columns(
    schema: pa.Schema,
    *,
    id_field: str | None,
    text_field: str | None,
    aside: Sequence[str],
    asked: Sequence[str] | None,
    needed: frozenset[str] | None,
) -> ItemColumns:
    """Which columns to read, checked against those that there are.

    Parameters
    ----------
    aside
        Columns that functions must not see (gold labels, splits).
    asked
        Further columns that the user named; they have to be there.
    needed
        Fields that the functions read; None for all.

    Raises
    ------
    SourceError
        If a column is missing, or its type cannot be an id or a text.
    """
    for role, column in (("id", id_field), ("text", text_field)):
        if column is None:
            continue
        if column not in schema.names:
            raise _missing(role, column, schema.names)
        kind = schema.field(column).type
        if not (is_text(kind) or (role == "id" and kinds.is_integer(kind))):
            wanted = "strings or integers" if role == "id" else "strings"
            raise SourceError(f"the column {column!r} holds {kind} and cannot be the {role}, which takes {wanted}")
    rest = sorted(set(schema.names) - {id_field, text_field, *aside})
    if asked is not None:
        for name in asked:
            if name not in schema.names:
                raise _missing("column", name, schema.names)
        rest = [name for name in rest if name in asked]
    elif needed is not None:
        rest = [name for name in rest if column_name(name) in needed]
    return ItemColumns(id_field, text_field, tuple(rest))


def _missing(role: str, column: str, names: Sequence[str]) -> SourceError:
    closest = closest_name(column, names)
    say = {
        "id": "Say which column holds the ids with --id-field COLUMN, or number the rows with --make-ids",
        "text": 'Say which column holds the text with --text-field COLUMN (--text-field "" if there is none)',
        "column": "Give names of columns, with commas between them",
    }[role]
    guess = f"Did you mean {closest!r}? " if closest else ""
    return SourceError(f"no column {column!r} in the input; the columns are {list_columns(names)}", hint=guess + say)


def items_table(table: pa.Table, columns: ItemColumns, *, place: str, first_row: int, stem: str) -> pa.Table:
    """Rows as read → ``id``, ``text``, then the further fields with the types that an import gives them.

    Parameters
    ----------
    place
        Where the rows are, for messages.
    first_row
        Position of the first row in its file.
    stem
        What made ids begin with.

    Raises
    ------
    SourceError
        If a row has no id, or two rows have the same.
    """
    rows = table.num_rows
    if columns.id is None:
        ids = pa.array([f"{stem}-{first_row + row + 1}" for row in range(rows)], pa.string())
    else:
        ids = _strings(table.column(columns.id))
        _check_ids(ids, place, first_row)
    texts = pa.array([""] * rows, pa.string()) if columns.text is None else _strings(table.column(columns.text))
    arrays: dict[str, Any] = {"id": ids, "text": pc.fill_null(texts, "")}
    for name in columns.fields:
        arrays[column_name(name)] = _as_imported(table.column(name), name, place)
    return pa.table(arrays)


def _strings(column: Any) -> Any:
    if kinds.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if kinds.is_string(column.type):
        return column
    # An offset of 32 bits ends at 2 GiB.
    return column.cast(pa.large_string() if column.nbytes > 2**30 else pa.string())


def _check_ids(ids: Any, place: str, first_row: int) -> None:
    empty = pc.fill_null(pc.equal(pc.utf8_trim_whitespace(ids), ""), True)
    if pc.any(empty).as_py():
        row = first_row + pc.indices_nonzero(empty)[0].as_py() + 1
        raise SourceError(
            f"{place}: the id of row {row:,} is empty", hint="Give every row an id, or number the rows with --make-ids"
        )
    if pc.count_distinct(ids).as_py() == len(ids):
        return
    counts = pc.value_counts(ids)
    twice = counts.field("values").filter(pc.greater(counts.field("counts"), 1))[0].as_py()
    raise SourceError(
        f"{place}: the id {twice!r} occurs twice", hint="Ids must be unique: mend the file, or use --make-ids"
    )


def _as_imported(column: Any, name: str, place: str) -> Any:
    """A further field with the type that it has in a project file, value for value."""
    if kinds.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if is_text(kind) or kinds.is_null(kind):
        return _strings(column) if is_text(kind) else column.cast(pa.string())
    if kinds.is_boolean(kind):
        return column
    if kinds.is_integer(kind):
        try:
            return column.cast(pa.int64())
        except pa.ArrowInvalid as error:
            raise SourceError(f"{place}: the column {name!r} holds integers beyond 64 bits") from error
    if kinds.is_float64(kind):
        return pc.if_else(pc.is_nan(column), pa.scalar(None, pa.float64()), column)
    if kinds.is_floating(kind) or kinds.is_duration(kind):
        ours = "float"
    else:
        ours = "json" if kinds.is_nested(kind) else "string"
    tokens = value_tokens(column.combine_chunks())
    values = [orjson.dumps({name: orjson.Fragment(token)}).decode() for token in tokens.to_pylist()]
    return fields_to_columns(values, {name: ours})[column_name(name)]
