"""What looks around inside a pattern, turned into a narrower set for the character beside it.

Where that cannot be done it is dropped, which leaves a superset.
"""

from __future__ import annotations

from collections.abc import Sequence

from labelkit.lf.compile.matching.charsets import Ranges, intersection
from labelkit.lf.compile.matching.edges import as_set, trimmed
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
    chars,
    may_be_empty,
    parts_of,
    repeat,
    seq,
    vague,
)


def resolved(node: Node, *, whole: bool = False) -> Node:  # noqa: PLR0911, one return per kind of node
    """A node in which nothing looks around any more, and nothing is atomic; a superset where it must be.

    Parameters
    ----------
    whole
        Whether nothing follows the node.
    """
    match node:
        case Seq(parts):
            return seq(*(resolved(part) for part in _without_looks(list(parts), whole)))
        case Alt(options):
            return alt(*map(resolved, options))
        case Repeat(body, low, high):
            return repeat(resolved(body), low, high)
        case Before(body):
            return Before(resolved(body))
        case Atomic(body):
            return vague(resolved(body), "an atomic group or possessive repeat")
        case Vague(body, why):
            return vague(resolved(body), why)
        case Look(_, _, instead, why):
            return vague(instead, why)
    return node


def _without_looks(parts: list[Node], whole: bool) -> list[Node]:
    for i, part in enumerate(parts):
        if not isinstance(part, Look):
            continue
        left, right = parts[:i], parts[i + 1 :]
        wanted = as_set(trimmed(part.body, ahead=part.ahead))
        if wanted is not None:
            narrowed = _narrowed(right if part.ahead else left, *wanted, ahead=part.ahead)
            if narrowed is not None:
                changed = seq(*left, narrowed) if part.ahead else seq(narrowed, *right)
                return _without_looks(list(parts_of(changed)), whole)
        dropped = vague(part.instead, part.why)
        if whole and part.ahead and wanted is None and all(map(_says_little, right)):
            # What follows says next to nothing: better what is looked for.
            dropped, right = vague(trimmed(part.body, ahead=True), part.why), []
        return _without_looks(list(parts_of(seq(*left, dropped, *right))), whole)
    return parts


def _says_little(node: Node) -> bool:
    """Whether the empty string may match a part, at the edge of a text at least."""
    match node:
        case Edge():
            return True
        case Seq(parts):
            return all(map(_says_little, parts))
        case Alt(options):
            return any(map(_says_little, options))
    return may_be_empty(node)


def _narrowed(  # noqa: PLR0911, one return per kind of node
    parts: Sequence[Node], members: Ranges, edge: bool, *, ahead: bool
) -> Node | None:
    """A sequence whose first (``ahead``) or last character is in a set, or which has the edge there.

    None if it cannot be said.
    """
    if not parts:
        return None
    near, rest = (parts[0], parts[1:]) if ahead else (parts[-1], parts[:-1])
    tail = seq(*rest)
    match near:
        case Chars(own):
            return _onwards(chars(intersection(own, members)), tail, ahead)
        case Edge():
            return _onwards(near if edge else NEVER, tail, ahead)
        case Before(body):
            inner = _narrowed(parts_of(body), members, edge, ahead=ahead)
            return None if inner is None else _onwards(Before(inner) if inner != NEVER else NEVER, tail, ahead)
        case Alt(options):
            return _narrowed_options(options, rest, members, edge, ahead=ahead)
        case Repeat():
            return _narrowed_repeat(near, rest, members, edge, ahead=ahead)
        case Look(_, direction, _, _) if direction == ahead:
            return _narrowed_further(near, rest, members, edge)
    if isinstance(near, Boundary | Look) or (isinstance(near, Vague) and near.body == EMPTY):
        further = _narrowed(rest, members, edge, ahead=ahead)
        return None if further is None else _onwards(near, further, ahead)
    return None


def _narrowed_further(near: Look, rest: Sequence[Node], members: Ranges, edge: bool) -> Node | None:
    other = as_set(trimmed(near.body, ahead=near.ahead))
    if other is None:
        return None
    return _narrowed(rest, intersection(members, other[0]), edge and other[1], ahead=near.ahead)


def _narrowed_options(
    options: Sequence[Node], rest: Sequence[Node], members: Ranges, edge: bool, *, ahead: bool
) -> Node | None:
    firm: list[Node | None] = []
    open_: list[Node | None] = []
    for option in options:
        if may_be_empty(option):  # then what comes next is narrowed
            further = [*parts_of(option), *rest] if ahead else [*rest, *parts_of(option)]
            open_.append(_narrowed(further, members, edge, ahead=ahead))
        else:
            firm.append(_narrowed(parts_of(option), members, edge, ahead=ahead))
    if None in firm or None in open_ or len(open_) > 4:
        return None
    return alt(_onwards(alt(*filter(None, firm)), seq(*rest), ahead), *filter(None, open_))


def _narrowed_repeat(near: Repeat, rest: Sequence[Node], members: Ranges, edge: bool, *, ahead: bool) -> Node | None:
    one = None if may_be_empty(near.body) else _narrowed(parts_of(near.body), members, edge, ahead=ahead)
    if one is None:
        return None
    more = repeat(near.body, max(near.low - 1, 0), None if near.high is None else near.high - 1)
    once = _onwards(one, _onwards(more, seq(*rest), ahead), ahead)
    if near.low:
        return once
    without = _narrowed(rest, members, edge, ahead=ahead)
    return None if without is None else alt(once, without)


def _onwards(near: Node, far: Node, ahead: bool) -> Node:
    """``near`` and then ``far``, as one comes upon them reading ahead or backwards."""
    return seq(near, far) if ahead else seq(far, near)
