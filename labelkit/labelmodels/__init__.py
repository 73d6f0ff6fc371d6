"""Label models: votes of labeling functions → one distribution over the classes per item.

The classes below are loaded on first use, so that ``import labelkit`` stays light.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from labelkit import registry
from labelkit.errors import LabelModelError

if TYPE_CHECKING:
    from labelkit.labelmodels.annotators import AnnotatorConsensus as AnnotatorConsensus
    from labelkit.labelmodels.annotators import annotator_consensus as annotator_consensus
    from labelkit.labelmodels.annotators import with_answers as with_answers
    from labelkit.labelmodels.auto import AutoLabelModel as AutoLabelModel
    from labelkit.labelmodels.base import LabelModel as LabelModel
    from labelkit.labelmodels.crowd import CrowdLabelModel as CrowdLabelModel
    from labelkit.labelmodels.crowd_answers import crowd_consensus as crowd_consensus
    from labelkit.labelmodels.dawid_skene import DawidSkeneLabelModel as DawidSkeneLabelModel
    from labelkit.labelmodels.known_labels import held_out as held_out
    from labelkit.labelmodels.mace import MaceLabelModel as MaceLabelModel
    from labelkit.labelmodels.majority import MajorityLabelModel as MajorityLabelModel
    from labelkit.labelmodels.snorkel import SnorkelLabelModel as SnorkelLabelModel
    from labelkit.labelmodels.statistics import VoteStatistics as VoteStatistics
    from labelkit.labelmodels.triplet import TripletLabelModel as TripletLabelModel
    from labelkit.labelmodels.validation import covered as covered
    from labelkit.labelmodels.weighted_majority import WeightedMajorityLabelModel as WeightedMajorityLabelModel

_PUBLIC = {
    "AutoLabelModel": "labelkit.labelmodels.auto",
    "AnnotatorConsensus": "labelkit.labelmodels.annotators",
    "CrowdLabelModel": "labelkit.labelmodels.crowd",
    "annotator_consensus": "labelkit.labelmodels.annotators",
    "crowd_consensus": "labelkit.labelmodels.crowd_answers",
    "with_answers": "labelkit.labelmodels.annotators",
    "WeightedMajorityLabelModel": "labelkit.labelmodels.weighted_majority",
    "TripletLabelModel": "labelkit.labelmodels.triplet",
    "MaceLabelModel": "labelkit.labelmodels.mace",
    "DawidSkeneLabelModel": "labelkit.labelmodels.dawid_skene",
    "LabelModel": "labelkit.labelmodels.base",
    "held_out": "labelkit.labelmodels.known_labels",
    "MajorityLabelModel": "labelkit.labelmodels.majority",
    "SnorkelLabelModel": "labelkit.labelmodels.snorkel",
    "VoteStatistics": "labelkit.labelmodels.statistics",
    "covered": "labelkit.labelmodels.validation",
}

__all__ = [
    "AnnotatorConsensus",
    "AutoLabelModel",
    "CrowdLabelModel",
    "DawidSkeneLabelModel",
    "LabelModel",
    "MaceLabelModel",
    "MajorityLabelModel",
    "SnorkelLabelModel",
    "TripletLabelModel",
    "VoteStatistics",
    "WeightedMajorityLabelModel",
    "annotator_consensus",
    "covered",
    "crowd_consensus",
    "held_out",
    "label_model",
    "load_label_model",
    "prepare",
    "with_answers",
]


def label_model(name: str, *, cardinality: int, **options: Any) -> LabelModel:
    """Make an unfitted label model by its registered name.

    Parameters
    ----------
    name
        A name in the registry, for instance ``"snorkel"`` or ``"majority"``.
    cardinality
        Number of classes.
    **options
        Options of that label model, as its class documents them.

    Raises
    ------
    RegistryError
        If no label model has this name.
    LabelModelError
        If the model has no such option, or cannot use its value.

    Examples
    --------
    >>> import numpy as np
    >>> model = label_model("majority", cardinality=2)
    >>> L = np.array([[0, 0, 1], [1, -1, -1], [-1, -1, -1]])
    >>> model.fit(L).predict(L).tolist()
    [0, 1, -1]
    """
    cls: type[LabelModel] = registry.resolve("label_models", name)
    known = list(inspect.signature(cls).parameters)
    for option in options:
        if option not in known:
            choices = ", ".join(k for k in known if k != "cardinality") or "none"
            raise LabelModelError(f"the label model {name!r} has no option {option!r}; its options are {choices}")
    return cls(cardinality=cardinality, **options)


def prepare(name: str) -> None:
    """Import what fitting a registered label model needs, so that a command can do so while it reads votes.

    May be called from a thread of its own while other code runs; a second call does nothing.

    Raises
    ------
    RegistryError
        If no label model has this name.
    """
    cls: type[LabelModel] = registry.resolve("label_models", name)
    cls.prepare()


def load_label_model(state: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[np.generic]]) -> LabelModel:
    """The fitted label model that ``to_state`` described.

    Raises
    ------
    RegistryError
        If the label model is not registered here.
    LabelModelError
        If the state is not one that a label model wrote.
    """
    name = state.get("model")
    if not isinstance(name, str):
        raise LabelModelError(f"a stored label model names no model; it holds {', '.join(state) or 'nothing'}")
    cls: type[LabelModel] = registry.resolve("label_models", name)
    return cls.from_state(state, arrays)


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'labelkit.labelmodels' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
