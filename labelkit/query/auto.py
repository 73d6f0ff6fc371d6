"""The scheduler: from what weak supervision is least certain of to what the end model is, measured against chance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from labelkit.query import measures
from labelkit.query.base import PoolPart
from labelkit.query.pool import Pool
from labelkit.query.words import part, percent, ranked, said
from labelkit.types import FloatArray

HALF_WAY: Final = 50
"""Answers after which the label model speaks half as loud as the end model."""
LOST: Final = 2.0
"""Standard errors by which chosen answers must have taught less than random ones before the queue falls back."""
EXPLORES: Final = 0.1
"""Share of the active places that still go to the scheduler after it fell back: it may win again."""
ENOUGH_TUNING: Final = 150
FEWER_TUNING: Final = 0.1
"""Once so many random answers teach the label model, this share of the queue is enough to follow changes."""


class Auto:
    """Margin of the two models' mean, in which the label model fades as people answer.

    At first the end model knows only what the votes taught it, and its margin is theirs at second hand; the
    label model says where votes conflict or are missing (an uncovered item has equal chances there). With a
    hundred answers the end model's margin decides: asking by another model's doubt than that of the one that is
    shipped was measured to be worse than random (Lowell, Lipton and Wallace, "Practical obstacles to deploying
    active learning", EMNLP 2019).
    """

    name: Final = "auto"
    needs: frozenset[PoolPart] = frozenset({"end_model"})
    wants: frozenset[PoolPart] = frozenset({"label_model", "labelled"})

    def utilities(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """(m,) scores from 0 (one class certain) to 1 (the two best are level)."""
        del rng
        return 1.0 - measures.margin(_mean(pool, self.name))

    def reason(self, pool: Pool, i: int) -> str:
        """See :meth:`QueryStrategy.reason`."""
        row = _mean(pool.take(np.array([i])), self.name)[0]
        first, second = (int(c) for c in ranked(row)[:2])
        share = _share_of_votes(pool)
        who = "the end model" if share < 0.01 else f"the models (label model {percent(share)}, end model the rest)"
        if pool.label_model is not None and share >= 0.01 and not pool.covered[i]:
            who = "no labeling function voted, and the end model"
        verb = "hesitates" if who.endswith("end model") else "hesitate"
        return f"{who} {verb} between {said(pool, row, first)} and {said(pool, row, second)}"


def scheduled_mix(mix: Mapping[str, float], lead: Mapping[str, Any] | None) -> tuple[dict[str, float], str | None]:
    """The mix of strategies after looking at what chosen answers taught, and a note where it changed.

    Parameters
    ----------
    mix
        Strategy → share.
    lead
        ``value`` and ``error`` of the chosen answers' lead over random ones in log loss, as
        :func:`labelkit.endmodels.mixed.lead_of_choice` has it; None where it is not known yet.
    """
    given = dict(mix)
    share = given.get("auto", 0.0)
    if share <= 0 or lead is None or lead["value"] + LOST * lead["error"] >= 0:
        return given, None
    given["auto"] = share * EXPLORES
    given["random"] = given.get("random", 0.0) + share * (1 - EXPLORES)
    return given, (
        f"chosen answers taught less than as many random ones ({lead['value']:+.3f} ± {lead['error']:.3f} nats of log"
        f" loss, {lead['answers']} answers each): {percent(1 - EXPLORES)} of auto's share is asked at random"
        " until they win"
    )


def scheduled_tuning(share: float, tuned: int) -> float:
    """The share of random places for tuning after so many answers to such items."""
    return share if tuned < ENOUGH_TUNING else min(share, FEWER_TUNING)


def _share_of_votes(pool: Pool) -> float:
    """The label model's share of the mean."""
    if pool.label_model is None:
        return 0.0
    answered = 0 if pool.labelled is None else len(pool.labelled)
    return 1.0 / (2.0 + 2.0 * answered / HALF_WAY) if answered < 4 * HALF_WAY else 0.0


def _mean(pool: Pool, name: str) -> FloatArray:
    ours = part(pool.end_model, "end_model", name)
    share = _share_of_votes(pool)
    if share == 0.0 or pool.label_model is None:
        return ours
    theirs = np.where(pool.covered[:, None], pool.label_model, np.float32(1 / ours.shape[1]))
    mixed: FloatArray = ((1 - share) * ours + share * theirs).astype(ours.dtype)
    return mixed
