"""The engine that works on Ray, against a real Ray on this machine."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelkit import Project
from labelkit.engines.ray import RayEngine
from labelkit.errors import ConfigError, FunctionFault, LabelkitError, WorkerDied
from labelkit.steps.bulk_result import BulkOptions

HAS_RAY = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not HAS_RAY, reason="Ray is not installed: pip install 'labelkit[ray]'")


def test_without_ray_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # how Python marks a module that cannot be imported
    with pytest.raises(LabelkitError, match="Ray is not installed") as caught:
        next(RayEngine().map(abs, [1]))
    assert "labelkit[ray]" in str(caught.value)


def test_without_shards_ray_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert list(RayEngine().map(abs, [])) == []


def test_workers_are_counted_from_one() -> None:
    with pytest.raises(LabelkitError, match="at least 1 worker, not 0"):
        RayEngine(workers=0)


def test_a_folder_is_shipped_to_clusters_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert not RayEngine(folder=tmp_path).ships_folder
    assert not RayEngine("local", folder=tmp_path).ships_folder
    assert RayEngine("ray://head:10001", folder=tmp_path).ships_folder
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    assert RayEngine(folder=tmp_path).ships_folder


@needs_ray
@pytest.mark.slow
@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1"])
def test_an_address_where_nobody_is_is_said_at_once(address: str) -> None:
    with pytest.raises(ConfigError, match=f"Ray cannot be reached at {address}: Connection refused") as caught:
        next(RayEngine(address).map(abs, [1]))
    assert "\n" not in str(caught.value)


@needs_ray
@pytest.mark.slow
def test_an_address_that_is_none_is_said() -> None:
    with pytest.raises(ConfigError, match="Ray cannot be reached at nowhere: it has no port"):
        next(RayEngine("nowhere").map(abs, [1]))


@pytest.fixture(scope="module")
def session() -> Iterator[None]:
    """One Ray for the tests of this file; engines find it and leave it open."""
    if not HAS_RAY:
        pytest.skip("Ray is not installed: pip install 'labelkit[ray]'")
    here = str(Path(__file__).parent)
    path = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = here if path is None else f"{here}{os.pathsep}{path}"  # workers import this file
    with RayEngine(workers=2).session():
        yield
    if path is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = path


def double(number: int) -> int:
    return number * 2


def fail_at_two(number: int) -> int:
    if number == 2:
        raise FunctionFault("labeling function 'x' raised", hint="Mend it")
    return number


def die_once(folder: str, number: int) -> int:
    """Ends its process the first time that it is run for 1, and each time for 9."""
    mark = Path(folder) / "died"
    if number == 9 or (number == 1 and not mark.exists()):
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.slow
@pytest.mark.usefixtures("session")
class TestRay:
    def test_results_come_in_order_and_shards_are_taken_as_needed(self) -> None:
        taken: list[int] = []

        def shards() -> Iterator[int]:
            for number in range(50):
                taken.append(number)
                yield number

        results = RayEngine(workers=2).map(double, shards())
        assert next(results) == 0
        assert len(taken) <= 5
        assert list(results) == [number * 2 for number in range(1, 50)]

    def test_an_error_keeps_its_type_and_words_and_place(self) -> None:
        results = RayEngine(workers=2).map(fail_at_two, range(4))
        assert [next(results), next(results)] == [0, 1]
        with pytest.raises(FunctionFault) as caught:
            next(results)
        assert (caught.value.message, caught.value.hint) == ("labeling function 'x' raised", "Mend it")

    def test_a_worker_that_dies_is_replaced_and_one_that_always_dies_is_said(self, tmp_path: Path) -> None:
        task = partial(die_once, str(tmp_path))
        assert list(RayEngine(workers=2).map(task, range(4))) == [0, 1, 2, 3]
        assert (tmp_path / "died").exists()
        with pytest.raises(WorkerDied, match="a Ray worker was lost, also after 3 retries"):
            list(RayEngine(workers=2).map(task, [9]))

    def test_bulk_on_ray_gives_the_same_bytes(self, tmp_path: Path) -> None:
        home = tmp_path / "project"
        Project.init(home, name="texts", labels=["spam", "ham"]).close()
        (home / "labeling_functions" / "functions.py").write_text(FUNCTIONS, encoding="utf-8")
        source = tmp_path / "in"
        source.mkdir()
        for file in range(6):
            texts = [f"{'free' if (n + file) % 3 else 'thanks'} {n}" for n in range(300)]
            pq.write_table(pa.table({"id": [str(n) for n in range(300)], "text": texts}), source / f"{file}.parquet")
        with Project.open(home) as project:
            project.bulk(source, tmp_path / "local", options=BulkOptions(workers=1))
            project.bulk(source, tmp_path / "ray", options=BulkOptions(engine="ray", workers=2))
            (home / "labeling_functions" / "functions.py").write_text(FAULTY, encoding="utf-8")
            with pytest.raises(FunctionFault, match=r"loud.*ValueError: no! on item '7'"):
                project.bulk(source, tmp_path / "fault", options=BulkOptions(engine="ray", workers=2))
        written = {p.name: p.read_bytes() for p in (tmp_path / "local").iterdir()}
        assert {p.name: p.read_bytes() for p in (tmp_path / "ray").iterdir()} == written
        assert len(written) == 7


FUNCTIONS = """
from labelkit import keywords, labeling_function, regex

keywords("free", ["free"], label="spam")
regex("polite", "^thanks", label="ham")


@labeling_function()
def even(row):
    return "ham" if int(row.text.split()[1]) % 2 == 0 else None
"""
FAULTY = (
    FUNCTIONS
    + """

@labeling_function()
def loud(row):
    if row.id == "7":
        raise ValueError("no!")
"""
)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a Ray that was started by itself, for whoever has its token."""
    if not HAS_RAY:
        pytest.skip("Ray is not installed: pip install 'labelkit[ray]'")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", f"--port={port}"]
    command += ["--include-dashboard=false", "--num-cpus=2", "--object-store-memory=100000000"]
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as head:
        assert head.stdout is not None
        found = None
        for line in head.stdout:
            found = re.search(rf"--address='([^']+:{port})'", line) or found
            if "block forever" in line:
                break
        assert found is not None
        yield found[1]
        for process in [*psutil.Process(head.pid).children(recursive=True), head]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


@pytest.mark.slow
def test_a_cluster_is_sent_the_project_and_needs_no_other_code(cluster: str, tmp_path: Path) -> None:
    home = tmp_path / "project"
    Project.init(home, name="texts", labels=["spam", "ham"]).close()
    (home / "labeling_functions" / "functions.py").write_text(FUNCTIONS, encoding="utf-8")
    source = tmp_path / "in"
    source.mkdir()
    pq.write_table(pa.table({"id": ["1", "2"], "text": ["free 1", "thanks 2"]}), source / "a.parquet")
    with Project.open(home) as project:
        project.bulk(source, tmp_path / "local", options=BulkOptions(workers=1))
    command = [sys.executable, "-m", "labelkit.cli.main", "bulk", str(source), str(tmp_path / "out")]
    command += ["--engine", "ray", "--address", cluster, "--project", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=55)
    assert done.returncode == 0, done.stderr
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} == {
        p.name: p.read_bytes() for p in (tmp_path / "local").iterdir()
    }
