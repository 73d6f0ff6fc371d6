"""Writes what documents show of the program itself: `make docs`.

- ``docs/loop.svg``: the picture of the loop.
- ``docs/commands.md``: the help of every command.
- the real output of ``labelkit demo`` between its two markers in ``README.md``.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BEGIN, END = "<!-- demo output -->", "<!-- end of demo output -->"


def output(*arguments: str, cwd: Path | None = None) -> str:
    """What a labelkit command prints on a terminal of 116 columns."""
    environment = {**os.environ, "COLUMNS": "116", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "labelkit.cli.main", *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, check=True, capture_output=True, text=True)
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()).strip()


def help_text(command: str) -> str:
    """What ``labelkit COMMAND --help`` prints."""
    from labelkit.cli.main import main as labelkit

    out = io.StringIO()
    with mock.patch.dict(os.environ, COLUMNS="100"), contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        labelkit([command, "--help"])
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()).strip()


def commands_page() -> str:
    """``docs/commands.md``."""
    from labelkit.cli.main import COMMANDS

    parts = ["# Commands", "", "Made by `make docs` from the commands' own help.", ""]
    for name in COMMANDS:
        parts += [f"## labelkit {name}", "", "```", help_text(name), "```", ""]
    return "\n".join(parts)


def demo_block() -> str:
    """What `make demo` prints after installing, on a copy of the sample project."""
    with tempfile.TemporaryDirectory() as folder:
        for part in ("labelkit.toml", "labeling_functions", "sample_data"):
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, Path(folder) / part)
            else:
                shutil.copy2(source, folder)
        return output("demo", ".", cwd=Path(folder)).replace("../", "")


STEPS = (
    ("items", "import", "CSV, JSONL, Parquet"),
    ("votes", "vote", "labeling functions"),
    ("probabilities", "label", "label model"),
    ("end model", "train", "learns soft labels"),
    ("queue", "rank", "active learning"),
    ("annotations", "annotate", "people answer"),
    ("training set", "export", "labels with lineage"),
)


def loop_picture() -> str:
    """The loop as SVG: seven nouns, the steps between them, and the way back."""
    width, box, gap, top = 1180, 128, 40, 70
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} 260" font-family="system-ui, sans-serif"'
        ' role="img" aria-label="The loop: items, votes, probabilities, end model, queue, annotations, training set;'
        ' answers flow back into every step">',
        '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#475569"/></marker><marker id="b" viewBox="0 0 8 8" refX="7" refY="4"'
        ' markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#b45309"/></marker></defs>',
        f'<rect width="{width}" height="260" fill="#ffffff" rx="12"/>',
    ]
    lefts = [18 + i * (box + gap) for i in range(len(STEPS))]
    for left, (noun, step, what) in zip(lefts, STEPS, strict=True):
        person = noun == "annotations"
        fill, edge = ("#fef3c7", "#b45309") if person else ("#eef2ff", "#4f46e5")
        middle = left + box / 2
        parts.append(
            f'<rect x="{left}" y="{top}" width="{box}" height="64" rx="10" fill="{fill}" stroke="{edge}"/>'
            f'<text x="{middle}" y="{top + 28}" text-anchor="middle" font-size="16" font-weight="600"'
            f' fill="#0f172a">{noun}</text>'
            f'<text x="{middle}" y="{top + 48}" text-anchor="middle" font-size="12" fill="#475569">{what}</text>'
            f'<text x="{middle}" y="{top - 14}" text-anchor="middle" font-size="13" fill="#475569"'
            f' font-family="ui-monospace, monospace">{step}</text>'
        )
    for left in lefts[:-1]:
        x = left + box
        parts.append(
            f'<path d="M{x + 3} {top + 32}H{x + gap - 4}" stroke="#475569" stroke-width="2" fill="none"'
            ' marker-end="url(#a)"/>'
        )
    start, level = lefts[5] + box / 2, 190
    way = f"M{start} {top + 64}V{level}H{lefts[1] + box / 2}"
    parts.append(f'<path d="{way}" stroke="#b45309" stroke-width="2" fill="none"/>')
    for left in lefts[1:5]:
        x = left + box / 2
        parts.append(
            f'<path d="M{x} {level}V{top + 69}" stroke="#b45309" stroke-width="2" fill="none" marker-end="url(#b)"/>'
        )
    parts.append(
        f'<text x="{(lefts[1] + start) / 2 + 60}" y="{level + 24}" text-anchor="middle" font-size="14" fill="#b45309">'
        "answers flow back into the analysis, the label model, the end model and the queue</text></svg>"
    )
    return "\n".join(parts) + "\n"


def readme(text: str) -> str:
    """README.md with the demo's present output."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n```console\n$ make demo\n{demo_block()}\n```\n\n{END}{after}"


def main() -> None:
    """Write everything."""
    (HERE / "loop.svg").write_text(loop_picture(), encoding="utf-8")
    (HERE / "commands.md").write_text(commands_page(), encoding="utf-8")
    page = ROOT / "README.md"
    page.write_text(readme(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
