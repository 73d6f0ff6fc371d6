"""Columns of one chunk of a file → an :class:`~labelkit.types.ItemBatch`, bad rows left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from labelkit.sources.content import content_hashes, fields_json
from labelkit.sources.mapping import SPLITS
from labelkit.types import ItemBatch

EMPTY_ID = "the id is empty"
EMPTY_TEXT = "the text is empty"

Problems = dict[int, str]
"""Place of a row in its chunk → what is wrong with it."""


@dataclass(frozen=True)
class Chunk:
    """Some consecutive rows, their columns told apart by role; all arrays are of strings.

    ``ids``, ``texts`` and ``splits`` may hold nulls and empty strings (which mean the same); ``tokens``
    are JSON tokens of the further fields, without nulls.
    """

    ids: pa.Array
    texts: pa.Array
    has_text: bool
    golds: pa.Array | None
    splits: pa.Array | None
    names: Sequence[str]
    tokens: Sequence[pa.Array]
    rows: range | list[int]
    problems: Problems


def build_batch(chunk: Chunk, refuse: Callable[[int, str], None]) -> ItemBatch:
    """Check a chunk and make the batch of its sound rows.

    Parameters
    ----------
    refuse
        Called with the number of each bad row, in order, and what is wrong with it; may raise.
    """
    splits, problems = _splits(chunk)
    problems = {**problems, **chunk.problems, **_empty(chunk)}
    rows = chunk.rows
    for index in sorted(problems):
        refuse(rows[index], problems[index])
    ids, texts = chunk.ids, chunk.texts
    fields = fields_json(chunk.names, chunk.tokens, len(ids))
    golds = _golds(chunk)
    if problems:
        kept = [i for i in range(len(ids)) if i not in problems]
        taken = pa.array(kept, pa.int64())
        ids, texts, fields = ids.take(taken), texts.take(taken), fields.take(taken)
        golds, splits, rows = [golds[i] for i in kept], [splits[i] for i in kept], [rows[i] for i in kept]
    hashes = content_hashes(texts, fields)
    return ItemBatch(ids.to_pylist(), texts.to_pylist(), fields.to_pylist(), hashes, golds, splits, rows)


def _empty(chunk: Chunk) -> Problems:
    problems: Problems = {}
    if chunk.has_text:
        problems.update(_where(pc.equal(chunk.texts, ""), EMPTY_TEXT))
    problems.update(_where(pc.equal(pc.utf8_trim_whitespace(chunk.ids), ""), EMPTY_ID))
    return problems


def _where(mask: pa.Array, problem: str) -> Problems:
    bad = pc.fill_null(mask, True)
    return dict.fromkeys(pc.indices_nonzero(bad).to_pylist(), problem) if pc.any(bad).as_py() else {}


def scalar_name(value: object) -> str | None:
    """A label given as a boolean or a number → the string that stands for it (``2.0`` is ``"2"``), or None.

    pandas turns a column of integers with gaps into floats; elsewhere ids and labels are not floats.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return None


def split_problem(value: object) -> str:
    """What is wrong with a value of the split column."""
    return f"unknown split {value!r}; the splits are train, valid (validation, val, dev) and test"


def canonical_split(value: str) -> str | None:
    """A spelling of a split → its name, or None if there is no such split."""
    return SPLITS.get(value.strip().lower())


def _splits(chunk: Chunk) -> tuple[list[str | None], Problems]:
    if chunk.splits is None:
        return [None] * len(chunk.ids), {}
    values, indices = _encoded(chunk.splits)
    names = [None if not value.strip() else canonical_split(value) for value in values]
    unknown = {i for i, value in enumerate(values) if value.strip() and names[i] is None}
    problems = {place: split_problem(values[i]) for place, i in enumerate(indices) if i in unknown} if unknown else {}
    return [names[i] if i is not None else None for i in indices], problems


def _golds(chunk: Chunk) -> list[str | None]:
    if chunk.golds is None:
        return [None] * len(chunk.ids)
    values, indices = _encoded(chunk.golds)
    names = [value or None for value in values]
    return [names[i] if i is not None else None for i in indices]


def _encoded(array: pa.Array) -> tuple[list[str], list[int | None]]:
    # A batch has few distinct labels and splits: shared strings save time and memory.
    encoded = array.dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_pylist()
