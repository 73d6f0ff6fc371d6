"""Functions that do not come back: stopped at their time limit and named, whatever they do against it."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest

from labelkit import labeling_function, model
from labelkit.errors import FunctionFault, FunctionTimeout
from labelkit.lf import Shard, compile_functions
from labelkit.lf.preprocessors import preprocessor
from labelkit.lf.timelimit import TimeUp, time_limit
from labelkit.types import LabelSchema

SCHEMA = LabelSchema.from_names(["ham", "spam"])
LIMIT = 0.2
pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no interval timers")


def vote(functions: list[Any], texts: list[str], limit: float = LIMIT, **options: Any) -> list[list[int]]:
    ids = [f"id{i}" for i in range(len(texts))]
    shard = Shard(0, 0, pa.table({"id": ids, "text": texts}))
    plan = compile_functions(functions, SCHEMA, time_limit=limit)
    return [column.votes.tolist() for column in plan.run(shard, **options)]


def endless(row: Any) -> Any:
    while row.text == "bad":
        pass
    return "ham"


def backtracks(row: Any) -> Any:
    return re.search(r"(a+)+$", "a" * 40 + "b") if row.text == "bad" else None


def sleeps(row: Any) -> Any:
    if row.text == "bad":
        time.sleep(60)


def swallows_exceptions(row: Any) -> Any:
    try:
        return endless(row)
    except Exception:
        return "spam"


def swallows_everything(row: Any) -> Any:
    try:
        return sleeps(row)
    except:  # noqa: E722
        return "spam"


def turns_it_into_another(row: Any) -> Any:
    try:
        return sleeps(row)
    except BaseException:
        raise ValueError("my own") from None


def tries_for_ever(row: Any) -> Any:
    while True:
        try:
            sleeps(row)
            return "ham"
        except:  # noqa: E722
            continue


@pytest.mark.parametrize(
    "hangs",
    [
        endless,
        backtracks,
        sleeps,
        swallows_exceptions,
        swallows_everything,
        turns_it_into_another,
        tries_for_ever,
    ],
)
@pytest.mark.parametrize("fault_tolerant", [False, True])
def test_a_function_that_hangs_is_stopped_and_named(hangs: Callable[[Any], Any], fault_tolerant: bool) -> None:
    function = labeling_function("hangs", fault_tolerant=fault_tolerant)(hangs)
    with pytest.raises(FunctionTimeout) as caught:
        vote([function], ["fine", "bad", "fine"], fault_tolerant=fault_tolerant)
    site = f"{__file__}:{hangs.__code__.co_firstlineno}"
    assert caught.value.message == f"labeling function 'hangs' ({site}) did not come back within 0.2 s on item 'id1'"
    assert "time_limit under [labeling_functions] in labelkit.toml" in str(caught.value.hint)
    assert sys.gettrace() is None


def test_only_the_items_own_time_counts() -> None:
    def slow(row: Any) -> Any:
        time.sleep(0.1)
        return "spam"

    assert vote([labeling_function()(slow)], ["t"] * 14, limit=1.0) == [[1] * 14]


def test_without_a_limit_nothing_is_stopped() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with time_limit(lambda: 0, None):
        assert signal.getsignal(signal.SIGALRM) is before
        time.sleep(LIMIT)


def test_preprocessors_have_the_limit_too() -> None:
    @preprocessor()
    def slow(row: Any) -> Any:
        sleeps(row)
        return row

    function = labeling_function("f", pre=[slow])(lambda row: "ham")
    with pytest.raises(FunctionTimeout, match=r"the preprocessor 'slow' of labeling function 'f' \(.*on item 'id2'"):
        vote([function], ["fine", "fine", "bad"], fault_tolerant=True)


def test_batches_have_the_limits_of_their_items_together() -> None:
    @preprocessor(adds="n", batch=True, batch_size=20)
    def slow(text: list[str]) -> list[int]:
        time.sleep(60 if "bad" in text else 2 * LIMIT)
        return [len(each) for each in text]

    function = labeling_function("f", pre=[slow])(lambda row: row.n % 2)
    assert vote([function], ["a", "bb"] * 10) == [[1, 0] * 10]
    with pytest.raises(FunctionTimeout, match=r"'slow' of labeling function 'f' .* 0.6 s on the items 'id0' to 'id2'"):
        vote([function], ["a", "bad", "c"])


def test_models_have_the_limits_of_their_items_together() -> None:
    def probabilities(texts: list[str]) -> list[float]:
        time.sleep(60 if "bad" in texts else 2 * LIMIT)
        return [1.0] * len(texts)

    declared = model("m", probabilities, label="spam", batch_size=20)
    assert vote([declared], ["a"] * 20) == [[1] * 20]
    with pytest.raises(FunctionTimeout, match=r"function 'm' .*within 0.4 s on the 2 items 'id0' to 'id1'"):
        vote([declared], ["a", "bad"], fault_tolerant=True)


# --- being a good guest


@pytest.fixture
def own_alarm() -> Iterator[list[int]]:
    rung: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _: rung.append(number))
    yield rung
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("hangs", [False, True])
def test_the_programs_own_handler_and_timer_come_back(own_alarm: list[int], hangs: bool) -> None:
    handler = signal.getsignal(signal.SIGALRM)
    signal.setitimer(signal.ITIMER_REAL, 3600, 7)
    function = labeling_function("f")(sleeps)
    if hangs:
        with pytest.raises(FunctionTimeout):
            vote([function], ["bad"])
    else:
        vote([function], ["fine"])
    assert signal.getsignal(signal.SIGALRM) is handler
    delay, interval = signal.setitimer(signal.ITIMER_REAL, 0)
    assert 3500 < delay < 3600
    assert interval == 7
    assert own_alarm == []


def test_an_alarm_that_was_due_meanwhile_rings_afterwards(own_alarm: list[int]) -> None:
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    with time_limit(lambda: 0, 10):
        time.sleep(0.1)
        assert own_alarm == []
    deadline = time.monotonic() + 10
    while not own_alarm and time.monotonic() < deadline:
        time.sleep(0.01)
    assert own_alarm == [signal.SIGALRM]


def test_ctrl_c_works_in_the_middle() -> None:
    def pressed(row: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)

    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(KeyboardInterrupt):
        vote([labeling_function()(pressed)], ["a"], fault_tolerant=True)
    assert signal.getsignal(signal.SIGALRM) is before


def test_a_debugger_or_a_coverage_measurement_comes_back() -> None:
    def trace(*_: Any) -> None:
        return None

    sys.settrace(trace)
    try:
        with pytest.raises(TimeUp), time_limit(lambda: 0, LIMIT):
            tries_for_ever(type("R", (), {"text": "bad"}))
        assert sys.gettrace() is trace
    finally:
        sys.settrace(None)


def test_other_threads_are_not_watched_but_work() -> None:
    votes: list[list[list[int]]] = []
    function = labeling_function("f")(lambda row: "ham")
    thread = threading.Thread(target=lambda: votes.append(vote([function], ["a", "b"])))
    thread.start()
    thread.join()
    assert votes == [[[0, 0]]]


def test_a_fault_stays_a_fault() -> None:
    def broken(row: Any) -> Any:
        raise KeyError("x")

    with pytest.raises(FunctionFault, match="raised KeyError: 'x' on item 'id0'"):
        vote([labeling_function()(broken)], ["a"])


def test_a_stop_iteration_is_a_fault_and_not_the_end_of_the_rows() -> None:
    def stops(row: Any) -> Any:
        return next(iter([])) if row.text == "bad" else "spam"

    function = labeling_function()(stops)
    with pytest.raises(FunctionFault, match="StopIteration on item 'id1'"):
        vote([function], ["a", "bad", "c"])
    assert vote([function], ["a", "bad", "c"], fault_tolerant=True) == [[1, -1, 1]]
