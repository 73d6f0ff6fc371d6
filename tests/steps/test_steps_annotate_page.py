"""What the Annotate page is told before its first item."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from labelkit import Project
from labelkit.errors import ConfigError
from tests.serving import ran_project


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ran_project(tmp_path_factory.mktemp("template") / "project")


def with_settings(template: Path, home: Path, settings: str) -> Path:
    """A copy of the project with further lines in its last section, ``[annotation]``."""
    shutil.copytree(template, home)
    file = home / "labelkit.toml"
    file.write_text(file.read_text(encoding="utf-8") + settings, encoding="utf-8")
    return home


def test_labels_keys_words_and_settings(template: Path, tmp_path: Path) -> None:
    settings = 'keys = { ham = "X" }\n'
    settings += 'highlight = ["Phone"]\nbatch = 7\nimage_hosts = ["Images.example.org"]\nshow_fields = ["channel"]\n'
    (template / "labeling_functions" / "never.py").write_text("raise SystemExit('ran')", encoding="utf-8")
    with Project.open(with_settings(template, tmp_path / "project", settings)) as project:
        page = project.annotate_page()
    (template / "labeling_functions" / "never.py").unlink()
    assert page.keys == {"spam": "1", "ham": "x"}
    assert page.words == ["meeting", "lunch", "Phone", "prize", "cash"]
    assert (page.batch, page.show_fields, page.image_hosts) == (7, ["channel"], ["images.example.org"])
    assert page.ready


@pytest.mark.parametrize("keys", ['{ ham = "u" }', '{ ham = "x", spam = "X" }', '{ eggs = "x" }', '{ ham = "xy" }'])
def test_keys_that_cannot_be_are_refused(template: Path, tmp_path: Path, keys: str) -> None:
    home = with_settings(template, tmp_path / "project", f"keys = {keys}\n")
    with Project.open(home) as project, pytest.raises(ConfigError, match=r"annotation\.keys"):
        project.annotate_page()


def test_a_new_project_has_nothing_to_ask_yet(tmp_path: Path) -> None:
    with Project.init(tmp_path / "new", name="new", labels=["a", "b"]) as project:
        page = project.annotate_page()
    assert not page.ready and page.words == [] and page.keys == {"a": "1", "b": "2"}
