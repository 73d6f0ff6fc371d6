"""``Project``: one labelkit project, for the command line, the app and notebooks alike."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Concatenate, ParamSpec, TypeVar

from labelkit.config import FILE_NAME, Config, read_config
from labelkit.errors import StorageError
from labelkit.opening import check_not_lost, find_project, make_project, writable
from labelkit.progress import Progress, Silent
from labelkit.steps.leasing import LeasedItem, LeaseReply
from labelkit.steps.schema import follow_settings, settings_differ
from labelkit.steps.workspace import Workspace
from labelkit.store import TRAINER, Store, project_lock, serving, training
from labelkit.types import Item, LabelSchema

if TYPE_CHECKING:
    import pandas as pd

    from labelkit.annotate import Anchoring
    from labelkit.steps.agreeing import AgreementReport
    from labelkit.steps.analysing import FunctionTable, ItemExplanation
    from labelkit.steps.annotate_page import AnnotatePage
    from labelkit.steps.browsing import Browsing
    from labelkit.steps.browsing_functions import FunctionFigures
    from labelkit.steps.bulk_result import BulkOptions, BulkResult
    from labelkit.steps.dashboard import Dashboard
    from labelkit.steps.dependencies import DependencyTable
    from labelkit.steps.error_analysis import ErrorAnalysis
    from labelkit.steps.exporting import ExportResult
    from labelkit.steps.importing import AnnotationImportResult, ImportOptions, ImportResult
    from labelkit.steps.labeling import LabelResult
    from labelkit.steps.lease_desk import LeaseDesk
    from labelkit.steps.leasing import AnnotatorProgress
    from labelkit.steps.paths import FunctionPath
    from labelkit.steps.ranking import RankResult
    from labelkit.steps.reporting import ReportResult
    from labelkit.steps.reviewing import Reviewing
    from labelkit.steps.running import RunResult
    from labelkit.steps.settings import Settings
    from labelkit.steps.simulating import SimulateResult
    from labelkit.steps.slicing import SliceTable
    from labelkit.steps.status import Status
    from labelkit.steps.team import Team
    from labelkit.steps.trainer_state import TrainerState
    from labelkit.steps.training import TrainResult
    from labelkit.steps.voting import VoteResult
    from labelkit.steps.watching import WatchRound
    from labelkit.steps.workbench import Workbench
    from labelkit.store import AnswerStatus

__all__ = ["LeaseReply", "LeasedItem", "Project", "find_project"]

P = ParamSpec("P")
R = TypeVar("R")


def _writes(command: str) -> Callable[[Callable[Concatenate[Project, P], R]], Callable[Concatenate[Project, P], R]]:
    """A method that holds the project lock while it works."""

    def decorate(method: Callable[Concatenate[Project, P], R]) -> Callable[Concatenate[Project, P], R]:
        @functools.wraps(method)
        def locked(self: Project, /, *args: P.args, **kwargs: P.kwargs) -> R:
            with self._lock(f"labelkit {command}"):
                return method(self, *args, **kwargs)

        return locked

    return decorate


class Project:
    """An open project: a folder with ``labelkit.toml`` and one SQLite file.

    Use it as a context manager, in one thread; every step of the loop is a method that does what the
    command of the same name does.

    Examples
    --------
    >>> from labelkit import Project
    >>> with Project.open("path/to/project") as project:  # doctest: +SKIP
    ...     project.run()
    ...     project.labels().head()
    """

    def __init__(
        self,
        root: Path,
        config: Config,
        store: Store,
        *,
        progress: Progress | None = None,
        wait: float = 0.0,
        readonly: bool = False,
    ) -> None:
        self.root = root
        self.config = config
        self._store = store
        self._wait = wait
        self._locked = False
        self._trains = False
        self.readonly = readonly
        self._workspace = Workspace(root, config, store, progress or Silent())

    # ------------------------------------------------------------------ opening and closing

    @classmethod
    def open(cls, path: str | Path | None = None, *, progress: Progress | None = None, wait: float = 0.0) -> Project:
        """Open the project in ``path`` (default: the current folder) or above it.

        The project file is made if it is missing, and migrated (after a backup) if it is older. In a
        folder that cannot be written, the project is opened for reading.

        Parameters
        ----------
        wait
            Seconds to wait for another process that is working on the project.

        Raises
        ------
        ProjectNotFound, ConfigError, ProjectTooNew, ProjectDamaged, StorageError
        """
        root = find_project(Path(path) if path is not None else Path.cwd())
        config = read_config(root / FILE_NAME)
        file = root / f"{config.project.name}.labelkit.db"
        fresh = not file.exists()
        if fresh:
            check_not_lost(root, file)
        readonly = not fresh and not writable(root, file)
        store = Store(file, create=fresh, readonly=readonly)
        try:
            project = cls(root, config, store, progress=progress, wait=wait, readonly=readonly)
            if store.setting("name") is None:
                store.initialise(config.project.name, config.project.task, config.project.labels)
            if settings_differ(project._workspace):
                with project._lock("labelkit schema"):
                    follow_settings(project._workspace)
        except BaseException:
            store.close()
            raise
        return project

    @classmethod
    def init(
        cls, folder: str | Path = ".", *, name: str | None = None, labels: list[str], files: list[str] | None = None
    ) -> Project:
        """Make a project in ``folder``: ``labelkit.toml``, the project file, a file for labeling functions.

        Raises
        ------
        ProjectExists
            If there is one already.
        ConfigError
            If the name or the labels cannot be used.
        """
        root = Path(folder).absolute()
        make_project(root, name=name, labels=labels, files=files)
        return cls.open(root)

    def close(self) -> None:
        """Close the project file."""
        self._store.close()

    def __enter__(self) -> Project:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _lock(self, doing: str) -> Iterator[None]:
        if self.readonly:
            raise StorageError(
                f"{self._store.path} or its folder is read-only, and `{doing}` has to write",
                hint="Make both writable, or work on a copy",
            )
        if self._locked:
            yield
            return
        told = f"{TRAINER}: {doing}" if self._trains else doing
        with project_lock(self._store.path.with_suffix(".lock"), told, wait=self._wait):
            self._locked = True
            try:
                yield
            finally:
                self._locked = False

    # ------------------------------------------------------------------ what is there

    @property
    def path(self) -> Path:
        """The SQLite file."""
        return self._store.path

    @property
    def name(self) -> str:
        """The project's name."""
        return self.config.project.name

    @property
    def schema(self) -> LabelSchema:
        """The classes, in order."""
        return self._workspace.schema

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

    def doctor(self) -> list[str]:
        """What is wrong with the project file, in words; empty when all is well."""
        return self._store.problems()

    # ------------------------------------------------------------------ the steps of the loop

    @_writes("import")
    def import_items(
        self, *files: str | Path, options: ImportOptions | None = None, stdin: BinaryIO | None = None
    ) -> ImportResult:
        """Import CSV, JSONL or Parquet files; ``options`` default to ``[data]`` in ``labelkit.toml``."""
        from labelkit.steps.importing import default_options, import_items

        return import_items(self._workspace, files, options or default_options(self.config), stdin=stdin)

    @_writes("import --annotations")
    def import_annotations(self, *files: str | Path) -> AnnotationImportResult:
        """Import answers that people gave elsewhere: item, annotator, label, time."""
        from labelkit.steps.importing import import_annotations

        return import_annotations(self._workspace, files)

    @_writes("vote")
    def vote(self) -> VoteResult:
        """Run the labeling functions on all items for which they have no votes yet."""
        from labelkit.steps.voting import vote

        return vote(self._workspace)

    def watch(self) -> Iterator[WatchRound]:
        """Vote now and after every change of the labeling functions' files; the lock is held only while voting."""
        from labelkit.steps.watching import watch

        return watch(self._workspace, self.vote)

    @_writes("label")
    def label(self, *, force: bool = False) -> LabelResult:
        """Fit the label model and label all items."""
        from labelkit.steps.labeling import label

        return label(self._workspace, force=force)

    @_writes("train")
    def train(self, *, force: bool = False) -> TrainResult:
        """Train the end model and predict all items."""
        from labelkit.steps.training import train

        return train(self._workspace, force=force)

    @_writes("rank")
    def rank(self, *, size: int | None = None, force: bool = False) -> RankResult:
        """Compose the queue."""
        from labelkit.steps.ranking import rank

        return rank(self._workspace, size=size, force=force)

    @_writes("run")
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

    def trainer_state(self) -> TrainerState | None:
        """What the trainer of `labelkit serve` is doing; None if there never was one."""
        from labelkit.steps.trainer_state import trainer_state

        return trainer_state(self._workspace)

    def serving(self, address: str) -> AbstractContextManager[None]:
        """Be the one server of this project while the block runs, so that long writes make room for answers.

        Entering it raises ProjectLocked if there is another one.
        """
        return serving(self._store.path, address)

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

        return export(self._workspace, out, format=format)

    def bulk(self, source: str | Path, out: str | Path, *, options: BulkOptions | None = None) -> BulkResult:
        """Vote on and label Parquet of any size that is not imported; the project file gives the classes only."""
        from labelkit.steps.bulk import bulk
        from labelkit.steps.bulk_result import BulkOptions

        return bulk(self._workspace, source, out, options or BulkOptions())

    @functools.cached_property
    def workbench(self) -> Workbench:
        """Try functions, save them as data, and find out which to write next."""
        from labelkit.steps.workbench import Workbench

        return Workbench(self._workspace)

    # ------------------------------------------------------------------ people

    @functools.cached_property
    def team(self) -> Team:
        """Accounts, sessions and roles."""
        from labelkit.steps.team import Team

        return Team(self._workspace)

    @functools.cached_property
    def reviewing(self) -> Reviewing:
        """What people disagree on, and reviewers' decisions; none of it takes the project lock."""
        from labelkit.steps.reviewing import Reviewing

        return Reviewing(self._workspace)

    def agreement(self, *, ordered: bool = False) -> AgreementReport:
        """How far annotators agree, and how good each of them is; ``ordered``: so are the classes."""
        from labelkit.steps.agreeing import agreement_report

        return agreement_report(self._workspace, ordered=ordered)

    # ------------------------------------------------------------------ what the pages read

    def dashboard(self) -> Dashboard:
        """Figures for leads, kept in this process and brought up to date."""
        from labelkit.steps.dashboard import Dashboard

        return Dashboard(self._workspace)

    def browsing(self) -> Browsing:
        """Items by all that is known of them, and the story of one."""
        from labelkit.steps.browsing import Browsing

        return Browsing(self._workspace)

    def function_figures(self) -> FunctionFigures:
        """The analysis of the labeling functions, kept in this process."""
        from labelkit.steps.browsing_functions import FunctionFigures

        return FunctionFigures(self._workspace)

    def settings(self) -> Settings:
        """What leads can change of ``labelkit.toml``."""
        from labelkit.steps.settings import Settings

        return Settings(self._workspace)

    # ------------------------------------------------------------------ people who answer the queue

    # None of these takes the project lock: an answer never waits for a step that runs.

    @property
    def skip_reasons(self) -> Mapping[str, str]:
        """Codes of the reasons for which people decline an item → what they read."""
        from labelkit.annotate import SKIP_REASONS

        return SKIP_REASONS

    @property
    def guidelines(self) -> str | None:
        """The annotation guidelines (Markdown) that ``labelkit.toml`` names, if that file is in the project."""
        name = self.config.annotation.guidelines
        path = None if name is None else (self.root / name).resolve()
        # A project of somebody else must not show annotators a file from outside its folder.
        if path is None or not path.is_relative_to(self.root.resolve()) or not path.is_file():
            return None
        return path.read_text(encoding="utf-8", errors="replace")

    def annotate_page(self) -> AnnotatePage:
        """What the Annotate page has to know; ConfigError if ``annotation.keys`` cannot be used."""
        from labelkit.steps.annotate_page import annotate_page

        return annotate_page(self._workspace)

    @staticmethod
    def annotator_name(name: str) -> str:
        """The name as answers carry it: spaces trimmed and collapsed; AnnotationError if it cannot be used."""
        from labelkit.steps.leasing import annotator_name

        return annotator_name(name)

    def anchoring(self) -> Anchoring:
        """Whether people agree with the model more often where they saw its guess before they answered."""
        from labelkit.steps.anchoring import anchoring_so_far

        return anchoring_so_far(self._workspace)

    @functools.cached_property
    def desk(self) -> LeaseDesk:
        """Leases and answers for the pages of the app."""
        from labelkit.steps.lease_desk import LeaseDesk

        return LeaseDesk(self._workspace)

    def claim(self, annotator: str, *, n: int = 1) -> list[LeasedItem]:
        """Lease up to ``n`` items of the queue to one person, for ``annotation.lease_minutes``."""
        from labelkit.steps.leasing import claim

        return claim(self._workspace, annotator, n=n)

    def answer_lease(self, item: LeasedItem, reply: LeaseReply, *, annotator: str) -> AnswerStatus:
        """Store the answer to a leased item; says whether it was ``stored``, ``late`` or ``repeated``."""
        from labelkit.steps.leasing import answer_lease

        return answer_lease(self._workspace, item, reply, annotator=annotator)

    def withdraw(self, token: str, *, annotator: str) -> LeasedItem | None:
        """Undo the answer given with ``token`` and lease its item to the same person again."""
        from labelkit.steps.leasing import withdraw

        return withdraw(self._workspace, token, annotator=annotator)

    def release(self, annotator: str, *, tokens: Iterable[str] | None = None) -> int:
        """Give a person's leases back to the queue; returns how many there were."""
        from labelkit.steps.leasing import release

        return release(self._workspace, annotator, tokens=tokens)

    def annotator_progress(self, annotator: str) -> AnnotatorProgress:
        """How much one person has answered, and how much is left to ask."""
        from labelkit.steps.leasing import progress

        return progress(self._workspace, annotator)

    # ------------------------------------------------------------------ housekeeping

    def backup(self, target: str | Path) -> Path:
        """A consistent copy of the project file, also while others work."""
        out = Path(target).absolute()
        if out.is_dir():
            out = out / self.path.name
        self._store.database.backup(out)
        return out

    @_writes("schema")
    def change_schema(self, change: str, *names: str) -> LabelSchema:
        """Rename (old, new), add (name), merge (old, into) or reorder (all names) classes.

        No stored vote or answer is touched; ``labelkit.toml`` follows.
        """
        from labelkit.steps.schema import change_schema

        return change_schema(self._workspace, change, names)
