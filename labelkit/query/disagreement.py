"""Label model against end model: where the votes and what was learned from them part."""

from __future__ import annotations

from typing import Final

import numpy as np

from labelkit.query.base import PoolPart
from labelkit.query.pool import Pool
from labelkit.query.words import part, percent, ranked, said
from labelkit.types import FloatArray

NOT_COMPARABLE = -1.0
"""Utility of an uncovered item: after every item on which both models have an opinion."""


class Disagreement:
    """Total variation distance between the label model's and the end model's probabilities.

    The distance is the probability that the two place differently. It is bounded, unlike a symmetric
    Kullback-Leibler divergence, which a label model that saturates at 0 and 1 would dominate.
    """

    name: Final = "disagreement"
    needs: frozenset[PoolPart] = frozenset({"end_model", "label_model"})

    def utilities(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """(m,) scores from 0 (same opinion) to 1 (opposite certainties); −1 where no function voted."""
        del rng
        ours = part(pool.label_model, "label_model", self.name)
        theirs = part(pool.end_model, "end_model", self.name)
        distance = 0.5 * np.abs(ours.astype(np.float64) - theirs).sum(axis=1)
        # NaN has to stay visible on uncovered rows too: it names a broken model.
        return np.where(pool.covered | ~np.isfinite(distance), distance, NOT_COMPARABLE)

    def reason(self, pool: Pool, i: int) -> str:
        """See :meth:`QueryStrategy.reason`."""
        ours = part(pool.label_model, "label_model", self.name)[i]
        theirs = part(pool.end_model, "end_model", self.name)[i]
        voted, learned = int(ranked(ours)[0]), int(ranked(theirs)[0])
        if not pool.covered[i]:
            return f"no labeling function voted; end model says {said(pool, theirs, learned)}"
        if voted == learned:
            sure, other = percent(float(ours[voted])), percent(float(theirs[voted]))
            return f"label model is {sure} sure of {pool.label_names[voted]}, end model {other}"
        return f"label model says {said(pool, ours, voted)} but end model says {said(pool, theirs, learned)}"
