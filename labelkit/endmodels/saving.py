"""Fitted end models on disk: JSON and npz, no pickle."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np

from labelkit.endmodels.base import EndModel, Fitted
from labelkit.endmodels.calibration import Calibration
from labelkit.endmodels.embeddings import Embeddings
from labelkit.endmodels.features import FeatureSet
from labelkit.endmodels.fitting import make_end_model
from labelkit.errors import EndModelError

FORMAT: Final = 2
READ: Final = (1, FORMAT)
"""Format 1 knows no calibration, smoothing or embeddings."""
JSON_NAME: Final = "end_model.json"
ARRAYS_NAME: Final = "end_model.npz"


def save_end_model(model: EndModel, folder: Path) -> None:
    """Write a model; the JSON file comes last and whole, so that a folder with one is complete."""
    if not model.can_save:
        raise EndModelError(f"{model.spec} cannot be saved without pickle", hint="Fit it again when it is needed")
    fitted = model._need()
    features, arrays = fitted.features.state()
    learned, own = model._state()
    described = {
        "format": FORMAT,
        "spec": model.spec,
        "options": model.options(),
        "cardinality": fitted.cardinality,
        "present": [int(c) for c in fitted.present],
        "notes": model._notes,
        "features": features,
        "learned": learned,
        "calibration": None if model.calibration is None else model.calibration.state(),
    }
    partial = folder / (ARRAYS_NAME + ".partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, **arrays, **{f"model_{name}": array for name, array in own.items()})  # type: ignore[arg-type]
    partial.replace(folder / ARRAYS_NAME)
    partial = folder / (JSON_NAME + ".partial")
    partial.write_text(json.dumps(described, ensure_ascii=False, sort_keys=True), encoding="utf-8")
    partial.replace(folder / JSON_NAME)


def load_end_model(folder: Path, *, embeddings: Embeddings | None = None) -> EndModel:
    """The model in a folder.

    Parameters
    ----------
    embeddings
        Where the vectors come from, if the model uses some; without it the model can
        only be asked for rows of a matrix.

    Raises
    ------
    EndModelError
        If there is none, it is damaged, or a newer labelkit wrote it.
    """
    try:
        described = json.loads((folder / JSON_NAME).read_text(encoding="utf-8"))
        if described["format"] not in READ:
            raise EndModelError(
                f"the end model in {folder} has format {described['format']}; this labelkit reads {FORMAT}",
                hint="Run `labelkit train` again, or update labelkit",
            )
        with np.load(folder / ARRAYS_NAME, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        return _rebuild(described, arrays, embeddings)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise EndModelError(
            f"there is no usable end model in {folder}: {error}", hint="Run `labelkit train` again"
        ) from error


def _rebuild(described: dict[str, Any], arrays: dict[str, Any], embeddings: Embeddings | None) -> EndModel:
    own = {name.removeprefix("model_"): array for name, array in arrays.items() if name.startswith("model_")}
    features = FeatureSet.from_state(described["features"], arrays, embeddings)
    if ":" in described["spec"]:  # what lies in a folder never decides what code is imported
        raise EndModelError(f"a saved end model names the class {described['spec']!r}; only registered ones are loaded")
    model = make_end_model(described["spec"], described["options"])
    model._fitted = Fitted(features, int(described["cardinality"]), np.array(described["present"], dtype=np.int64))
    model._notes = list(described["notes"])
    model._restore(described["learned"], own)
    calibration = described.get("calibration")
    model._calibration = None if calibration is None else Calibration.from_state(calibration)
    return model
