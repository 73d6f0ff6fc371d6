"""How the cost of voting grows with items and functions; run by ``benchmarks/voting.py``."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from _common import show

from labelkit.lf import Shard, compile_functions
from labelkit.lf.compile import Plan
from labelkit.types import SHARD_SIZE, LabelSchema

CLASSES = LabelSchema.from_names([f"class {i}" for i in range(6)])


def growth(
    corpus: Sequence[str],
    declared: Callable[[int], list[Any]],
    items: Sequence[int],
    functions: Sequence[int],
    *,
    before: Mapping[str, Any],
) -> dict[str, Any]:
    """Seconds for every pair of numbers, and the exponents; joined with what was measured before.

    Items are the corpus' texts drawn again and again, each with a number of its own at the end; one shard of
    65,536 is in memory at a time, as in ``labelkit vote``. Making the texts is not timed; compiling is timed
    by itself, since it does not grow with the items.
    """
    seconds: dict[str, float] = dict(before.get("seconds", {}))
    compiling: dict[str, float] = dict(before.get("compiling_seconds", {}))
    for m in functions:
        started = time.perf_counter()
        plan = compile_functions(declared(m), CLASSES)
        for shard in _shards(corpus, 1000):
            plan.run(shard)  # patterns are compiled when the first text is there
        compiling.setdefault(str(m), time.perf_counter() - started)
        for n in items:
            seconds[f"{n}x{m}"] = _voting(plan, corpus, n)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result = {
        "seconds": seconds,
        "compiling_seconds": compiling,
        "exponents": _exponents(seconds),
        "peak_mib": max(peak, before.get("peak_mib", 0)),
    }
    _show(result)
    return result


def _voting(plan: Plan, corpus: Sequence[str], n: int) -> float:
    seconds = 0.0
    for shard in _shards(corpus, n):
        started = time.perf_counter()
        plan.run(shard)
        seconds += time.perf_counter() - started
    return seconds


def _shards(corpus: Sequence[str], n: int) -> Iterator[Shard]:
    pool = pa.array(corpus, pa.large_string())
    rng = np.random.default_rng(n)
    for first in range(0, n, SHARD_SIZE):
        rows = min(SHARD_SIZE, n - first)
        numbers = pa.array(np.arange(first, first + rows)).cast(pa.large_string())
        drawn = pool.take(pa.array(rng.integers(0, len(pool), rows)))
        text = pc.binary_join_element_wise(drawn, numbers, pa.scalar(" #", pa.large_string()))
        yield Shard(first // SHARD_SIZE, first, pa.table({"id": numbers, "text": text}))


def _exponents(seconds: Mapping[str, float]) -> dict[str, float]:
    """Slopes of log time over log items (per number of functions) and over log functions (per number of items)."""
    cells = [(*map(int, key.split("x")), value) for key, value in seconds.items()]
    found = {}
    for axis, words in ((0, "items, {} functions"), (1, "functions, {} items")):
        for fixed in sorted({cell[1 - axis] for cell in cells}):
            points = sorted((cell[axis], cell[2]) for cell in cells if cell[1 - axis] == fixed)
            if len(points) > 1:
                x, y = np.log(np.array(points)).T
                found[words.format(f"{fixed:,}")] = float(np.polyfit(x, y, 1)[0])
    return found


def _show(result: Mapping[str, Any]) -> None:
    cells = {tuple(map(int, key.split("x"))): value for key, value in result["seconds"].items()}
    items, functions = sorted({n for n, _ in cells}), sorted({m for _, m in cells})
    rows = []
    for n in items:
        found = [cells.get((n, m)) for m in functions]
        exponent = result["exponents"].get(f"functions, {n:,} items")
        rows.append([f"{n:,}", *("–" if s is None else f"{s:.3f} s" for s in found),
                     "–" if exponent is None else f"{exponent:.2f}"])  # fmt: skip
    last = [result["exponents"].get(f"items, {m:,} functions") for m in functions]
    rows.append(["exponent in items", *("–" if e is None else f"{e:.2f}" for e in last), ""])
    compiling = [result["compiling_seconds"].get(str(m)) for m in functions]
    rows.append(["compiling, once", *("–" if s is None else f"{s:.3f} s" for s in compiling), ""])
    header = ["items", *(f"{m} functions" for m in functions), "exponent in functions"]
    show("Cost of voting as work grows", header, rows)
    print(f"  peak memory of the process: {result['peak_mib']:,.0f} MiB")
