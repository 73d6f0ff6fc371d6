"""What goes wrong while voting, as a user sees it: one line, exit status 2; or votes, however odd the text."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelkit import Project
from tests.conftest import Ran, write_rows

Run = Callable[..., Ran]
TOOL = [sys.executable, "-m", "labelkit.cli.main"]


def refused(done: Ran, *parts: str) -> None:
    """One line on standard error with all the parts, and exit status 2."""
    assert done.code == 2, (done.code, done.out, done.err)
    assert re.fullmatch(r"labelkit: error: [^\n]+\n", done.err), done.err
    for part in parts:
        assert part in done.err, f"{part!r} not in {done.err!r}"


def functions(folder: Path, text: str) -> None:
    head = "import re\nfrom labelkit import expression, keywords, labeling_function, lookup, regex\n"
    (folder / "labeling_functions" / "functions.py").write_text(head + text, encoding="utf-8")


def settings(folder: Path, **values: object) -> None:
    """Add to ``[labeling_functions]``."""
    file = folder / "labelkit.toml"
    lines = "".join(f"{key} = {value}\n" for key, value in values.items())
    text = file.read_text(encoding="utf-8")
    head = "[labeling_functions]\n"
    file.write_text(text.replace(head, head + lines) if head in text else f"{text}\n{head}{lines}", encoding="utf-8")


def process(*arguments: object, timeout: float = 50.0) -> Ran:
    """A command in a process of its own, which a hang cannot outlive."""
    done = subprocess.run(
        [*TOOL, *map(str, arguments)], capture_output=True, text=True, encoding="utf-8", timeout=timeout, check=False
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def votes(folder: Path) -> dict[str, list[Any]]:
    """Function → votes, in the order of the items."""
    with Project.open(folder) as project:
        frame = project.votes()
        return {name: [vote if isinstance(vote, str) else None for vote in frame[name]] for name in frame.columns}


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A project without items."""
    home = tmp_path / "empty"
    Project.init(home, name="texts", labels=["spam", "ham"]).close()
    return home


@pytest.mark.parametrize(
    "function",
    [
        'regex("slow", r"^(a+)+$", label="spam")',
        'regex("slow", r"(?<!b)(a|aa)+$", label="spam")',
        'labeling_function("slow")(lambda row: "spam" if re.search(r"^(a+)+$", row.text) else None)',
        '@labeling_function()\ndef slow(row):\n    while row.text.startswith("aaa"):\n        pass\n    return None',
    ],
)
def test_what_does_not_come_back_is_stopped_and_named(empty: Path, tmp_path: Path, function: str) -> None:
    rows = [["id", "text"], ["fine", "b"], ["endless", "a" * 4000 + "!"], ["last", "c"]]
    assert process("import", write_rows(tmp_path / "rows.csv", rows), "-p", empty).code == 0
    functions(empty, function)
    settings(empty, time_limit=1.0)
    done = process("vote", "-p", empty)
    if done.code == 0:  # Hyperscan does not backtrack: it is a vote like any other
        assert votes(empty)["slow"] == [None, None, None]
    else:
        refused(done, "'slow'", "'endless'", "1 s")


def test_backtracking_that_only_python_can_do_is_stopped(empty: Path, tmp_path: Path) -> None:
    rows = [["id", "text"], ["fine", "b"], ["endless", "x" + "a" * 4000 + "!"]]
    assert process("import", write_rows(tmp_path / "rows.csv", rows), "-p", empty).code == 0
    functions(empty, 'regex("slow", r"(x)(a+)+\\1$", label="spam")')
    settings(empty, time_limit=1.0)
    done = process("vote", "-p", empty)
    if done.code == 0:
        assert votes(empty)["slow"] == [None, None]
    else:
        refused(done, "'slow'", "'endless'", "1 s")


def test_a_match_never_reaches_over_two_items(run: Run, empty: Path, tmp_path: Path) -> None:
    texts = ["check", "out", "a\ncheck", "out b", "check\n\nout", "ends with check ", " out"]
    rows = [["id", "text"], *([f"i{i}", text] for i, text in enumerate(texts))]
    assert run("import", write_rows(tmp_path / "rows.csv", rows), "-p", empty).code == 0
    patterns = {
        "over": r"check\s+out",
        "dot": r"(?s)check.*out",
        "not": r"check[^x]+out",
        "end": r"check\Z",
        "line": r"(?m)^out$",
    }
    functions(
        empty,
        "\n".join(
            f"regex({name!r}, r{pattern!r}, label='spam')".replace("\\\\", "\\") for name, pattern in patterns.items()
        ),
    )
    assert run("vote", "-p", empty).code == 0
    found = votes(empty)
    for name, pattern in patterns.items():
        assert found[name] == ["spam" if re.search(pattern, text) else None for text in texts], name


def test_an_invalid_pattern_is_shown_with_its_position(run: Run, folder: Path) -> None:
    functions(folder, 'regex("broken", r"free (phone", label="spam")')
    refused(run("vote", "-p", folder), "labeling_functions/functions.py:3", "'broken'", "`free (phone`", "position 5")
    functions(folder, 'regex("broken", "[z-a]", label="spam")')
    refused(run("vote", "-p", folder), "'broken'", "bad character range z-a", "position 1")


def test_an_empty_keyword_is_refused(run: Run, folder: Path) -> None:
    functions(folder, 'keywords("money", ["cash", " "], label="spam")')
    refused(run("vote", "-p", folder), "functions.py:3", "'money'", "empty word (word 2 of 2)")


def test_a_pattern_that_matches_everything_votes_on_everything(run: Run, empty: Path, tmp_path: Path) -> None:
    data = [
        {"id": str(i), "text": text, "other": other}
        for i, (text, other) in enumerate([("a", "x"), ("b", None), (".\n", "")])
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, data)), encoding="utf-8")
    assert run("import", file, "-p", empty).code == 0
    functions(
        empty,
        'regex("empty", "", label="spam")\nregex("any", "(?s).*", label="ham")\nregex("start", "^", label="spam")\n'
        'regex("field", "", label="spam", field="other")\nregex("either", "|x", label="ham")\n',
    )
    assert run("vote", "-p", empty).code == 0
    assert votes(empty) == {
        "empty": ["spam"] * 3,
        "any": ["ham"] * 3,
        "start": ["spam"] * 3,
        "field": ["spam", None, "spam"],
        "either": ["ham"] * 3,
    }


def test_nulls_and_lone_surrogates(run: Run, empty: Path, tmp_path: Path) -> None:
    texts = ["free\0phone", "\0", "a\ud800free", "\udc80", "\ud83d\ude00 free", "plain free"]
    file = tmp_path / "rows.jsonl"
    lines = [json.dumps({"id": str(i), "text": text, "note": text}) for i, text in enumerate(texts)]
    file.write_text("\n".join(lines), encoding="utf-8")
    done = run("import", file, "-p", empty)
    if done.code:
        refused(done, "rows.jsonl", "line 3")
        keep = [0, 1, 4, 5]
        file.write_text("\n".join(lines[i] for i in keep), encoding="utf-8")
        texts = [texts[i] for i in keep]
        assert run("import", file, "-p", empty).code == 0
    texts = [
        text.encode("utf-16", "surrogatepass").decode("utf-16", "replace" if done.code else "surrogatepass")
        for text in texts
    ]
    patterns = {"free": r"\bfree\b", "null": r"\x00", "around": r"^.free", "no_word": r"^\W+$", "face": "\U0001f600"}
    functions(empty, "\n".join(f"regex({name!r}, {pattern!r}, label='spam')" for name, pattern in patterns.items()))
    assert run("vote", "-p", empty).code == 0
    found = votes(empty)
    for name, pattern in patterns.items():
        assert found[name] == ["spam" if re.search(pattern, text) else None for text in texts], name


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["parquet", "jsonl"])
def test_a_text_of_100_megabytes(empty: Path, tmp_path: Path, kind: str) -> None:
    big = "lorem ipsum dolor " * (100_000_000 // 18) + "needle"
    texts = ["small needle", big, "nothing"]
    if kind == "parquet":
        file = tmp_path / "rows.parquet"
        pq.write_table(pa.table({"id": ["a", "big", "c"], "text": texts}), file)
    else:
        file = tmp_path / "rows.jsonl"
        lines = (json.dumps({"id": i, "text": text}) for i, text in zip("abc", texts, strict=True))
        file.write_text("\n".join(lines), encoding="utf-8")
    assert process("import", file, "-p", empty).code == 0
    functions(
        empty,
        'regex("found", r"needle$", label="spam")\nkeywords("words", ["needle"], label="spam")\n'
        'regex("absent", r"\\bneedles\\b", label="ham")\nexpression("long", "char_count > 1000", label="ham")\n'
        '@labeling_function()\ndef ends(row):\n    return "spam" if row.text.endswith("needle") else None\n',
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert process("vote", "-p", empty).code == 0
    peak = max(before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024
    assert peak < 3000, f"{peak:.0f} MiB"
    assert votes(empty) == {
        "found": ["spam", "spam", None],
        "words": ["spam", "spam", None],
        "absent": [None, None, None],
        "long": [None, "ham", None],
        "ends": ["spam", "spam", None],
    }


@pytest.mark.slow
def test_a_worker_that_the_kernel_kills_costs_nothing(empty: Path, tmp_path: Path) -> None:
    rows = [["id", "text"], *([f"i{i}", f"text {i}"] for i in range(140_000))]
    assert process("import", write_rows(tmp_path / "rows.csv", rows), "-p", empty).code == 0
    functions(
        empty,
        "import time\n@labeling_function()\ndef slow(row):\n"
        '    if row.text.endswith("000"):\n        time.sleep(0.05)\n'
        '    return "spam" if row.text.endswith("7") else None\n',
    )
    settings(empty, workers=2)
    command = subprocess.Popen(
        [*TOOL, "vote", "-p", str(empty)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    killed = _kill_one_worker(command.pid)
    out, err = command.communicate(timeout=55)
    assert killed, "no worker process was seen"
    assert command.returncode == 0, (out, err)
    assert votes(empty)["slow"] == ["spam" if i % 10 == 7 else None for i in range(140_000)]


def _kill_one_worker(parent: int) -> bool:
    """Do to a child that works what the kernel does when memory runs out."""
    until = time.monotonic() + 40
    while time.monotonic() < until:
        for child in psutil.Process(parent).children(recursive=True):
            try:
                words = " ".join(child.cmdline())
                # The engine forks a child that ends at once to see what a fork takes; a worker stays.
                if "resource_tracker" not in words and time.time() - child.create_time() > 0.5:
                    os.kill(child.pid, signal.SIGKILL)
                    return True
            except psutil.Error:
                continue
        time.sleep(0.05)
    return False
