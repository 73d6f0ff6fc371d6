"""The engine that works in this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from labelkit.engines.local import LocalEngine


def test_works_in_this_thread() -> None:
    assert set(LocalEngine().map(lambda _: threading.get_ident(), range(3))) == {threading.get_ident()}


def test_holds_one_shard_at_a_time() -> None:
    taken: list[int] = []

    def shards() -> Iterator[int]:
        for number in range(3):
            taken.append(number)
            yield number

    results = LocalEngine().map(lambda number: number * 10, shards())
    assert taken == []
    assert next(results) == 0
    assert taken == [0]
