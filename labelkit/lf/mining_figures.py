"""What is said of a mined term, by those who find it and those who suggest it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TermFigures:
    """A word or a phrase, and what speaks for a function that looks for it.

    Attributes
    ----------
    term
        A word or a phrase.
    label
        Class index that it speaks for.
    items, new
        Items that have it; of these, not covered yet.
    known, right
        Known items that have it; of these, of that class.
    precision, low
        Estimated precision, and its lower bound.
    corrected
        Estimated number of covered items whose wrong label is really that class, less those it would harm.
    gain
        Estimated items that it gives a label or mends.
    """

    term: str
    label: int
    items: int
    new: int
    known: int
    right: int
    precision: float
    low: float
    corrected: float
    gain: float
