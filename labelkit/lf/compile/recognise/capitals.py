"""Patterns that take a text in lower case as they take the text itself when case is ignored."""

from __future__ import annotations

import re
from typing import Any


def has_no_capitals(pattern: str, flags: int) -> bool:
    """Whether a pattern is of ASCII characters and ranges without capital letters, and without flags inside it."""
    parser, constants = re._parser, re._constants  # type: ignore[attr-defined]
    tree = parser.parse(pattern, flags)
    if tree.state.flags & ~re.UNICODE != flags & ~re.UNICODE:
        return False
    pending: list[Any] = list(tree)
    while pending:
        part = pending.pop()
        if isinstance(part, parser.SubPattern):
            pending.extend(part)
        elif isinstance(part, (list, tuple)):
            kind = part[0] if part else None
            if kind in (constants.LITERAL, constants.NOT_LITERAL):
                if not _small(part[1], part[1]):
                    return False
            elif kind is constants.RANGE:
                if not _small(*part[1]):
                    return False
            elif kind is constants.SUBPATTERN and (part[1][1] or part[1][2]):
                return False
            else:
                pending.extend(part)
    return True


def _small(low: int, high: int) -> bool:
    return high < 128 and (high < ord("A") or low > ord("Z"))
