"""Why one item has its label: what each function added, and what the end model looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from labelkit.types import ABSTAIN, FloatArray, IntArray


@dataclass(frozen=True)
class VoteEvidence:
    """One labeling function on the item.

    Attributes
    ----------
    function
        Its name.
    vote
        The name of the class it voted for, None if it abstained.
    added
        What the vote adds to the decided class against the runner-up, in the label model's unit;
        negative where it speaks for the runner-up, 0 for an abstention.
    """

    function: str
    vote: str | None
    added: float


@dataclass(frozen=True)
class FeatureEvidence:
    """One feature of the end model, and what it adds to the log-odds of the end model's class."""

    feature: str
    weight: float


@dataclass(frozen=True)
class Explanation:
    """Why one item has its label.

    ``prior`` and the ``added`` of all functions sum to ``total``, how far the decided class leads the
    runner-up: for a label model in log-odds, exactly the log of the ratio of their probabilities.

    Attributes
    ----------
    label
        The class that the label model decides on, None if nothing was voted or the top classes tie.
    decided, runner_up
        The two most probable classes, by name; what ``prior`` and ``added`` compare.
    unit
        "log-odds" or "votes".
    prior
        What the class balance adds before any vote.
    total
        The lead of ``decided`` over ``runner_up``.
    probabilities
        The label model's probability of each class, by name.
    functions
        One entry for each labeling function: those that voted first, strongest first.
    end_model
        The end model's probability of each class, by name; None if there is none.
    features
        The end model's strongest features for its class.
    """

    label: str | None
    decided: str
    runner_up: str
    unit: str
    prior: float
    total: float
    probabilities: dict[str, float]
    functions: tuple[VoteEvidence, ...]
    end_model: dict[str, float] | None = None
    features: tuple[FeatureEvidence, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The explanation as JSON-able figures."""
        return asdict(self)


def explain_votes(
    votes: IntArray,
    *,
    names: Sequence[str],
    class_names: Sequence[str],
    contributions: FloatArray,
    log_prior: FloatArray,
    probabilities: FloatArray,
    unit: str = "log-odds",
    end_model: FloatArray | None = None,
    features: Sequence[tuple[str, float]] = (),
) -> Explanation:
    """Explain the label of one item.

    Parameters
    ----------
    votes
        Class indices, −1 = abstain, shape (m,).
    names, class_names
        Of the m labeling functions and the k classes.
    contributions, log_prior, probabilities
        What the label model says: shapes (m, k), (k,) and (k,).
    unit
        What the contributions are measured in.
    end_model
        The end model's probabilities, shape (k,), if there is one.
    features
        Its strongest features with their weights.

    Raises
    ------
    ValueError
        If the shapes do not fit.
    """
    m, k = len(names), len(class_names)
    shapes = (votes.shape, contributions.shape, log_prior.shape, probabilities.shape)
    if shapes != ((m,), (m, k), (k,), (k,)) or (end_model is not None and end_model.shape != (k,)):
        raise ValueError(f"shapes {shapes} do not fit {m} labeling functions and {k} classes")
    decided, runner_up = (int(c) for c in np.argsort(-probabilities, kind="stable")[:2])
    lead: npt.NDArray[np.float64] = np.asarray(contributions[:, decided] - contributions[:, runner_up], np.float64)
    prior = float(log_prior[decided] - log_prior[runner_up])
    rows = [
        VoteEvidence(name, None if vote == ABSTAIN else class_names[vote], float(added))
        for name, vote, added in zip(names, votes.tolist(), lead, strict=True)
    ]
    tie = probabilities[decided] - probabilities[runner_up] < 1e-5
    return Explanation(
        label=None if tie or (votes == ABSTAIN).all() else class_names[decided],
        decided=class_names[decided],
        runner_up=class_names[runner_up],
        unit=unit,
        prior=prior,
        total=prior + float(lead.sum()),
        probabilities=_by_name(class_names, probabilities),
        functions=tuple(sorted(rows, key=lambda row: (row.vote is None, -abs(row.added)))),
        end_model=None if end_model is None else _by_name(class_names, end_model),
        features=tuple(FeatureEvidence(str(feature), float(weight)) for feature, weight in features),
    )


def _by_name(class_names: Sequence[str], values: FloatArray) -> dict[str, float]:
    return {name: float(value) for name, value in zip(class_names, values, strict=True)}
