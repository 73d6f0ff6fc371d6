"""``import labelkit`` is light, and what it promises is there."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import labelkit

HEAVY = ("torch", "streamlit", "snorkel", "modAL", "sklearn", "scipy", "pandas", "pyarrow", "pydantic", "sqlite_utils")

LOADED = f"""
import sys
{{statement}}
print(*[name for name in {HEAVY!r} if name in sys.modules])
"""


def loaded_by(statement: str) -> list[str]:
    code = LOADED.format(statement=statement)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_importing_labelkit_loads_nothing_heavy() -> None:
    assert loaded_by("import labelkit") == []
    assert loaded_by("from labelkit import ABSTAIN, LabelSchema, LabelkitError, __version__") == []
    assert loaded_by("import labelkit.registry, labelkit.errors, labelkit.types, labelkit.progress") == []


def test_declaring_a_labeling_function_loads_no_learning_library() -> None:
    loaded = loaded_by(
        "from labelkit import regex, keywords; regex('a', 'b', label='c'); keywords('d', ['e'], label=1)"
    )
    assert not {"torch", "streamlit", "snorkel", "modAL", "sklearn"} & set(loaded)


def test_opening_a_project_loads_no_learning_library() -> None:
    loaded = loaded_by("from labelkit import Project")
    assert not {"torch", "streamlit", "snorkel", "modAL", "sklearn", "pandas"} & set(loaded)


@pytest.mark.parametrize("name", labelkit.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(labelkit, name) is not None


def test_all_is_what_is_public() -> None:
    assert sorted(labelkit.__all__) == labelkit.__all__
    assert set(labelkit.__all__) == {*labelkit._PUBLIC, "__version__"}
    assert dir(labelkit) == sorted(labelkit.__all__)
    tree = ast.parse(Path(labelkit.__file__).read_text(encoding="utf-8"))
    for_type_checkers = {
        (alias.asname, node.module)
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert for_type_checkers == set(labelkit._PUBLIC.items())


def test_what_is_not_public_is_not_there() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nope'"):
        labelkit.nope  # noqa: B018
    with pytest.raises(ImportError):
        from labelkit import nope  # noqa: F401
