"""When a lead should talk to an annotator, in words and with the next step. Nothing happens by itself.

A warning needs an interval that lies beyond what it is compared with: few answers give no warning.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from labelkit.annotate.quality import AnnotatorCounts
from labelkit.types import Estimate

Concern = Literal["gold", "agreement", "fast", "one_label", "skips", "drift"]

LEAST_GOLD: Final = 8
LEAST_ANSWERS: Final = 20
LEAST_HALF: Final = 30
GOOD: Final = 0.8
"""Right answers to gold questions that are good enough, however good the others are."""
MANY_FAST: Final = 0.1
SAME_LABEL: Final = 0.95
MANY_SKIPS: Final = 0.2
BY_CHANCE: Final = 0.001


@dataclass(frozen=True)
class AnnotatorEstimates:
    """Shares with their intervals, of the counts of the same names."""

    gold: Estimate
    others_gold: Estimate
    agreement: Estimate
    others_agreement: Estimate
    fast: Estimate
    skipped: Estimate
    before: Estimate
    after: Estimate


@dataclass(frozen=True)
class QualityWarning:
    """What is unusual about an annotator's answers, and what to do next."""

    annotator: str
    concern: Concern
    what: str
    next_step: str


def quality_warnings(
    counts: AnnotatorCounts, found: AnnotatorEstimates, class_names: tuple[str, ...]
) -> list[QualityWarning]:
    """What a lead should look at, the gravest first."""
    checks: tuple[tuple[Concern, tuple[str, str] | None], ...] = (
        ("gold", _gold(found)),
        ("agreement", _agreement(counts, found)),
        ("one_label", _one_label(counts, class_names)),
        ("fast", _fast(counts, found)),
        ("drift", _drift(found)),
        ("skips", _skips(counts, found)),
    )
    return [QualityWarning(counts.annotator, concern, *words) for concern, words in checks if words is not None]


def _gold(found: AnnotatorEstimates) -> tuple[str, str] | None:
    compared = found.others_gold.n >= LEAST_ANSWERS
    bar = min(GOOD, found.others_gold.value) if compared else GOOD
    if found.gold.n < LEAST_GOLD or found.gold.high >= bar:
        return None
    others = f"; the others {found.others_gold.value:.0%}" if compared else ""
    return (
        f"{_told(found.gold)} of the answers to gold questions are right{others}",
        "Go through the wrong ones together: the guidelines may be unclear, or the gold labels wrong",
    )


def _agreement(counts: AnnotatorCounts, found: AnnotatorEstimates) -> tuple[str, str] | None:
    """Only where the others agree with each other: of two people, nobody can say who is off."""
    if min(found.agreement.n, found.others_agreement.n) < LEAST_ANSWERS:
        return None
    if found.agreement.high >= found.others_agreement.low:
        return None
    return (
        f"agrees with the others on {_told(found.agreement)}; they agree with each other on"
        f" {found.others_agreement.value:.0%}",
        "Look at the disputed items in Review: this annotator may read the guidelines in another way",
    )


def _one_label(counts: AnnotatorCounts, class_names: tuple[str, ...]) -> tuple[str, str] | None:
    """As often the same label would hardly come about by chance, given how often the others use it."""
    own, others = counts.most_frequent_share, counts.others_share
    if own.n < LEAST_ANSWERS or others.n < LEAST_ANSWERS or own.of < SAME_LABEL * own.n:
        return None
    expected = (others.of + 1) / (others.n + 2)
    if _at_least(int(own.of), own.n, expected) > BY_CHANCE:
        return None
    name = class_names[counts.most_frequent]
    return (
        f"answers {name!r} {own.of:.0f} times of {own.n}; the others in {others.of / others.n:.0%}",
        "Ask whether the key of another label works, and look at some of the answers",
    )


def _fast(counts: AnnotatorCounts, found: AnnotatorEstimates) -> tuple[str, str] | None:
    if found.fast.n < LEAST_ANSWERS or found.fast.low <= MANY_FAST:
        return None
    return (
        f"{_told(found.fast)} of the answers took less than {counts.fast_limit:.1f} s, too little to read an item",
        "Look at some of these answers before you rely on them, and ask how they came about",
    )


def _drift(found: AnnotatorEstimates) -> tuple[str, str] | None:
    """The difference of two shares with Newcombe's interval (1998, method 10) from their Wilson intervals."""
    before, after = found.before, found.after
    if min(before.n, after.n) < LEAST_HALF:
        return None
    upper = after.value - before.value + math.hypot(after.high - after.value, before.value - before.low)
    if upper >= 0:
        return None
    return (
        f"the earlier half of the answers is borne out by {before.value:.0%}, the later half by {after.value:.0%}",
        "Ask what has changed: harder items, other guidelines, or tiredness",
    )


def _skips(counts: AnnotatorCounts, found: AnnotatorEstimates) -> tuple[str, str] | None:
    others = counts.others_skipped
    if min(found.skipped.n, others.n) < LEAST_ANSWERS:
        return None
    if found.skipped.low <= max(MANY_SKIPS, 2 * others.of / others.n):
        return None
    return (
        f"skips {_told(found.skipped)} of the items; the others {others.of / others.n:.0%}",
        "Look at the reasons: a label may be missing, or a language",
    )


def _told(share: Estimate) -> str:
    return f"{share.value:.0%} ({share.low:.0%} to {share.high:.0%}, n = {share.n:,})"


def _at_least(successes: int, n: int, probability: float) -> float:
    """Probability of so many successes or more."""
    from scipy.special import bdtrc

    return float(bdtrc(successes - 1, n, probability))
