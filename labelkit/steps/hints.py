"""What functions and model say about single items, for people who answer them: decoded shards stay in memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from labelkit.steps.workspace import Workspace, to_schema
from labelkit.store import Run
from labelkit.types import ABSTAIN, SHARD_SIZE, FloatArray, IntArray, LabelSchema

MOST_BYTES: Final = 256_000_000


@dataclass(frozen=True)
class Guess:
    """The model's guess: a label by name and stable id, its probability, and the run that made it."""

    label: str
    label_id: int
    probability: float
    run: int


@dataclass(frozen=True)
class ItemHints:
    """Hints on one item: (function, label) for every function that voted, and the guess if there is one."""

    votes: tuple[tuple[str, str], ...] = ()
    guess: Guess | None = None


class Hints:
    """Hints of the latest runs. Decoded shards stay in memory, the ones used last, up to a bound.

    Use it in one thread. An item whose content came after a run has no hints of that run.
    """

    def __init__(self, workspace: Workspace, most_bytes: int = MOST_BYTES) -> None:
        self._workspace = workspace
        self._runs: dict[str, Run] = {}
        self._shards: OrderedDict[tuple[str, str | int, int], npt.NDArray[Any] | None] = OrderedDict()
        self._bytes = 0
        self._most_bytes = most_bytes

    @property
    def available(self) -> bool:
        """Whether anything ran that hints come from."""
        return any(self._run(step) is not None for step in ("vote", "label", "train"))

    def of(self, items: Iterable[int]) -> dict[int, ItemHints]:
        """Hints on items by number."""
        wanted = list(dict.fromkeys(items))
        if not wanted:
            return {}
        schema = self._workspace.schema
        sources = self._workspace.store.hints.sources(wanted)
        vote, model = self._run("vote"), self._run("train") or self._run("label")
        return {
            item: ItemHints(
                self._votes(vote, item, schema) if vote is not None and sources.get(item, vote.id) < vote.id else (),
                self._guess(model, item, schema)
                if model is not None and sources.get(item, model.id) < model.id
                else None,
            )
            for item in wanted
        }

    def _run(self, step: str) -> Run | None:
        newest = self._workspace.store.hints.latest(step)
        if newest is None:
            return None
        known = self._runs.get(step)
        if known is None or known.id != newest:
            run = self._workspace.store.runs.get(newest)
            if run is not None:
                self._runs[step] = run
        return self._runs.get(step)

    def _votes(self, run: Run, item: int, schema: LabelSchema) -> tuple[tuple[str, str], ...]:
        functions, shards = run.parameters["functions"], run.parameters["shards"]
        shard, row = divmod(item, SHARD_SIZE)
        if shard >= len(shards) or not functions:
            return ()
        fingerprints = [function["fingerprint"] for function in functions]
        votes: IntArray | None = self._kept(
            ("vote", run.id, shard), lambda: self._workspace.store.hints.votes(fingerprints, shards[shard])
        )
        if votes is None or row >= len(votes):
            return ()
        return tuple(
            (function["name"], schema.name_of(int(vote)))
            for function, vote in zip(functions, votes[row], strict=True)
            if vote != ABSTAIN
        )

    def _guess(self, run: Run, item: int, schema: LabelSchema) -> Guess | None:
        shard, row = divmod(item, SHARD_SIZE)
        class_ids = list(run.parameters["class_ids"])
        reader = self._workspace.store.hints
        read = reader.predictions if run.step == "train" else reader.label_probabilities
        stored: FloatArray | None = self._kept((run.step, run.id, shard), lambda: read(run.id, shard, len(class_ids)))
        if stored is None or row >= len(stored):
            return None
        probabilities = to_schema(stored[row : row + 1], class_ids, schema)[0]
        if np.isnan(probabilities).any():
            return None
        best = int(np.argmax(probabilities))
        return Guess(schema.names[best], schema.ids[best], float(probabilities[best]), run.id)

    def _kept(
        self, key: tuple[str, str | int, int], read: Callable[[], npt.NDArray[Any] | None]
    ) -> npt.NDArray[Any] | None:
        """A decoded shard from memory, else read; shards of earlier runs go first, as nobody asks for them."""
        if key in self._shards:
            self._shards.move_to_end(key)
            return self._shards[key]
        found = self._shards[key] = read()
        self._bytes += 0 if found is None else found.nbytes
        while self._bytes > self._most_bytes and len(self._shards) > 1:
            _, oldest = self._shards.popitem(last=False)
            self._bytes -= 0 if oldest is None else oldest.nbytes
        return found
