"""The trainer: labels, trains and ranks again while people answer, in a process of its own beside the server."""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from labelkit.config import FILE_NAME
from labelkit.errors import LabelkitError, ProjectLocked, StepMissing
from labelkit.steps.kept_models import forget_models
from labelkit.steps.status import status
from labelkit.steps.trainer_state import Doing, TrainerState, Trouble, save_state
from labelkit.steps.watching import Signature, signature
from labelkit.steps.workspace import Workspace
from labelkit.store.database import now

POLL_SECONDS: Final = 1.0
FILES_SECONDS: Final = 5.0
"""How often the files with labeling functions are looked at."""
INDEX_SECONDS: Final = 5.0
"""For so long the search index is built before the trainer looks for other work."""
MOST_REST: Final = 60.0
"""A refit is followed by a rest as long as it took, but never longer than this."""
REST_AFTER_FAILURE: Final = 10.0
_AT_WORK: Final = timedelta(minutes=10)
"""Who was given items since then is taken to be at work."""
_BATCHES: Final = 3
"""So many batches for everybody at work are ranked at least, so that nobody runs out before the next refit."""
_SUPPLY: Final = 4
"""The queue is so many times as long while the first refit of a process runs: how long that takes is not known."""

Step = Literal["vote", "label", "train", "rank"]
Stop = Callable[[float], bool]
"""Waits for so many seconds; True as soon as the trainer is to end."""


@dataclass(frozen=True)
class _Seen:
    """How far answers, and everything else that a refit rests on, had come."""

    answers: int
    upstream: tuple[object, ...]


class Trainer:
    """Refits when enough answers came, when items came, and when somebody voted.

    Parameters
    ----------
    actions
        Does a step, and holds the project lock while it does; ``rank`` takes the size of the queue.
    votes
        Also vote where items came or functions were edited. This imports the project's code.
    """

    def __init__(self, workspace: Workspace, actions: Mapping[Step, Callable[..., Any]], *, votes: bool) -> None:
        self._workspace = workspace
        self._activity = workspace.store.activity
        self._actions = actions
        self._state = TrainerState(votes=votes, refit_after=workspace.config.serve.refit_after)
        self._seen: _Seen | None = None
        self._blocked = False
        self._busiest = 0
        self._rest_until = 0.0
        self._index_ready = False
        self._files: tuple[float, Signature] | None = None
        self._edited_after: int | None = None
        """The vote after which functions were edited."""

    def keep(self, stop: Stop) -> None:
        """Work until ``stop`` says so, or ``labelkit.toml`` changes."""
        settings = self._settings()
        self._tell("waiting")
        while not stop(POLL_SECONDS) and self._settings() == settings:
            try:
                self._look()
            except ProjectLocked as error:
                self._tell("waiting", waiting_for=error.message)
            except Exception as error:  # whatever it is: people go on answering, and the next refit may do better
                self._failed(error)

    # ------------------------------------------------------------------ what is due

    def _look(self) -> None:
        if not self._index_ready:
            self._build_index()
        self._look_at_files()
        due = self._due()
        if due and time.monotonic() >= self._rest_until:
            self._refit()
        else:
            self._tell("waiting", answers=self._new_answers(), due=due)

    def _new_answers(self) -> int:
        return 0 if self._seen is None else self._activity.answers() - self._seen.answers

    def _due(self) -> bool:
        if self._seen is None or self._seen.upstream != self._activity.upstream():
            return True
        if self._state.votes and self._edited_after is not None:
            return True
        if self._blocked:
            return False
        enough = self._state.refit_after
        if self._state.queued:  # a short queue is half answered sooner
            enough = min(enough, max(1, self._state.queued // 2))
        return self._new_answers() >= enough

    def _look_at_files(self) -> None:
        """Notice that files with labeling functions were edited; nothing is imported for it."""
        if self._files is not None and time.monotonic() - self._files[0] < FILES_SECONDS:
            return
        present = signature(self._workspace)
        if self._files is not None and present != self._files[1]:
            run = self._workspace.store.runs.latest("vote")
            self._edited_after = 0 if run is None else run.id
            self._tell("waiting", vote_due="labeling functions were edited")
        self._files = (time.monotonic(), present)

    def _settings(self) -> tuple[int, int] | None:
        try:
            known = (self._workspace.root / FILE_NAME).stat()
        except OSError:
            return None
        return known.st_mtime_ns, known.st_size

    # ------------------------------------------------------------------ working

    def _build_index(self) -> None:
        """Make the search index ready before anybody searches; this needs no project lock."""
        index = self._workspace.store.items.search_index
        if not index.ready():
            self._tell("indexing")
        self._index_ready = index.build(most_seconds=INDEX_SECONDS)

    def _refit(self) -> None:
        started = time.perf_counter()
        # Read before the work: what comes meanwhile is for the next refit.
        answers, upstream = self._activity.answers(), self._activity.upstream()
        done: list[Step] = []
        if not (self._seen is None and self._nothing_due()):
            self._blocked = not self._voted(done)
            if not self._blocked:
                if self._seen is None:
                    self._supply()
                self._do("label", done)
                self._do("train", done)
                forget_models(self._workspace)
                self._do("rank", done, size=self._queue_size())
        new = answers - self._seen.answers if self._seen is not None else 0
        # A vote of our own is no news to the next look.
        self._seen = _Seen(answers, self._activity.upstream() if "vote" in done else upstream)
        seconds = time.perf_counter() - started
        self._rest_until = time.monotonic() + min(seconds, MOST_REST)
        self._busiest = max(self._new_answers(), self._busiest // 2)
        changes: dict[str, Any] = {"answers": self._new_answers(), "due": False, "queued": self._queued()}
        if done:
            changes |= {"done_at": now(), "seconds": seconds, "learned_from": new, "trouble": None}
        self._tell("waiting", **changes)

    def _supply(self) -> None:
        """Lengthen the queue by the models that there are, where people are at work.

        The first refit of a process makes the features of all items (100,000 texts: some 20 s). Two quick people
        answer a queue of the usual size meanwhile, and would have nothing to do.
        """
        if not self._people_at_work() or not self._queued():
            return
        with contextlib.suppress(StepMissing):  # items or votes are others: these models cannot rank
            self._do("rank", [], size=_SUPPLY * self._queue_size())

    def _nothing_due(self) -> bool:
        return not self._state.votes and all(s.state == "up to date" for s in status(self._workspace).steps)

    def _voted(self, done: list[Step]) -> bool:
        """Whether every function has voted on every item; votes first where the trainer may."""
        store = self._workspace.store
        if store.items.count() == 0:
            self._tell("waiting", vote_due="there are no items yet")
            return False
        run = store.runs.latest("vote")
        current = run is not None and run.parameters["shards"] == store.items.shard_digests()
        if self._state.votes and (not current or self._edited_after is not None or self._seen is None):
            self._edited_after = None
            self._do("vote", done)
            current = True
        if run is not None and run.id != self._edited_after:
            self._edited_after = None
        if not current:
            due: str | None = "nobody has voted yet" if run is None else "items came or changed after the last vote"
        else:
            due = None if self._edited_after is None else self._state.vote_due
        self._tell(self._state.doing, vote_due=due)
        return current

    def _do(self, step: Step, done: list[Step], **options: Any) -> None:
        self._tell(step)
        result = self._actions[step](**options)
        if not getattr(result, "reused", False):
            done.append(step)

    def _queue_size(self) -> int:
        """Items to rank: as configured, or more where many people work quickly."""
        rules = self._workspace.config
        people = self._people_at_work()
        wanted = max(_BATCHES * people * rules.annotation.batch, 4 * self._busiest)
        size = rules.query.size
        while size < wanted:  # in steps: one more person is no reason for another queue
            size *= 2
        return size

    def _people_at_work(self) -> int:
        return self._activity.people_since(datetime.now(UTC) - _AT_WORK)

    def _queued(self) -> int:
        run = self._workspace.store.runs.latest("rank")
        return 0 if run is None else self._workspace.store.runs.queue_length(run.id)

    # ------------------------------------------------------------------ telling

    def _failed(self, error: Exception) -> None:
        """Say what went wrong. The next try comes when something is new."""
        if isinstance(error, LabelkitError):
            message, hint = error.message, error.hint
        else:
            traceback.print_exc()
            message, hint = f"{type(error).__name__}: {error}", "What `labelkit serve` printed says more"
        self._seen = _Seen(self._activity.answers(), self._activity.upstream())
        self._rest_until = time.monotonic() + REST_AFTER_FAILURE
        self._tell("waiting", trouble=Trouble(self._state.doing, message, hint, now()), answers=0, due=False)

    def _tell(self, doing: Doing, **changes: Any) -> None:
        """Keep the state, where it is another one than before."""
        if doing != self._state.doing or not self._state.since:
            changes["since"] = now()
        state = replace(self._state, doing=doing, **({"waiting_for": None} | changes))
        if state != self._state:
            self._state = state
            save_state(self._workspace, state)
