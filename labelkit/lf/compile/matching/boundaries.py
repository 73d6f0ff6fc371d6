r"""``\b`` and ``\B`` of Unicode, which bytes cannot tell, as what looks ahead or behind."""

from __future__ import annotations

import re
from collections.abc import Sequence

from labelkit.lf.compile.matching.charsets import Ranges, complement, within, word_characters
from labelkit.lf.compile.matching.nodes import (
    EMPTY,
    Alt,
    Atomic,
    Boundary,
    Chars,
    Edge,
    Look,
    Node,
    Repeat,
    Seq,
    Vague,
    alt,
    neighbours,
    repeat,
    seq,
    vague,
)


def without_boundaries(  # noqa: PLR0911, one return per kind of node
    node: Node, top: int, before: Ranges | None = None, after: Ranges | None = None
) -> Node:
    r"""``\b`` of Unicode turned into what looks ahead or behind, where one of its sides is known.

    Parameters
    ----------
    top
        The last code point that texts may hold.
    before, after
        The characters that are beside the node, if they are known.
    """
    match node:
        case Seq(parts):
            return seq(*(_beside_others(parts, i, top, before, after) for i in range(len(parts))))
        case Alt(options):
            return alt(*(without_boundaries(option, top, before, after) for option in options))
        case Repeat(body, low, high):
            return repeat(without_boundaries(body, top), low, high)
        case Atomic(body):
            return Atomic(without_boundaries(body, top, before, after))
        case Vague(body, why):
            return vague(without_boundaries(body, top), why)
        case Look(body, ahead, instead, why):
            beside = {"before": before} if ahead else {"after": after}
            return Look(without_boundaries(body, top, **beside), ahead, instead, why)
        case Boundary(negated, False):
            return _looking(negated, top, before, after)
    return node


def _beside_others(parts: Sequence[Node], i: int, top: int, before: Ranges | None, after: Ranges | None) -> Node:
    if isinstance(parts[i], Chars):
        return parts[i]
    left = neighbours(parts[:i], ahead=False, beyond=before)
    right = neighbours(parts[i + 1 :], ahead=True, beyond=after)
    return without_boundaries(parts[i], top, left, right)


def _looking(negated: bool, top: int, before: Ranges | None, after: Ranges | None) -> Node:
    words = word_characters(0, top)
    others = complement(words, top)
    name = rf"`\{'B' if negated else 'b'}`"
    for beside, ahead in ((after, False), (before, True)):
        if not beside:
            continue
        is_word = within(beside, words)
        if is_word or within(beside, others):
            plain_word = is_word and not negated and within(beside, word_characters(re.ASCII, top))
            # Over bytes no character beyond ASCII is a word character: more boundaries, not fewer.
            instead = Boundary(False, ascii_only=True) if plain_word else EMPTY
            body = Chars(words) if is_word == negated else alt(Chars(others), Edge())
            return Look(body, ahead, instead, f"{name} beside characters beyond ASCII")
    return vague(EMPTY, f"{name} beside what may or may not be a word character")
