"""Edits of the text of a workbench file: whatever is not edited stays as its writer left it, comments included."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from typing import Any

import tomlkit
from tomlkit.items import Item, Table

from labelkit.errors import DiscoveryError, LabelingFunctionError
from labelkit.lf.declared import TABLE, WORKBENCH_FILE, DeclaredFunction, parse_workbench, table_lines

FIRST_LINES = "# Labeling functions made in the workbench. `labelkit vote` runs them; edit them here or there.\n"


def with_added(text: str, entry: DeclaredFunction) -> str:
    """The text with one more function at its end.

    Raises
    ------
    LabelingFunctionError
        If there is one of this name already.
    """
    present = [placed.entry for placed in parse_workbench(text)]
    if any(one.name == entry.name for one in present):
        raise LabelingFunctionError(
            f"there is a function named {entry.name!r} in {WORKBENCH_FILE} already", hint="Choose another name"
        )
    before = text or FIRST_LINES
    before += "" if before.endswith("\n") else _line_end(text)
    return _sound(before + _line_end(text) + _block(entry, _line_end(text)), [*present, entry])


def with_replaced(text: str, name: str, entry: DeclaredFunction) -> str:
    """The text with another function in the place of the one called ``name``.

    Raises
    ------
    LabelingFunctionError
        If there is none, or another one has the new name.
    """
    present = [placed.entry for placed in parse_workbench(text)]
    position = _position(present, name)
    if entry.name != name and any(one.name == entry.name for one in present):
        raise LabelingFunctionError(
            f"there is a function named {entry.name!r} in {WORKBENCH_FILE} already", hint="Choose another name"
        )
    expected = [entry if place == position else one for place, one in enumerate(present)]
    return _sound(_spliced(text, position, lambda block: _changed(block, entry)), expected)


def with_removed(text: str, name: str) -> str:
    """The text without the function called ``name``, and without the comment right above it.

    Raises
    ------
    LabelingFunctionError
        If there is none.
    """
    present = [placed.entry for placed in parse_workbench(text)]
    position = _position(present, name)
    return _sound(_spliced(text, position, None), [one for place, one in enumerate(present) if place != position])


def _position(present: list[DeclaredFunction], name: str) -> int:
    places = [place for place, one in enumerate(present) if one.name == name]
    if len(places) == 1:
        return places[0]
    if places:
        raise LabelingFunctionError(
            f"{WORKBENCH_FILE} has {len(places)} functions named {name!r}", hint="Edit the file"
        )
    raise LabelingFunctionError(
        f"there is no function named {name!r} in {WORKBENCH_FILE}", hint="Somebody may have removed or renamed it"
    )


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _spliced(text: str, position: int, change: Callable[[str], str] | None) -> str:
    """The text with one table changed, or left out with the comment lines right above it."""
    tables = tomllib.loads(text).get(TABLE, [])
    starts = table_lines(text, len(tables))
    if starts is None:
        raise LabelingFunctionError(
            f"{WORKBENCH_FILE} does not write each function as a [[{TABLE}]] table", hint="Edit the file itself"
        )
    lines = text.split("\n")
    first = starts[position] - 1
    following = starts[position + 1] - 1 if position + 1 < len(starts) else len(lines)
    last = following
    while last > first + 1 and _is_between(lines[last - 1]):  # comments and space before the next table are not ours
        last -= 1
    if change is not None:
        changed = change("\n".join(lines[first:last]) + "\n").removesuffix("\n")
        return "\n".join([*lines[:first], changed, *lines[last:]])
    start = first
    while start > 0 and lines[start - 1].strip().startswith("#"):
        start -= 1
    if start == 0:  # what the file begins with is about the file
        start = first
    while start and last < len(lines) - 1 and not lines[last].strip() and not lines[start - 1].strip():
        last += 1
    return "\n".join([*lines[:start], *lines[last:]])


def _is_between(line: str) -> bool:
    return not line.strip() or line.strip().startswith("#")


def _changed(block: str, entry: DeclaredFunction) -> str:
    """A table with other values; comments beside values that stay, and their order, are kept."""
    document = tomlkit.parse(block)
    tables: Any = document[TABLE]
    table = tables[0]
    wanted = entry.table()
    for key in [key for key in table if key not in wanted]:
        table.remove(key)
    for key, value in wanted.items():
        if key not in table or table[key] != value:
            table[key] = _item(key, value)
    return tomlkit.dumps(document)


def _block(entry: DeclaredFunction, line_end: str) -> str:
    table: Table = tomlkit.table()
    for key, value in entry.table().items():
        table.add(key, _item(key, value))
    tables = tomlkit.aot()
    tables.append(table)
    document = tomlkit.document()
    document.add(TABLE, tables)
    return tomlkit.dumps(document).replace("\n", line_end)


def _item(key: str, value: Any) -> Item:
    if key == "pattern" and "'" not in value and value.isprintable():
        return tomlkit.string(value, literal=True)  # as it was typed, without doubled backslashes
    item: Item = tomlkit.item(value)
    return item


def _sound(text: str, expected: list[DeclaredFunction]) -> str:
    """The text, if it says what was meant.

    Raises
    ------
    LabelingFunctionError
        If it does not: then nothing may be written.
    """
    try:
        said = [placed.entry for placed in parse_workbench(text)]
    except DiscoveryError as error:
        raise LabelingFunctionError(f"{WORKBENCH_FILE} would not be valid any more: {error.message}") from None
    if said != expected:
        raise LabelingFunctionError(f"{WORKBENCH_FILE} would say something else than what was meant", hint="Edit it")
    return text
