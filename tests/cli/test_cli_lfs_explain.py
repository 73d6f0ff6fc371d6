"""``labelkit lfs --explain`` tells which way each function took, without running the project's code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.conftest import FUNCTIONS, Ran

Run = Callable[..., Ran]

MORE = """
regex("ends", r"(?<=free )phone(?! ca+ll)", label="spam")


@labeling_function()
def odd(row):
    return "ham" if hash(row.text) == 0 else None
"""


def test_every_function_with_its_path(run: Run, folder: Path) -> None:
    assert "Run `labelkit vote`" in run("lfs", "--explain", "-p", folder).err
    file = folder / "labeling_functions" / "functions.py"
    file.write_text(FUNCTIONS + MORE, encoding="utf-8")
    assert run("vote", "-p", folder).code == 0
    file.write_text("raise SystemExit('imported')", encoding="utf-8")  # nothing is imported to tell

    done = run("lfs", "--explain", "--json", "-p", folder)
    assert (done.code, done.err) == (0, "")
    functions = {f["name"]: f for f in json.loads(done.out)["functions"]}
    assert list(functions) == ["money", "free", "meeting", "short", "polite", "ends", "odd"]
    assert {f["kind"] for f in functions.values()} == {"keywords", "regex", "expression", "python"}
    assert functions["short"]["how"] == "arrow"
    assert functions["odd"]["how"] == "python"
    for name in ("free", "ends"):
        assert functions[name]["how"] in {"hyperscan", "hyperscan + re", "re"}
    assert functions["ends"]["why"]
    assert functions["odd"]["why"]

    table = run("lfs", "--explain", "-p", folder)
    assert table.code == 0
    for name, function in functions.items():
        (line,) = [line for line in table.out.splitlines() if line.strip().startswith(f"{name} ")]
        assert function["how"] in line
    assert run("vote", "-p", folder).code == 2  # it is imported here
