"""The reference for users and the examples in docstrings are correct."""

from __future__ import annotations

import doctest
import re
from importlib import import_module
from pathlib import Path

import pyarrow as pa
import pytest

from labelkit.lf import Shard, apply_functions, discover, fingerprint
from labelkit.types import LabelSchema

PAGE = Path(__file__).parents[2] / "docs" / "labeling-functions.md"
SCHEMA = LabelSchema.from_names(["billing", "bug", "feature_request", "account_access", "praise"])
ITEMS = {
    "text": ["error 503 again, it crashes", "thanks a lot!", "WHERE IS INVOICE 20231", "locked", "please add this???"],
    "plan": ["team", "free", "pro", None, "pro"],
    "seats": ["40", None, "5", "x", "7"],
    "channel": ["chat", "app_review", "billing_form", "chat", "email"],
    "code": ["E17", None, None, None, "E18"],
    "topic": ["invoices", "boards", None, "x", "crashes"],
}
VOTES = {
    "has_error_code": [1, -1, -1, -1, -1],
    "asks_for_it": [-1, -1, -1, -1, -1],
    "money": [-1, -1, 0, -1, -1],
    "crashes": [1, -1, -1, -1, -1],
    "SSO": [-1, -1, -1, -1, -1],
    "short_thanks": [-1, 4, -1, -1, -1],
    "big_team": [0, -1, -1, -1, -1],
    "review": [-1, 4, -1, -1, -1],
    "by_channel": [-1, 4, 0, -1, -1],
    "known_codes": [1, -1, -1, -1, -1],
    "by_topic": [0, 2, -1, -1, 1],
    "by_sections": [0, -1, -1, -1, 1],
    "questions": [-1, -1, -1, -1, 2],
    "shouts_a_number": [-1, -1, 0, -1, -1],
    "polite_request": [-1, -1, -1, -1, 2],
    "one_word": [-1, -1, -1, 3, -1],
    "asks_politely": [-1, -1, -1, -1, 2],
}


def test_the_reference_votes_as_it_says(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.S)
    for number, block in enumerate(blocks):
        (tmp_path / f"block_{number}.py").write_text(block, encoding="utf-8")
    topics = "topic,class\ninvoices,billing\ncrashes,bug\nboards,feature_request\n"
    (tmp_path / "topics.csv").write_text(topics, encoding="utf-8")
    found = discover(tmp_path, ["block_*.py"])
    shard = Shard(0, 0, pa.table({"id": list("abcde"), **ITEMS}))
    columns = apply_functions([each.function for each in found], shard, SCHEMA)
    assert {column.function: column.votes.tolist() for column in columns} == VOTES
    assert not any(fingerprint(each.function, SCHEMA, tmp_path).warnings for each in found)


@pytest.mark.parametrize("module", ["expressions", "lookups", "models", "patterns", "preprocessors", "python"])
def test_examples_in_docstrings(module: str) -> None:
    result = doctest.testmod(import_module(f"labelkit.lf.{module}"))
    assert result.attempted > 0
    assert result.failed == 0
