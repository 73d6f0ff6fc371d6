"""A fresh project file for every test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from store_helpers import new_store

from labelkit.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A project file with the classes spam, ham and other, and no items."""
    with new_store(tmp_path / "texts.labelkit.db") as opened:
        yield opened
