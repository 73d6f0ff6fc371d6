"""Functions that hang in worker processes: by the time limit where that works, by the end of the process elsewhere."""

from __future__ import annotations

import os
import signal
import threading
from functools import partial
from typing import Any

import pyarrow as pa
import pytest

from labelkit import labeling_function
from labelkit.engines.processes import ProcessEngine
from labelkit.errors import FunctionTimeout, WorkerDied
from labelkit.lf import ColumnVotes, Shard, compile_functions
from labelkit.lf.compile import Plan
from labelkit.types import LabelSchema

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


def vote(plan: Plan, shard: Shard) -> list[ColumnVotes]:
    return plan.run(shard)


def votes(function: Any, limit: float) -> list[list[int]]:
    plan = compile_functions([function], LabelSchema.from_names(["ham", "spam"]), time_limit=limit)
    texts = [["a", "b"], ["c", "d"], ["bad", "f"], ["g", "h"]]
    shards = [Shard(n, 2 * n, pa.table({"id": [f"{n}-0", f"{n}-1"], "text": two})) for n, two in enumerate(texts)]
    return [columns[0].votes.tolist() for columns in ProcessEngine(2).map(partial(vote, plan), shards)]


@labeling_function()
def loops(row: Any) -> Any:
    while row.text == "bad":
        pass
    return "spam"


@labeling_function()
def deaf(row: Any) -> Any:
    if row.text == "bad":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})  # as a loop in C that never asks for signals
        threading.Event().wait(60)
    return "spam"


@labeling_function()
def crashes(row: Any) -> Any:
    if row.text == "bad":
        os.kill(os.getpid(), signal.SIGKILL)
    return "spam"


def test_the_time_limit_works_in_workers() -> None:
    with pytest.raises(FunctionTimeout, match=r"labeling function 'loops' \(.*within 0.2 s on item '2-0'") as caught:
        votes(loops, 0.2)
    assert "time_limit" in str(caught.value.hint)


def test_what_cannot_be_interrupted_ends_with_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelkit.engines.workers._GRACE", 0.3)
    with pytest.raises(
        FunctionTimeout, match=r"function 'deaf' \(.*within 0.2 s on an item of shard 2 and could not be"
    ):
        votes(deaf, 0.2)


def test_a_function_that_ends_its_process_is_named() -> None:
    with pytest.raises(
        WorkerDied, match=r"SIGKILL .* while labeling function 'crashes' \(.* on shard 2, in 3 of 3 runs"
    ):
        votes(crashes, 10.0)
