"""labelkit: from unlabelled records to a training set that its owner can defend.

Nothing heavy is imported here: the public names below are loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labelkit.errors import LabelkitError as LabelkitError
    from labelkit.labelmodels import label_model as label_model
    from labelkit.lf import expression as expression
    from labelkit.lf import keywords as keywords
    from labelkit.lf import labeling_function as labeling_function
    from labelkit.lf import lookup as lookup
    from labelkit.lf import model as model
    from labelkit.lf import preprocessor as preprocessor
    from labelkit.lf import regex as regex
    from labelkit.lf import slice_expression as slice_expression
    from labelkit.lf import slicing_function as slicing_function
    from labelkit.lf.applier import LFApplier as LFApplier
    from labelkit.project import Project as Project
    from labelkit.types import ABSTAIN as ABSTAIN
    from labelkit.types import LabelSchema as LabelSchema

__version__ = "0.1.0"

_PUBLIC = {
    "ABSTAIN": "labelkit.types",
    "LFApplier": "labelkit.lf.applier",
    "LabelSchema": "labelkit.types",
    "LabelkitError": "labelkit.errors",
    "Project": "labelkit.project",
    "expression": "labelkit.lf",
    "keywords": "labelkit.lf",
    "label_model": "labelkit.labelmodels",
    "labeling_function": "labelkit.lf",
    "lookup": "labelkit.lf",
    "model": "labelkit.lf",
    "preprocessor": "labelkit.lf",
    "regex": "labelkit.lf",
    "slice_expression": "labelkit.lf",
    "slicing_function": "labelkit.lf",
}

__all__ = [
    "ABSTAIN",
    "LFApplier",
    "LabelSchema",
    "LabelkitError",
    "Project",
    "__version__",
    "expression",
    "keywords",
    "label_model",
    "labeling_function",
    "lookup",
    "model",
    "preprocessor",
    "regex",
    "slice_expression",
    "slicing_function",
]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'labelkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
