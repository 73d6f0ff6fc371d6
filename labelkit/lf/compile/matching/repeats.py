"""Counted repeats that Hyperscan would take seconds to compile, or refuse, as repeats without end."""

from __future__ import annotations

from typing import Final

from labelkit.lf.compile.matching.charsets import ASCII_TOP
from labelkit.lf.compile.matching.nodes import Alt, Before, Chars, Node, Repeat, Seq, Vague, alt, repeat, seq, vague

_STATES: Final = 2000  # characters that the counted repeats of one pattern may come to, written out
_WIDE: Final = 4  # what a character counts that may take several bytes


def shortened(node: Node, *, ascii_only: bool) -> Node:
    """A node whose counted repeats are bounded; a superset if it had to be changed."""
    return _Shortener(ascii_only).node(node)


class _Shortener:
    """Spends the allowance of one pattern, from its left to its right."""

    def __init__(self, ascii_only: bool) -> None:
        self._ascii_only = ascii_only
        self._left = _STATES

    def node(self, node: Node) -> Node:
        match node:
            case Seq(parts):
                return seq(*(self.node(part) for part in parts))
            case Alt(options):
                return alt(*(self.node(option) for option in options))
            case Before(body):
                return Before(self.node(body))
            case Vague(body, why):
                return vague(self.node(body), why)
            case Repeat(body, low, high):
                return self._repeat(body, low, high)
        return node

    def _repeat(self, body: Node, low: int, high: int | None) -> Node:
        count = max(low, 1) if high is None else high
        cost = self._size(body) * count
        if count == 1:
            return repeat(self.node(body), low, high)
        if cost > self._left:
            return vague(repeat(self.node(body), min(low, 1), None), "a long counted repeat")
        self._left -= cost
        return repeat(body, low, high)  # what is inside has been counted

    def _size(self, node: Node) -> int:
        match node:
            case Chars(members):
                return 1 if self._ascii_only or members[-1][1] <= ASCII_TOP else _WIDE
            case Seq(parts) | Alt(parts):
                return sum(map(self._size, parts))
            case Repeat(body, low, high):
                return self._size(body) * (max(low, 1) if high is None else high)
            case Before(body) | Vague(body, _):
                return self._size(body)
        return 0
