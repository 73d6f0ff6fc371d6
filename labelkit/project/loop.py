"""The steps of the loop: one method for each command that works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from labelkit.project.opened import OpenProject, writes
from labelkit.store import training
from labelkit.types import LabelSchema

if TYPE_CHECKING:
    from labelkit.steps.bulk_result import BulkOptions, BulkResult
    from labelkit.steps.exporting import ExportResult
    from labelkit.steps.importing import AnnotationImportResult, ImportOptions, ImportResult
    from labelkit.steps.labeling import LabelResult
    from labelkit.steps.ranking import RankResult
    from labelkit.steps.running import RunResult
    from labelkit.steps.simulating import SimulateResult
    from labelkit.steps.training import TrainResult
    from labelkit.steps.voting import VoteResult
    from labelkit.steps.watching import WatchRound
    from labelkit.store import KeptRun


class Loop(OpenProject):
    """What commands do; see :class:`labelkit.project.Project`."""

    @writes("import")
    def import_items(
        self, *files: str | Path, options: ImportOptions | None = None, stdin: BinaryIO | None = None
    ) -> ImportResult:
        """Import CSV, JSONL or Parquet files; ``options`` default to ``[data]`` in ``labelkit.toml``."""
        from labelkit.steps.importing import default_options, import_items

        return import_items(self._workspace, files, options or default_options(self.config), stdin=stdin)

    @writes("import --annotations")
    def import_annotations(self, *files: str | Path) -> AnnotationImportResult:
        """Import answers that people gave elsewhere: item, annotator, label, time."""
        from labelkit.steps.importing import import_annotations

        return import_annotations(self._workspace, files)

    @writes("vote")
    def vote(self) -> VoteResult:
        """Run the labeling functions on all items for which they have no votes yet."""
        from labelkit.steps.voting import vote

        return vote(self._workspace)

    def watch(self) -> Iterator[WatchRound]:
        """Vote now and after every change of the labeling functions' files; the lock is held only while voting."""
        from labelkit.steps.watching import watch

        return watch(self._workspace, self.vote)

    @writes("label")
    def label(self, *, force: bool = False) -> LabelResult:
        """Fit the label model and label all items."""
        from labelkit.steps.labeling import label

        return label(self._workspace, force=force)

    @writes("train")
    def train(self, *, force: bool = False) -> TrainResult:
        """Train the end model and predict all items."""
        from labelkit.steps.training import train

        return train(self._workspace, force=force)

    @writes("rank")
    def rank(self, *, size: int | None = None, force: bool = False) -> RankResult:
        """Compose the queue."""
        from labelkit.steps.ranking import rank

        return rank(self._workspace, size=size, force=force)

    @writes("run")
    def run(self) -> RunResult:
        """Import the configured files, then vote, label, train and rank."""
        from labelkit.steps.running import run

        return run(self._workspace)

    def keep_trained(self, stop: Callable[[float], bool], *, votes: bool = False) -> None:
        """Label, train and rank whenever enough answers came; the lock is held only while a step works.

        ``stop`` waits for so many seconds and says whether to end. With ``votes`` also vote when that is due, which
        runs the project's code. It ends as well when ``labelkit.toml`` changes.
        """
        from labelkit.steps.trainer import Trainer

        with training(self._store.path):
            self._trains = True
            try:
                Trainer(
                    self._workspace,
                    {"vote": self.vote, "label": self.label, "train": self.train, "rank": self.rank},
                    votes=votes,
                ).keep(stop)
            finally:
                self._trains = False

    def simulate(self, *, answers: int, batch: int = 25, keep: bool = False) -> SimulateResult:
        """Answer the queue from gold labels, on a copy unless ``keep``."""
        from labelkit.steps.simulating import simulate

        if not keep:
            return simulate(self._workspace, answers=answers, batch=batch)
        with self._lock("labelkit simulate --keep"):
            return simulate(self._workspace, answers=answers, batch=batch, keep=True)

    def answer(
        self, item_id: str, label: str | None, *, annotator: str, comment: str | None = None, reason: str | None = None
    ) -> None:
        """Store one answer: a label by name, or None for a skip with a ``reason``."""
        from labelkit.steps.answering import answer

        answer(self._workspace, item_id, label, annotator=annotator, comment=comment, reason=reason)

    def export(self, out: str | Path | BinaryIO, *, format: str | None = None) -> ExportResult:
        """Write the training set and, beside it, its manifest."""
        from labelkit.steps.exporting import export

        return export(self._workspace, out, format=format, wait=self._wait)

    def bulk(self, source: str | Path, out: str | Path, *, options: BulkOptions | None = None) -> BulkResult:
        """Vote on and label Parquet of any size that is not imported; the project file gives the classes only."""
        from labelkit.steps.bulk import bulk
        from labelkit.steps.bulk_result import BulkOptions

        return bulk(self._workspace, source, out, options or BulkOptions())

    # ------------------------------------------------------------------ housekeeping

    def backup(self, target: str | Path) -> Path:
        """A consistent copy of the project file, also while others work."""
        out = Path(target).absolute()
        if out.is_dir():
            out = out / self.path.name
        self._store.database.backup(out)
        return out

    @writes("runs pin")
    def pin_run(self, run: int, *, pinned: bool = True) -> KeptRun:
        """Keep the results of a run until it is unpinned, or no longer."""
        from labelkit.steps.comparing import pin_run

        return pin_run(self._workspace, run, pinned=pinned)

    @writes("schema")
    def change_schema(self, change: str, *names: str) -> LabelSchema:
        """Rename (old, new), add (name), merge (old, into) or reorder (all names) classes.

        No stored vote or answer is touched; ``labelkit.toml`` follows.
        """
        from labelkit.steps.schema import change_schema

        return change_schema(self._workspace, change, names)
