"""What only matters for where a match is, not whether there is one, taken off the ends of a pattern.

At the right end of a pattern ``x+`` finds what ``x`` finds and ``x*`` finds what nothing finds; what looks
ahead there may as well be consumed. The left end is its mirror image.
"""

from __future__ import annotations

from collections.abc import Sequence

from labelkit.lf.compile.matching.charsets import Ranges, union
from labelkit.lf.compile.matching.nodes import (
    EMPTY,
    NEVER,
    Alt,
    Atomic,
    Before,
    Chars,
    Edge,
    Look,
    Node,
    Repeat,
    Seq,
    Vague,
    alt,
    repeat,
    seq,
    vague,
)


def trimmed(node: Node, *, ahead: bool) -> Node:  # noqa: PLR0911, one return per kind of node
    """A node that finds the same where nothing follows it (``ahead``), or nothing comes before it."""
    match node:
        case Seq(parts):
            return _trimmed_sequence(parts, ahead)
        case Alt(options):
            shorter = [trimmed(option, ahead=ahead) for option in options]
            return EMPTY if EMPTY in shorter else alt(*shorter)
        case Repeat(_, 0, _):
            return EMPTY
        case Repeat(Chars() as body, low, _):
            return repeat(body, low, low)
        case Repeat(body, low, _):
            return joined([repeat(body, low - 1, low - 1)], trimmed(body, ahead=ahead), ahead)
        case Look(body, direction, _, _) if direction == ahead:
            inner = trimmed(body, ahead=ahead)
            return inner if ahead or inner in (EMPTY, NEVER) else Before(inner)
        case Atomic(body) if ahead:
            return trimmed(body, ahead=True)
        case Vague(body, why):
            return vague(trimmed(body, ahead=ahead), why)
    return node


def _trimmed_sequence(parts: Sequence[Node], ahead: bool) -> Node:
    kept = list(parts)
    dropped: Node = EMPTY
    while kept:
        outer = trimmed(kept.pop(-1 if ahead else 0), ahead=ahead)
        # A part of which nothing is left but that it was vague does not keep others from the edge.
        passes = isinstance(outer, Vague) and outer.body == EMPTY
        dropped = joined([outer], dropped, ahead)
        if outer != EMPTY and not passes:
            break
    return joined(kept, dropped, ahead)


def joined(inner: Sequence[Node], outer: Node, ahead: bool) -> Node:
    """``inner`` with ``outer`` behind it (``ahead``) or in front of it."""
    return seq(*inner, outer) if ahead else seq(outer, *inner)


def as_set(node: Node) -> tuple[Ranges, bool] | None:
    """A node as one character of a set or, if the second value says so, the edge of the text."""
    match node:
        case Chars(members):
            return members, False
        case Edge():
            return (), True
        case Alt(options) if options:
            single = [as_set(option) for option in options]
            known = [each for each in single if each is not None]
            if len(known) == len(single):
                return union(*(members for members, _ in known)), any(edge for _, edge in known)
    return None
