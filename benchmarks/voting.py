"""Voting: labelkit.LFApplier against Snorkel's PandasLFApplier and Polars expressions, side by side in one process.

    python benchmarks/voting.py                        # patterns and Python functions: about 4 minutes
    python benchmarks/voting.py --parts growth         # cost as work grows
    python benchmarks/voting.py --parts watch          # from the save of a file to the new analysis
    python benchmarks/voting.py --full                 # Snorkel on all rows, too (many minutes)

Texts are distinct real sentences (see ``_voting_inputs.py``), in a pandas DataFrame. A time is from that
DataFrame to the matrix in hand. Snorkel is timed on a random sample of rows and its time multiplied up: it
works row by row, so its time is linear in rows. Every vote is compared: labelkit's with Snorkel's on the sample
(on all rows with ``--full``), and with Polars' on all rows.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

os.environ.setdefault("POLARS_MAX_THREADS", str(os.cpu_count() or 1))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
from _common import RESULTS, data_folder, show, write_json
from _voting_growth import growth
from _voting_inputs import Spec, functions, texts
from _voting_watch import watch

from labelkit import LFApplier, keywords, regex

TARGETS = {"patterns": 400, "polars": 3, "plain": 4, "recognised": 100}
SEED = 0


def timed(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Median seconds of some calls, and the last result."""
    seconds, result = [], None
    for _ in range(repeats):
        result = None
        started = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds), result


def declared(specs: Sequence[Spec]) -> list[Any]:
    """As labelkit's users declare them."""
    return [
        keywords(s.name, s.words, label=s.label, substring=s.substring)
        if s.words
        else regex(s.name, s.pattern, label=s.label, flags=s.flags)
        for s in specs
    ]


def for_snorkel(specs: Sequence[Spec]) -> list[Any]:
    """As Snorkel's users write them, patterns compiled beforehand."""
    from snorkel.labeling import LabelingFunction

    def make(spec: Spec) -> Any:
        search = re.compile(spec.regular, spec.flags).search
        return LabelingFunction(spec.name, lambda x: spec.label if search(x.text) else -1)

    return [make(spec) for spec in specs]


def for_polars(specs: Sequence[Spec]) -> dict[str, Any]:
    """Name → expression, of the functions that Polars can say (it has no lookaround and no backreferences)."""
    import polars as pl

    found = {}
    for spec in specs:
        either = "|".join(map(re.escape, spec.words))
        whole = rf"\b(?:{either})\b" if spec.words and not spec.substring else f"(?:{either})"
        pattern = ("(?i)" if spec.ignore_case else "") + (whole if spec.words else spec.pattern)
        says = pl.col("text").str.contains(pattern)
        expression = pl.when(says).then(pl.lit(spec.label, pl.Int8)).otherwise(pl.lit(-1, pl.Int8)).alias(spec.name)
        try:
            pl.DataFrame({"text": ["a"]}).select(expression)
        except pl.exceptions.ComputeError:
            continue
        found[spec.name] = expression
    return found


def snorkel_seconds(
    applied: Sequence[Any], frame: pd.DataFrame, rows: np.ndarray, repeats: int
) -> tuple[float, np.ndarray]:
    """Seconds of PandasLFApplier for the whole frame, from a sample of rows; and the sample's matrix."""
    from snorkel.labeling import PandasLFApplier

    applier, sample = PandasLFApplier(list(applied)), frame.iloc[rows]
    seconds, L = timed(lambda: applier.apply(sample, progress_bar=False), repeats)
    return seconds * len(frame) / len(rows), L


def patterns(frame: pd.DataFrame, rows: np.ndarray, repeats: int) -> dict[str, Any]:
    """100 keyword and regex functions: labelkit cold and warm, Snorkel, Polars."""
    specs = functions(data_folder(), frame.text.tolist(), 100, SEED)
    ours = declared(specs)
    started = time.perf_counter()
    L = LFApplier(ours).apply(frame, progress_bar=False)
    cold = time.perf_counter() - started
    applier = LFApplier(ours)
    warm, again = timed(lambda: applier.apply(frame, progress_bar=False), max(repeats, 5))
    assert np.array_equal(L, again)
    theirs, sampled = snorkel_seconds(for_snorkel(specs), frame, rows, repeats if len(rows) < len(frame) else 1)
    paths = [path.how for path in applier.paths()]
    return {
        "functions": len(specs),
        "coverage": float((L != -1).mean()),
        "labelkit_cold_seconds": cold,
        "labelkit_seconds": warm,
        "snorkel_seconds": theirs,
        "ratio_to_snorkel": theirs / warm,
        "cells_that_differ_from_snorkel": int((L[rows] != sampled).sum()),
        "cells_compared_with_snorkel": int(sampled.size),
        "paths": {how: paths.count(how) for how in sorted(set(paths))},
        **against_polars(specs, ours, frame, L, max(repeats, 5)),
    }


def against_polars(
    specs: Sequence[Spec], ours: Sequence[Any], frame: pd.DataFrame, L: np.ndarray, repeats: int
) -> dict[str, Any]:
    """The functions that Polars can say, run by both."""
    import polars as pl

    expressions = for_polars(specs)
    at = [i for i, spec in enumerate(specs) if spec.name in expressions]
    polars_frame = pl.DataFrame({"text": frame.text.tolist()})
    chosen = list(expressions.values())
    seconds, votes = timed(lambda: polars_frame.select(chosen).to_numpy(), repeats)
    converted, _ = timed(lambda: pl.from_pandas(frame[["text"]]).select(chosen).to_numpy(), repeats)
    applier = LFApplier([ours[i] for i in at])
    same, _ = timed(lambda: applier.apply(frame, progress_bar=False), repeats)
    differs = votes != L[:, at]
    return {
        "polars_functions": len(at),
        "polars_seconds": seconds,
        "polars_from_pandas_seconds": converted,
        "labelkit_on_polars_functions_seconds": same,
        "ratio_to_polars": seconds / same,
        "ratio_to_polars_from_pandas": converted / same,
        "cells_that_differ_from_polars": int(differs.sum()),
        "of_them_in_ascii_texts": int(differs[[text.isascii() for text in frame.text]].sum()),
    }


@contextmanager
def recognition(on: bool) -> Iterator[None]:
    """Recognise the shapes of Python functions in this block, or do not."""
    before = os.environ.get("LABELKIT_RECOGNISE")
    os.environ["LABELKIT_RECOGNISE"] = "1" if on else "0"
    try:
        yield
    finally:
        os.environ.pop("LABELKIT_RECOGNISE")
        if before is not None:
            os.environ["LABELKIT_RECOGNISE"] = before


def plain_python(frame: pd.DataFrame, rows: np.ndarray, repeats: int) -> dict[str, Any]:
    """20 Python functions of Snorkel's: called row by row, and recognised and compiled."""
    from _voting_python import FUNCTIONS

    result: dict[str, Any] = {"functions": len(FUNCTIONS)}
    theirs, sampled = snorkel_seconds(FUNCTIONS, frame, rows, repeats if len(rows) < len(frame) else 1)
    result["snorkel_seconds"] = theirs
    for name, on in (("plain", False), ("recognised", True)):
        with recognition(on):
            applier = LFApplier(FUNCTIONS)
            started = time.perf_counter()
            L = applier.apply(frame, progress_bar=False)
            cold = time.perf_counter() - started
            seconds, _ = timed(lambda applier=applier: applier.apply(frame, progress_bar=False), repeats)
            paths = [path.how for path in applier.paths()]
        result |= {
            f"{name}_seconds": seconds,
            f"{name}_cold_seconds": cold,
            f"{name}_ratio": theirs / seconds,
            f"{name}_cells_that_differ": int((L[rows] != sampled).sum()),
            f"{name}_paths": {how: paths.count(how) for how in sorted(set(paths))},
        }
    result["coverage"] = float((L != -1).mean())
    return result


def tell(results: dict[str, Any]) -> None:
    """Print the tables."""
    data = results["data"]
    print(
        f"{data['rows']:,} distinct texts, {data['mean_characters']:.0f} characters on average,"
        f" {data['not_ascii']:.2%} with a character beyond ASCII; Snorkel timed on {data['snorkel_rows']:,} rows"
    )
    rows = [
        *(_pattern_rows(results["patterns"]) if "patterns" in results else []),
        *(_python_rows(results["python"]) if "python" in results else []),
    ]
    show("Votes: DataFrame in, matrix in hand", ["work", "labelkit", "against", "times", "target"], rows)
    for part in ("patterns", "python"):
        for key, value in results.get(part, {}).items():
            if any(word in key for word in ("differ", "coverage", "paths", "ascii")):
                print(f"  {part}: {key.replace('_', ' ')}: {value}")


def _pattern_rows(r: dict[str, Any]) -> list[list[str]]:
    warm = f"{r['labelkit_seconds']:.3f} s (cold {r['labelkit_cold_seconds']:.2f})"
    same = f"{r['labelkit_on_polars_functions_seconds']:.3f} s"
    theirs = r["snorkel_seconds"], r["polars_seconds"], r["polars_from_pandas_seconds"]
    ratios = r["ratio_to_snorkel"], r["ratio_to_polars"], r["ratio_to_polars_from_pandas"]
    said = f"the {r['polars_functions']} of them that Polars can say"
    return [
        [f"{r['functions']} keyword and regex functions", warm, f"Snorkel {theirs[0]:.1f} s", f"{ratios[0]:,.0f}×",
         f"{TARGETS['patterns']}×"],
        [said, same, f"Polars {theirs[1]:.2f} s", f"{ratios[1]:.1f}×", f"{TARGETS['polars']}×"],
        ["  the same, Polars starting from pandas", same, f"Polars {theirs[2]:.2f} s", f"{ratios[2]:.1f}×", "–"],
    ]  # fmt: skip


def _python_rows(r: dict[str, Any]) -> list[list[str]]:
    rows = []
    for name, words in (("plain", "plain Python functions"), ("recognised", "the same, recognised and compiled")):
        ours = f"{r[f'{name}_seconds']:.3f} s (cold {r[f'{name}_cold_seconds']:.2f})"
        work = words if name == "recognised" else f"{r['functions']} {words}"
        rows.append(
            [work, ours, f"Snorkel {r['snorkel_seconds']:.1f} s", f"{r[f'{name}_ratio']:,.1f}×", f"{TARGETS[name]}×"]
        )
    return rows


def main() -> None:
    """Run the parts that were asked for; keep what earlier runs measured of the others."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="patterns,python", help="of patterns, python, growth, watch")
    parser.add_argument("--rows", type=int, default=200_000, help="texts (default 200,000)")
    parser.add_argument("--sample", type=int, default=5_000, help="rows on which Snorkel is timed (default 5,000)")
    parser.add_argument("--full", action="store_true", help="time Snorkel on all rows")
    parser.add_argument("--repeats", type=int, default=3, help="the median of so many runs is shown (default 3)")
    parser.add_argument("--items", default="10000,100000,1000000", help="items of the growth table")
    parser.add_argument("--functions", default="10,50,200", help="functions of the growth table")
    options = parser.parse_args()
    parts = options.parts.split(",")
    unknown = set(parts) - {"patterns", "python", "growth", "watch"}
    if unknown:
        sys.exit(f"no part {', '.join(sorted(unknown))}; there are patterns, python, growth and watch")

    path = RESULTS / "voting.json"
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    corpus = texts(data_folder(), options.rows, SEED)
    if {"patterns", "python"} & set(parts):
        frame = pd.DataFrame({"text": corpus})
        frame["words"] = frame.text.str.count(" ") + 1
        frame["source"] = np.array(["web", "sms"])[np.arange(len(frame)) % 2]
        size = len(frame) if options.full else min(options.sample, len(frame))
        rows = np.sort(np.random.default_rng(SEED).choice(len(frame), size, replace=False))
        results["data"] = {
            "rows": len(frame),
            "mean_characters": float(np.mean([len(text) for text in corpus])),
            "not_ascii": float(np.mean([not text.isascii() for text in corpus])),
            "snorkel_rows": size,
        }
        if "patterns" in parts:
            results["patterns"] = patterns(frame, rows, options.repeats)
        if "python" in parts:
            results["python"] = plain_python(frame, rows, options.repeats)
        tell(results)
    if "growth" in parts:
        counts = [int(n) for n in options.items.split(",")], [int(m) for m in options.functions.split(",")]
        results["growth"] = growth(corpus, lambda m: declared(functions(data_folder(), corpus, m, SEED)), *counts,
                                   before=results.get("growth", {}))  # fmt: skip
    if "watch" in parts:
        results["watch"] = watch(corpus, functions(data_folder(), corpus, 49, SEED), 100_000)
    write_json("voting", {k: v for k, v in results.items() if k not in {"benchmark", "environment"}})


if __name__ == "__main__":
    main()
