"""Labeling functions as data: ``labeling_functions/workbench.toml``, which the workbench writes and people may edit.

The file is an array of tables. Nothing in it is ever executed, and reading it compiles no pattern: that is left to
:func:`declared_functions`, which `labelkit vote` calls, and to the trial processes of the workbench.
"""

from __future__ import annotations

import re
import tomllib
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Literal

from labelkit.errors import DiscoveryError, LabelingFunctionError
from labelkit.lf.base import LabelingFunction, shown_pattern
from labelkit.lf.patterns import KeywordsFunction, RegexFunction, keywords, regex
from labelkit.lf.project_code import Site

WORKBENCH_FILE: Final = "labeling_functions/workbench.toml"
"""Where the file lies in a project."""
TABLE: Final = "function"
"""The file's one key: ``[[function]]``."""
KINDS: Final = ("keywords", "regex")
MOST_NAME: Final = 100
MOST_KEYWORDS: Final = 1_000
MOST_KEYWORD: Final = 200
MOST_PATTERN: Final = 2_000
MOST_NOTE: Final = 1_000

_COMMON: Final = ("name", "kind", "label", "field", "case", "author", "at", "note")
_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "keywords": (*_COMMON, "keywords", "substring"),
    "regex": (*_COMMON, "pattern"),
}


@dataclass(frozen=True)
class DeclaredFunction:
    """One table of the file: a ``keywords`` or ``regex`` function, with who made it, when and why.

    Attributes
    ----------
    case
        Distinguish upper and lower case. A table that does not say it means what the Python declaration means
        that does not: no for keywords, yes for a regex.
    at
        When it was saved, ISO 8601.
    """

    name: str
    kind: Literal["keywords", "regex"]
    label: str | int
    field: str = "text"
    keywords: tuple[str, ...] = ()
    pattern: str = ""
    case: bool = False
    substring: bool = False
    author: str = ""
    at: str = ""
    note: str = ""

    def meaning(self) -> dict[str, Any]:
        """What its votes depend on, as the file's keys."""
        own = {"keywords": list(self.keywords), "substring": self.substring}
        return {
            "name": self.name,
            "kind": self.kind,
            "label": self.label,
            "field": self.field,
            **(own if self.kind == "keywords" else {"pattern": self.pattern}),
            "case": self.case,
        }

    def table(self) -> dict[str, Any]:
        """All keys of its table; empty notes are left out."""
        about = {"author": self.author, "at": self.at, "note": self.note}
        return self.meaning() | {key: value for key, value in about.items() if value}

    def function(self, site: Site) -> RegexFunction | KeywordsFunction:
        """The labeling function, not checked: its pattern is compiled where it is first used."""
        if self.kind == "keywords":
            return KeywordsFunction(
                name=self.name, words=self.keywords, label=self.label, field=self.field, substring=self.substring,
                case=self.case, site=site,
            )  # fmt: skip
        flags = 0 if self.case else int(re.IGNORECASE)
        return RegexFunction(
            name=self.name, pattern=self.pattern, label=self.label, field=self.field, flags=flags, site=site
        )

    def checked(self, site: Site) -> RegexFunction | KeywordsFunction:
        """The labeling function, its pattern compiled.

        Raises
        ------
        LabelingFunctionError
            If that is not possible, with the position in the pattern.
        """
        made = self.function(site)
        if isinstance(made, RegexFunction):
            regex(made.name, made.pattern, label=made.label, field=made.field, flags=made.flags)
        else:
            keywords(made.name, made.words, label=made.label, field=made.field)
        return made


@dataclass(frozen=True)
class Placed:
    """A function of the file and the line on which its table begins."""

    entry: DeclaredFunction
    site: Site


def parse_declaration(given: Mapping[str, Any], where: str) -> DeclaredFunction:
    """Check one table; its pattern is not compiled.

    Parameters
    ----------
    given
        Key → value as TOML or JSON has them.
    where
        How messages begin.

    Raises
    ------
    LabelingFunctionError
        Naming the key, its value and what is expected.
    """
    kind = given.get("kind")
    if kind not in KINDS:
        raise _problem(where, "kind", kind, f"one of {', '.join(KINDS)}")
    keys = _KEYS[kind]
    for key in given:
        if key not in keys:
            near = get_close_matches(str(key), keys, n=1)
            known = f"did you mean {near[0]}?" if near else f"the keys of kind {kind} are {', '.join(keys)}"
            raise LabelingFunctionError(f"{where}: unknown key {key!r}; {known}")
    entry = DeclaredFunction(
        name=_name(where, given.get("name")),
        kind=kind,
        label=_label(where, given.get("label")),
        field=_field(where, given.get("field", "text")),
        case=_flag(where, given, "case", default=kind == "regex"),
        at=_time(where, given.get("at", "")),
        author=_text(where, given, "author", MOST_NAME),
        note=_text(where, given, "note", MOST_NOTE),
    )
    if kind == "regex":
        return replace(entry, pattern=_pattern(where, given.get("pattern")))
    words = _keywords(where, given.get("keywords"))
    return replace(entry, keywords=words, substring=_flag(where, given, "substring", default=False))


def read_workbench(root: Path) -> list[Placed]:
    """The functions of a project's workbench file, in their order; none if there is no such file.

    Raises
    ------
    DiscoveryError
        If the file cannot be read or is not what it should be, naming entry, key, value and choices.
    """
    path = Path(root) / WORKBENCH_FILE
    if not path.is_file():
        return []
    return parse_workbench(read_text(path))


def read_text(path: Path) -> str:
    """The file's text, line ends as they are.

    Raises
    ------
    DiscoveryError
        If it cannot be read.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DiscoveryError(f"{WORKBENCH_FILE} is not UTF-8 (byte {error.start})", hint="Save it as UTF-8") from None
    except OSError as error:
        raise DiscoveryError(f"cannot read {WORKBENCH_FILE}: {error.strerror or error}") from None


def parse_workbench(text: str) -> list[Placed]:
    """The functions in the text of a workbench file; errors as of :func:`read_workbench`."""
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise DiscoveryError(f"{WORKBENCH_FILE} is not valid TOML: {error}") from None
    for key in data:
        if key != TABLE:
            raise DiscoveryError(
                f"{WORKBENCH_FILE}: unknown key {key!r}; the file holds [[{TABLE}]] tables and nothing else"
            )
    tables = data.get(TABLE, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise DiscoveryError(f"{WORKBENCH_FILE}: {TABLE} should be an array of tables: write [[{TABLE}]]")
    lines = table_lines(text, len(tables)) or [0] * len(tables)
    return [_placed(table, number, line) for number, (table, line) in enumerate(zip(tables, lines, strict=True), 1)]


def declared_functions(root: Path) -> list[LabelingFunction]:
    """The labeling functions of a project's workbench file, their patterns compiled.

    Raises
    ------
    DiscoveryError
        As of :func:`read_workbench`, and if a pattern cannot be compiled.
    """
    found: list[LabelingFunction] = []
    for number, placed in enumerate(read_workbench(root), start=1):
        try:
            with warnings.catch_warnings():  # the workbench has said so to whoever typed the pattern
                warnings.simplefilter("ignore", FutureWarning)
                found.append(placed.entry.checked(placed.site))
        except LabelingFunctionError as error:
            raise DiscoveryError(f"{_where(placed.site, number, placed.entry.name)}: {error.message}") from None
    return found


def table_lines(text: str, tables: int) -> list[int] | None:
    """The 1-based line on which each ``[[function]]`` begins; None where the array is written in another way."""
    lines = text.split("\n")
    found = [number for number, line in enumerate(lines) if _HEADER.match(line)]
    if len(found) > tables:  # one of them lies in a string of several lines: what stands before it is no TOML then
        found = [number for number in found if _is_toml("\n".join(lines[:number]))]
    return [number + 1 for number in found] if len(found) == tables else None


_HEADER: Final = re.compile(rf"""[ \t]*\[\[[ \t]*(?:{TABLE}|"{TABLE}"|'{TABLE}')[ \t]*\]\][ \t]*(?:#.*)?\r?$""")


def _is_toml(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _placed(table: Mapping[str, Any], number: int, line: int) -> Placed:
    site = Site(WORKBENCH_FILE, line or 1)
    try:
        return Placed(parse_declaration(table, _where(site, number, table.get("name"))), site)
    except LabelingFunctionError as error:
        raise DiscoveryError(error.message, hint=error.hint) from None


def _where(site: Site, number: int, name: object) -> str:
    return f"{site}: function {number}" + (f" ({name!r})" if isinstance(name, str) else "")


def _problem(where: str, key: str, value: object, expected: str) -> LabelingFunctionError:
    if value is None:
        return LabelingFunctionError(f"{where}: the key {key} is missing; it should be {expected}")
    shown = shown_pattern(value) if isinstance(value, str) and key == "pattern" else repr(value)
    shown = shown if len(shown) <= 120 else f"{shown[:117]}..."
    return LabelingFunctionError(f"{where}: {key} = {shown}: should be {expected}")


def _is_text(value: object, most: int) -> bool:
    """Whether a value is a string that a UTF-8 file can hold, and not longer than so many characters."""
    return isinstance(value, str) and len(value) <= most and not any("\ud800" <= char <= "\udfff" for char in value)


def _name(where: str, value: object) -> str:
    expected = f"1 to {MOST_NAME} printable characters without spaces at the ends"
    if not _is_text(value, MOST_NAME):
        raise _problem(where, "name", value, expected)
    name = str(value)
    if not name.strip() or name != name.strip() or not name.isprintable():
        raise _problem(where, "name", value, expected)
    return name


def _label(where: str, value: object) -> str | int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if _is_text(value, 200) and value:
        return str(value)
    raise _problem(where, "label", value, "the name or the number of a class")


def _field(where: str, value: object) -> str:
    if not _is_text(value, MOST_KEYWORD) or not value:
        raise _problem(where, "field", value, "the name of a field of the items")
    return str(value)


def _keywords(where: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not value or len(value) > MOST_KEYWORDS:
        given = f"{len(value)} words" if isinstance(value, (list, tuple)) and value else value
        raise _problem(where, "keywords", given, f"a list of 1 to {MOST_KEYWORDS:,} words")
    for number, word in enumerate(value, start=1):
        if not _is_text(word, MOST_KEYWORD):
            raise _problem(where, f"keywords[{number}]", word, f"a text of at most {MOST_KEYWORD} characters")
        if not word.strip():
            raise _problem(where, f"keywords[{number}]", word, "a word: an empty one matches everywhere")
    return tuple(dict.fromkeys(value))


def _pattern(where: str, value: object) -> str:
    if not _is_text(value, MOST_PATTERN) or not value:
        raise _problem(where, "pattern", value, f"a regular expression of at most {MOST_PATTERN:,} characters")
    return str(value)


def _flag(where: str, given: Mapping[str, Any], key: str, *, default: bool) -> bool:
    value = given.get(key, default)
    if not isinstance(value, bool):
        raise _problem(where, key, value, "true or false")
    return value


def _text(where: str, given: Mapping[str, Any], key: str, most: int) -> str:
    value = given.get(key, "")
    if not _is_text(value, most):
        raise _problem(where, key, value, f"a text of at most {most:,} characters")
    return str(value)


def _time(where: str, value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if _is_text(value, 40):
        try:
            if value:
                datetime.fromisoformat(str(value))
            return str(value)
        except ValueError:
            pass
    raise _problem(where, "at", value, "an ISO 8601 time")
