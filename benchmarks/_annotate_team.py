"""The parts in which fifty people answer at once: alone, beside everything else, and with a server that is killed."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from _annotate_check import check
from _annotate_pages import Visitors
from _annotate_project import Member, add_members, make_project, save_members, write_items
from _annotate_server import Served

from labelkit import Project

HERE = Path(__file__).resolve().parent
PEOPLE = 50
RATE = 2.0
PLACES, TIE_BREAK = 2, 1
LEADS = 5


def percentiles(values: list[float]) -> dict[str, float]:
    """Milliseconds."""
    if not values:
        return {}
    array = np.array(values) * 1000
    names = {"p50": 50, "p95": 95, "p99": 99, "p99.9": 99.9}
    return {name: float(np.percentile(array, share)) for name, share in names.items()} | {"max": float(array.max())}


class Load:
    """The annotators' process; :meth:`result` waits for its end and checks the project file."""

    def __init__(self, served: Served, members: list[Member], seconds: float, *, rate: float = RATE) -> None:
        self._home = served.home
        members_file, self._out = served.home / "members.json", served.home / "load.json"
        save_members(members_file, members)
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "_annotate_load.py"), str(served.port), str(members_file), str(self._out),
             "--seconds", str(seconds), "--rate", str(rate)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        if not self._process.stdout.readline():  # "ready": everybody has items
            sys.exit("the annotators' process failed")

    @property
    def running(self) -> bool:
        """Whether people still answer."""
        return self._process.poll() is None

    def result(self, *, places: int = PLACES) -> dict[str, Any]:
        """Figures and what the file says."""
        if self._process.wait() != 0:
            sys.exit("the annotators' process failed")
        told = json.loads(self._out.read_text())
        people = told["people"]
        checked = check(self._home / "bench.labelkit.db", people, places=places, tie_break=TIE_BREAK)
        answers = sorted((a for p in people for a in p["acknowledged"]), key=lambda a: a["at"])
        return {
            "answers": percentiles([a["latency"] for a in answers]),
            "leases": percentiles([s for p in people for s in p["lease_seconds"]]),
            "checked": asdict(checked),
            "clean": checked.clean,
            "waited_for_items_seconds": sum(p["waited"] for p in people),
            "broken_requests": sum(p["broken"] for p in people),
            "problems": [text for p in people for text in p["problems"]][:5],
            "own_lag_ms": told["own_lag"] * 1000,
            "own_cpu_seconds": told["own_cpu"],
            "slowest": _slowest(answers, told["began"]),
            "last_answer_of_each": [max((a["at"] for a in p["acknowledged"]), default=0.0) for p in people],
        }


def _slowest(answers: list[dict[str, Any]], began: float) -> list[list[float]]:
    """(second of the run, ms) of the slowest answers: where to look."""
    slow = sorted(answers, key=lambda a: -a["latency"])[:10]
    return sorted([round(a["at"] - began, 2), round(a["latency"] * 1000, 1)] for a in slow)


def team(folder: Path, items: int, given: Path | None, seconds: float) -> dict[str, Any]:
    """Fifty people through the API, two answers a second each; nothing else goes on."""
    home = _team_project(folder / "team", items, given, seconds)
    people = add_members(home, [f"Person {n:02}" for n in range(PEOPLE)], "annotator")
    with Served(home, "--no-trainer") as served:
        result = Load(served, people, seconds).result()
        return result | {"server_mib": served.memory(), "cpu_seconds": served.cpu_seconds(), "seconds": seconds}


def busy(folder: Path, items: int, given: Path | None, seconds: float, imported: int) -> dict[str, Any]:
    """The same while the trainer refits, items are imported and five leads look at their pages."""
    home = _team_project(folder / "busy", items, given, seconds)
    people = add_members(home, [f"Person {n:02}" for n in range(PEOPLE)], "annotator")
    leads = add_members(home, [f"Lead {n}" for n in range(LEADS)], "lead")
    more = write_items(folder / "more.parquet", imported, given, first=items, gold=False)
    with Served(home, "--vote") as served:
        load = Load(served, people, seconds)
        with ExitStack() as stack:
            visitors = stack.enter_context(Visitors(served.port, [lead.cookie for lead in leads]))
            during = stack.enter_context(_watching(home))
            imports = _import_beside(home, more, after=seconds / 4)
            result = load.result()
            imports.join()
        return result | {
            "seconds": seconds,
            "refits": during["refits"],
            "refit_steps": during["steps"],
            "import": imports.figures,
            "pages": visitors.figures(),
            "server_mib": served.memory(),
            "cpu_seconds": served.cpu_seconds(),
        }


def kill(folder: Path, items: int, given: Path | None, seconds: float, times: int) -> dict[str, Any]:
    """``kill -9`` during the load: by turns of the serving process, and of `labelkit serve` with all it started."""
    home = _team_project(folder / "kill", items, given, seconds)
    people = add_members(home, [f"Person {n:02}" for n in range(PEOPLE)], "annotator")
    with Served(home) as served:
        load = Load(served, people, seconds)
        away, last = [], 0.0
        for n in range(times):
            time.sleep(max(0.0, seconds / (times + 1) - (away[-1] if away else 0.0)))
            if n % 2:
                served.kill_all()
            else:
                served.kill_app()
            last = time.time()
            away.append(served.wait())
        result = load.result()
        went_on = sum(at > last for at in result["last_answer_of_each"])
        return result | {"kills": times, "away_seconds": away, "went_on": went_on, "seconds": seconds}


def _team_project(home: Path, items: int, given: Path | None, seconds: float) -> Path:
    """A queue that lasts for the whole load, of items that two people answer."""
    wanted = int(PEOPLE * RATE * seconds / PLACES * 1.3) + 50 * PEOPLE
    return make_project(home, items, given=given, queue=min(wanted, items), answers_per_item=PLACES)


class _import_beside(threading.Thread):  # noqa: N801 (reads as a verb)
    """`labelkit import` in a process of its own, begun some seconds from now."""

    def __init__(self, home: Path, path: Path, *, after: float) -> None:
        super().__init__()
        self._home, self._path, self._after = home, path, after
        self.figures: dict[str, Any] = {}
        self.start()

    def run(self) -> None:
        time.sleep(self._after)
        began = time.perf_counter()
        command = ["labelkit.cli.main", "import", str(self._path), "-p", str(self._home), "--json", "--wait", "300"]
        done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=False)
        if done.returncode:
            self.figures = {"error": done.stderr}
            return
        told = json.loads(done.stdout)
        self.figures = {
            "rows": told["added"],
            "seconds": told["seconds"],
            "rows_per_second": told["added"] / told["seconds"],
            "with_waiting_for_the_trainer": time.perf_counter() - began,
        }


@contextmanager
def _watching(home: Path) -> Iterator[dict[str, Any]]:
    """Count what the trainer did meanwhile."""
    found: dict[str, Any] = {}
    before = _runs(home)
    yield found
    after = _runs(home)
    found["steps"] = {step: after[step] - before.get(step, 0) for step in after}
    found["refits"] = found["steps"].get("rank", 0)


def _runs(home: Path) -> dict[str, int]:
    with Project.open(home) as project:
        rows = project._store.database.rows("select step, count(*) from runs where status = 'done' group by step")
    return dict(rows)
