"""What a trial process of the workbench does: votes of one declared function, its matches in texts, mining.

It reads nothing but files of the Arrow mirror, and imports no project code.
"""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

from labelkit.errors import LabelingFunctionError
from labelkit.lf.compile import compile_functions
from labelkit.lf.declared import DeclaredFunction, parse_declaration
from labelkit.lf.mining import MiningInput, mined
from labelkit.lf.patterns import KeywordsFunction, RegexFunction
from labelkit.lf.project_code import Site
from labelkit.lf.shard import Shard
from labelkit.types import ABSTAIN, LabelSchema

TARGET: Final = "labelkit.lf.declared_trial:answer"
"""For :class:`labelkit.engines.trial.TrialPool`."""

_SITE: Final = Site("workbench", 1)
_SHOWN: Final = 300
"""Characters of a text that are shown."""
_BEFORE: Final = 80
"""Of these, so many before the first match."""
_MARKS: Final = 40
"""Matches that are marked in one text."""

Segment = tuple[str, bool]
"""A part of a text, and whether it is a match."""


def answer(request: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """Work on one request: ``do`` is ``votes``, ``spans`` or ``mine``.

    Raises
    ------
    LabelingFunctionError
        If the function cannot be used, in words.
    """
    if request["do"] == "mine":
        return _mine(request, data)
    entry = parse_declaration(request["function"], "the function")
    function, doubts = _checked(entry)
    if request["do"] == "spans":
        return {"texts": _spans(function, request["places"])}, b""
    counted, bits = _votes(entry, function, request["blocks"], float(request["budget"]))
    return {**counted, "doubts": doubts}, bits


def _checked(entry: DeclaredFunction) -> tuple[RegexFunction | KeywordsFunction, list[str]]:
    """The function, and in words what Python doubts about its pattern: what later versions may read otherwise."""
    re.purge()  # of a pattern that it knows, Python says nothing
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", FutureWarning)
        function = entry.checked(_SITE)
    doubts = dict.fromkeys(str(one.message) for one in told if issubclass(one.category, FutureWarning))
    return function, [
        f"Python says of the pattern: {doubt[:1].lower()}{doubt[1:]}; later versions may read it otherwise. A backslash"
        " before a character within [ ] makes it mean only itself"
        for doubt in doubts
    ]


def prepare() -> None:
    """Load what the first request would wait for."""
    function = DeclaredFunction(name="first", kind="keywords", label="yes", keywords=("word",)).function(_SITE)
    plan = compile_functions([function], LabelSchema.from_names(["yes", "no"]), time_limit=None)
    plan.run(Shard(0, 0, pa.table({"text": ["a word", "wörd"] * 10_000})))


def _table(file: str) -> pa.Table:
    with pa.memory_map(file) as mapped:
        return pa.ipc.open_file(mapped.read_buffer()).read_all()


def _votes(
    entry: DeclaredFunction,
    function: RegexFunction | KeywordsFunction,
    blocks: Sequence[tuple[str, int, int]],
    budget: float,
) -> tuple[dict[str, Any], bytes]:
    """Where the function votes: bits of the items of each block (a file, the first row, how many), one at least.

    Further blocks are left out when the time is used up.
    """
    label = str(entry.label)
    plan = compile_functions([function], LabelSchema.from_names([label, f"not {label}"]), time_limit=None)
    until = time.monotonic() + budget
    tables: dict[str, pa.Table] = {}
    bits: list[bytes] = []
    for file, first, rows in blocks:
        if file not in tables:
            tables[file] = _table(file)
            _check_field(tables[file], function.field)
        (column,) = plan.run(Shard(0, first, tables[file].slice(first, rows)))
        bits.append(np.packbits(column.votes != ABSTAIN).tobytes())
        if time.monotonic() > until:
            break
    return {"blocks": len(bits)}, b"".join(bits)


def _check_field(table: pa.Table, field: str) -> None:
    if field not in table.column_names:
        raise LabelingFunctionError(
            f"there is no field {field!r}; the fields of the items are {', '.join(table.column_names)}"
        )


def _spans(function: RegexFunction | KeywordsFunction, places: Sequence[tuple[str, int]]) -> list[list[Segment]]:
    found = []
    tables: dict[str, pa.Table] = {}
    for file, row in places:
        if file not in tables:
            tables[file] = _table(file)
        value = tables[file].column(function.field)[row].as_py()
        found.append(segments("" if value is None else str(value), function.compiled))
    return found


def segments(text: str, pattern: re.Pattern[str]) -> list[Segment]:
    """A text around its first match, cut into parts that match and parts that do not."""
    first = pattern.search(text)
    start = max(0, first.start() - _BEFORE) if first and first.end() > _SHOWN else 0
    end = min(len(text), max(start + _SHOWN, min(first.end(), first.start() + _SHOWN) if first else 0))
    parts: list[Segment] = [("… ", False)] if start else []
    at = start
    for number, match in enumerate(pattern.finditer(text, first.start() if first else 0)):
        if match.start() >= end or number == _MARKS:
            break
        if match.end() > match.start():  # an empty match has nothing to mark
            parts += [(text[at : match.start()], False), (text[match.start() : min(match.end(), end)], True)]
            at = min(match.end(), end)
    parts += [(text[at:end], False), (" …" if end < len(text) else "", False)]
    return [(part, marked) for part, marked in parts if part]


def _mine(request: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """Candidates for functions; the arrays come and the matches go as bytes."""
    chunks = [chunk for file in request["files"] for chunk in _table(file).column("text").chunks]
    texts = pa.chunked_array(chunks, pa.string())
    rows = np.frombuffer(data[-8 * int(request["n"]) :], "<i8")
    if len(rows) < len(texts):
        texts = texts.take(pa.array(rows))
    found = mined(MiningInput.unpacked(request, data, [texts]))
    return {"candidates": [one.as_dict() for one in found]}, b"".join(one.bits for one in found)
