"""What every engine in the registry keeps to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from labelkit import keywords, registry
from labelkit.engines import Engine, engine
from labelkit.errors import RegistryError
from labelkit.lf import ColumnVotes, Shard, compile_functions
from labelkit.lf.compile import Plan
from labelkit.types import LabelSchema


@pytest.fixture(scope="module")
def ray_session() -> Iterator[None]:
    """One Ray for all tests of this file: a start takes seconds."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'labelkit[ray]'")
    from labelkit.engines.ray import RayEngine

    with pytest.MonkeyPatch.context() as patch:  # workers have to find this file's tasks
        patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
        with RayEngine(workers=2).session():
            yield


@pytest.fixture(
    params=[pytest.param(name, marks=pytest.mark.slow) if name == "ray" else name for name in registry.names("engines")]
)
def any_engine(request: pytest.FixtureRequest) -> Engine:
    if request.param == "ray":
        request.getfixturevalue("ray_session")
    return engine(request.param)


def double(number: int) -> int:
    return number * 2


def fail_at_two(number: int) -> int:
    if number == 2:
        raise ValueError("two")
    return number


def vote(plan: Plan, shard: Shard) -> list[ColumnVotes]:
    return plan.run(shard)


def test_results_come_in_the_order_of_the_shards(any_engine: Engine) -> None:
    assert list(any_engine.map(double, range(20))) == [number * 2 for number in range(20)]


def test_no_shards_no_results(any_engine: Engine) -> None:
    assert list(any_engine.map(double, [])) == []


def test_an_exception_arrives_at_its_place(any_engine: Engine) -> None:
    results = any_engine.map(fail_at_two, range(4))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(results)


def test_an_engine_can_be_used_again(any_engine: Engine) -> None:
    assert list(any_engine.map(double, [1])) == list(any_engine.map(double, [1])) == [2]


def test_votes_are_the_same_as_without_an_engine(any_engine: Engine) -> None:
    plan = compile_functions([keywords("k", ["a"], label="x")], LabelSchema.from_names(["x", "y"]))
    texts = [["a", "b"], ["c", "a"]]
    shards = [Shard(n, 2 * n, pa.table({"id": ["p", "q"], "text": both})) for n, both in enumerate(texts)]
    before = [shard.table.to_pydict() for shard in shards]
    through = [columns[0].votes.tolist() for columns in any_engine.map(partial(vote, plan), shards)]
    assert through == [plan.run(shard)[0].votes.tolist() for shard in shards] == [[0, -1], [-1, 0]]
    assert [shard.table.to_pydict() for shard in shards] == before


def test_unknown_engines_list_the_known() -> None:
    with pytest.raises(RegistryError, match="local"):
        engine("steam")
