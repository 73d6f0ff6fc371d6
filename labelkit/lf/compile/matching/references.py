r"""What a reference to a group, such as ``\1``, may stand for.

A reference repeats the text of its group, which is a text that the group's own pattern matches: the group said
twice finds too much, never too little. A group that comes down to a few texts is said as so many options, in
each of which a reference is certain.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from labelkit.lf.compile.matching.charsets import (
    ASCII_TOP,
    BEYOND,
    Ranges,
    intersection,
    same_letters,
    size,
    union,
    with_other_cases,
)
from labelkit.lf.compile.matching.nodes import (
    EMPTY,
    Alt,
    Atomic,
    Chars,
    Node,
    Repeat,
    Seq,
    Vague,
    alt,
    chars,
    repeat,
    seq,
    vague,
)

WHY: Final = "a backreference"
_const: Any = re._constants  # type: ignore[attr-defined]
_REPEATS: Final = (_const.MAX_REPEAT, _const.MIN_REPEAT, _const.POSSESSIVE_REPEAT)
_CLASSES: Final = (_const.IN, _const.ANY, _const.NOT_LITERAL)
_OPTIONS: Final = 256
_OPTIONS_OF_GAPS: Final = 16  # with a repeat or a large set in each: many states at the same time
_WEIGHT: Final = 3000  # parts that they may come to
_SMALL: Final = 128  # characters of a set that are told apart; of a larger one those of ASCII
_TIMES: Final = 4  # a group that has its pattern just so often is written out
_LARGEST: Final = 500  # nodes that stand for a reference


def references(tree: Any) -> set[int]:
    """The numbers of the groups to which a tree of Python's parser, or a part of it, refers."""
    return {value for kind, value in _parts(tree) if kind is _const.GROUPREF}


def most_options(items: Any, *, ascii_only: bool) -> int:
    """For how many options items of a sequence may be written out, so that they are compiled in little time."""
    parts = list(_parts(items))
    gaps = any(
        any(each is not _const.GROUPREF for each, _ in value[2])
        if kind in _REPEATS
        else kind is _const.ASSERT_NOT or (kind in _CLASSES and not ascii_only)  # beyond ASCII they are many bytes
        for kind, value in parts
    )
    return min(_OPTIONS_OF_GAPS if gaps else _OPTIONS, _WEIGHT // len(parts))


def last_reference(items: Sequence[Any], first: int) -> int:
    """The last position of a sequence that refers to the group at ``first``, or to one on the way there."""
    found = at = first
    refers = [references(item) for item in items]
    while at <= found:
        kind, value = items[at]
        if kind is _const.SUBPATTERN and value[0] is not None:
            found = max([found, *(i for i in range(at + 1, len(items)) if value[0] in refers[i])])
        at += 1
    return found


def _parts(tree: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(tree, tuple) and len(tree) == 2 and isinstance(tree[0], type(_const.LITERAL)):
        yield tree
        yield from _parts(tree[1])
    elif not isinstance(tree, int) and tree is not None:
        for each in tree:
            yield from _parts(each)


def options_of(node: Node, flags: int, top: int, room: int) -> list[Node]:
    """Nodes that together stand for one, each for few texts where ``room``, the most of them, allows.

    Parameters
    ----------
    flags
        Of :mod:`re`, as they hold for the references.
    top
        The last code point that texts may hold.
    """
    found: list[Node] = [node]
    match node:
        case Chars(members):
            found = [Chars(each) for each in _told_apart(members, flags, top)]
        case Alt(options) if options:
            found = [each for option in options for each in options_of(option, flags, top, room)]
        case Repeat(body, 0, 1):
            found = [*options_of(body, flags, top, room), EMPTY]
        case Repeat(body, low, high) if low == high and low <= _TIMES:
            return options_of(Seq((body,) * low), flags, top, room)
        case Seq(parts):
            found = [EMPTY]
            for part in parts:
                more = options_of(part, flags, top, room // len(found))
                found = [seq(before, each) for before in found for each in more]
    return found if len(found) <= room else [node]


def _told_apart(members: Ranges, flags: int, top: int) -> list[Ranges]:
    """A set as one set for each character, or letter, and one for the rest if it is large."""
    rest: Ranges = ()
    if size(members) > _SMALL:
        members, rest = intersection(members, ((0, ASCII_TOP),)), intersection(members, BEYOND)
    letters = same_letters(flags, top)
    kept: dict[tuple[int, ...], list[tuple[int, int]]] = {}
    for code in (code for low, high in members for code in range(low, high + 1)):
        kept.setdefault(letters.get(code, (code,)), []).append((code, code))
    return [*map(union, kept.values()), *([rest] if rest else [])]


def reference(group: Node, flags: int, top: int) -> Node:
    """What a reference finds: exactly that, or a superset that says so.

    Parameters
    ----------
    group
        What the group finds; vague where it may not have taken part, or not in this way.
    flags
        Of :mod:`re`, as they hold for the reference.
    top
        The last code point that texts may hold.
    """
    if _nodes(group) > _LARGEST:
        return vague(repeat(chars(((0, top),)), 0, None), WHY)
    copy, exact = _copy(group, flags, top)
    return copy if exact else vague(copy, WHY)


def _copy(node: Node, flags: int, top: int) -> tuple[Node, bool]:
    """The texts of a node in any case that the flags allow, and whether they are all the same but for that."""
    match node:
        case Chars(members):
            found = with_other_cases(members, flags, top)
            return Chars(found), found == with_other_cases(((members[0][0],) * 2,), flags, top)
        case Seq(parts):
            copies = [_copy(part, flags, top) for part in parts]
            return seq(*(copy for copy, _ in copies)), all(exact for _, exact in copies)
        case Alt(options):
            return alt(*(_copy(option, flags, top)[0] for option in options)), False
        case Repeat(body, low, high):
            copy, exact = _copy(body, flags, top)
            return repeat(copy, low, high), exact and low == high
        case Atomic(body) | Vague(body, _):
            copy, exact = _copy(body, flags, top)
            return copy, exact and isinstance(node, Atomic)
    return EMPTY, True  # what is asserted of the place of the group is not asserted of that of the reference


def _nodes(node: Node) -> int:
    match node:
        case Seq(parts) | Alt(parts):
            return 1 + sum(map(_nodes, parts))
        case Repeat(body, _, _) | Atomic(body) | Vague(body, _):
            return 1 + _nodes(body)
    return 1
