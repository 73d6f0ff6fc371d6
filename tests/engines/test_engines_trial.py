"""Processes for trials: warm, several, and ended in the middle of what never ends."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from labelkit.engines.trial import TrialPool
from labelkit.errors import FunctionTimeout, LabelingFunctionError, WorkerDied
from tests.conftest import ROOT

CATASTROPHE = {"do": "match", "pattern": r"(a+)+$", "text": "a" * 60 + "!"}
LONG = 60.0
"""A limit that is never reached."""


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[TrialPool]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("LABELKIT_ADMIN_PASSWORD", "correct horse battery")
    made = TrialPool("tests.engines.trial_targets:work", workers=2, memory=1 << 30, patience=0.2)
    yield made
    made.close()


def ask(pool: TrialPool, seconds: float = LONG, **request: Any) -> dict[str, Any]:
    return pool.run(request, seconds=seconds, what="the function 'x'")[0]


def test_requests_and_bytes_come_back_from_one_warm_process(pool: TrialPool) -> None:
    pool.warm()
    answer, data = pool.run({"do": "echo", "value": ["ß", 1, None]}, b"\x00\x01abc", seconds=LONG, what="x")
    assert answer["got"] == ["ß", 1, None] and data == b"cba\x01\x00"
    assert answer["pid"] not in (os.getpid(), None)
    assert ask(pool, do="echo", value=1)["pid"] == answer["pid"]


def test_what_a_library_prints_does_not_get_between_messages(pool: TrialPool) -> None:
    first = ask(pool, do="print")["pid"]
    assert ask(pool, do="echo", value="still here") == {"pid": first, "got": "still here"}


def test_a_pattern_that_backtracks_for_ever_is_ended_and_replaced(pool: TrialPool) -> None:
    first = ask(pool, do="echo", value=1)["pid"]
    with pytest.raises(FunctionTimeout) as caught:
        pool.run(CATASTROPHE, seconds=0.3, what="the function 'x'")
    assert "the function 'x' did not come back within 0.3 s and was ended" in str(caught.value)
    assert not psutil.pid_exists(first)
    assert ask(pool, do="echo", value=1)["pid"] != first


def test_while_one_person_waits_for_nothing_another_gets_answers(pool: TrialPool) -> None:
    ended: list[BaseException] = []

    def hang() -> None:
        try:
            pool.run(CATASTROPHE, seconds=3.0, what="x")
        except FunctionTimeout as error:
            ended.append(error)

    thread = threading.Thread(target=hang)
    thread.start()
    answers = [ask(pool, do="echo", value=n)["got"] for n in range(20)]
    assert answers == list(range(20))
    assert thread.is_alive() or ended
    thread.join()
    assert ended


def test_when_all_are_busy_it_says_so(pool: TrialPool) -> None:
    ask(pool, do="echo", value=1)
    threads = [threading.Thread(target=lambda: ask(pool, do="sleep", rest=2.0)) for _ in range(2)]
    for thread in threads:
        thread.start()
    while pool._places._value:  # until both have their places
        threading.Event().wait(0.01)
    with pytest.raises(LabelingFunctionError, match="others are trying functions"):
        ask(pool, do="echo", value=1)
    for thread in threads:
        thread.join()
    assert ask(pool, do="echo", value=2)["got"] == 2


def test_refusals_come_in_words_and_cost_no_process(pool: TrialPool) -> None:
    first = ask(pool, do="echo", value=1)["pid"]
    with pytest.raises(LabelingFunctionError) as caught:
        ask(pool, do="refuse")
    assert (caught.value.message, caught.value.hint) == ("not like this", "Like that")
    assert ask(pool, do="echo", value=1)["pid"] == first


@pytest.mark.parametrize(
    ("request_", "said"),
    [({"do": "raise"}, "ValueError: broken"), ({"do": "end"}, "has ended")],
)
def test_what_breaks_is_said_and_the_next_request_works(pool: TrialPool, request_: dict[str, Any], said: str) -> None:
    with pytest.raises(WorkerDied, match=said):
        ask(pool, **request_)
    assert ask(pool, do="echo", value=1)["got"] == 1


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory differ elsewhere")
def test_memory_is_bounded(pool: TrialPool) -> None:
    with pytest.raises(WorkerDied, match="more memory than a trial may take"):
        ask(pool, do="allocate", size=3 << 30)
    assert ask(pool, do="allocate", size=1 << 20)["size"] == 1 << 20


@pytest.mark.skipif(os.name != "posix", reason="no such limit on Windows")
def test_it_cannot_write_files(pool: TrialPool, tmp_path: Path) -> None:
    with pytest.raises(WorkerDied):
        ask(pool, do="write", path=str(tmp_path / "owned"))
    assert not (tmp_path / "owned").exists() or (tmp_path / "owned").stat().st_size == 0


def test_it_gets_no_secret_and_no_project_code(
    pool: TrialPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('project code ran')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    told = ask(pool, do="environment")
    assert not [name for name in told["names"] if "PASSWORD" in name]
    assert str(tmp_path) not in told["path"] and "" not in told["path"]


def test_processes_end_with_the_pool(pool: TrialPool) -> None:
    process = psutil.Process(ask(pool, do="echo", value=1)["pid"])
    pool.close()
    assert not process.is_running()
    with pytest.raises(Exception, match="have been ended"):
        ask(pool, do="echo", value=1)


def test_a_process_ends_when_its_parent_is_gone(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom labelkit.engines.trial import TrialPool\n"
        "pool = TrialPool('tests.engines.trial_targets:work')\n"
        "print(pool.run({'do': 'echo', 'value': 1}, seconds=60, what='x')[0]['pid'], flush=True)\nos._exit(0)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    run = psutil.Popen([sys.executable, "-c", code], stdout=-1, env=environment, text=True)
    pid = int(run.stdout.readline())
    run.wait()
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(timeout=20)
