"""Patterns as trees of few kinds of nodes, of which only matters whether they are found in a text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from labelkit.lf.compile.matching.charsets import Ranges, union


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a pattern."""


@dataclass(frozen=True, slots=True)
class Chars(Node):
    """One character of a set that is not empty."""

    chars: Ranges


@dataclass(frozen=True, slots=True)
class Seq(Node):
    """One after the other; without parts: nothing, which is found everywhere."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Alt(Node):
    """One of several; without options: what is never found."""

    options: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat(Node):
    """Between ``low`` and ``high`` times; None: without end."""

    body: Node
    low: int
    high: int | None


@dataclass(frozen=True, slots=True)
class Edge(Node):
    """The start or the end of the text; only inside what looks around or was at the edge of the pattern."""


@dataclass(frozen=True, slots=True)
class Boundary(Node):
    r"""``\b``, or ``\B`` if negated, for word characters of ASCII or of Unicode."""

    negated: bool
    ascii_only: bool


@dataclass(frozen=True, slots=True)
class Look(Node):
    """What must follow, or come before, without being part of the match.

    ``instead`` stands for it, as a superset, where it cannot be said.
    """

    body: Node
    ahead: bool
    instead: Node
    why: str


@dataclass(frozen=True, slots=True)
class Before(Node):
    """What comes before the match and is consumed all the same, because nothing of the pattern is before it."""

    body: Node


@dataclass(frozen=True, slots=True)
class Atomic(Node):
    """A part that is not tried again in another way."""

    body: Node


@dataclass(frozen=True, slots=True)
class Vague(Node):
    """A superset of what was meant."""

    body: Node
    why: str


EMPTY = Seq(())
NEVER = Alt(())


def seq(*parts: Node) -> Node:
    """Nodes one after the other."""
    flat: list[Node] = []
    for part in parts:
        if part == NEVER:
            return NEVER
        flat.extend(part.parts if isinstance(part, Seq) else (part,))
    return flat[0] if len(flat) == 1 else Seq(tuple(flat))


def alt(*options: Node) -> Node:
    """One of several nodes."""
    flat: dict[Node, None] = {}
    for option in options:
        flat.update(dict.fromkeys(option.options if isinstance(option, Alt) else (option,)))
    return next(iter(flat)) if len(flat) == 1 else Alt(tuple(flat))


def repeat(body: Node, low: int, high: int | None) -> Node:
    """A node several times."""
    if high == 0 or body == EMPTY or (body == NEVER and low == 0):
        return EMPTY
    if body == NEVER:
        return NEVER
    return body if (low, high) == (1, 1) else Repeat(body, low, high)


def chars(members: Ranges) -> Node:
    """One character of a set."""
    return Chars(members) if members else NEVER


def parts_of(node: Node) -> tuple[Node, ...]:
    """A node as a sequence."""
    return node.parts if isinstance(node, Seq) else (node,)


def vague(body: Node, why: str) -> Node:
    """A node that stands for a superset."""
    return NEVER if body == NEVER else Vague(body, why)


def may_be_empty(node: Node) -> bool:
    """Whether a match may consume neither a character nor the end of the text, all that is asserted granted."""
    match node:
        case Chars() | Edge():
            return False
        case Seq(parts):
            return all(map(may_be_empty, parts))
        case Alt(options):
            return any(map(may_be_empty, options))
        case Repeat(body, low, _):
            return low == 0 or may_be_empty(body)
        case Atomic(body) | Vague(body, _):
            return may_be_empty(body)
    return True


def neighbours(parts: Sequence[Node], *, ahead: bool, beyond: Ranges | None) -> Ranges | None:
    """The characters with which a sequence may begin (``ahead``) or end; None if that is not known.

    Parameters
    ----------
    beyond
        The characters that come after (before) the sequence, if they are known.
    """
    found: list[Ranges] = []
    for part in parts if ahead else reversed(parts):
        own, passes = _outermost(part, ahead)
        if own is None:
            return None
        found.append(own)
        if not passes:
            return union(*found)
    return None if beyond is None else union(*found, beyond)


def _outermost(node: Node, ahead: bool) -> tuple[Ranges | None, bool]:
    """The characters at one side of a node, None if unknown; and whether it may be empty."""
    match node:
        case Chars(members):
            return members, False
        case Seq() | Alt() | Repeat() | Atomic():
            return _outermost_of_group(node, ahead)
        case Look() | Boundary():
            return (), True
    return None, True


def _outermost_of_group(node: Node, ahead: bool) -> tuple[Ranges | None, bool]:
    match node:
        case Seq(parts):
            return _known(neighbours(parts, ahead=ahead, beyond=()), parts)
        case Alt(options):
            return _any_of(_outermost(option, ahead) for option in options)
        case Repeat(body, low, _):
            own, passes = _outermost(body, ahead)
            return own, passes or low == 0
        case Atomic(body):
            return _outermost(body, ahead)
    return None, True


def _known(own: Ranges | None, parts: Iterable[Node]) -> tuple[Ranges | None, bool]:
    return own, all(map(may_be_empty, parts))


def _any_of(sides: Iterable[tuple[Ranges | None, bool]]) -> tuple[Ranges | None, bool]:
    listed = list(sides)
    known = [own for own, _ in listed if own is not None]
    return (union(*known) if len(known) == len(listed) else None), any(passes for _, passes in listed)
