"""Query by committee: the items on which models trained on resamples disagree."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np

from labelkit.errors import QueryError
from labelkit.query import measures
from labelkit.query.base import PoolPart
from labelkit.query.pool import Pool
from labelkit.query.words import part, percent
from labelkit.types import FloatArray

Measure = Literal["kl", "vote", "consensus"]
_MEASURES: Final = {"kl": measures.max_kl, "vote": measures.vote_entropy, "consensus": measures.consensus_entropy}


class Committee:
    """Disagreement within a bootstrap committee.

    Seung, Opper and Sompolinsky, "Query by committee", COLT 1992; the Kullback-Leibler measure after
    McCallum and Nigam, "Employing EM and pool-based active learning for text classification", ICML 1998.

    Parameters
    ----------
    measure
        ``"kl"``, largest divergence of a member from the mean (the default: it asks for disagreement,
        not for the noise that all members see alike, and is fast); ``"vote"``, entropy of the members'
        votes (few distinct values); ``"consensus"``, entropy of the mean.
    """

    name: str = "committee"
    needs: frozenset[PoolPart] = frozenset({"committee"})

    def __init__(self, measure: Measure = "kl") -> None:
        if measure not in _MEASURES:
            raise QueryError(f"unknown committee measure {measure!r}; choose one of {', '.join(_MEASURES)}")
        self.measure = measure

    def utilities(self, pool: Pool, rng: np.random.Generator) -> FloatArray:
        """(m,) scores in nats, 0 where all members agree (``kl``, ``vote``)."""
        del rng
        members = part(pool.committee, "committee", self.name)
        if not len(members):
            raise QueryError("the committee has no members; at least 2 were expected")
        return _MEASURES[self.measure](members)

    def reason(self, pool: Pool, i: int) -> str:
        """See :meth:`QueryStrategy.reason`."""
        rows = part(pool.committee, "committee", self.name)[:, i]
        votes = np.bincount(rows.argmax(axis=1), minlength=len(pool.label_names))
        order = [int(c) for c in np.argsort(-votes, kind="stable") if votes[c]]
        if len(order) > 1:
            split = ", ".join(f"{votes[c]} say {pool.label_names[c]}" for c in order)
            return f"{len(rows)} models trained on resamples disagree: {split}"
        best = rows[:, order[0]]
        return (
            f"{len(rows)} models trained on resamples all say {pool.label_names[order[0]]},"
            f" but between {percent(float(best.min()))} and {percent(float(best.max()))} sure"
        )
