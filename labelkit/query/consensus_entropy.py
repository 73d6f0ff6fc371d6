"""Query by committee, by the entropy of the members' mean."""

from __future__ import annotations

from labelkit.query.committee import Committee


class ConsensusEntropy(Committee):
    """Entropy of the committee's mean probabilities: what the models together are unsure of.

    Settles, "Active learning literature survey", 2009, section 3.2.
    """

    name = "consensus_entropy"

    def __init__(self) -> None:
        super().__init__("consensus")
