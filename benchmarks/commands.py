"""Whole commands: how fast `labelkit --help` answers, how long the demo takes and how much memory.

    python benchmarks/commands.py

Each command runs as a process of its own, compiled files warm; the tables show medians.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from _common import write_json

HEAVY = ("torch", "streamlit", "snorkel", "modAL")
LABELKIT = [sys.executable, "-c", "from labelkit.cli.main import main; main()"]


def environment() -> dict[str, str]:
    """This process's, with compiled files allowed: users have them."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def timed(arguments: list[str], cwd: str) -> tuple[float, float]:
    """Seconds and peak MiB of one run of a command (the largest single process)."""
    code = (
        "import json, resource, subprocess, sys, time\n"
        "started = time.perf_counter()\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
        "print(json.dumps([time.perf_counter() - started,"
        " resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024]))"
    )
    command = [sys.executable, "-c", code, *LABELKIT, *arguments]
    done = subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True, env=environment())
    seconds, peak = json.loads(done.stdout)
    return seconds, peak


def loaded() -> list[str]:
    """Heavy modules that `import labelkit` loads."""
    code = f"import sys, labelkit; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()


def main() -> None:
    """Run and print a table."""
    results: dict[str, object] = {"import_loads": loaded()}
    with tempfile.TemporaryDirectory() as folder:
        timed(["--help"], folder)
        helps = [timed(["--help"], folder)[0] for _ in range(15)]
        started = time.perf_counter()
        demos = [timed(["demo", f"demo{i}"], folder) for i in range(3)]
        again = timed(["demo", "demo0"], folder)
    results |= {
        "help_seconds": statistics.median(helps),
        "demo_seconds": statistics.median(d[0] for d in demos),
        "demo_peak_mib": max(d[1] for d in demos),
        "demo_again_seconds": again[0],
        "total_seconds": time.perf_counter() - started,
    }
    print(f"labelkit --help          {results['help_seconds']:.3f} s  (median of 15; target under 0.2)")
    print(f"import labelkit loads    {', '.join(loaded()) or 'nothing heavy'}  (of {', '.join(HEAVY)})")
    print(f"labelkit demo            {results['demo_seconds']:.1f} s, peak {results['demo_peak_mib']:.0f} MiB"
          "  (median of 3; targets under 60 s, 1,500 MiB)")  # fmt: skip
    print(f"labelkit demo, again     {results['demo_again_seconds']:.1f} s")
    write_json("commands", results)


if __name__ == "__main__":
    main()
