"""People's answers as a list, for models that take annotators as sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from labelkit.types import Annotation, BoolArray


@dataclass(frozen=True)
class PeopleAnswers:
    """Labels that people gave; skips and simulated answers are none.

    Attributes
    ----------
    item
        int64, shape (a,).
    annotator
        Who answered, shape (a,).
    label
        int64, shape (a,): stable ids of classes in use.
    """

    item: npt.NDArray[np.int64]
    annotator: tuple[str, ...]
    label: npt.NDArray[np.int64]


def people_answers(
    annotations: Iterable[Annotation],
    *,
    merged: Mapping[int, int] | None = None,
    left_out: BoolArray | None = None,
) -> PeopleAnswers:
    """The answers of people, ordered by item and annotator.

    Parameters
    ----------
    annotations
        The answers that count, one per person and item.
    merged
        id of a merged class → id of its successor.
    left_out
        (n,) items whose answers must not be used, for instance audit items; none if not given.
    """
    successor = merged or {}
    kept = sorted(
        (annotation.item, annotation.annotator, successor.get(annotation.label, annotation.label))
        for annotation in annotations
        if annotation.label is not None
        and not annotation.simulated
        and (left_out is None or not left_out[annotation.item])
    )
    return PeopleAnswers(
        np.array([item for item, _, _ in kept], dtype=np.int64),
        tuple(annotator for _, annotator, _ in kept),
        np.array([label for _, _, label in kept], dtype=np.int64),
    )
