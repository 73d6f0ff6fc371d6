"""Python patterns as patterns over bytes for Hyperscan: exact where possible, a superset where not.

The bytes are texts in UTF-8 with :data:`SEPARATOR` before, between and behind them. A pattern contains the
separator only where it asks for the edge of a text, so that nothing is found across two texts. Python's own
parser reads the patterns; nothing is left to Hyperscan's idea of a class, a case or an anchor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np

from labelkit.lf.compile.matching.boundaries import without_boundaries
from labelkit.lf.compile.matching.charsets import ASCII_TOP, TOP
from labelkit.lf.compile.matching.edges import as_set, trimmed
from labelkit.lf.compile.matching.narrowing import resolved
from labelkit.lf.compile.matching.nodes import (
    EMPTY,
    NEVER,
    Alt,
    Atomic,
    Before,
    Boundary,
    Chars,
    Edge,
    Look,
    Node,
    Repeat,
    Seq,
    Vague,
    alt,
    may_be_empty,
    parts_of,
    seq,
)
from labelkit.lf.compile.matching.reading import Unreadable, read_pattern
from labelkit.lf.compile.matching.repeats import shortened
from labelkit.lf.compile.matching.utf8 import Side, char_pattern, run_pattern

SEPARATOR: Final = b"\xff"
"""The byte between two texts; no text in UTF-8 has it."""

_LONGEST: Final = 200_000  # bytes of a translated pattern
_VARIANTS: Final = 16
_LONG: Final = 8_000  # bytes of one pattern; Hyperscan takes twice as many


@dataclass(frozen=True)
class Translation:
    """What finds a pattern among texts of one alphabet.

    Parameters
    ----------
    finds
        ``"all"``: every text; ``"none"``: no text; ``"some"``: what ``expressions`` find; ``"unknown"``:
        only :mod:`re` can say it.
    expressions
        Together report every text in which the pattern is found, at a byte of the text or the separator after it.
    exact
        Whether they report no other.
    certain
        Report only texts in which the pattern is found; empty if ``expressions`` are exact, or if nothing does.
    why
        What keeps it from being exact, or from being said at all.
    """

    finds: Literal["all", "none", "some", "unknown"]
    expressions: tuple[bytes, ...] = ()
    exact: bool = True
    certain: tuple[bytes, ...] = ()
    why: str = ""


@lru_cache(maxsize=4096)
def translate(pattern: str, flags: int, *, ascii_only: bool) -> Translation:
    """What finds a pattern, as :func:`re.search` defines it, among texts that are not empty.

    Parameters
    ----------
    pattern, flags
        As for :func:`re.compile`.
    ascii_only
        Whether the texts hold only ASCII characters; then nearly everything can be said exactly.
    """
    top = ASCII_TOP if ascii_only else TOP
    try:
        node = without_boundaries(read_pattern(pattern, flags, top), top)
        if any(_surely_empty(node, where) for where in ("start", "end")):
            return Translation("all")
        for _ in range(2):  # what was dropped lets more be trimmed
            node = resolved(trimmed(trimmed(node, ahead=True), ahead=False), whole=True)
        node = shortened(node, ascii_only=ascii_only)
    except Unreadable as error:
        return Translation("unknown", why=f"the part {error} of the pattern is not known to the compiler")
    except RecursionError:
        return Translation("unknown", why="the pattern is nested too deeply")
    return _written(node, ascii_only)


def _written(node: Node, ascii_only: bool) -> Translation:
    if node == NEVER:
        return Translation("none")
    writer = _Writer("outer", ascii_only)
    if may_be_empty(node):
        writer.write(node)
        why = "; ".join(writer.whys) or "it asserts something and needs no character"
        return Translation("unknown", why=why)
    variants = _variants(node, writer)
    expressions = tuple(each for variant in variants if (each := writer.write(variant)) is not None)
    if not expressions:
        return Translation("none")
    if sum(map(len, expressions)) > _LONGEST:
        return Translation("unknown", why="it is too large")
    if not writer.whys:
        return Translation("some", expressions)
    inner = _Writer("inner", ascii_only)
    certain = tuple(each for variant in variants if (each := inner.write(variant)) is not None)
    return Translation("some", expressions, False, certain, "; ".join(writer.whys))


def _variants(node: Node, writer: _Writer) -> list[Node]:
    """A pattern as several that find the same together.

    Hyperscan looks for literals; one that is followed by a gap is found sooner alone than as one of several.
    And it refuses a pattern with thousands of words.
    """
    parts = parts_of(node)
    gap = any(isinstance(part, Repeat) for part in parts)
    for i, part in enumerate(parts):
        if not isinstance(part, Alt) or EMPTY in part.options:
            continue
        sizes = [len(writer.write(option) or b"") for option in part.options]
        if sum(sizes) > _LONG:
            chunk = np.cumsum(sizes) // _LONG
            groups = [alt(*(part.options[j] for j in np.flatnonzero(chunk == k))) for k in range(chunk[-1] + 1)]
        elif gap and len(part.options) <= _VARIANTS:
            groups = list(part.options)
        else:
            continue
        return [seq(*parts[:i], group, *parts[i + 1 :]) for group in groups]
    return [node]


def _surely_empty(node: Node, where: Literal["start", "end"]) -> bool:
    """Whether a pattern matches at the start, or the end, of every text without consuming anything."""
    match node:
        case Seq(parts):
            return all(_surely_empty(part, where) for part in parts)
        case Alt(options):
            return any(_surely_empty(option, where) for option in options)
        case Repeat(body, low, _):
            return low == 0 or _surely_empty(body, where)
        case Atomic(body):  # at the end it has nothing to take and keep
            return where == "end" and _surely_empty(body, where)
        case Look(body, ahead, _, _):
            single = as_set(trimmed(body, ahead=ahead))
            edge = isinstance(body, Alt) and Edge() in body.options
            return _surely_empty(body, where) or (ahead == (where == "end") and (edge or bool(single and single[1])))
    return False


class _Writer:
    """Writes nodes as a pattern over bytes; remembers in ``whys`` what it could not say exactly."""

    def __init__(self, side: Side, ascii_only: bool) -> None:
        self.whys: dict[str, None] = {}
        self._side = side
        self._ascii_only = ascii_only

    def write(self, node: Node) -> bytes | None:  # noqa: PLR0911, one return per kind of node
        """The pattern; None if it cannot be found."""
        match node:
            case Chars():
                return self._chars(node)
            case Seq(parts):
                each = [self.write(part) for part in parts]
                return None if None in each else b"".join(filter(None, each))
            case Alt(options):
                found = {written: None for option in options if (written := self.write(option)) is not None}
                return b"(?:" + b"|".join(found) + b")" if found else None
            case Repeat():
                return self._repeat(node)
            case Edge():
                return rb"\xff"
            case Boundary(negated, _):
                return self._boundary(negated)
            case Before(body):
                return self.write(body)
            case Vague(body, why):
                return self._vague(why, lambda: self.write(body))
        raise AssertionError(f"{node} cannot be written")

    def _chars(self, node: Chars) -> bytes | None:
        written, exact = char_pattern(node.chars, self._side)
        return self._noted(written, exact)

    def _noted(self, written: bytes | None, exact: bool) -> bytes | None:
        if not exact and self._side == "outer":
            self.whys["a class such as `\\w` beyond ASCII"] = None
        return written

    def _repeat(self, node: Repeat) -> bytes | None:
        if isinstance(node.body, Chars) and node.high is None:
            run, exact = run_pattern(node.body.chars, self._side)
            if run is not None:
                self._noted(run, exact)
                first = self._chars(node.body) if node.low > 1 else None
                lead = b"" if first is None else first + b"{%d}" % (node.low - 1)
                return lead + run if node.low else b"(?:" + run + b")?"
        body = self.write(node.body)
        if body is None:
            return b"" if node.low == 0 else None
        times = b"{%d,%s}" % (node.low, b"" if node.high is None else b"%d" % node.high)
        if node.low == node.high:
            times = b"{%d}" % node.low
        return b"(?:" + body + b")" + times if body else b""

    def _boundary(self, negated: bool) -> bytes | None:
        if negated and not self._ascii_only:
            # Over bytes it also holds inside the encoding of one character.
            return self._vague(r"`\B` beside characters beyond ASCII", lambda: rb"\B")
        return rb"\B" if negated else rb"\b"

    def _vague(self, why: str, write: Callable[[], bytes | None]) -> bytes | None:
        if self._side == "inner":
            return None
        self.whys[why] = None
        return write()
