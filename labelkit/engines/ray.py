"""The engine that works on Ray: on a cluster, or on a Ray that is started here for the while.

Ray does the distributing: each shard is one Ray task, retried by Ray when its worker or machine is lost
(https://docs.ray.io/en/latest/ray-core/fault-tolerance.html). What runs in a worker must be importable
there; the project's folder travels as Ray's ``working_dir``.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from labelkit.errors import ConfigError, LabelkitError, WorkerDied

Shard = TypeVar("Shard")
Result = TypeVar("Result")

RETRIES: Final = 3
"""How often Ray runs a shard again whose worker died."""

OBJECT_STORE: Final = 256 << 20
"""Bytes of shared memory of a local start: a few shards' votes are in flight, never the items."""

LEFT_OUT: Final = ("*.labelkit.db*", "*.labelkit.lock*", "*.labelkit.cache/", ".git/", ".venv/", "__pycache__/")
"""What of a project's folder does not travel, in the notation of ``.gitignore``."""


_PATIENCE: Final = 10.0
"""Seconds to wait for an answer from an address."""


class RayEngine:
    """Works on Ray; imports it only when work begins.

    Parameters
    ----------
    address
        Of a cluster, ``ray://host:10001`` or ``host:6379``; by default ``$RAY_ADDRESS``, and without it a Ray
        that is started on this machine and stopped at the end. Where the host program has connected to Ray
        already, that connection is used and left open.
    workers
        Shards in work at a time; by default one for each CPU that Ray has.
    folder
        A folder that workers on a cluster need as their working folder. Its ``.gitignore`` and ``.rayignore``
        say what is not sent, besides :data:`LEFT_OUT`.
    leave_out
        What else is not sent, in the notation of ``.gitignore``.
    """

    def __init__(
        self,
        address: str | None = None,
        workers: int | None = None,
        folder: str | Path | None = None,
        leave_out: Sequence[str] = (),
    ) -> None:
        if workers is not None and workers < 1:
            raise LabelkitError(f"the engine needs at least 1 worker, not {workers!r}")
        self.address = address or os.environ.get("RAY_ADDRESS") or None
        self.workers = workers
        self.folder = None if folder is None else Path(folder)
        self.leave_out = (*LEFT_OUT, *leave_out)

    @property
    def ships_folder(self) -> bool:
        """Whether workers find :attr:`folder` as their working folder and not at its path."""
        return self.address not in (None, "local") and self.folder is not None

    def map(self, task: Callable[[Shard], Result], shards: Iterable[Shard]) -> Iterator[Result]:
        """As :meth:`labelkit.engines.Engine.map`; at most twice as many shards as workers are in flight.

        Raises
        ------
        LabelkitError
            If Ray is not installed, or cannot be started or reached.
        WorkerDied
            If the worker of one shard was lost again and again.
        """
        remaining = iter(shards)
        for first in remaining:  # without a shard Ray is not started at all
            with self.session() as ray:
                yield from self._results(ray, task, first, remaining)

    def _results(self, ray: Any, task: Any, first: Any, remaining: Iterator[Any]) -> Iterator[Any]:
        run = ray.remote(num_cpus=1, max_retries=RETRIES, retry_exceptions=False)(_run)
        shared = ray.put(task)
        most = 2 * (self.workers or int(ray.cluster_resources().get("CPU", 1)))
        flying: deque[Any] = deque([run.remote(shared, first)])
        try:
            while flying:
                while len(flying) < most:
                    try:
                        flying.append(run.remote(shared, next(remaining)))
                    except StopIteration:
                        break
                yield _result(ray, flying.popleft())
        finally:
            for left in flying:
                with suppress(Exception):
                    ray.cancel(left, force=True)

    @contextmanager
    def session(self) -> Iterator[Any]:
        """Stay connected for several calls of :meth:`map`: a start takes seconds."""
        ray = _imported()
        ours = not ray.is_initialized()
        if ours:
            self._connect(ray)
        try:
            yield ray
        finally:
            if ours:
                ray.shutdown()

    def _connect(self, ray: Any) -> None:
        quiet = {"log_to_driver": False, "logging_level": "error"}
        if self.address not in (None, "local", "auto"):
            _check_somebody_there(str(self.address))
        try:
            if self.address in (None, "local"):
                ray.init(
                    address="local", num_cpus=self.workers, include_dashboard=False,
                    object_store_memory=OBJECT_STORE, **quiet,
                )  # fmt: skip
            else:
                folder = {"working_dir": str(self.folder), "excludes": list(self.leave_out)} if self.folder else {}
                ray.init(address=self.address, runtime_env=folder, **quiet)
        except Exception as error:  # Ray raises whatever its transport does
            where = "be started here" if self.address in (None, "local") else f"be reached at {self.address}"
            raise ConfigError(
                f"Ray cannot {where}: {type(error).__name__}: {str(error).strip().splitlines()[0]}",
                hint="Check --address, that the cluster runs the same versions of Ray and Python, and RAY_AUTH_MODE "
                "and RAY_AUTH_TOKEN where it asks for a token",
            ) from error


def _check_somebody_there(address: str) -> None:
    """Ask the address for a connection: Ray itself tries for minutes before it says that nobody answers."""
    place = urlsplit(address if "://" in address else f"ray://{address}")
    try:
        if place.hostname is None or place.port is None:
            raise ValueError("it has no port")
        socket.create_connection((place.hostname, place.port), timeout=_PATIENCE).close()
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"Ray cannot be reached at {address}: {getattr(error, 'strerror', None) or error}",
            hint="Give the address of a running cluster, ray://HOST:10001 or HOST:6379",
        ) from error


def _run(task: Callable[[Any], Any], shard: Any) -> Any:
    return task(shard)


def _result(ray: Any, reference: Any) -> Any:
    """What a task returned; its own exception where it raised, ours where Ray lost it."""
    lost = (
        ray.exceptions.WorkerCrashedError,
        ray.exceptions.OutOfMemoryError,
        ray.exceptions.NodeDiedError,
        ray.exceptions.ObjectLostError,
        ray.exceptions.LocalRayletDiedError,
    )
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, Exception):
            raise error.cause from None
        raise
    except ray.exceptions.RuntimeEnvSetupError as error:
        raise ConfigError(
            f"Ray cannot send the project's folder to its workers: {_line(error)}",
            hint="List large files in .rayignore",
        ) from error
    except lost as error:
        raise WorkerDied(
            f"a Ray worker was lost, also after {RETRIES} retries: {_line(error)}",
            hint="Run the same command again to go on; give the workers more memory if they ran out of it",
        ) from error


def _line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def _imported() -> Any:
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise LabelkitError(
            "Ray is not installed", hint="Install it with: pip install 'labelkit[ray]', or use --engine local"
        ) from None
    return ray
