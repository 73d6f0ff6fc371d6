"""The benchmark of active learning: its figures, its simulated people, and a small run of every method."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import _common
import _efficiency_figures as figures
import _efficiency_people as people
import label_efficiency
from _efficiency_loop import State, entry, run
from _efficiency_peers import _turns, max_kl
from _efficiency_sets import read, sources
from _efficiency_tasks import HARNESS, METHODS, Results, Spec, Task, results_of


def points(*pairs: tuple[int, float]) -> list[dict[str, Any]]:
    start = pairs[0][1]
    return [
        {
            "answers": answers,
            "test": test,
            "pool": test,
            "test_items": {"won": max(0, test - start) * 1000, "lost": max(0, start - test) * 1000, "items": 1000},
        }
        for answers, test in pairs
    ]


def runs(*curves: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"seed": seed, "points": curve, "cpu_seconds": 1.0} for seed, curve in enumerate(curves)]


def test_an_area_is_the_mean_height_of_the_line_through_the_checkpoints() -> None:
    curve = points((0, 0.5), (100, 0.9), (300, 0.9))
    assert figures.area(curve, 300) == pytest.approx((0.7 * 100 + 0.9 * 200) / 300)
    assert figures.area(curve, 50) == pytest.approx(0.6)  # ends between two checkpoints
    assert figures.area(points((0, 0.8)), 300) == pytest.approx(0.8)  # nobody was asked
    assert figures.area(points((0, 0.6), (100, 0.8)), 200) == pytest.approx((0.7 + 0.8) / 2)  # pool used up


def test_labels_to_the_target_are_read_off_the_line() -> None:
    curve = points((0, 0.5), (100, 0.7), (200, 0.9), (400, 0.6))
    assert figures.labels_to(curve, 0.8, 2000) == pytest.approx(150)
    assert figures.labels_to(curve, 0.5, 2000) == 0
    assert figures.labels_to(curve, 0.95, 2000) == 2000
    assert figures.labels_to(points((0, 0.0), (2000, 1.0)), 0.9, 1000) == 1000
    once_only = points((0, 0.5), (100, 0.9), (200, 0.7), (300, 0.9), (400, 0.95))
    assert figures.labels_to_stay(once_only, 0.9, 2000) == pytest.approx(300)
    assert figures.labels_to(once_only, 0.9, 2000) == pytest.approx(100)


def test_an_interval_is_students_and_one_seed_has_none() -> None:
    found = figures.mean_interval([1.0, 2.0, 3.0])
    assert found.mean == 2.0
    assert found.high is not None
    assert found.high - found.mean == pytest.approx(4.302653 / np.sqrt(3), abs=1e-5)
    assert figures.mean_interval([1.0]).low is None
    with pytest.raises(ValueError, match="no values"):
        figures.mean_interval([])


def test_differences_are_taken_seed_by_seed() -> None:
    far_apart = {0: 0.1, 1: 0.5, 2: 0.9}
    found = figures.paired({seed: value + 0.01 for seed, value in far_apart.items()}, far_apart)
    assert found.low == pytest.approx(0.01)
    assert figures.paired(far_apart, {0: 0.5}).mean == pytest.approx(0.0)  # a method without randomness ran once
    with pytest.raises(ValueError, match="no seed in common"):
        figures.paired({0: 1.0, 1: 1.0}, {2: 1.0, 3: 1.0})


def test_the_summary_names_the_sets_that_were_missed() -> None:
    better = runs(*[points((0, 0.8), (300, end)) for end in (0.9, 0.91) * 4])
    worse = runs(*[points((0, 0.8), (300, end)) for end in (0.7, 0.705) * 4])
    shared = {"target": 0.85, "until": 300, "cap": 2000, "shown": [0, 300], "searched": ("auto", "human-margin")}
    good = figures.set_figures({"auto": better, "random": worse, "human-margin": worse}, **shared)
    bad = figures.set_figures({"auto": worse, "random": better, "human-margin": better}, **shared)
    found = figures.summary({"good": good, "bad": bad})
    assert found["end_below_random"] == ["bad"]
    assert found["area_over_best_peer"]["below_by_more_than_noise"] == ["bad"]
    assert list(found["below_start"]) == ["bad"]
    assert found["labels_ratio"]["sets"]["good"] == pytest.approx(143.2 / 2000, abs=1e-3)
    assert found["labels_ratio"]["sets"]["bad"] > 1


def test_one_lost_test_item_is_noise_also_where_every_seed_loses_it() -> None:
    def lost(items: int) -> list[dict[str, Any]]:
        curve = points((0, 0.9), (100, 0.9 - items / 250))
        curve[1]["test_items"] = {"won": 0, "lost": items, "items": 250}
        return curve

    assert figures.below_start(runs(*[lost(1)] * 10), 100) == []
    assert [one["answers"] for one in figures.below_start(runs(*[lost(20)] * 10), 100)] == [100]
    assert figures.below_start(runs(*[lost(20)] * 10), 50) == []


@pytest.mark.parametrize(("kind", "wrong"), [("gold", 0.0), ("noisy10", 0.1), ("noisy20", 0.2), ("adversary", 0.2)])
def test_people_are_wrong_as_often_as_they_should_be_and_twice_the_same(kind: str, wrong: float) -> None:
    gold = np.arange(2000) % 3
    asked = people.People(kind, gold, 3, seed=4)
    persons = [asked.next_for(set()) for _ in gold]
    said = np.array([asked.answer(person, row) for row, person in enumerate(persons)])
    assert (said != gold).mean() == pytest.approx(wrong, abs=0.025)
    assert set(said) == {0, 1, 2}
    again = people.People(kind, gold, 3, seed=4)
    backwards = [again.answer(persons[row], row) for row in reversed(range(len(gold)))]
    assert backwards[::-1] == said.tolist()


def test_a_tenth_is_skipped_and_an_adversary_is_never_right() -> None:
    gold = np.zeros(2000, dtype=np.int64)
    skipping = people.People("skips", gold, 2, seed=0)
    said = np.array([skipping.answer(row % people.PEOPLE, row) for row in range(len(gold))])
    assert (said == people.SKIP).mean() == pytest.approx(0.1, abs=0.025)
    assert set(said) == {0, people.SKIP}
    spiteful = people.People("adversary", gold, 4, seed=0)
    assert {spiteful.answer(people.PEOPLE - 1, row) for row in range(100)} == {1, 2, 3}


def test_second_opinions_come_from_others_and_a_tie_decides_nothing(made: Path, tmp_path: Path) -> None:
    problem, truth = read(made, "made", tmp_path / "cache")
    state = State(problem, 0, truth.gold != -1)
    asked = people.People("adversary", truth.gold, 2, seed=0)
    asked._turn = people.PEOPLE - 1
    state.take([entry(0, "random")], asked)
    assert state.labels[0] == 1 - truth.gold[0]
    state.take([entry(0, "second")], asked)
    assert state.labels[0] == -1
    state.take([entry(0, "third")], asked)
    assert state.labels[0] == truth.gold[0]
    assert len({one.person for one in state.opinions}) == 3
    assert 0 not in state.open_rows


def test_max_kl_looks_where_answers_contradict_the_label_model() -> None:
    patterns = np.array([0, 0, 1, 1, 2])
    believed = np.array([[0.9, 0.1], [0.9, 0.1], [0.5, 0.5]])
    found = max_kl(patterns, believed, np.array([0, 0, 0]), np.array([1, 1, 0, -1, -1]))
    assert found.argmax() == 0
    assert found[0] > found[2] > found[1] > 0  # an unsure pattern without an answer comes before a confirmed one
    assert _turns(np.array([2, 0, 2, 2, 0])).tolist() == [0, 0, 1, 2, 1]


def test_a_method_that_asks_twice_in_one_batch_is_named(made: Path, tmp_path: Path) -> None:
    class Twice:
        def refit(self, state: State) -> Any:
            return lambda X: np.full((X.shape[0], 2), 0.5)

        def ask(self, state: State, count: int) -> Any:
            return [entry(3, "x"), entry(3, "x")]

    problem, truth = read(made, "made", tmp_path / "cache")
    asked = people.People("gold", truth.gold, 2, seed=0)
    with pytest.raises(ValueError, match="Twice was asked for 5 rows and gave 2, 1 of them distinct"):
        run(Twice(), problem, truth, asked, seed=0, checkpoints=[0, 5], batch=5, until=5, target=1)


def test_results_are_kept_also_after_a_line_that_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    Results(path).add("a", {"x": 1})
    with path.open("a") as file:
        file.write('{"key": "b", "x"')
    Results(path).add("c", {"x": 3})
    found = Results(path)
    assert ("a" in found, "b" in found, found["c"]["x"]) == (True, False, 3)


def test_a_run_is_known_by_its_options(made: Path) -> None:
    one = Task("made", "majority", 0, "gold", 100, 100, 50)
    assert one.key(made) == Task("made", "majority", 0, "gold", 100, 100, 50).key(made)
    assert one.key(made) != Task("made", "majority", 1, "gold", 100, 100, 50).key(made)
    assert one.checkpoints == [0]
    assert Task("made", "auto", 0, "gold", 30, 60, 50).checkpoints == [0, 25, 30, 50, 60]
    ours = {path.name for path in sources(*METHODS["auto"].code)}
    peers = {path.name for path in sources(*HARNESS, *METHODS["human-margin"].code)}
    assert {"compose.py", "margin.py", "logistic.py"} <= ours  # a change there makes auto run again …
    assert not {"compose.py", "margin.py"} & peers  # … and not those that do without
    assert {"logistic.py", "features.py", "_efficiency_loop.py"} <= peers


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with one generated set: two topics, three functions, one of them worse than a coin."""
    rng = np.random.default_rng(0)
    words = [[f"topic{c}word{i}" for i in range(30)] for c in range(2)]
    common = [f"common{i}" for i in range(40)]
    folder = tmp_path / "data" / "made"
    folder.mkdir(parents=True)
    for split, n in (("train", 160), ("test", 80)):
        gold = rng.integers(0, 2, n)
        texts = [" ".join([*rng.choice(words[c], 3), *rng.choice(common, 5)]) for c in gold]
        votes = np.stack([np.where(rng.random(n) < right, gold, 1 - gold) for right in (0.85, 0.75, 0.45)], axis=1)
        votes[rng.random(votes.shape) < 0.4] = -1
        weak = pa.FixedSizeListArray.from_arrays(pa.array(votes.ravel(), pa.int8()), 3)
        ids = [f"{split}{i}" for i in range(n)]
        pq.write_table(
            pa.table({"id": ids, "text": texts, "label": gold, "weak_labels": weak}), folder / f"{split}.parquet"
        )
    (folder / "meta.json").write_text(json.dumps({"label_names": ["a", "b"]}))
    monkeypatch.setenv("LABELKIT_DATA", str(folder.parent))
    return folder.parent


def test_a_run_that_fails_does_not_hold_up_the_others(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METHODS, "broken", Spec("_efficiency_peers:nobody", ()))
    tasks = [Task("made", name, 0, "gold", 25, 25, 25) for name in ("broken", "majority")]
    with pytest.raises(RuntimeError, match="1 of 2 runs failed"):
        results_of(tasks, made, tmp_path / "cache", 1)
    assert results_of(tasks[1:], made, tmp_path / "cache", 1)[0]["points"][0]["test"] > 0.6


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:small_text.*")
def test_every_method_runs_and_a_second_run_takes_what_is_there(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_common, "ROOT", tmp_path)
    monkeypatch.setattr(_common, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(label_efficiency, "ROOT", tmp_path)
    monkeypatch.setattr(label_efficiency, "PICTURES", tmp_path / "pictures")
    methods = [name for name in METHODS if name != "small-text" or _installed("small_text")]
    arguments = [
        "--sets=made", f"--methods={','.join(methods)}", "--seeds=2", "--until=40", "--batch=20", "--workers=1",
        f"--cache={tmp_path / 'cache'}", "--annotators=noisy20,skips",
    ]  # fmt: skip
    if _installed("matplotlib"):
        arguments.append("--pictures")
    label_efficiency.main(arguments)
    told = json.loads((tmp_path / "results" / "label_efficiency.json").read_text())
    assert told["sets"]["made"]["methods"].keys() == set(methods)
    for one in told["curves"]:
        last = one["points"][-1]
        assert last["answers"] == (40 if METHODS[one["method"]].asks else 0)
        assert sum(last["roles"].values()) == last["answers"]
        assert (last["skips"] > 0) <= (one["annotators"] == "skips")
        assert 0.4 < last["test"] <= 1
    audited = {one["method"] for one in told["curves"] if "audit" in one["points"][-1]["roles"]}
    assert audited == {"auto", "random"}
    gold = told["sets"]["made"]
    assert gold["target"] > 0.8
    assert gold["methods"]["auto"]["test"]["0"]["mean"] > gold["methods"]["human-margin"]["test"]["0"]["mean"] == 0.5
    assert told["annotators"].keys() == {"gold", "noisy20", "skips"}
    if _installed("matplotlib"):
        pictures = sorted((tmp_path / "pictures").glob("*.svg"))
        assert len(pictures) == 4
        assert all(
            "auto (labelkit)" in path.read_text() and "people only, margin" in path.read_text() for path in pictures
        )
        assert "all gold" in pictures[2].read_text()  # test, dark: the line to reach
    capsys.readouterr()
    label_efficiency.main(arguments)
    captured = capsys.readouterr()
    assert "runs, 0 of them" not in captured.err
    assert "[1/" not in captured.err  # everything was kept
    assert "auto ÷ human-margin" in captured.out


def _installed(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is not None
