"""The guard around Snorkel's optimiser: a solution that stands on its head is found and not used.

Where class shares differ, Snorkel's loss has mirror solutions that name the classes wrongly, and a
small starting point can slide into one: measured on YouTube comments with shares .7/.3, 14 of 100
seeds gave accuracies near .16 instead of .84. Such a solution shows without any label: it agrees
better with majority vote after its classes are renamed, or calls most votes worse than chance. A start
that is smaller still stays near a saddle, where decisions have next to nothing to do with the votes. The
optimiser works on the small matrix O, so trying again from another point costs little.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from labelkit.errors import LabelModelError
from labelkit.labelmodels.evidence import Evidence, Mu, Verdict

GOLD_RESTARTS: Final = 3
"""Restarts where only known labels speak against a solution: another start seldom changes that."""
PENALTIES: Final = (0.1, 1.0, 10.0)
"""l2 penalties that are tried in turn on a solution that overrules more unanimous votes than that. Snorkel's
penalty pulls mu to its starting point, where every function is better than chance."""

Train = Callable[[int, float], Mu]
"""Seed and learning rate → mu; raises :class:`Diverged`."""
Penalised = Callable[[float], Train]
"""l2 penalty → the optimiser with it."""


class Diverged(LabelModelError):
    """The optimiser's loss is no longer a number."""


@dataclass(frozen=True)
class GuardedFit:
    """The chosen mu (m·k, k), figures on the choice, and what the user should be told."""

    mu: Mu
    diagnostics: dict[str, Any]
    notes: list[str]


def guarded_fit(
    train: Train,
    evidence: Evidence,
    *,
    seed: int,
    lr: float,
    max_restarts: int,
    names: Sequence[str] | None = None,
    penalised: Penalised | None = None,
) -> GuardedFit:
    """Train, judge, and train again from derived seeds while the result is suspicious.

    The first sound solution is taken; if there is none, the best one, with a note. Where the
    optimiser diverges, its learning rate is divided by ten, and stays so. A solution that overrules
    unanimous votes without known labels to bear it out is fitted again with growing l2 penalties, and so is
    one that is still flipped: the penalty's own solution, the starting point, never is.

    Raises
    ------
    Diverged
        If the optimiser diverges also at a hundredth of the learning rate.
    """
    tried: list[tuple[int, Mu, Verdict]] = []
    rate = lr
    for attempt in range(max_restarts + 1):
        used = seed if attempt == 0 else derived_seed(seed, attempt)
        mu, rate = _train_slower(train, used, rate, lr)
        verdict = evidence.judge(mu)
        tried.append((used, mu, verdict))
        if verdict.sound or (not verdict.flipped and attempt >= GOLD_RESTARTS):
            break
    used, mu, best = max(tried, key=lambda one: one[2].rank)
    restarts = len(tried) - 1
    l2, first = None, best
    if (best.contrary or best.flipped) and penalised is not None:
        mu, best, l2 = _penalise(penalised, evidence, used, rate, (mu, best))
    notes = [
        *_gold_notes(best, len(evidence.balance)),
        *_notes(best, restarts),
        *_slower_note(lr, rate),
        *_penalty_note(first, best, l2),
    ]
    diagnostics = {
        "guard": True,
        "seed": used,
        "lr": rate,
        "restarts": restarts,
        "first_agreement_with_majority": tried[0][2].agreement,
        "first_against_unanimous": first.against_unanimous,
        "penalty": l2,
        **_figures(best, len(evidence.balance), names),
    }
    return GuardedFit(mu, diagnostics, notes)


def _figures(verdict: Verdict, cardinality: int, names: Sequence[str] | None) -> dict[str, Any]:
    """What the verdict on the chosen solution says, JSON-able."""
    return {
        "agreement_with_majority": verdict.agreement,
        "kappa_with_majority": verdict.kappa,
        "worse_than_chance": [names[i] if names is not None else i for i in verdict.worse_than_chance],
        "distrusted_votes": verdict.distrusted_votes,
        "gold_n": verdict.gold_n,
        "gold_accuracy": verdict.gold_accuracy if verdict.gold_n else None,
        "majority_gold_accuracy": verdict.majority_gold_accuracy if verdict.gold_n else None,
        "against_unanimous": verdict.against_unanimous,
        "warning": not verdict.sound or verdict.contrary or verdict.votes_below_chance(cardinality),
    }


def _penalise(
    penalised: Penalised, evidence: Evidence, seed: int, rate: float, found: tuple[Mu, Verdict]
) -> tuple[Mu, Verdict, float | None]:
    """The solution under the smallest penalty that leaves unanimous votes alone; the one given if none does."""
    for l2 in PENALTIES:
        try:
            mu, _ = _train_slower(penalised(l2), seed, rate, rate)
        except Diverged:
            continue
        verdict = evidence.judge(mu)
        if not (verdict.flipped or verdict.contrary):
            return mu, verdict, l2
    return *found, None


def _train_slower(train: Train, seed: int, rate: float, asked: float) -> tuple[Mu, float]:
    """Train at the given rate, or at a tenth or a hundredth of the one asked for where that diverges."""
    while True:
        try:
            return train(seed, rate), rate
        except Diverged:
            if rate < asked / 50:
                raise
            rate /= 10


def derived_seed(seed: int, attempt: int) -> int:
    """The seed of a restart: another for each attempt, the same in every process."""
    return int(np.random.SeedSequence([seed, attempt]).generate_state(1)[0])


def _notes(verdict: Verdict, restarts: int) -> list[str]:
    notes = []
    if verdict.flipped:
        notes.append(
            f"the label model stands against majority vote also after {restarts} restarts"
            f" (they agree on {verdict.agreement:.0%} of the items that majority vote decides,"
            f" {verdict.distrusted_votes:.0%} of the votes are estimated worse than chance);"
            " check the class balance and the labeling functions, or use majority vote"
        )
    if verdict.contradicted:
        notes.append(
            f"on {verdict.gold_n} covered items with known labels the label model is right on"
            f" {verdict.gold_accuracy:.0%}, majority vote on {verdict.majority_gold_accuracy:.0%};"
            " consider majority vote"
        )
    return notes


def _gold_notes(verdict: Verdict, cardinality: int) -> list[str]:
    notes = []
    if verdict.gold_n and verdict.gold_classes == 1:
        notes.append(
            f"the {verdict.gold_n} known labels of covered items are all of one class: they say nothing of the others"
        )
    if verdict.votes_below_chance(cardinality):
        notes.append(
            f"the {verdict.gold_n} known labels contradict the votes: majority vote is right on"
            f" {verdict.majority_gold_accuracy:.0%} of them, fewer than by guessing;"
            " check the order of the classes, the labels, and the labeling functions"
        )
    return notes


def _penalty_note(first: Verdict, best: Verdict, l2: float | None) -> list[str]:
    notes = []
    if l2 is not None and not first.contrary:
        notes.append(
            "as fitted, the label model stood against majority vote from every starting point that was tried;"
            f" it was fitted again with l2 = {l2:g}, which holds functions nearer to better than chance"
        )
    elif l2 is not None:
        notes.append(
            f"as fitted, the label model overruled {first.against_unanimous:.0%} of the items on which all votes agree;"
            f" it was fitted again with l2 = {l2:g}, which holds functions nearer to better than chance"
        )
    if best.contrary:
        notes.append(
            f"the label model overrules {best.against_unanimous:.0%} of the items on which all votes agree,"
            " and no known labels say that it is right to; compare it with majority vote before you trust it"
        )
    return notes


def _slower_note(asked: float, rate: float) -> list[str]:
    if rate == asked:
        return []
    return [f"Snorkel's optimiser diverged at lr = {asked:g}; the label model was fitted at lr = {rate:g}"]
