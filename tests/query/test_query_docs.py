"""docs/active-learning.md is true: its Python runs, and it knows every strategy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from labelkit import registry
from labelkit.query import QueryStrategy

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "active-learning.md").read_text(encoding="utf-8")


def test_every_strategy_is_in_the_table() -> None:
    assert set(re.findall(r"^\| `(\w+)` \| .* \| .* \| .* \|$", PAGE, re.MULTILINE)) == set(
        registry.names("query_strategies")
    )


def test_the_examples_run() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    spaces: list[dict[str, Any]] = [{} for _ in blocks]
    for block, space in zip(blocks, spaces, strict=True):
        exec(block, space)
    assert isinstance(spaces[-1]["Highest"](), QueryStrategy)
