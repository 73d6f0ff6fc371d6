"""What there is in a project, and what is known of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from labelkit.project.opened import OpenProject
from labelkit.types import Item

if TYPE_CHECKING:
    import pandas as pd

    from labelkit.query.stopping import Advice
    from labelkit.steps.analysing import FunctionTable, ItemExplanation
    from labelkit.steps.comparing import RunComparison, RunList
    from labelkit.steps.dependencies import DependencyTable
    from labelkit.steps.error_analysis import ErrorAnalysis
    from labelkit.steps.paths import FunctionPath
    from labelkit.steps.reporting import ReportResult
    from labelkit.steps.slicing import SliceTable
    from labelkit.steps.status import Status


class Reading(OpenProject):
    """What only reads; see :class:`labelkit.project.Project`."""

    def items(self) -> pd.DataFrame:
        """All items: ``id``, ``text``, ``split``, ``gold`` (name or None), then the further fields."""
        from labelkit.steps.frames import items_frame

        return items_frame(self._workspace)

    def labels(self) -> pd.DataFrame:
        """The training set as it would be exported now: one row per item."""
        from labelkit.steps.frames import labels_frame

        return labels_frame(self._workspace)

    def votes(self) -> pd.DataFrame:
        """The label matrix of the last `vote`: one row per item id, one column per function, class names or None."""
        from labelkit.steps.frames import votes_frame

        return votes_frame(self._workspace)

    def queue(self) -> pd.DataFrame:
        """The queue of the last `rank`: ``rank``, ``id``, ``text``, ``role``, ``strategy``, ``utility``, ``reason``."""
        from labelkit.steps.frames import queue_frame

        return queue_frame(self._workspace)

    def search(self, query: str, *, limit: int = 20) -> list[str]:
        """Ids of items whose text matches an SQLite FTS5 query, best first."""
        return self._store.items.ids(self._store.items.search(query, limit))

    def item(self, item_id: str) -> Item | None:
        """One item by its id, or None."""
        number = self._store.items.number_of(item_id)
        return None if number is None else self._store.items.get(number, self.schema)

    def status(self) -> Status:
        """How far each step is, what is out of date, and what to do next."""
        from labelkit.steps.status import status

        return status(self._workspace)

    def lfs(self) -> FunctionTable:
        """The analysis of the labeling functions of the last `vote`."""
        from labelkit.steps.analysing import analyse_functions

        return analyse_functions(self._workspace)

    def errors(self, *, function: str | None = None, limit: int = 10, uncovered: bool = True) -> ErrorAnalysis:
        """What is wrong with the labeling functions, or with one, and what to do next.

        ``limit`` bounds conflicts and next steps; ``uncovered=False`` leaves out the groups of items without
        votes, which take longest.
        """
        from labelkit.steps.error_analysis import analyse_errors

        return analyse_errors(self._workspace, function=function, limit=limit, uncovered=uncovered)

    def slices(self, *, by: str | None = None, output: str | None = None) -> SliceTable:
        """How good labels and predictions are slice by slice, the worst first.

        ``by`` names a field to slice by; ``output`` is what decides the order: ``end_model``, ``label_model``
        or ``majority``.
        """
        from labelkit.steps.slicing import analyse_slices

        return analyse_slices(self._workspace, by=by, output=output)

    def function_paths(self) -> list[FunctionPath]:
        """How each labeling function was run in the last `vote`: compiled or not, and why."""
        from labelkit.steps.paths import function_paths

        return function_paths(self._workspace)

    def dependencies(self) -> DependencyTable:
        """Functions of the last `vote` that are copies, subsets or correlated, with advice."""
        from labelkit.steps.dependencies import dependent_functions

        return dependent_functions(self._workspace)

    def explain(self, item_id: str) -> ItemExplanation:
        """Why one item has the label that it has: votes with log-odds, people, end model."""
        from labelkit.steps.analysing import explain_item

        return explain_item(self._workspace, item_id)

    def report(self, out: str | Path | BinaryIO) -> ReportResult:
        """Write the state of the project as one HTML file; ``"-"`` is standard output."""
        from labelkit.steps.reporting import write_report

        return write_report(self._workspace, out)

    def runs(self, *, limit: int | None = None) -> RunList:
        """The versions of models and queues, ``limit`` of each step, and which of them are kept."""
        from labelkit.steps.comparing import list_runs

        return list_runs(self._workspace, limit=limit)

    def compare_runs(self, first: int, second: int, *, flips: int = 10) -> RunComparison:
        """What is different between two versions of the models and the queue, each named by any of its runs."""
        from labelkit.steps.comparing import compare_runs

        return compare_runs(self._workspace, first, second, flips=flips)

    def stopping(self) -> Advice:
        """Whether one can stop asking people, and what is missing for it."""
        from labelkit.steps.stopping import stopping

        return stopping(self._workspace)

    def doctor(self) -> list[str]:
        """What is wrong with the project file, in words; empty when all is well."""
        return self._store.problems()
