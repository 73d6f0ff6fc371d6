"""Waiting for the trainer of `labelkit serve`, where what is asked for rests on a refit that it is at."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

from labelkit.errors import StepMissing
from labelkit.steps.trainer_state import TrainerState, trainer_state
from labelkit.steps.workspace import Workspace

T = TypeVar("T")

_POLL_SECONDS: Final = 0.2


def when_fresh(workspace: Workspace, make: Callable[[], T], *, seconds: float, what: str) -> T:
    """What ``make`` returns as soon as it finds every step up to date.

    Nobody is waited for but a trainer that is alive and that can do what is missing.

    Parameters
    ----------
    make
        Raises StepMissing while something is out of date, and has written nothing then.
    seconds
        How long to wait at most.
    what
        Who waits, for what is told: ``the export``.

    Raises
    ------
    StepMissing
        If time is up, or there is nobody to wait for.
    """
    until = time.monotonic() + seconds
    told = False
    while True:
        try:
            return make()
        except StepMissing as error:
            missing = error.message
            trainer = _at_work(workspace)
            if trainer is None:
                raise
            left = until - time.monotonic()
            if left <= 0:
                raise StepMissing(
                    missing, hint="The trainer is at work on that: run this again soon, or give --wait SECONDS"
                ) from None
        if not told:
            doing = "" if trainer.doing in ("waiting", "indexing") else f", which is at `labelkit {trainer.doing}`"
            workspace.progress.note(f"{what} waits up to {seconds:g} s for the trainer{doing}: {missing}")
            told = True
        time.sleep(min(_POLL_SECONDS, left))


def _at_work(workspace: Workspace) -> TrainerState | None:
    """The trainer, if it is alive, has not just failed, and does not itself wait for somebody who votes."""
    state = trainer_state(workspace)
    if state is None or not state.running or (state.trouble is not None and state.doing == "waiting"):
        return None
    vote = workspace.store.runs.latest("vote")
    voted = vote is not None and vote.parameters.get("shards") == workspace.store.items.shard_digests()
    return state if voted or state.votes else None
