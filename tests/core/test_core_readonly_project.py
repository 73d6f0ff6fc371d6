"""A project in a folder that one may read but not write: everything that reads works, the rest says why not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from labelkit import Project

READ = r"""
import os, sys, tempfile
from pathlib import Path
from labelkit import LabelkitError, Project

def read(folder):
    with Project.open(folder) as project:
        print(list(project.items()["id"]), project.status().items, project.schema.names, project.doctor())
        try:
            project.vote()
        except LabelkitError as error:
            print(error.message)

with tempfile.TemporaryDirectory() as folder:  # import everything while that is still allowed
    Path(folder, "items.csv").write_text("id,text\na,hello\n")
    with Project.init(folder, name="warm", labels=["a", "b"]) as project:
        project.import_items(f"{folder}/items.csv")
    read(folder)
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
print("--")
read(sys.argv[1])
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A project that anybody may read."""
    home = Path(tempfile.mkdtemp(prefix="labelkit-test-"))
    with Project.init(home, name="texts", labels=["spam", "ham"]) as project:
        (home / "texts.csv").write_text("id,text\na,hello\nb,world\n")
        project.import_items(home / "texts.csv")
    home.chmod(0o755 if os.getuid() == 0 else 0o555)
    yield home
    home.chmod(0o755)
    shutil.rmtree(home)


def test_reading_works_and_writing_says_why_not(folder: Path) -> None:
    before = sorted(folder.iterdir())
    done = subprocess.run([sys.executable, "-c", READ, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    read, refused = done.stdout.partition("--\n")[2].splitlines()
    assert read == "['a', 'b'] 2 ('spam', 'ham') []"
    assert refused == f"{folder}/texts.labelkit.db or its folder is read-only, and `labelkit vote` has to write"
    assert sorted(folder.iterdir()) == before
