"""``labelkit trainer``, which `labelkit serve` starts: not in the list of commands."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from types import FrameType
from typing import Annotated

import typer

from labelkit.cli.common import ProjectOption

NICE = 10
"""At a higher one, on a machine at full load, it would hold the write lock for long without being let work."""
RETRY_SECONDS = 5.0


def command(
    project: ProjectOption = None,
    vote: Annotated[bool, typer.Option("--vote", help="Also vote when that is due. This runs project code.")] = False,
) -> None:
    """Label, train and rank again after every so many answers, at low priority. It runs until it is stopped.

    \b
    Example:
      labelkit trainer --project spam
    """
    from labelkit.errors import LabelkitError
    from labelkit.project import Project

    _stop_on_signal()
    _be_modest()
    told = ""
    while True:
        try:
            with Project.open(project) as opened:
                opened.keep_trained(_pause, votes=vote)
            told = ""
        except LabelkitError as error:  # a slip in labelkit.toml, for instance, that is being mended
            if str(error) != told:
                told = str(error)
                print(f"labelkit trainer: {told}", file=sys.stderr, flush=True)
            time.sleep(RETRY_SECONDS)


def _pause(seconds: float) -> bool:
    """Wait; what ends this process is a signal."""
    time.sleep(seconds)
    return False


def _stop_on_signal() -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)


def _be_modest() -> None:
    """Leave processor time to answers: low priority, and half of the cores."""
    with contextlib.suppress(OSError, AttributeError):
        os.nice(NICE)
    if hasattr(os, "sched_setaffinity"):
        with contextlib.suppress(OSError):
            cores = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(0, cores[len(cores) // 2 :])
