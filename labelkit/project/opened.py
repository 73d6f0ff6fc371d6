"""A project's folder, file and lock: opened, made, closed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

from labelkit.config import FILE_NAME, Config, read_config
from labelkit.errors import StorageError
from labelkit.opening import check_not_lost, find_project, make_project, writable
from labelkit.progress import Progress, Silent
from labelkit.steps.schema import follow_settings, settings_differ
from labelkit.steps.workspace import Workspace
from labelkit.store import TRAINER, Store, project_lock
from labelkit.types import LabelSchema

S = TypeVar("S", bound="OpenProject")
P = ParamSpec("P")
R = TypeVar("R")


def writes(command: str) -> Callable[[Callable[Concatenate[S, P], R]], Callable[Concatenate[S, P], R]]:
    """A method that holds the project lock while it works."""

    def decorate(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
        @functools.wraps(method)
        def locked(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
            with self._lock(f"labelkit {command}"):
                return method(self, *args, **kwargs)

        return locked

    return decorate


class OpenProject:
    """The part of :class:`labelkit.project.Project` that all others rest on."""

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

    @classmethod
    def open(cls, path: str | Path | None = None, *, progress: Progress | None = None, wait: float = 0.0) -> Self:
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
    ) -> Self:
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

    def __enter__(self) -> Self:
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

    # ------------------------------------------------------------------ what it is

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
