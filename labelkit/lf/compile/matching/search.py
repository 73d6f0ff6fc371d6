"""What is searched for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Search:
    """``re.search(pattern, value, flags)`` on every value of a field; a missing value has no match."""

    field: str
    pattern: str
    flags: int = 0
