"""Labeling functions of the real sets, declared from their ``lfs.json`` and run, not only read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from _common import Split

from labelkit.lf import Shard, apply_functions, expression, keywords, regex
from labelkit.types import LabelSchema

LOWERED = "text_stripped_lower"
"""The field on which the published regexes of some sets are defined."""


def items(split: Split) -> pa.Table:
    """The items of a split as labeling functions and end models see them: id, text, further fields."""
    table = split.table
    columns: dict[str, Any] = {"id": table["id"].cast(pa.string())}
    missing = pa.array([""] * len(table), pa.string())
    columns["text"] = table["text"] if "text" in table.column_names else missing
    if "fields" in table.column_names:
        further = pa.Table.from_pylist([json.loads(row) for row in table["fields"].to_pylist()])
        columns.update({name: further[name] for name in further.column_names if name not in columns})
    return pa.table(columns)


def declare(rule: Mapping[str, Any], kind: str) -> Any | None:
    """The labeling function that a rule states, or None where only its stored votes can be used."""
    name, label = rule["name"], rule.get("label")
    if kind.startswith("keyword substring any") and "else" not in kind:
        return keywords(name, rule["keywords"], label=label, substring=True, case="case-sensitive" in kind)
    if kind == "regex search, ignore case":
        return regex(name, rule["regex"], label=label, flags=re.IGNORECASE)
    if kind == "regex findall on text.strip().lower()":
        return regex(name, rule["regex"], label=label, field=LOWERED)
    words = re.fullmatch(r"len\(text\.split\(\)\) < (\d+)", kind)
    if words:
        return expression(name, f"word_count < {words[1]}", label=label)
    if kind.startswith("conjunction of conditions"):
        return expression(name, " and ".join(_condition(*one) for one in rule["conditions"]), label=label)
    return None


def _condition(field: str, operator: str, value: object) -> str:
    """One condition; a missing value differs from every other, as where the rules were published."""
    held = f"{field} {operator} {value!r}"
    return f"({field} is None or {held})" if operator == "!=" else held


def rerun(folder: Path, names: list[str], label_names: list[str], split: Split) -> tuple[np.ndarray, list[str], int]:
    """Run what can be run.

    Returns
    -------
    tuple
        The label matrix with the columns that were run in place of the stored ones, their names, and
        in how many cells they differ from the stored votes.
    """
    path = folder / "lfs.json"
    if not path.exists():
        return split.L, [], 0
    stated = json.loads(path.read_text(encoding="utf-8"))
    declared = [declare(rule, rule.get("kind", stated.get("kind", ""))) for rule in stated["rules"]]
    functions = [function for function in declared if function is not None]
    if not functions:
        return split.L, [], 0
    table = items(split)
    if any(function.field == LOWERED for function in functions):
        lowered = [text.strip().lower() for text in table["text"].to_pylist()]
        table = table.append_column(LOWERED, pa.array(lowered, pa.string()))
    L, differing = split.L.copy(), 0
    schema = LabelSchema.from_names(label_names)
    for column in apply_functions(functions, Shard(0, 0, table), schema):
        at = names.index(column.function)
        differing += int((L[:, at] != column.votes).sum())
        L[:, at] = column.votes
    return L, [function.name for function in functions], differing


def has_features(table: pa.Table) -> bool:
    """Whether an end model has anything to look at."""
    return table.num_columns > 2 or bool(pc.any(pc.not_equal(table["text"], "")).as_py())
