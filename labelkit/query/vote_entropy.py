"""Query by committee, by the entropy of the members' votes."""

from __future__ import annotations

from labelkit.query.committee import Committee


class VoteEntropy(Committee):
    """Entropy of the committee's votes: few distinct values, ties at random.

    Dagan and Engelson, "Committee-based sampling for training probabilistic classifiers", ICML 1995.
    """

    name = "vote_entropy"

    def __init__(self) -> None:
        super().__init__("vote")
