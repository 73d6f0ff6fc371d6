"""The trainer's process of `refit.py`: `labelkit trainer`, with a clock on its steps and its write transactions."""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import json
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from labelkit import Project
from labelkit.cli.commands.trainer import _be_modest
from labelkit.store import database


class Clock:
    """Notes what each cycle took: one line of JSON when its rank is done."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._step = ""
        self._cycle = self._new()

    @staticmethod
    def _new() -> dict[str, Any]:
        return {"began": time.time(), "steps": {}, "cpu": {}, "transactions": []}

    def timed(self, step: str, do: Callable[..., Any]) -> Callable[..., Any]:
        """The step, with its seconds noted."""

        def act(**options: Any) -> Any:
            if step == "label":
                self._cycle = self._new()
            self._step, began, cpu = step, time.perf_counter(), time.process_time()
            result = do(**options)
            if not result.reused:
                self._cycle["steps"][step] = time.perf_counter() - began
                self._cycle["cpu"][step] = time.process_time() - cpu
            self._step = ""
            if step == "rank":
                self._cycle["ended"] = time.time()
                with self._out.open("a") as file:
                    file.write(json.dumps(self._cycle) + "\n")
            return result

        return act

    def transactions(self) -> None:
        """Note how long every write transaction of this process holds the lock."""
        original = database.immediate

        @contextlib.contextmanager
        def immediate(connection: sqlite3.Connection, path: Path, begin: Any = None) -> Iterator[None]:
            with contextlib.ExitStack() as stack:
                stack.enter_context(original(connection, path, begin))
                began = time.perf_counter()
                yield
            self._cycle["transactions"].append({"step": self._step, "seconds": time.perf_counter() - began})

        database.immediate = immediate


def _end(number: int, frame: Any) -> None:
    raise SystemExit(0)


def main() -> None:
    """Keep the project trained until a signal comes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--profile", type=Path)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, _end)
    _be_modest()
    clock, profile = Clock(given.out), cProfile.Profile()
    with Project.open(given.home) as project:
        clock.transactions()
        for step in ("label", "train", "rank"):
            setattr(project, step, clock.timed(step, getattr(project, step)))
        print("ready", flush=True)
        if given.profile:
            profile.enable()
        try:
            project.keep_trained(_pause)
        finally:
            profile.disable()
            if given.profile:
                profile.dump_stats(given.profile)


def _pause(seconds: float) -> bool:
    time.sleep(seconds)
    return False


if __name__ == "__main__":
    main()
