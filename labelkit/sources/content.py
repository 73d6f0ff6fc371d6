"""Further fields as JSON, column by column, and the content hash of a row.

One row's fields are a JSON object with sorted keys and no blanks, exactly as ``orjson.dumps(row,
option=orjson.OPT_SORT_KEYS)`` writes it; a test holds both equal. Building it per column in Arrow
takes a tenth of the time that a Python dictionary per row does.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc

HASH_BYTES: Final = 16

_NEEDS_ESCAPE: Final = r'["\\\x00-\x1f]'
# Integers that fit in 64 bits, and plain decimals between 0.0001 and 10^16, where all shortest-digits
# printers agree. Beyond that a number is kept as the string it was, so nothing is lost either way.
_NUMBER: Final = (
    r"^(?:0|-?[1-9][0-9]{0,17}"
    r"|-?0\.0|-?0\.0{0,3}[1-9][0-9]{0,16}|-?[1-9][0-9]{0,15}\.[0-9]{1,17})$"
)


def content_hashes(texts: pa.Array, fields: pa.Array) -> list[bytes]:
    """:func:`labelkit.types.content_hash` of every row of two string arrays without nulls."""
    lengths = pc.cast(pc.binary_length(texts), pa.string())
    joined = pc.binary_join_element_wise(lengths, ":", texts, fields, "")
    digest = blake2b
    return [digest(row, digest_size=HASH_BYTES).digest() for row in joined.cast(pa.binary()).to_pylist()]


def fields_json(names: Sequence[str], tokens: Sequence[pa.Array], rows: int) -> pa.Array:
    """One JSON object per row from columns of JSON tokens; ``names`` are sorted already."""
    if not names:
        return pa.array(["{}"] * rows, pa.string())
    parts: list[Any] = []
    for position, (name, token) in enumerate(zip(names, tokens, strict=True)):
        key = orjson.dumps(name).decode()
        parts += [f"{',' if position else '{'}{key}:", token]
    return pc.binary_join_element_wise(*parts, "}", "")


def cell_tokens(cells: pa.Array) -> pa.Array:
    """CSV cells → JSON tokens: empty is null, the canonical spelling of a number is that number.

    Decided cell by cell, so that a row means the same whatever rows stand beside it. A number's token
    is the cell itself; everything else stays a string: nothing is lost.
    """
    numbers = _canonical_numbers(cells)
    if pc.all(numbers).as_py():
        return cells
    tokens = quoted(cells)
    if pc.any(numbers).as_py():
        tokens = pc.if_else(numbers, cells, tokens)
    return pc.if_else(pc.equal(cells, ""), "null", tokens)


def _canonical_numbers(cells: pa.Array) -> pa.Array:
    numbers = pc.match_substring_regex(cells, _NUMBER)
    decimals = pc.and_(numbers, pc.match_substring(cells, "."))
    if not pc.any(decimals).as_py():
        return numbers
    spelled = cells.filter(decimals).to_pylist()
    joined = f"[{','.join(spelled)}]".encode()
    again = orjson.dumps(orjson.loads(joined))
    if again == joined:
        return numbers
    kept = [a == b for a, b in zip(again.decode()[1:-1].split(","), spelled, strict=True)]
    return pc.replace_with_mask(numbers, decimals, pa.array(kept, pa.bool_()))


def quoted(strings: pa.Array) -> pa.Array:
    """A string column as JSON strings; a null becomes ``null``."""
    tokens = pc.binary_join_element_wise('"', strings, '"', "")
    special = pc.fill_null(pc.match_substring_regex(strings, _NEEDS_ESCAPE), False)
    if pc.any(special).as_py():
        escaped = [orjson.dumps(value).decode() for value in strings.filter(special).to_pylist()]
        tokens = pc.replace_with_mask(tokens, special, pa.array(escaped, tokens.type))
    return pc.fill_null(tokens, "null")
