"""Gold questions: which of the items that a person gets measure him or her, drawn by person and count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

_WHOLE: Final = 2**64
_TRIES: Final = 64
"""Places of the list that are looked at for an item that the person has not had."""


@dataclass(frozen=True)
class Draws:
    """Decisions that look random to whoever lacks the key, and are the same whenever they are asked for.

    Attributes
    ----------
    key
        Secret of the project: nobody can compute which of the items to come are gold questions.
    gold_share
        Share of all items that are gold questions.
    gold_items
        Item numbers to choose from.
    hints_share
        Share of the actively chosen items whose hints are shown before the answer.
    """

    key: bytes = b""
    gold_share: float = 0.0
    gold_items: Sequence[int] = field(default=(), repr=False)
    hints_share: float = 0.0

    def gold_here(self, person: str, place: int) -> bool:
        """Whether the item at this place of a person's sequence (0, 1, 2 …) is a gold question."""
        return len(self.gold_items) > 0 and self._number("place", person, place) < self.gold_share * _WHOLE

    def gold_order(self, person: str, place: int) -> Iterator[int]:
        """Gold items to ask at a place, best first; the caller leaves out those that the person has had.

        At most 64 in a row from a random start, so that looking for one takes no longer when most are used up.
        """
        n = len(self.gold_items)
        start = self._number("item", person, place)
        for step in range(min(n, _TRIES)):
            yield int(self.gold_items[(start + step) % n])

    def hints_before(self, person: str, item: int) -> bool:
        """Whether a person sees the hints on an item before answering; once and for all."""
        return self._number("hints", person, item) < self.hints_share * _WHOLE

    def _number(self, what: str, person: str, number: int) -> int:
        """Uniform over 0 … 2⁶⁴ − 1."""
        data = f"{what}:{number}:{person}".encode()
        return int.from_bytes(blake2b(data, key=self.key[:64], digest_size=8).digest(), "big")
