"""Extensions by name: unknown and doubly registered ones are clear errors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from labelkit import registry
from labelkit.errors import RegistryError


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path that looks like an installed package with entry points."""
    monkeypatch.syspath_prepend(str(tmp_path))
    info = tmp_path / "someones_plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: someones-plugin\nVersion: 1.0\n")
    registry._table.cache_clear()
    yield info / "entry_points.txt"
    registry._table.cache_clear()


@pytest.mark.parametrize("kind", get_args(registry.Kind))
def test_every_registered_file_is_there(kind: registry.Kind) -> None:
    for target in registry.BUILTIN[kind].values():
        module, _, attribute = target.partition(":")
        file = Path(registry.__file__).parent.parent / Path(*module.split(".")).with_suffix(".py")
        assert f"class {attribute}" in file.read_text(encoding="utf-8")


def test_an_unknown_name_is_named_with_the_choices() -> None:
    with pytest.raises(RegistryError, match="unknown query strategy 'nope'; choose one of auto, uncertainty, margin,"):
        registry.resolve("query_strategies", "nope")
    with pytest.raises(RegistryError, match="unknown label model 'nope'; choose one of auto, snorkel, majority"):
        registry.resolve("label_models", "nope")
    with pytest.raises(RegistryError, match="unknown kind 'nope'; the kinds are label_models,"):
        registry.names("nope")  # type: ignore[arg-type]


def test_other_packages_add_theirs(plugin: Path) -> None:
    plugin.write_text("[labelkit.label_models]\nmine = collections:OrderedDict\n")
    assert registry.names("label_models")[-1] == "mine"
    assert registry.resolve("label_models", "mine").__name__ == "OrderedDict"


def test_a_name_that_is_taken_is_an_error_that_names_both(plugin: Path) -> None:
    plugin.write_text("[labelkit.label_models]\nsnorkel = theirs:Model\n")
    with pytest.raises(
        RegistryError, match=r"label model 'snorkel' is registered twice: labelkit\..* and theirs:Model"
    ):
        registry.names("label_models")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("no.such.module:X", "cannot import 'no.such.module' for 'no.such.module:X': ModuleNotFoundError"),
        ("collections:Nope", "module 'collections' has no 'Nope'"),
        ("collections", "'collections' is not an import path"),
        (":X", "':X' is not an import path"),
        ("raises_at_import:X", "cannot import 'raises_at_import' for 'raises_at_import:X': ValueError: no licence"),
    ],
)
def test_what_cannot_be_loaded_says_why(
    target: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "raises_at_import.py").write_text("raise ValueError('no licence')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(RegistryError) as caught:
        registry.load(target)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("kind", "word"), [("query_strategies", "query strategy"), ("label_models", "label model"), ("engines", "engine")]
)
def test_one_of_a_kind(kind: registry.Kind, word: str) -> None:
    assert registry.singular(kind) == word
