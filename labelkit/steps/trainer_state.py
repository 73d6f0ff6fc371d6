"""What the trainer is doing, as a small file that the dashboard reads."""

from __future__ import annotations

import contextlib
import os
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import orjson

from labelkit.steps.workspace import Workspace
from labelkit.store import is_trained

Doing = Literal["waiting", "indexing", "vote", "label", "train", "rank"]


@dataclass(frozen=True)
class Trouble:
    """What went wrong last: at which step, what, what to do about it, and when."""

    step: str
    message: str
    hint: str | None
    at: str


@dataclass(frozen=True)
class TrainerState:
    """What the trainer is doing.

    Attributes
    ----------
    running
        A trainer of this project is alive.
    doing, since
        The step that it is at, or ``waiting``, or ``indexing`` (it builds the search index); and since when.
    answers, refit_after
        New answers since the last refit began, and the number after which the next one is due.
    due
        The next refit is due and begins as soon as the trainer has rested.
    vote_due
        Why somebody has to run ``labelkit vote``; None if nobody has to.
    waiting_for
        Who works on the project, while the trainer waits for it.
    votes
        Whether the trainer votes by itself (``labelkit serve --vote``).
    queued
        Items in the queue that it ranked last.
    done_at, seconds, learned_from
        The last refit that changed something: when it ended, how long it took, how many new answers it learned from.
    trouble
        Why the last refit failed; None after one that succeeded.
    """

    running: bool = False
    doing: Doing = "waiting"
    since: str = ""
    answers: int = 0
    refit_after: int = 0
    due: bool = False
    vote_due: str | None = None
    waiting_for: str | None = None
    votes: bool = False
    queued: int = 0
    done_at: str | None = None
    seconds: float | None = None
    learned_from: int | None = None
    trouble: Trouble | None = None


def save_state(workspace: Workspace, state: TrainerState) -> None:
    """Write the state down; where the disk refuses, the dashboard shows an older one."""
    path = _file(workspace)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(orjson.dumps(asdict(state)))
        temporary.replace(path)


def trainer_state(workspace: Workspace) -> TrainerState | None:
    """What the trainer said last, and whether it is alive; None if there never was one."""
    try:
        told: dict[str, Any] = orjson.loads(_file(workspace).read_bytes())
        known = {field.name for field in fields(TrainerState)}
        state = TrainerState(**{name: value for name, value in told.items() if name in known})
        if told.get("trouble"):
            state = replace(state, trouble=Trouble(**told["trouble"]))
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    return replace(state, running=is_trained(workspace.store.path))


def _file(workspace: Workspace) -> Path:
    return workspace.cache / "trainer.json"
