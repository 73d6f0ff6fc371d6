"""The analysis of labeling functions as the pages show it: kept, because it reads all votes."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labelkit.errors import ProjectError
from labelkit.steps.analysing import FunctionTable, analyse_functions
from labelkit.steps.browsing_state import KeptWorkspace
from labelkit.steps.workspace import Workspace

if TYPE_CHECKING:
    from labelkit.steps.dependencies import DependencyTable
    from labelkit.steps.error_analysis import ErrorAnalysis

_EXAMPLES = 4


@dataclass(frozen=True)
class FunctionStory:
    """One function for whoever edits it: its declaration or source, and what its votes got right and wrong."""

    name: str
    kind: str
    place: str
    declaration: str
    errors: ErrorAnalysis


class FunctionFigures:
    """Figures of the functions of the last `vote`; `ready` says whether asking for them takes a moment.

    They are made anew after each `vote`, `label` and import, and after every hundredth part of the answers: an
    accuracy may lag behind by so many.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = KeptWorkspace.of(workspace)

    def _key(self) -> Hashable:
        runs, mark = self._workspace.store.runs, self._workspace.mark()
        steps = tuple(run.id if (run := runs.latest(step)) is not None else 0 for step in ("vote", "label", "import"))
        return steps, mark.items, _about(mark.annotations), mark.adjudications, self._workspace.schema

    def ready(self, what: str = "table") -> bool:
        """Whether the ``table``, the ``dependencies`` or ``function NAME`` are there at once."""
        return self._workspace.kept.has(what, self._key())

    def table(self) -> FunctionTable:
        """As :meth:`Project.lfs`."""
        return self._workspace.kept.value("table", self._key(), lambda: analyse_functions(self._workspace))

    def dependencies(self) -> DependencyTable:
        """As :meth:`Project.dependencies`."""
        from labelkit.steps.dependencies import dependent_functions

        return self._workspace.kept.value("dependencies", self._key(), lambda: dependent_functions(self._workspace))

    def story(self, name: str) -> FunctionStory:
        """One function of the last `vote`.

        Raises
        ------
        StepMissing
            If `vote` has not run on the present items.
        ProjectError
            If there is no such function.
        """
        return self._workspace.kept.value(f"function {name}", self._key(), lambda: self._story(name))

    def _story(self, name: str) -> FunctionStory:
        from labelkit.steps.error_analysis import analyse_errors

        errors = analyse_errors(self._workspace, function=name, examples=_EXAMPLES, uncovered=False)
        run = self._workspace.need("vote", "the function")
        found = next(f for f in run.parameters["functions"] if f["name"] == name)
        stored = self._workspace.store.votes.function(name, found["fingerprint"])
        if stored is None:
            raise ProjectError(f"the labeling function {name!r} is not known any more", hint="Run `labelkit vote`")
        return FunctionStory(name, stored.kind, found["place"], stored.declaration, errors)


def _about(count: int) -> int:
    """A count to three digits: 49,987 counts as 49,900.

    Examples
    --------
    >>> _about(49_987), _about(123)
    (49900, 123)
    """
    unit = int(10 ** max(len(str(count)) - 3, 0))
    return count // unit * unit
