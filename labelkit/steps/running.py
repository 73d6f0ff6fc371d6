"""Run: the whole loop once."""

from __future__ import annotations

import time
from dataclasses import dataclass

from labelkit.steps.importing import ImportResult, default_options, import_items
from labelkit.steps.labeling import LabelResult, label
from labelkit.steps.ranking import RankResult, rank
from labelkit.steps.training import TrainResult, train
from labelkit.steps.voting import VoteResult, vote
from labelkit.steps.workspace import Workspace


@dataclass
class RunResult:
    """The results of the steps, in order; ``imported`` is None where no files are configured."""

    imported: ImportResult | None
    voted: VoteResult
    labeled: LabelResult
    trained: TrainResult
    ranked: RankResult
    seconds: float = 0.0


def run(workspace: Workspace) -> RunResult:
    """Import the files named in ``labelkit.toml``, then vote, label, train and rank.

    Raises
    ------
    LabelkitError
        As the steps do; the results of the steps before stay.
    """
    started = time.perf_counter()
    files = [workspace.root / name for name in workspace.config.data.files]
    imported = import_items(workspace, files, default_options(workspace.config)) if files else None
    result = RunResult(imported, vote(workspace), label(workspace), train(workspace), rank(workspace))
    result.seconds = time.perf_counter() - started
    return result
