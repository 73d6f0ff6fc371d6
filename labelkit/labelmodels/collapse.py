"""Models fitted by expectation maximisation can put nearly all items into one class: found, and said."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from labelkit.labelmodels.pattern_votes import Floats, PatternVotes
from labelkit.types import ABSTAIN

NEARLY_ALL: Final = 0.95
"""Share of the items in one class from which on a model is held to have collapsed, if majority vote is far off."""
_FAR_OFF: Final = 0.1
LEAST_AGREEMENT: Final = 0.6
"""Share of the items on which a model that has learned something decides as majority vote does."""
_UNDECIDED: Final = 0.05
"""Share of the items with votes that a model that has learned something may leave undecided."""
_NO_DIFFERENCE: Final = 1e-4
_MANY_ONE_CLASS: Final = 0.5
_TIE: Final = 1e-9
_FEWEST_KNOWN: Final = 10
"""Known labels of covered items from which on they may contradict the votes."""
_Z: Final = 2.33
"""Standard errors below chance from which on majority vote counts as contradicted (one-sided 1%)."""


def look_for_collapse(
    method: str, votes: PatternVotes, scores: Callable[[PatternVotes], Floats]
) -> tuple[dict[str, Any], list[str]]:
    """Compare the decisions of a fitted model with majority vote on the votes that it learned from.

    Parameters
    ----------
    method
        Name of the model, for the notes.
    scores
        Scores (d, k) of a block of patterns; the highest decides.

    Returns
    -------
    dict, list of str
        Figures, JSON-able, and sentences for the user; none if all is well.
    """
    m, k = votes.shape
    table, all_shares, ones, undecided = np.zeros((k, k)), np.zeros(k), np.ones((m, k)), 0.0
    for block in votes.blocks:
        found = scores(block)
        decided = found.argmax(axis=1)
        counted = block.scores(ones)
        clear = (counted >= counted.max(axis=1, keepdims=True) - _TIE).sum(axis=1) == 1
        second = np.partition(found, -2, axis=1)[:, -2]
        told = found.max(axis=1) - second >= _NO_DIFFERENCE
        undecided += float(block.counts[clear & ~told].sum())
        cells = decided[clear] * k + counted[clear].argmax(axis=1)
        table += np.bincount(cells, weights=block.counts[clear], minlength=k * k).reshape(k, k)
        all_shares += np.bincount(decided[told], weights=block.counts[told], minlength=k)
    clear_items = max(float(table.sum()), 1.0)
    largest = int(all_shares.argmax())
    share = float(all_shares[largest] / max(float(votes.counts.sum()), 1.0))
    majority_share = float(table[:, largest].sum() / clear_items)
    agreement = float(np.trace(table) / clear_items) if table.any() else 1.0
    cast = votes.cast
    one_class = (cast > 0).sum(axis=1) == 1
    one_class_votes = float(cast[one_class].sum() / max(float(cast.sum()), 1.0))
    undecided /= clear_items
    collapsed = share >= NEARLY_ALL and share - majority_share > _FAR_OFF
    known = _known_labels(votes, scores, ones)
    figures = {
        "agreement_with_majority": agreement,
        "largest_class": largest,
        "largest_class_share": share,
        "largest_class_share_by_majority": majority_share,
        "one_class_functions": int(one_class.sum()),
        "one_class_votes": one_class_votes,
        "undecided": undecided,
        "collapsed": collapsed,
        "warning": collapsed or agreement < LEAST_AGREEMENT or undecided > _UNDECIDED or known.below_chance,
    }
    return figures, [known.sentence(method)] if known.below_chance else _notes(method, m, figures)


@dataclass(frozen=True)
class _Known:
    """What known labels of covered items say: their number, whether of two classes or more, and who is right."""

    n: float
    several: bool
    chance: float
    majority_right: float
    model_right: float

    @property
    def below_chance(self) -> bool:
        """Whether even majority vote does worse on them than guessing."""
        if self.n < _FEWEST_KNOWN or not self.several:
            return False
        spread = math.sqrt(self.chance * (1 - self.chance) / self.n)
        return self.majority_right < self.chance - _Z * spread

    def sentence(self, method: str) -> str:
        """In words."""
        return (
            f"the {self.n:,.0f} known labels contradict the votes: majority vote is right on {self.majority_right:.0%}"
            f" of them, fewer than by guessing, {method} on {self.model_right:.0%};"
            " check the order of the classes, the labels, and the labeling functions"
        )


def _known_labels(votes: PatternVotes, scores: Callable[[PatternVotes], Floats], ones: Floats) -> _Known:
    n = ours = theirs = 0.0
    for block in votes.blocks:
        known = np.flatnonzero(block.gold != ABSTAIN)
        if not len(known):
            continue
        items, gold = block.counts[known], block.gold[known]
        counted = block.scores(ones)[known]
        top = counted >= counted.max(axis=1, keepdims=True) - _TIE
        n += float(items.sum())
        theirs += float(items @ (top[np.arange(len(gold)), gold] / top.sum(axis=1)))
        ours += float(items @ (scores(block)[known].argmax(axis=1) == gold))
    several = len(np.unique(votes.gold[votes.gold != ABSTAIN])) > 1
    return _Known(n, several, 1 / votes.shape[1], theirs / max(n, 1.0), ours / max(n, 1.0))


def _notes(method: str, functions: int, figures: dict[str, Any]) -> list[str]:
    share, majority_share = figures["largest_class_share"], figures["largest_class_share_by_majority"]
    decided = "of the items that majority vote decides"
    if not figures["warning"]:
        return []
    if figures["collapsed"]:
        what = (
            f"{method} collapsed: it puts {share:.0%} of the items with votes into class {figures['largest_class']},"
            f" where majority vote puts {majority_share:.0%}"
        )
    elif figures["undecided"] > _UNDECIDED:
        what = f"{method} found nothing to tell classes by on {figures['undecided']:.0%} {decided}"
    else:
        what = f"{method} agrees with majority vote on only {figures['agreement_with_majority']:.0%} {decided}"
    if figures["one_class_votes"] > _MANY_ONE_CLASS:
        what += (
            f"; {figures['one_class_functions']} of {functions} labeling functions vote for one class only, and what"
            " these get right or wrong does not show in their own votes"
        )
    return [what + '; use "weighted-majority" or majority vote']
