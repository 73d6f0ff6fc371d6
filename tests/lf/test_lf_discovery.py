"""Finding labeling functions in a project's files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from labelkit.errors import DiscoveryError
from labelkit.lf import apply_functions, discover
from labelkit.lf.shard import Shard
from labelkit.types import LabelSchema

SCHEMA = LabelSchema.from_names(["ham", "spam"])
PATTERNS = ["labeling_functions/*.py"]


@pytest.fixture(autouse=True)
def with_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    """As users run Python, whatever the test machine's environment says."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)


@pytest.fixture
def project(tmp_path: Path) -> Any:
    """Writes files into a project folder."""

    def write(**files: str) -> Path:
        for name, text in files.items():
            path = tmp_path / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return write


def names(root: Path, patterns: list[str] | None = None) -> list[str]:
    return [found.name for found in discover(root, patterns or PATTERNS)]


def vote(root: Path, text: str = "x") -> dict[str, int]:
    import pyarrow as pa

    shard = Shard(0, 0, pa.table({"id": ["1"], "text": [text]}))
    columns = apply_functions([found.function for found in discover(root, PATTERNS)], shard, SCHEMA)
    return {column.function: int(column.votes[0]) for column in columns}


def test_all_ways_of_declaring_are_found(project: Any) -> None:
    root = project(
        labeling_functions__a="""
from labelkit import keywords, labeling_function, regex
from labeling_functions.shared.more import helper_made, imported

regex("bare", "x", label="spam")
assigned = regex("assigned", "x", label="spam")
again = assigned
listed = [keywords(f"looped_{word}", [word], label="ham") for word in ("a", "b")]
for number in range(2):
    regex(f"dropped_{number}", "x", label=number)

@labeling_function()
def python(row):
    return "ham"

helper_made("factory_made")
""",
        labeling_functions__b="""
from snorkel.labeling import labeling_function, LabelingFunction

@labeling_function()
def theirs(x):
    return 1

def make(n):
    return LabelingFunction(f"theirs_{n}", f=lambda x: n)

LFS = [make(0), make(1)]
MORE = {"k": LabelingFunction("theirs_in_dict", f=len)}
""",
        labeling_functions__shared__more="""
from labelkit import regex
imported = regex("imported", "x", label="spam")

def helper_made(name):
    return regex(name, "x", label="spam")
""",
    )
    found = discover(root, PATTERNS)
    assert [(f.name, f.kind, f.file, f.line) for f in found] == [
        ("bare", "regex", "labeling_functions/a.py", 5),
        ("assigned", "regex", "labeling_functions/a.py", 6),
        ("looped_a", "keywords", "labeling_functions/a.py", 8),
        ("looped_b", "keywords", "labeling_functions/a.py", 8),
        ("dropped_0", "regex", "labeling_functions/a.py", 10),
        ("dropped_1", "regex", "labeling_functions/a.py", 10),
        ("python", "python", "labeling_functions/a.py", 12),
        ("theirs_in_dict", "snorkel", "labeling_functions/b.py", 1),
        ("theirs", "snorkel", "labeling_functions/b.py", 4),
        ("theirs_0", "snorkel", "labeling_functions/b.py", 9),
        ("theirs_1", "snorkel", "labeling_functions/b.py", 9),
        ("imported", "regex", "labeling_functions/shared/more.py", 3),
        ("factory_made", "regex", "labeling_functions/shared/more.py", 6),
    ]
    assert not list(root.rglob("__pycache__"))


def test_a_file_that_another_one_imports_is_loaded_once(project: Any) -> None:
    declared = 'from labelkit import regex\nshared = regex("shared", "x", label=0)\n'
    early = "from labeling_functions.m import shared\nfrom .m import shared as twin\nassert shared is twin\n"
    late = "from labeling_functions.m import shared\n"
    root = project(labeling_functions__a=early, labeling_functions__m=declared, labeling_functions__z=late)
    assert names(root) == ["shared"]
    root = project(labeling_functions____init__="")
    assert names(root) == ["shared"]


def test_helpers_at_the_root_and_in_packages_and_edits_are_seen(project: Any) -> None:
    root = project(
        helpers='WORD = "x"\n',
        pack____init__="",
        pack__sub="LABEL = 0\n",
        labeling_functions__a="""
from labelkit import regex
from helpers import WORD
from pack.sub import LABEL
regex("a", WORD, label=LABEL)
""",
    )
    assert vote(root) == {"a": 0}
    times = (root / "helpers.py").stat()
    project(helpers='WORD = "y"\n')  # the same size ...
    os.utime(root / "helpers.py", ns=(times.st_atime_ns, times.st_mtime_ns))  # ... and the same time
    assert vote(root) == {"a": -1}
    assert vote(root, "y") == {"a": 0}
    project(pack__sub="LABEL = 1\n")
    assert vote(root, "y") == {"a": 1}
    (root / "pack" / "sub.py").unlink()
    with pytest.raises(DiscoveryError, match=r"labeling_functions/a.py:4: ModuleNotFoundError: No module named 'pack"):
        discover(root, PATTERNS)
    assert not list(root.rglob("__pycache__"))


def test_stale_bytecode_is_not_read(project: Any) -> None:
    root = project(
        helpers="LABEL = 0\n",
        labeling_functions__a='from labelkit import regex\nimport helpers\nregex("a", "x", label=helpers.LABEL)\n',
    )
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(root)], check=True)
    times = (root / "helpers.py").stat()
    project(helpers="LABEL = 1\n")
    os.utime(root / "helpers.py", ns=(times.st_atime_ns, times.st_mtime_ns))
    assert vote(root) == {"a": 1}


def test_modules_of_the_host_are_left_alone(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    root = project(
        host_helpers="LABEL = 0\n",
        labeling_functions__a='from labelkit import regex\nimport host_helpers as h\nregex("a", "x", label=h.LABEL)',
    )
    monkeypatch.syspath_prepend(str(root))
    import host_helpers  # type: ignore[import-not-found]

    before = list(sys.path)
    project(host_helpers="LABEL = 1\n")
    assert vote(root) == {"a": 1}
    assert sys.modules["host_helpers"] is host_helpers
    assert host_helpers.LABEL == 0
    assert sys.path == before
    assert not sys.dont_write_bytecode
    del sys.modules["host_helpers"]


def test_two_projects_with_the_same_module_names(tmp_path: Path) -> None:
    for label, folder in enumerate(("one", "two")):
        (tmp_path / folder / "labeling_functions").mkdir(parents=True)
        (tmp_path / folder / "same_helpers.py").write_text(f"LABEL = {label}\n")
        text = 'from labelkit import regex\nfrom same_helpers import LABEL\nregex("a", "x", label=LABEL)\n'
        (tmp_path / folder / "labeling_functions" / "a.py").write_text(text)
    assert [vote(tmp_path / folder)["a"] for folder in ("one", "two", "one")] == [0, 1, 0]


def test_project_modules_can_be_imported_while_voting(project: Any) -> None:
    root = project(
        late_helpers="from labelkit import ABSTAIN\nLABEL = 1\n",
        labeling_functions__a="""
from labelkit import labeling_function

@labeling_function()
def lazy(row):
    from late_helpers import LABEL
    return LABEL
""",
    )
    assert vote(root) == {"lazy": 1}
    project(late_helpers="LABEL = 0\n")
    assert vote(root) == {"lazy": 0}
    with pytest.raises(ImportError):
        __import__("late_helpers_that_nobody_has")


def test_environments_inside_the_project_are_not_its_code(project: Any) -> None:
    declared = 'from labelkit import regex\nregex("{}", "x", label=0)\n'
    root = project(mine=declared.format("mine"))
    inside = root / ".venv" / "lib" / "python3.11" / "site-packages" / "pkg"
    inside.mkdir(parents=True)
    (inside / "theirs.py").write_text(declared.format("theirs"))
    assert names(root, ["**/*.py"]) == ["mine"]


def test_standard_library_and_labelkit_are_not_shadowed(project: Any) -> None:
    root = project(
        json="raise RuntimeError",
        labelkit____init__="raise RuntimeError",
        labeling_functions__a='import json\nfrom labelkit import regex\nregex("a", "x", label=0)\njson.dumps({})\n',
    )
    assert names(root) == ["a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import labelkit\nx = = 3\n", "labeling_functions/a.py:2: SyntaxError: invalid syntax"),
        ("\nif True:\nx = 3\n", "labeling_functions/a.py:3: IndentationError: expected an indented block"),
        ("\n\nimport nothing_here\n", "labeling_functions/a.py:3: ModuleNotFoundError: No module named 'nothing_here'"),
        ("from labelkit import regx\n", "labeling_functions/a.py:1: ImportError: cannot import name 'regx'"),
        ("def f():\n    return 1 // 0\nf()\n", "labeling_functions/a.py:2: ZeroDivisionError"),
        ("raise SystemExit(1)\n", "labeling_functions/a.py:1: the file ends the program"),
        (
            'from labelkit import regex\n\nregex("a", "(", label=0)',
            "labeling_functions/a.py:3: regex 'a' has the invalid",
        ),
        ('from labelkit import keywords\nkeywords("a", [""], label=0)', "a.py:2: keywords 'a' has an empty word"),
        ('from labelkit import expression\nexpression("a", "x ==", label=0)', "a.py:2: expression 'a': invalid syntax"),
        ('from labelkit import regex\nregex("", "x", label=0)', "a.py:2: a regex function has an empty name"),
        ('from labelkit import regex\nregex("a", "x")', "a.py:2: TypeError: regex() missing 1 required keyword"),
        ("x = '\\xff'.encode('latin1')\n", "no labeling function is declared in labeling_functions/a.py"),
        ("", "no labeling function is declared in labeling_functions/a.py"),
        (
            'from snorkel.labeling import LabelingFunction\nf = LabelingFunction("", f=len)\n',
            "labeling_functions/a.py: a snorkel function has an empty name",
        ),
    ],
)
def test_files_that_cannot_be_used(project: Any, text: str, message: str) -> None:
    root = project(labeling_functions__a=text)
    with pytest.raises(DiscoveryError) as caught:
        discover(root, PATTERNS)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_errors_in_helpers_name_the_helper(project: Any) -> None:
    root = project(helpers="x = 1\ny = x.z\n", labeling_functions__a="import helpers\n")
    with pytest.raises(DiscoveryError, match=r"^helpers.py:2: AttributeError: 'int' object has no attribute 'z'"):
        discover(root, PATTERNS)
    project(helpers="x = (\n")
    with pytest.raises(DiscoveryError, match=r"^helpers.py:1: SyntaxError: '\(' was never closed"):
        discover(root, PATTERNS)


def test_a_file_that_is_not_text(project: Any) -> None:
    root = project(labeling_functions__a="")
    (root / "labeling_functions" / "a.py").write_bytes(b"x = '\xff'\n")
    with pytest.raises(DiscoveryError, match=r"a.py.*SyntaxError"):
        discover(root, PATTERNS)
    (root / "labeling_functions" / "a.py").write_bytes(b"x = 1\0\n")
    with pytest.raises(DiscoveryError, match=r"a.py.*null bytes"):
        discover(root, PATTERNS)


def test_no_file_matches(tmp_path: Path) -> None:
    (tmp_path / "functions.txt").write_text("")
    with pytest.raises(DiscoveryError, match=r"no labeling-function file matches 'lfs/\*.py', '\*.txt' in "):
        discover(tmp_path, ["lfs/*.py", "*.txt"])
    with pytest.raises(DiscoveryError, match="the empty list"):
        discover(tmp_path, [])
    for pattern in ("/etc/*.py", ""):
        with pytest.raises(DiscoveryError, match="cannot be used"):
            discover(tmp_path, [pattern])


def test_shared_names_show_both_places(project: Any) -> None:
    root = project(
        labeling_functions__a='from labelkit import regex\nregex("same", "x", label=0)\n',
        labeling_functions__b='from labelkit import labeling_function as lf\n\n@lf(name="same")\ndef f(row): ...\n',
    )
    expected = r"two labeling functions are named 'same': labeling_functions/a.py:2 and labeling_functions/b.py:3"
    with pytest.raises(DiscoveryError, match=expected):
        discover(root, PATTERNS)


def test_ctrl_c_during_an_import_passes_and_leaves_no_trace(project: Any) -> None:
    root = project(labeling_functions__a="raise KeyboardInterrupt\n")
    before = set(sys.modules)
    with pytest.raises(KeyboardInterrupt):
        discover(root, PATTERNS)
    assert not {name for name in set(sys.modules) - before if name.endswith("_a")}
    project(labeling_functions__a='from labelkit import regex\nregex("a", "x", label=0)\n')
    assert names(root) == ["a"]


def test_lookup_files_lie_beside_the_function_or_at_the_root(project: Any) -> None:
    root = project(
        labeling_functions__a="""
from labelkit import lookup
lookup("beside", "near.csv")
lookup("root", "tables/far.csv")
"""
    )
    (root / "tables").mkdir()
    (root / "labeling_functions" / "near.csv").write_text("value,label\nx,spam\n")
    (root / "tables" / "far.csv").write_text("value,label\nx,ham\n")
    assert vote(root) == {"beside": 1, "root": 0}
    (root / "tables" / "far.csv").unlink()
    with pytest.raises(DiscoveryError, match=r"a.py:4: lookup 'root' names the file 'tables/far.csv'.*Looked in"):
        discover(root, PATTERNS)


def test_snorkel_is_not_imported_to_look_for_its_functions(project: Any) -> None:
    root = project(labeling_functions__a='from labelkit import regex\nregex("a", "x", label=0)\n')
    code = f"""
import sys
from pathlib import Path
from labelkit.lf import discover
assert [f.name for f in discover(Path({str(root)!r}), ["labeling_functions/*.py"])] == ["a"]
heavy = {{"snorkel", "torch", "pandas", "sklearn"}} & set(sys.modules)
assert not heavy, heavy
"""
    here = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=here)
