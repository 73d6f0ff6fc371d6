"""Where texts are few, patterns are searched by ``re``: compiling them would take longer."""

from __future__ import annotations

import re
import threading

import pyarrow as pa
import pytest

from labelkit import keywords, regex
from labelkit.lf import Shard, compile_functions
from labelkit.lf.compile import Plan
from labelkit.types import LabelSchema

SCHEMA = LabelSchema.from_names(["a", "b"])
FUNCTIONS = [
    regex("year", r"\b\d{4}\b", label=0),
    keywords("word", ["apple", "éclair"], label=1),
    regex("all", "", label=0),
]


@pytest.fixture(autouse=True)
def usual(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABELKIT_HYPERSCAN", raising=False)


def shard(texts: list[str | None]) -> Shard:
    return Shard(0, 0, pa.table({"id": list(map(str, range(len(texts)))), "text": pa.array(texts, pa.string())}))


def ways(plan: Plan) -> set[str]:
    return {path.how for path in plan.paths()}


def votes(plan: Plan, texts: list[str | None]) -> list[list[int]]:
    return [column.votes.tolist() for column in plan.run(shard(texts))]


def test_few_texts_are_not_compiled_for_and_get_the_same_votes() -> None:
    texts = ["in 1999", None, "", "Apple pie", "ÉCLAIR", "19991"] * 5
    plan = compile_functions(FUNCTIONS, SCHEMA)
    few = votes(plan, texts)
    assert ways(plan) == {"re"}
    assert all("few texts" in path.why for path in plan.paths())
    assert few[0] == [0 if t and re.search(r"\b\d{4}\b", t) else -1 for t in texts]
    many = compile_functions(FUNCTIONS, SCHEMA)
    big: list[str | None] = [*texts, *(["x" * 1000] * 400)]
    assert [column[: len(texts)] for column in votes(many, big)] == few
    assert "hyperscan" in {way.split()[0] for way in ways(many)}


def test_texts_of_many_views_add_up() -> None:
    plan = compile_functions(FUNCTIONS[:2], SCHEMA)
    for _ in range(4):
        votes(plan, ["x" * 1000] * 60)
    assert ways(plan) == {"re"}
    votes(plan, ["x" * 1000] * 60)
    assert "re" not in ways(plan)


def test_what_backtracks_for_ever_in_re_is_compiled_all_the_same() -> None:
    plan = compile_functions([regex("cat", r"^(a+)+$", label=0), *FUNCTIONS[:2]], SCHEMA)
    assert votes(plan, ["a" * 40 + "b", "aaa", "in 1999"]) == [[-1, 0, -1], [-1, -1, 0], [-1, -1, -1]]
    assert plan.paths()[0].how == "hyperscan"


def test_where_nothing_can_be_watched_patterns_are_compiled() -> None:
    plan = compile_functions(FUNCTIONS[:2], SCHEMA)
    thread = threading.Thread(target=votes, args=(plan, ["in 1999"]))
    thread.start()
    thread.join()
    assert "re" not in ways(plan)
