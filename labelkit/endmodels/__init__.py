"""Features of items, and classifiers trained on soft labels over them.

Loaded on first use: scikit-learn and scipy are imported when something is fitted.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labelkit.endmodels.base import EndModel as EndModel
    from labelkit.endmodels.base import FeatureWeight as FeatureWeight
    from labelkit.endmodels.bootstrap import committee as committee
    from labelkit.endmodels.calibration import Calibration as Calibration
    from labelkit.endmodels.embeddings import Embeddings as Embeddings
    from labelkit.endmodels.features import FeatureFields as FeatureFields
    from labelkit.endmodels.features import FeatureSet as FeatureSet
    from labelkit.endmodels.features import fit_features as fit_features
    from labelkit.endmodels.fitting import fit_end_model as fit_end_model
    from labelkit.endmodels.fitting import most_features as most_features
    from labelkit.endmodels.mixed import MixedTargets as MixedTargets
    from labelkit.endmodels.mixed import mixed_targets as mixed_targets
    from labelkit.endmodels.mixed import weak_scores as weak_scores
    from labelkit.endmodels.saving import load_end_model as load_end_model
    from labelkit.endmodels.saving import save_end_model as save_end_model
    from labelkit.endmodels.smoothing import Projection as Projection
    from labelkit.endmodels.smoothing import latent as latent

_PUBLIC = {
    "Calibration": "calibration",
    "Embeddings": "embeddings",
    "EndModel": "base",
    "FeatureFields": "features",
    "FeatureSet": "features",
    "FeatureWeight": "base",
    "MixedTargets": "mixed",
    "Projection": "smoothing",
    "committee": "bootstrap",
    "fit_end_model": "fitting",
    "fit_features": "features",
    "latent": "smoothing",
    "load_end_model": "saving",
    "mixed_targets": "mixed",
    "most_features": "fitting",
    "save_end_model": "saving",
    "weak_scores": "mixed",
}

__all__ = [
    "Calibration",
    "Embeddings",
    "EndModel",
    "FeatureFields",
    "FeatureSet",
    "FeatureWeight",
    "MixedTargets",
    "Projection",
    "committee",
    "fit_end_model",
    "fit_features",
    "latent",
    "load_end_model",
    "mixed_targets",
    "most_features",
    "save_end_model",
    "weak_scores",
]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(f"labelkit.endmodels.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module 'labelkit.endmodels' has no attribute {name!r}")
