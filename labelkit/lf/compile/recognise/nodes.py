"""The expressions that a recognised function is written in.

What reads texts is equal to its like (and computed once per shard for all functions); the others are equal
only to themselves, since a long decision list would be slow to compare.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Final, Literal

from labelkit.lf.compile.matching import Search
from labelkit.lf.compile.recognise.bindings import key_of
from labelkit.lf.compile.recognise.capitals import has_no_capitals


class Node:
    """A part of an expression."""

    def parts(self) -> Iterator[Node]:
        """The expressions directly in it."""
        for each in fields(self):  # type: ignore[arg-type]
            value = getattr(self, each.name)
            for part in value if isinstance(value, tuple) else (value,):
                if isinstance(part, Node):
                    yield part


@dataclass(frozen=True)
class Const(Node):
    """A constant; told apart by its key, since 1 == True == 1.0."""

    value: Any = field(compare=False)
    key: Hashable


def const(value: Any) -> Const:
    """A constant of a known kind."""
    return Const(value, key_of(value))


@dataclass(frozen=True)
class TheRow(Node):
    """The row itself, of which only fields can be read."""


@dataclass(frozen=True, eq=False)
class Known(Node):
    """A module, class or function that a name stands for."""

    value: Any


@dataclass(frozen=True)
class Field(Node):
    """``row.name`` and ``row["name"]``; with a default where the items may lack the field."""

    name: str
    default: Const | None = None
    by_get: bool = False


@dataclass(frozen=True)
class Changed(Node):
    """Text to text: a method of :class:`str` with constant arguments; or ``or``, ``str``, ``slice``."""

    text: Node
    method: str
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Measure(Node):
    """Text to a number or bool: a method of :class:`str`, or ``len``, ``words``, ``distinct``, ``pieces``."""

    text: Node
    method: str
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Words(Node):
    """``text.split(separator)``, perhaps as a set."""

    text: Node
    separator: str | None = None
    as_set: bool = False


_CASES: Final = ("lower", "upper", "casefold")


class Searching(Node):
    """What can be asked of the matcher."""

    text: Node

    @cached_property
    def search(self) -> Search | None:
        """The question; None where it has to be answered text by text."""
        column = column_of(self.text)
        asked = self.pattern_and_flags()
        return None if column is None or asked is None else Search(column, *asked)

    @cached_property
    def in_any_case(self) -> Search | None:
        """What asks ASCII texts as they are about ``text.lower()``; None where it is no such question."""
        text = self.text
        if not (isinstance(text, Changed) and text.method in _CASES and isinstance(text.text, Field)):
            return None
        asked = self.caseless(text.method)
        return None if asked is None else Search(text.text.name, *asked)

    def pattern_and_flags(self) -> tuple[str, int] | None:
        raise NotImplementedError

    def caseless(self, method: str) -> tuple[str, int] | None:
        """The pattern and flags that find in an ASCII text what is asked of ``text.method()``, if any do."""
        raise NotImplementedError

    def says(self, text: str) -> bool:
        """The answer for one text."""
        raise NotImplementedError


class SearchingStrings(Searching):
    """What asks for one of several strings."""

    strings: tuple[str, ...]

    def pattern_for(self, strings: tuple[str, ...]) -> str:
        """What finds one of so many strings."""
        raise NotImplementedError

    def pattern_and_flags(self) -> tuple[str, int] | None:
        return self.pattern_for(self.strings), 0

    def caseless(self, method: str) -> tuple[str, int] | None:
        possible = tuple(each for each in self.strings if getattr(each, method)() == each)
        if not possible or not "".join(self.strings).isascii():
            return None
        return self.pattern_for(possible), re.IGNORECASE


@dataclass(frozen=True)
class Contains(SearchingStrings):
    """Whether one of several strings is in a text."""

    text: Node
    strings: tuple[str, ...]

    def pattern_for(self, strings: tuple[str, ...]) -> str:
        return _either(strings)

    def says(self, text: str) -> bool:
        return any(each in text for each in self.strings)


@dataclass(frozen=True)
class SharesWord(SearchingStrings):
    """Whether one of several words is among ``text.split()``; ``len`` of the shared ones with ``count``."""

    text: Node
    strings: tuple[str, ...]

    def pattern_for(self, strings: tuple[str, ...]) -> str:
        # re's \s and str.split() know the same white space.
        return rf"(?<!\S){_either(strings)}(?!\S)"

    def says(self, text: str) -> bool:
        return not set(self.strings).isdisjoint(text.split())


@dataclass(frozen=True)
class SharedWords(Node):
    """``set(text.split()) & words``: only its truth and its length are known."""

    text: Node
    words: tuple[str, ...]

    def parts(self) -> Iterator[Node]:
        """With what its truth is found by."""
        yield from (self.text, self.any_of_them())

    def any_of_them(self) -> Node:
        """Whether there is one."""
        return SharesWord(self.text, self.words) if self.words else After(Measure(self.text, "len"), const(False))


@dataclass(frozen=True)
class Matches(Searching):
    """A match of a regular expression, or None."""

    text: Node
    how: Literal["search", "match", "fullmatch"]
    pattern: str
    flags: int

    def pattern_and_flags(self) -> tuple[str, int] | None:
        if self.how == "search":
            return self.pattern, self.flags
        if self.how == "match" and not self.flags & re.VERBOSE and not _GLOBAL_FLAGS.match(self.pattern):
            return rf"\A(?:{self.pattern})", self.flags
        return None

    def caseless(self, method: str) -> tuple[str, int] | None:
        asked = self.pattern_and_flags()
        # A pattern that names no capital takes a text in lower case as it takes the text when case is ignored.
        if asked is None or method == "upper" or not has_no_capitals(*asked):
            return None
        return asked[0], asked[1] | re.IGNORECASE

    def says(self, text: str) -> bool:
        return getattr(re.compile(self.pattern, self.flags), self.how)(text) is not None


@dataclass(frozen=True)
class FoundAll(Node):
    """``re.findall(...)``: only its truth and its length are known."""

    text: Node
    pattern: str
    flags: int

    def parts(self) -> Iterator[Node]:
        """With what its truth is found by."""
        yield from (self.text, self.any_of_them())

    def any_of_them(self) -> Node:
        """Whether there is one."""
        return Matches(self.text, "search", self.pattern, self.flags)


@dataclass(frozen=True, eq=False)
class Not(Node):
    of: Node


@dataclass(frozen=True, eq=False)
class AllOf(Node):
    """``a and b and …``"""

    of: tuple[Node, ...]


@dataclass(frozen=True, eq=False)
class AnyOf(Node):
    """``a or b or …``"""

    of: tuple[Node, ...]


@dataclass(frozen=True, eq=False)
class Truth(Node):
    """``bool(a)``"""

    of: Node


@dataclass(frozen=True, eq=False)
class Compare(Node):
    """``==``, ``!=``, ``<``, ``<=``, ``>``, ``>=``."""

    how: str
    left: Node
    right: Node


@dataclass(frozen=True, eq=False)
class Is(Node):
    """``a is None``, ``a is True``, ``a is False``."""

    of: Node
    constant: bool | None


@dataclass(frozen=True, eq=False)
class Member(Node):
    """``a in (constants)``."""

    of: Node
    among: Const


@dataclass(frozen=True, eq=False)
class Lookup(Node):
    """``TABLE.get(key, default)``; ``TABLE[key]`` without a default."""

    table: Const
    key: Node
    default: Const | None


@dataclass(frozen=True, eq=False)
class Arithmetic(Node):
    """``+ - * / // %``"""

    how: str
    left: Node
    right: Node


@dataclass(frozen=True, eq=False)
class Sum(Node):
    """``0 + a + b + …``"""

    of: tuple[Node, ...]


@dataclass(frozen=True, eq=False)
class Number(Node):
    """``-a``, ``+a``, ``abs(a)``, ``int(a)``."""

    how: Literal["-", "+", "abs", "int"]
    of: Node


@dataclass(frozen=True, eq=False)
class Choice(Node):
    """``a if test else b``, and ``if test: return a``."""

    test: Node
    then: Node
    otherwise: Node


@dataclass(frozen=True, eq=False)
class After(Node):
    """``rest``, once ``first`` has been computed: it may raise."""

    first: Node
    rest: Node


@dataclass(frozen=True)
class Unsure(Node):
    """What raises, or has no value: plain Python shows it."""


def column_of(text: Node) -> str | None:
    """The name of the column that holds a text: a field, or one made from it by methods of str."""
    if isinstance(text, Field):
        return text.name
    if isinstance(text, Changed):
        inner = column_of(text.text)
        return None if inner is None else f"{inner}.{text.method}({', '.join(map(repr, text.arguments))})"
    return None


_GLOBAL_FLAGS = re.compile(r"\s*\(\?[aiLmsux]+\)")


def _either(strings: tuple[str, ...]) -> str:
    return f"(?:{'|'.join(map(re.escape, strings))})" if len(strings) > 1 else re.escape(strings[0])
