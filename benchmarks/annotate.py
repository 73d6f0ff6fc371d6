"""The annotators' app: a real browser, the real server, fifty people at once.

    python benchmarks/annotate.py [--parts one team busy kill first] [--seconds 300] [--texts FILE]

one    a browser with one annotator: from key to next item, thirty quick presses, answers acknowledged; the same on
       a plain Streamlit page with `st.button(shortcut=...)`
team   fifty people through the API, two answers a second each, open loop: latency counts from when an answer was due
busy   the same while the trainer refits, 100,000 items are imported, and five leads go from page to page
kill   the same while the server is killed (`kill -9`) ten times
first  the first page after sign-in, on a project of a million items

What was stored is compared with what was on screen, and with what each client was told.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from _annotate_browser import first_page, one
from _annotate_team import busy, kill, team
from _common import show, write_json

PARTS = ("one", "team", "busy", "kill", "first")
Row = tuple[str, str, str]


def ms(found: dict[str, float], *names: str) -> str:
    """Some percentiles."""
    return " / ".join(f"{found[name]:.1f}" for name in names) + " ms"


def rows_of_one(found: dict[str, Any]) -> list[Row]:
    """Ours and the plain page."""
    out: list[Row] = []
    for name in ("labelkit", "plain page"):
        each = found[name]
        target = "4 / 16 ms" if name == "labelkit" else ""
        out.append((f"{name}: key to next item in the page, p50 / p95", ms(each["in the page"], "p50", "p95"), target))
        out.append((f"{name}: key to next item painted, p50 / p95", ms(each["painted"], "p50", "p95"), ""))
        burst = each["burst"]
        target = "30 of 30" if name == "labelkit" else ""
        out.append((f"{name}: presses 40 ms apart, stored as seen", f"{burst['right']} of {burst['pressed']}", target))
    acknowledged = found["labelkit"]["acknowledged"]
    out.append(("answer durable and acknowledged, one annotator, p95", ms(acknowledged, "p95"), "30 ms"))
    return out


def rows_of_load(name: str, found: dict[str, Any]) -> list[Row]:
    """Latencies, and what must not be."""
    checked = found["checked"]
    wrong = [checked[key] for key in ("lost", "doubled", "over_assigned")]
    target = {"team": "p95 150 ms", "busy": "p99.9 and max 500 ms", "kill": ""}[name]
    out: list[Row] = [
        (f"{name}: p50 / p95 / p99 / p99.9 / max", ms(found["answers"], "p50", "p95", "p99", "p99.9", "max"), target),
        (f"{name}: acknowledged", f"{checked['acknowledged']:,}, {checked['unacknowledged']} left", ""),
        (f"{name}: lost, doubled, over-assigned", ", ".join(map(str, wrong)), "0, 0, 0"),
        (f"{name}: other findings (wrong, strange, told twice)",
         ", ".join(str(checked[key]) for key in ("wrong", "strange", "told_twice")), "0, 0, 0"),
    ]  # fmt: skip
    if name == "busy":
        rate = found["import"].get("rows_per_second")
        out.append(
            ("busy: refits; rows/s imported", f"{found['refits']}; {rate:,.0f}" if rate else "import failed", "")
        )
        runs = ", ".join(f"{page} {each['runs']} (p50 {each['p50_ms']:.0f} ms)" for page, each in found["pages"].items()
                         if page != "problems")  # fmt: skip
        out.append(("busy: runs of pages", runs or "none", ""))
    if name == "kill":
        out.append(("kill: times killed; people who went on", f"{found['kills']}; {found['went_on']}", "10; 50"))
        away = found["away_seconds"]
        out.append(("kill: seconds until it answers again, worst", f"{max(away):.1f}", ""))
    return out


def rows_of_first(found: dict[str, Any]) -> list[Row]:
    """The first page."""
    figures = f"{found['cold_seconds']:.2f} / {found['median_seconds']:.2f} / {found['worst_seconds']:.2f} s"
    return [(f"first page after sign-in, {found['items']:,} items, cold / median / worst", figures, "2 s")]


def main() -> None:
    """Run the parts, print a table, keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seconds", type=float, default=300.0, help="how long fifty people answer")
    parser.add_argument("--items", type=int, default=100_000, help="items of their project")
    parser.add_argument("--imported", type=int, default=100_000, help="items that are imported meanwhile")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--presses", type=int, default=100)
    parser.add_argument("--first-items", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=7, help="first pages")
    parser.add_argument("--texts", type=Path, help="CSV or Parquet with a column `text`; by default texts are made up")
    parser.add_argument("--folder", type=Path, help="where the projects are made, for instance on another disk")
    options = parser.parse_args()
    load = (options.items, options.texts, options.seconds)
    parts: dict[str, tuple[Callable[[Path], dict[str, Any]], Callable[[dict[str, Any]], list[Row]]]] = {
        "one": (lambda folder: one(folder, options.texts, options.presses), rows_of_one),
        "team": (lambda folder: team(folder, *load), lambda found: rows_of_load("team", found)),
        "busy": (lambda folder: busy(folder, *load, options.imported), lambda found: rows_of_load("busy", found)),
        "kill": (lambda folder: kill(folder, *load, options.kills), lambda found: rows_of_load("kill", found)),
        "first": (lambda folder: first_page(folder, options.first_items, options.texts, options.times), rows_of_first),
    }
    results: dict[str, Any] = {}
    rows: list[Row] = []
    for name in options.parts:
        before = os.getloadavg()[0]
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            run, told = parts[name]
            found = run(Path(folder))
        results[name] = found | {"load_average_before": before}
        rows += told(found)
        show(f"{name} (load average before: {before:.1f})", ("figure", "measured", "target"), told(found))
    if len(options.parts) > 1:
        show("all", ("figure", "measured", "target"), rows)
    write_json("annotate", {"seconds": options.seconds, "parts": results})


if __name__ == "__main__":
    main()
