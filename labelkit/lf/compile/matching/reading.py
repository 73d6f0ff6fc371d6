"""Patterns as Python's own parser reads them, turned into nodes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from labelkit.lf.compile.matching.charsets import ASCII_TOP, complement, literal, members
from labelkit.lf.compile.matching.edges import as_set, joined, trimmed
from labelkit.lf.compile.matching.nodes import (
    EMPTY,
    NEVER,
    Atomic,
    Boundary,
    Chars,
    Edge,
    Look,
    Node,
    Seq,
    alt,
    chars,
    may_be_empty,
    repeat,
    seq,
    vague,
)
from labelkit.lf.compile.matching.references import WHY, last_reference, most_options, options_of, reference, references

_const: Any = re._constants  # type: ignore[attr-defined]
_parser: Any = re._parser  # type: ignore[attr-defined]
_TYPE_FLAGS = re.ASCII | re.LOCALE | re.UNICODE
_NEWLINE = ((10, 10),)
_LONGEST_NOT = 16


class Unreadable(Exception):
    """A pattern has a part that nodes cannot stand for."""


def read_pattern(pattern: str, flags: int, top: int) -> Node:
    """A pattern as nodes.

    Parameters
    ----------
    pattern, flags
        As for :func:`re.compile`.
    top
        The last code point that the texts may hold.

    Raises
    ------
    Unreadable
        If Python's parser knows more than this module.
    """
    tree = _parser.parse(pattern, flags)
    referred = references(tree) if tree.state.groups > 1 else set[int]()
    return _Reader(top, tree.state.flags, referred).sequence(tree, tree.state.flags)


class _Reader:
    """Reads one pattern, from its left to its right, so that a group is known where something refers to it."""

    def __init__(self, top: int, flags: int, referred: set[int]) -> None:
        self._top = top
        self._flags = flags
        self._referred = referred
        self._groups: dict[int, Node] = {}  # what a reference repeats
        self._again = False  # whether what is read may be matched more than once
        self._options = 1  # for each of which what is read is read again
        self._readers: Mapping[Any, Callable[[Any, int], Node]] = {
            _const.LITERAL: lambda code, flags: chars(literal(code, flags, top)),
            _const.NOT_LITERAL: lambda code, flags: self._class([(_const.NEGATE, None), (_const.LITERAL, code)], flags),
            _const.IN: self._class,
            _const.ANY: self._any,
            _const.BRANCH: lambda value, flags: alt(*(self.sequence(each, flags) for each in value[1])),
            _const.SUBPATTERN: self._group,
            _const.MAX_REPEAT: self._repeat,
            _const.MIN_REPEAT: self._repeat,
            _const.AT: self._at,
            _const.ASSERT: self._assert,
            _const.ASSERT_NOT: self._assert_not,
            _const.GROUPREF: lambda value, flags: reference(self._groups[value], flags, top),
            _const.GROUPREF_EXISTS: self._conditional,
            _const.FAILURE: lambda value, flags: NEVER,
            _const.ATOMIC_GROUP: lambda value, flags: Atomic(self.sequence(value, flags)),
            _const.POSSESSIVE_REPEAT: self._possessive,
        }

    def sequence(self, tree: Any, flags: int) -> Node:
        items, found, at = list(tree), list[Node](), 0
        while at < len(items):
            kind, value = items[at]
            if kind not in self._readers:
                raise Unreadable(str(kind).lower())
            node, first = self._readers[kind](value, flags), at
            if kind is _const.SUBPATTERN and value[0] in self._referred and not self._again:
                at = last_reference(items, first)
                if at > first:
                    node = self._by_options(value[0], node, items[first + 1 : at + 1], flags)
            found.append(node)
            at += 1
        return seq(*found)

    def _by_options(self, number: int, group: Node, items: Sequence[Any], flags: int) -> Node:
        """A group and what follows, up to the last reference to it: one option for each text that it may be."""
        room = most_options(items, ascii_only=self._top == ASCII_TOP) // self._options
        options = options_of(group, flags, self._top, room)
        self._options *= len(options)
        found = []
        for option in options:
            self._groups[number] = option
            found.append(seq(option, self.sequence(items, flags)))
        self._options //= len(options)
        self._groups[number] = vague(group, WHY)
        return alt(*found)

    def _anything(self) -> Node:
        return chars(((0, self._top),))

    def _class(self, items: Any, flags: int) -> Node:
        found = chars(members(tuple(items), flags, self._top))
        if (flags ^ self._flags) & re.ASCII and any(kind is _const.CATEGORY for kind, _ in items):
            # Python looks for where a match may begin with the flags of the whole pattern.
            return vague(found, "a class such as `\\w` with other flags than the pattern around it")
        return found

    def _any(self, _: Any, flags: int) -> Node:
        return self._anything() if flags & re.DOTALL else chars(complement(_NEWLINE, self._top))

    def _group(self, value: Any, flags: int) -> Node:
        number, added, removed, tree = value
        if added & _TYPE_FLAGS:
            flags &= ~_TYPE_FLAGS
        found = self.sequence(tree, (flags | added) & ~removed)
        if number in self._referred:
            # Of a group in a repeat Python may mix the start of one time and the end of the one before: nothing.
            self._groups[number] = vague(alt(found, EMPTY) if self._again else found, WHY)
        return found

    def _repeat(self, value: Any, flags: int) -> Node:
        low, high, tree = value
        return repeat(self._repeated(high, tree, flags), low, None if high is _const.MAXREPEAT else int(high))

    def _repeated(self, high: Any, tree: Any, flags: int) -> Node:
        outside, self._again = self._again, self._again or high > 1
        found = self.sequence(tree, flags)
        self._again = outside
        return found

    def _possessive(self, value: Any, flags: int) -> Node:
        repeated = self._repeat(value, flags)
        body = self._repeated(value[1], value[2], flags)
        return Atomic(repeated) if isinstance(body, Chars) else vague(repeated, "a possessive repeat of a group")

    def _conditional(self, value: Any, flags: int) -> Node:
        _, yes, no = value
        other = EMPTY if no is None else self.sequence(no, flags)
        return vague(alt(self.sequence(yes, flags), other), "a conditional group")

    def _at(self, where: Any, flags: int) -> Node:
        if where in (_const.AT_BOUNDARY, _const.AT_NON_BOUNDARY):
            ascii_only = bool(flags & re.ASCII) or self._top == ASCII_TOP
            return Boundary(where is _const.AT_NON_BOUNDARY, ascii_only)
        ahead = where in (_const.AT_END, _const.AT_END_STRING)
        newline, edge = Chars(_NEWLINE), Edge()
        body: Node = edge
        if where in (_const.AT_BEGINNING, _const.AT_END) and flags & re.MULTILINE:
            body = alt(newline, edge)
        elif where is _const.AT_END:
            body = alt(seq(newline, edge), edge)
        name = {_const.AT_BEGINNING: "^", _const.AT_BEGINNING_STRING: r"\A", _const.AT_END: "$"}.get(where, r"\Z")
        return Look(body, ahead, EMPTY, f"`{name}` inside the pattern")

    def _assert(self, value: Any, flags: int) -> Node:
        direction, tree = value
        ahead = direction >= 0
        return Look(self.sequence(tree, flags), ahead, EMPTY, f"a look{'ahead' if ahead else 'behind'} inside")

    def _anything_but(self, parts: Sequence[Node], ahead: bool) -> Node:
        """What stands where so many characters do not: one of them is another, or beyond the edge of the text."""
        options = []
        for n, part in enumerate(parts if ahead else reversed(parts)):
            assert isinstance(part, Chars)
            others = complement(part.chars, self._top)
            miss = alt(Chars(others), Edge()) if others else Edge()
            options.append(joined(parts[:n] if ahead else parts[len(parts) - n :], miss, ahead))
        return alt(*options)

    def _assert_not(self, value: Any, flags: int) -> Node:
        direction, tree = value
        ahead = direction >= 0
        body = trimmed(self.sequence(tree, flags), ahead=ahead)
        if body in (NEVER, EMPTY):
            return EMPTY if body == NEVER else NEVER
        single = as_set(body)
        why = f"a negative look{'ahead' if ahead else 'behind'}"
        if isinstance(body, Seq) and len(body.parts) <= _LONGEST_NOT and all(isinstance(p, Chars) for p in body.parts):
            return Look(self._anything_but(body.parts, ahead), ahead, EMPTY, f"{why} inside")
        if single is None or may_be_empty(body):
            return vague(EMPTY, f"{why} for more than one character")
        members_not, at_edge = complement(single[0], self._top), () if single[1] else (Edge(),)
        return Look(alt(*([Chars(members_not)] if members_not else []), *at_edge), ahead, EMPTY, f"{why} inside")
