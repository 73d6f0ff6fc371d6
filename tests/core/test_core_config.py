"""``labelkit.toml``: every wrong value is one line that names file, key, value and choices."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelkit.config import new_config_text, parse_config, read_config, set_labels
from labelkit.errors import ConfigError, StorageError
from labelkit.types import label_name_problem

BASE = '[project]\nname = "x"\nlabels = ["a", "b"]\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the key project is missing"),
        ("project = 3", "project = 3: should be a section: [project]"),
        ('[project]\nname = "x"', "the key project.labels is missing"),
        ('[project]\nlabels = ["a", "b"]', "the key project.name is missing"),
        ('[project]\nname = "a b"\nlabels = ["a", "b"]', "project.name: 'a b' is no project name: use letters, digits"),
        ('[project]\nname = "x/../y"\nlabels = ["a", "b"]', "is no project name"),
        ('[project]\nname = "x\\n"\nlabels = ["a", "b"]', "is no project name"),
        ('[project]\nname = "x"\nlabels = ["a"]', "project.labels: a project needs at least 2 labels, given ['a']"),
        ('[project]\nname = "x"\nlabels = ["a", "a"]', "project.labels: the label 'a' is listed twice"),
        ('[project]\nname = "x"\nlabels = ["a", " b"]', "project.labels: the label ' b' begins or ends with a space"),
        ('[project]\nname = "x"\nlabels = ["a", ""]', "project.labels: a label needs a name"),
        ('[project]\nname = "x"\nlabels = ["a", 3]', "project.labels[1] = 3: should be a valid string"),
        ('[project]\nname = "x"\nlabels = "a,b"', "project.labels = 'a,b': should be a valid list"),
        (BASE + "seed = -1", "project.seed = -1: should be greater than or equal to 0"),
        (BASE + "seed = true", "project.seed = True: should be a valid integer"),
        (BASE + 'task = "ner"', "project.task = 'ner': should be 'classification'"),
        (BASE + "lables = 3", "unknown key project.lables; did you mean labels?"),
        (BASE + "[projekt]\nx = 1", "unknown key projekt; did you mean project?"),
        (BASE + "[xyzzy]\nx = 1", "unknown key xyzzy; the keys are project, data, labeling_functions, label_model,"),
        (BASE + '[data]\ntext_fild = "x"', "unknown key data.text_fild; did you mean text_field?"),
        (BASE + '[data]\nfiles = "items.csv"', "data.files = 'items.csv': should be a valid list"),
        (BASE + '[data]\ndelimiter = ";;"', "data.delimiter = ';;': string should have at most 1 character"),
        (BASE + '[label_model]\nname = "snorkle"', "label_model.name: unknown label model 'snorkle'; choose one"),
        (BASE + "[label_model]\noptions = 3", "label_model.options = 3: should be a valid dictionary"),
        (BASE + '[end_model]\nname = "foo"', "unknown end model 'foo'; choose one of logistic or package.module:Class"),
        (BASE + "[end_model]\nfields = 3", 'end_model.fields = 3: should be "auto" or a list of field names'),
        (BASE + '[end_model]\nfields = ["a", 3]', "end_model.fields = ['a', 3]: should be \"auto\" or a list"),
        (BASE + "[query]\nmix = { margin = 2.0 }", "query.mix.margin = 2.0: should be less than or equal to 1"),
        (BASE + "[query]\nmix = { margin = nan }", "query.mix.margin = nan: should be"),
        (BASE + "[query]\nmix = { margn = 0.5 }", "query.mix: unknown query strategy 'margn'; choose one of"),
        (BASE + "[query]\nmix = {}", "query.mix: at least one strategy needs a share above 0, given {}"),
        (BASE + "[query]\naudit_share = 0.5\ntuning_share = 0.5", "audit_share = 0.5 and tuning_share = 0.5 leave no"),
        (BASE + "[query]\nsize = 1.5", "query.size = 1.5: should be a valid integer"),
        (BASE + "[annotation]\nmin_agreement = 0.0", "annotation.min_agreement = 0.0: should be greater than 0"),
        (BASE + f"[data]\nid_field = {['x'] * 99}", "data.id_field = ['x', 'x',"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_one_line_with_key_value_and_choices(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "labelkit.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        read_config(path)
    assert str(caught.value).startswith("labelkit.toml: ")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_several_wrong_values_are_counted() -> None:
    with pytest.raises(ConfigError, match=r"^labelkit\.toml: \S+ = .* \(and 2 more\)$"):
        parse_config(tomllib.loads(BASE + '[query]\nsize = 0\naudit_share = 2\n[end_model]\nfields = "all"'))


def test_whole_numbers_are_fine_where_shares_are_wanted() -> None:
    assert parse_config(tomllib.loads(BASE + "[query]\naudit_share = 0")).query.audit_share == 0.0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[project", "labelkit.toml is not valid TOML: .*end of document"),
        (b"[project]\nname = x", "labelkit.toml is not valid TOML: .*line 2"),
        (b'[project]\nname = "caf\xe9"', "labelkit.toml is not UTF-8 .byte 21."),
    ],
)
def test_a_file_that_is_no_toml_says_where(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "labelkit.toml").write_bytes(data)
    with pytest.raises(ConfigError, match=message):
        read_config(tmp_path / "labelkit.toml")


def test_a_file_that_is_not_there_or_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"labelkit\.toml does not exist.*labelkit init"):
        read_config(tmp_path / "labelkit.toml")
    with pytest.raises(ConfigError, match=r"cannot read .*: Is a directory"):
        read_config(tmp_path)


def test_a_byte_order_mark_at_the_beginning_is_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "labelkit.toml"
    path.write_text(BASE, encoding="utf-8-sig")
    assert read_config(path).project.labels == ["a", "b"]
    set_labels(path, ["a", "c"])
    assert read_config(path).project.labels == ["a", "c"]


LABELS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20).filter(lambda name: not label_name_problem(name)),
    min_size=2, max_size=5, unique=True,
)  # fmt: skip


@given(labels=LABELS, files=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=10), max_size=2))
def test_a_fresh_file_reads_back_whatever_the_labels_are(labels: list[str], files: list[str]) -> None:
    text = new_config_text("texts", labels, data_files=files)
    config = parse_config(tomllib.loads(text))
    assert (config.project.labels, config.data.files) == (labels, files)
    bare = parse_config({"project": {"name": "texts", "labels": labels}, "data": {"files": files}})
    assert config == bare  # what it spells out are the defaults
    assert 'name = "auto" # or snorkel, majority' in text


@given(before=LABELS, after=LABELS)
def test_labels_are_replaced_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, before: list[str], after: list[str]
) -> None:
    path = tmp_path_factory.mktemp("config") / "labelkit.toml"
    text = new_config_text("texts", before).replace("seed = 0", "seed = 0   # for ever")
    path.write_text(text, encoding="utf-8")
    set_labels(path, after)
    written = path.read_text(encoding="utf-8")
    assert read_config(path).project.labels == after
    kept = [line for line in text.splitlines() if not line.startswith("labels")]
    assert [line for line in written.splitlines() if not line.startswith("labels")] == kept


LISTED = """[project]
name = "x"   # the name
labels = [
    "a",  # the first
    "b",  # the second
]  # both
"""


@pytest.mark.parametrize(
    ("labels", "comments"),
    [
        (["z", "b"], ["the first", "the second", "both"]),
        (["a", "b", "c"], ["the first", "the second", "both"]),
        (["b", "a"], ["both"]),
        (["c", "d", "e"], ["both"]),
    ],
)
def test_comments_beside_the_labels_stay_where_they_still_say_the_truth(
    tmp_path: Path, labels: list[str], comments: list[str]
) -> None:
    path = tmp_path / "labelkit.toml"
    path.write_text(LISTED)
    set_labels(path, labels)
    assert read_config(path).project.labels == labels
    written = path.read_text()
    assert re.findall(r"# (.*)", written) == ["the name", *comments]
    assert written.count("\n") >= len(labels) + 4


def test_line_ends_links_and_modes_stay(tmp_path: Path) -> None:
    real, link = tmp_path / "real.toml", tmp_path / "labelkit.toml"
    real.write_bytes(BASE.replace("\n", "\r\n").encode())
    real.chmod(0o640)
    link.symlink_to(real)
    set_labels(link, ["a", "c"])
    assert real.read_bytes() == b'[project]\r\nname = "x"\r\nlabels = ["a", "c"]\r\n'
    assert link.is_symlink() and real.stat().st_mode & 0o777 == 0o640
    assert sorted(os.listdir(tmp_path)) == ["labelkit.toml", "real.toml"]  # noqa: PTH208


def test_a_file_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "labelkit.toml"
    path.write_text(BASE)
    (tmp_path / "labelkit.toml.new").mkdir()  # in the way, for root too
    with pytest.raises(StorageError, match=r"cannot write .*labelkit\.toml: Is a directory"):
        set_labels(path, ["a", "c"])
    assert path.read_text() == BASE
