"""The workbench's page through Streamlit's own test runner, as people of each role."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from labelkit import Project
from labelkit.lf.declared import WORKBENCH_FILE, read_workbench
from tests.app.pages import page, sign_in
from tests.conftest import sample_rows
from tests.serving import HOSTILE, ran_project


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = sample_rows()
    rows[1:] = [
        [row[0], f"{row[1]} {HOSTILE}" if row[0].startswith("spam-0") else row[1], *row[2:]] for row in rows[1:]
    ]
    return ran_project(tmp_path_factory.mktemp("template") / "project", rows)


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    shutil.copytree(template, folder)
    return folder


def opened(home: Path, monkeypatch: pytest.MonkeyPatch, role: str = "data scientist") -> AppTest:
    sign_in(home, monkeypatch, role)
    app = page("workbench")
    assert not app.exception
    return app


def typed(app: AppTest, *words: str) -> AppTest:
    for word in words:
        app.text_input(key="wb-word").input(word).run()
        assert not app.exception
    return app


def pressed(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception
    return app


def section(app: AppTest, name: str) -> AppTest:
    app.button_group(key="wb-section").set_value(name).run()
    assert not app.exception
    return app


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def said(app: AppTest) -> str:
    parts = [e.value for kind in (app.markdown, app.error, app.caption, app.success, app.info) for e in kind]
    return "\n".join(parts).replace("\\", "")


def saved(home: Path) -> list[tuple[str, Any]]:
    return [(placed.entry.name, placed.entry) for placed in read_workbench(home)]


@pytest.mark.parametrize("role", ["annotator", "reviewer"])
def test_who_may_not_build_sees_nothing_of_it(home: Path, monkeypatch: pytest.MonkeyPatch, role: str) -> None:
    app = opened(home, monkeypatch, role)
    assert not app.text_input and not [b for b in app.button if (b.key or "").startswith("wb-")]
    assert "Workbench" not in [title.value for title in app.title]


@pytest.mark.parametrize("role", ["data scientist", "lead"])
def test_words_are_tried_as_they_are_entered(home: Path, monkeypatch: pytest.MonkeyPatch, role: str) -> None:
    app = opened(home, monkeypatch, role)
    assert "Nothing to try yet" in said(app) and app.button(key="wb-save").disabled
    typed(app, "prize")
    with Project.open(home) as project:
        texts = project.items()["text"]
    first = int(metrics(app)["Votes"])
    assert first == int(texts.str.contains(r"\bprize\b").sum()) and not app.error
    typed(app, "phone,  claim ")
    assert int(metrics(app)["Votes"]) == int(texts.str.contains(r"\b(?:prize|phone|claim)\b").sum())
    assert [b.label for b in app.button if (b.key or "").startswith("wb-word-")] == ["prize", "phone", "claim"]
    pressed(pressed(app, "wb-word-1"), "wb-word-1")
    assert int(metrics(app)["Votes"]) == first
    assert metrics(app)["Accuracy"].endswith("%") and "outside the test split and the audit" in said(app)


def test_a_regex_with_a_mistake_is_told_with_its_place(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(home, monkeypatch)
    app.button_group(key="wb-kind").set_value("regex").run()
    app.text_input(key="wb-pattern").input("(free").run()
    assert "unterminated subpattern at position 0" in said(app) and not app.metric
    assert app.button(key="wb-save").disabled
    app.text_input(key="wb-pattern").input(r"\bFREE\b").run()
    assert int(metrics(app)["Votes"]) > 0 and not app.error
    app.checkbox(key="wb-case").check().run()
    assert metrics(app)["Votes"] == "0" and "No item matches" in said(app)


def test_saving_editing_and_removing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = typed(opened(home, monkeypatch), "prize")
    pressed(app, "wb-save")
    assert "the key name is missing" in said(app) or "name = ''" in said(app)
    app.text_input(key="wb-name").input("prizes").run()
    app.text_input(key="wb-note").input("they want money").run()
    pressed(app, "wb-save")
    ((name, entry),) = saved(home)
    assert (name, entry.keywords, entry.author, entry.note) == (
        "prizes", ("prize",), "data scientist of the tests", "they want money"
    )  # fmt: skip
    assert "Saved **prizes**" in said(app) and "labelkit vote" in said(app)
    assert "Nothing to try yet" in said(app)
    section(app, "Saved functions")
    assert app.dataframe[0].value["State"].tolist() == ["vote due"]
    pressed(app, "wb-edit")
    assert "Edit prizes" in said(app) and int(metrics(app)["Votes"]) > 0
    typed(app, "claim")
    pressed(app, "wb-save")
    assert saved(home)[0][1].keywords == ("prize", "claim")
    pressed(app, "wb-remove")
    assert saved(home) == [] and "Removed **prizes**" in said(app)


def test_a_name_that_is_taken_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = typed(opened(home, monkeypatch), "prize")
    app.text_input(key="wb-name").input("money").run()
    pressed(app, "wb-save")
    assert "there is a function named 'money' already" in said(app) and saved(home) == []


def test_a_role_that_was_taken_away_saves_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = typed(opened(home, monkeypatch), "prize")
    app.text_input(key="wb-name").input("prizes").run()
    with Project.open(home) as project, project._store.database.transaction() as connection:
        connection.execute("update annotators set role = 'annotator' where name = 'data scientist of the tests'")
    app.button(key="wb-save").click().run()
    assert saved(home) == []


def test_suggestions_go_into_the_form(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Project.open(home) as project:
        for row in project.items().itertuples():
            if row.split == "train":
                project.answer(row.id, row.gold, annotator="Ann")
    app = pressed(opened(home, monkeypatch), "wb-mine-button")
    assert "items that people labeled" in said(app)
    if any((b.key or "") == "wb-try-0" for b in app.button):
        pressed(app, "wb-try-0")
        assert int(metrics(app)["Votes"]) > 0 and app.text_input(key="wb-name").value


def test_corrected_items_and_search(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = section(opened(home, monkeypatch), "Corrected items")
    assert "Nobody has corrected a function yet" in said(app)
    with Project.open(home) as project:
        roles = project._store.people.roles()
        items = project.items()
        free = [i for n, i in enumerate(items["id"]) if items["split"][n] == "train" and n not in roles]
        chosen = next(i for i in free if "meeting" in items.set_index("id")["text"][i])
        project.answer(chosen, "spam", annotator="Ann")
    app.run()
    assert "People corrected 1 of the" in said(app)
    section(app, "Search")
    app.text_input(key="wb-query").input('free" (phone').run()
    assert not app.exception and not app.error and "items" in said(app)


def test_hostile_names_and_texts_are_only_ever_text(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = typed(opened(home, monkeypatch), HOSTILE, "prize")
    app.text_input(key="wb-name").input(HOSTILE[:90]).run()
    app.text_input(key="wb-note").input(HOSTILE).run()
    pressed(app, "wb-save")
    section(app, "Saved functions")
    assert len(saved(home)) == 1
    for element in (*app.markdown, *app.caption, *app.success, *app.info, *app.button):
        text = getattr(element, "value", None) or getattr(element, "label", "")
        assert "<script>" not in str(text) and "](javascript" not in str(text)


def test_a_broken_file_is_one_clear_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / WORKBENCH_FILE).write_text("[[function", encoding="utf-8")
    app = section(opened(home, monkeypatch), "Saved functions")
    assert "labeling_functions/workbench.toml is not valid TOML" in said(app)


def test_a_new_project_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Project.init(tmp_path / "new", name="new", labels=["a", "b"]).close()
    app = opened(tmp_path / "new", monkeypatch)
    assert "Nothing to try yet" in said(app) and not app.error
    typed(app, "word")
    assert "there are no items yet" in said(app)
