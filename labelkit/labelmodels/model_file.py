"""A fitted label model as one file: an npz archive whose member ``state`` is JSON. Nothing is pickled."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from labelkit.errors import LabelModelError

Arrays = dict[str, npt.NDArray[Any]]

_STATE = "state"


def write_model(destination: str | os.PathLike[str], state: dict[str, Any], arrays: Arrays) -> None:
    """Write what ``to_state`` gave to exactly this path; equal models give equal bytes.

    The file is there completely or not at all: what stood there before stays if writing fails.

    Raises
    ------
    LabelModelError
        If the file cannot be written.
    """
    path = Path(destination)
    text = np.frombuffer(json.dumps(state, sort_keys=True, allow_nan=False).encode(), dtype=np.uint8)
    temporary: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            save: Any = np.savez  # its later versions name a further argument, which no array is called
            save(file, **{_STATE: text}, **{f"array_{name}": array for name, array in arrays.items()})
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise LabelModelError(f"{path} cannot be written: {error.strerror or error}") from None


def read_model(source: str | os.PathLike[str]) -> tuple[dict[str, Any], Arrays]:
    """What :func:`write_model` wrote.

    Raises
    ------
    LabelModelError
        If there is no such file, or it is something else, for instance a pickle that Snorkel saved.
    """
    path = Path(source)
    try:
        with np.load(path, allow_pickle=False) as archive:
            state = json.loads(archive[_STATE].tobytes())
            arrays = {name.removeprefix("array_"): archive[name] for name in archive.files if name != _STATE}
    except FileNotFoundError:
        raise LabelModelError(f"there is no saved label model at {path}") from None
    except (OSError, ValueError, KeyError, TypeError, EOFError, AttributeError, zipfile.BadZipFile):
        raise LabelModelError(
            f"{path} holds no label model that labelkit saved",
            hint="Files that Snorkel pickled are not read: fit the model again and save it",
        ) from None
    return state, arrays


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
