"""Which way each labeling function took in the last vote, and why; read, nothing is run."""

from __future__ import annotations

from dataclasses import dataclass

from labelkit.errors import StepMissing
from labelkit.steps.workspace import Workspace


@dataclass(frozen=True)
class FunctionPath:
    """How one labeling function was run (``how``: "hyperscan", "arrow", "python" …), and why so in words."""

    name: str
    kind: str
    place: str
    how: str
    why: str


def function_paths(workspace: Workspace) -> list[FunctionPath]:
    """The paths of the functions of the last `vote`, in their order.

    Raises
    ------
    StepMissing
        If `vote` has not run, or was run by a labelkit that did not keep them.
    """
    run = workspace.need("vote", "`labelkit lfs --explain`")
    paths = run.metrics.get("paths", {})
    functions = run.parameters["functions"]
    if not all(function["name"] in paths for function in functions):
        raise StepMissing("the last `labelkit vote` did not keep how it ran the functions", hint="Run `labelkit vote`")
    return [FunctionPath(f["name"], f["kind"], f["place"], *paths[f["name"]]) for f in functions]
