"""What a notebook wants to see: items, votes, queue and training set as DataFrames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from labelkit.steps.labeling import vote_matrix
from labelkit.steps.workspace import Workspace
from labelkit.types import IntArray

if TYPE_CHECKING:
    import pandas as pd

_OWN: Final = ("id", "text", "split", "gold")


def _names(workspace: Workspace, indices: IntArray) -> list[str | None]:
    names = [*workspace.schema.names, None]  # −1 picks the last
    return [names[i] for i in indices]


def _free_names(fields: list[str]) -> dict[str, str]:
    """New names for further fields that are called like a column of the frame."""
    taken, renamed = {*_OWN, *fields}, {}
    for name in fields:
        if name in _OWN:
            new = f"field_{name}"
            while new in taken:
                new = f"field_{new}"
            renamed[name] = new
            taken.add(new)
    return renamed


def items_frame(workspace: Workspace) -> pd.DataFrame:
    """See :meth:`labelkit.Project.items`."""
    from labelkit.steps.item_features import all_items

    table = all_items(workspace)
    frame: pd.DataFrame = table.to_pandas()
    frame = frame.rename(columns=_free_names(list(frame.columns[2:])))
    frame.insert(2, "split", workspace.store.items.splits())
    frame.insert(3, "gold", _names(workspace, workspace.schema.to_indices(workspace.store.items.gold())))
    return frame


def votes_frame(workspace: Workspace) -> pd.DataFrame:
    """See :meth:`labelkit.Project.votes`."""
    import pandas as pd

    run = workspace.need("vote", "reading votes")
    L = vote_matrix(workspace, run)
    functions = [f["name"] for f in run.parameters["functions"]]
    ids = workspace.store.items.ids(np.arange(len(L)))
    columns = {name: _names(workspace, L[:, j]) for j, name in enumerate(functions)}
    return pd.DataFrame(columns, index=pd.Index(ids, name="id"))


def queue_frame(workspace: Workspace) -> pd.DataFrame:
    """See :meth:`labelkit.Project.queue`."""
    import pandas as pd

    run = workspace.need("rank", "reading the queue")
    queue = workspace.store.runs.queue(run.id)
    table = workspace.store.items.rows([e.item for e in queue])
    return pd.DataFrame(
        {
            "rank": [e.rank for e in queue],
            "id": table.column("id").to_pylist(),
            "text": table.column("text").to_pylist(),
            "role": [e.role for e in queue],
            "strategy": [e.strategy for e in queue],
            "utility": [e.utility for e in queue],
            "reason": [e.reason for e in queue],
        }
    )


def labels_frame(workspace: Workspace) -> pd.DataFrame:
    """See :meth:`labelkit.Project.labels`."""
    import pandas as pd

    from labelkit.steps.exporting import export_batches

    schema, batches = export_batches(workspace)
    frames = [batch.to_pandas() for batch in batches] or [schema.empty_table().to_pandas()]
    frame: pd.DataFrame = pd.concat(frames, ignore_index=True)
    return frame
