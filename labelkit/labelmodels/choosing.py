"""Which label model the evidence speaks for, with and without known labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from labelkit.labelmodels.dependencies import MOST_FUNCTIONS, find_dependencies
from labelkit.labelmodels.halves import split_half_reliability
from labelkit.labelmodels.known_labels import KnownLabels, Make, shares_right
from labelkit.labelmodels.statistics import VoteStatistics

WEIGHTED: Final = "weighted-majority"
CROWD: Final = "crowd"

FIT_FOR_MATRICES: Final = 0.9
"""Share of the votes that must come from functions that vote for two classes or more, and not repeat those of another
one, for a model with confusion matrices to be considered."""
FEWEST_SOURCES: Final = 4
LEAST_RELIABILITY: Final = 0.2
"""Kappa between halves below which a latent class is not taken for the classes."""
SLACK: Final = 0.02
GOLD_STRENGTH: Final = 50.0
"""Known labels that count as much as the evidence without any."""
UNLABELED_LEAD: Final = 0.02
"""What that evidence is taken to say: an accuracy so much higher."""


@dataclass(frozen=True)
class Candidate:
    """One model that could have been chosen.

    Attributes
    ----------
    considered
        Whether it was held against the others; ``why`` says why not.
    reliability
        Kappa between halves of the functions; None where it was not needed.
    gold_accuracy
        On items with known labels that it had not seen (cross-validated); None without.
    """

    name: str
    considered: bool
    why: str
    reliability: float | None = None
    gold_accuracy: float | None = None


@dataclass(frozen=True)
class Choice:
    """The chosen model's name, one sentence that says why, and all candidates."""

    name: str
    sentence: str
    candidates: tuple[Candidate, ...]


def choose(statistics: VoteStatistics, evidence: KnownLabels, make: Mapping[str, Make], *, seed: int) -> Choice:
    """Choose between one weight for each function and a confusion matrix for each source.

    Parameters
    ----------
    statistics
        Of the label matrix.
    evidence
        Known labels, if any.
    make
        Name → makes the unfitted candidate; :data:`WEIGHTED` and :data:`CROWD`.
    seed
        Of the splits.
    """
    sources, unfit, groups = _sources(statistics)
    if unfit:
        return _only_weights(unfit)
    rows = statistics.some_rows()
    reliability = {
        name: split_half_reliability(rows, make[name], seed=seed, groups=groups) for name in (WEIGHTED, CROWD)
    }
    if np.isnan(reliability[CROWD]) or np.isnan(reliability[WEIGHTED]):
        return _only_weights("halves of the sources have no items in common, so nothing tells what they find")
    trusted = reliability[CROWD] >= LEAST_RELIABILITY and reliability[CROWD] >= reliability[WEIGHTED] - SLACK
    lead = UNLABELED_LEAD if trusted else -UNLABELED_LEAD
    why = (
        f"two halves of the {sources} sources agree with kappa {reliability[CROWD]:.2f} if each source gets a confusion"
        f" matrix, {reliability[WEIGHTED]:.2f} if each gets a weight"
    )
    accuracy = _accuracy(evidence, make) if evidence.several else {}
    if accuracy:
        n = evidence.n
        lead = (n * (accuracy[CROWD] - accuracy[WEIGHTED]) + GOLD_STRENGTH * lead) / (n + GOLD_STRENGTH)
        why += f"; of {n} items with known labels they get {accuracy[CROWD]:.1%} and {accuracy[WEIGHTED]:.1%} right"
    name = CROWD if lead > 0 else WEIGHTED
    candidates = tuple(Candidate(one, True, why, reliability[one], accuracy.get(one)) for one in (WEIGHTED, CROWD))
    return Choice(name, f"auto chose {name}: {why}", candidates)


def _sources(statistics: VoteStatistics) -> tuple[int, str | None, Sequence[Sequence[int]]]:
    """How many sources voted, why confusion matrices cannot be learned from them or None, and what belongs together."""
    votes = statistics.vote_counts.sum(axis=1)
    sources = int((votes > 0).sum())
    share = float(votes[(statistics.vote_counts > 0).sum(axis=1) > 1].sum() / votes.sum())
    if share < FIT_FOR_MATRICES:
        one_sided = f"{1 - share:.0%} of the votes come from functions that vote for a single class"
        return sources, f"{one_sided}, which show no confusion matrix", ()
    if sources < FEWEST_SOURCES:
        few = f"{_number(sources)} voted, too few to tell whether confusion matrices find the classes"
        return sources, few, ()
    k = statistics.cardinality
    if votes.sum() < k * k:
        few = f"{int(votes.sum()):,} votes are too few for confusion matrices of {k:,} × {k:,} classes"
        return sources, few, ()
    if statistics.m > MOST_FUNCTIONS:
        return sources, None, ()
    dependencies = find_dependencies(statistics, abstaining_tells=False)
    repeated = float((votes * (1 - dependencies.weights)).sum() / votes.sum())
    if share - repeated < FIT_FOR_MATRICES:
        copies = f"{repeated:.0%} of the votes repeat those of another source"
        return sources, f"{copies}, which confusion matrices take for independent", ()
    return sources, None, dependencies.groups


def _accuracy(evidence: KnownLabels, make: Mapping[str, Make]) -> dict[str, float]:
    """Of each candidate, on items with known labels that it has not seen."""
    found = {}
    for name in (WEIGHTED, CROWD):
        right = shares_right(evidence.held_out(make[name]), evidence.gold)
        found[name] = float(right[evidence.judges].mean())
    return found


def _only_weights(why: str) -> Choice:
    candidates = (Candidate(WEIGHTED, True, "always considered"), Candidate(CROWD, False, why))
    return Choice(WEIGHTED, f"auto chose {WEIGHTED}: {why}", candidates)


def _number(sources: int) -> str:
    return {1: "only one function", 2: "only two functions", 3: "only three functions"}[sources]
