"""Fitted end models in the cache: as many as there are train runs whose results are kept."""

from __future__ import annotations

import re
import shutil
from typing import Final

from labelkit.steps.workspace import Workspace

_NAME: Final = re.compile(r"[0-9a-f]{32}|[0-9]+")
"""A folder with a model: the beginning of its run's inputs (the run's number in early versions)."""


def forget_models(workspace: Workspace) -> int:
    """Delete the fitted models of train runs that are forgotten; returns how many.

    Every refit leaves one: after some hundred answers they would be most of what a project takes on the disk. One
    that is asked for later is fitted again.
    """
    folder = workspace.cache / "end_models"
    try:
        present = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    except OSError:  # nothing was ever kept
        return 0
    # Read after the folder: whoever trains at this moment stores the run first and keeps its model then.
    kept = {run.inputs[:32] for run in workspace.store.runs.versions.listed(("train",)) if run.kept}
    old = [path for path in present if path.name not in kept]
    for path in old:
        shutil.rmtree(path, ignore_errors=True)
    return len(old)
