"""Every page of the app on a small real project, through Streamlit's own test runner."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from labelkit import Project
from tests.conftest import ROOT, sample_rows
from tests.serving import HOSTILE, ran_project

PAGES = ("home", "annotate", "items", "functions")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ran_project(tmp_path_factory.mktemp("template") / "project")


@pytest.fixture
def home(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project of its own, and the app pointed at it."""
    folder = tmp_path / "project"
    shutil.copytree(template, folder)
    monkeypatch.setenv("LABELKIT_PROJECT", str(folder))
    return folder


def page(name: str, **query: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=30).run()
    for key, value in query.items():
        app.query_params[key] = value
    app.switch_page(f"views/{name}.py").run()
    assert not app.exception
    return app


def shown(app: AppTest) -> str:
    """The id of the item on turn."""
    return str(app.session_state["current"].id)


def button(app: AppTest, start: str, end: str = "") -> object:
    (found,) = [b for b in app.button if b.key and b.key.startswith(start) and b.key.endswith(end)]
    return found


def press(app: AppTest, start: str, end: str = "") -> None:
    button(app, start, end).click()  # type: ignore[attr-defined]
    app.run()
    assert not app.exception


def stored(home: Path) -> dict[str, str | None]:
    """Item id → the label that counts (None: skipped or flagged)."""
    with Project.open(home) as project:
        answers = project._store.people.annotations()
        ids = project._store.items.ids([a.item for a in answers])
        names = [None if a.label is None else project.schema.name_of(a.label) for a in answers]
    return dict(zip(ids, names, strict=True))


@pytest.mark.parametrize("name", PAGES)
def test_every_page_opens(home: Path, name: str) -> None:
    app = page(name)
    assert not app.error


@pytest.mark.parametrize("name", PAGES)
def test_every_page_of_an_empty_project_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    Project.init(tmp_path / "new", name="new", labels=["a", "b"]).close()
    monkeypatch.setenv("LABELKIT_PROJECT", str(tmp_path / "new"))
    app = page(name, annotator="Ann") if name == "annotate" else page(name)
    assert not app.error
    if name != "items":
        assert any("labelkit " in text.value for text in app.markdown)


def test_a_missing_project_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABELKIT_PROJECT", str(tmp_path))
    app = page("home")
    assert "there is no labelkit" in app.error[0].value.replace("\\", "")


def test_the_name_is_asked_once(home: Path) -> None:
    app = page("annotate")
    assert not [b for b in app.button if b.key and b.key.startswith("answer:")]
    app.text_input(key="login-name").input("  Ann   Lee ")
    press(app, "login-submit")
    assert app.session_state["annotator"] == "Ann Lee"
    assert app.query_params["annotator"] == ["Ann Lee"] or app.query_params["annotator"] == "Ann Lee"
    assert shown(app)
    press(app, "leave")
    assert "annotator" not in app.session_state


@pytest.mark.parametrize("name", [" ", "a\u202eb", "x" * 101])
def test_a_name_that_cannot_be_used_is_refused(home: Path, name: str) -> None:
    app = page("annotate", annotator=name)
    assert "annotator" not in app.session_state
    assert name == " " or app.error


def test_a_label_is_stored_for_the_item_that_was_shown(home: Path) -> None:
    app = page("annotate", annotator="Ann")
    first = shown(app)
    press(app, "answer:", ":spam")
    second = shown(app)
    assert second != first
    press(app, "answer:", ":ham")
    assert stored(home) == {first: "spam", second: "ham"}
    with Project.open(home) as project:
        answer = project._store.people.annotations()[0]
    assert answer.annotator == "Ann" and answer.seconds is not None and answer.seconds >= 0


def test_the_keys_of_the_buttons_name_item_and_lease(home: Path) -> None:
    app = page("annotate", annotator="Ann")
    item = app.session_state["current"]
    for label in ("spam", "ham"):
        button(app, f"answer:{item.number}:{item.token}:{label}")


def test_two_presses_on_one_screen_are_one_answer(home: Path) -> None:
    app = page("annotate", annotator="Ann")
    first = shown(app)
    button(app, "answer:", ":spam").click()  # type: ignore[attr-defined]
    button(app, "answer:", ":ham").click()  # type: ignore[attr-defined]
    app.run()
    assert list(stored(home)) == [first]
    assert shown(app) != first
    with Project.open(home) as project:
        assert project._store.database.one("select count(*) from annotations")[0] == 1


def test_undo_brings_the_item_back_and_the_new_answer_counts(home: Path) -> None:
    app = page("annotate", annotator="Ann")
    first = shown(app)
    press(app, "answer:", ":spam")
    second = shown(app)
    press(app, "answer:", ":spam")
    press(app, "undo:")
    assert shown(app) == second
    press(app, "undo:")
    assert shown(app) == first and stored(home) == {}
    press(app, "answer:", ":ham")
    assert stored(home) == {first: "ham"}
    assert shown(app) == second
    with Project.open(home) as project:
        kept = project._store.people.history(project._store.items.number_of(first) or 0)
    assert [a["skip_reason"] for a in kept] == [None, "withdrawn", None]


def test_undo_also_when_nothing_is_left(home: Path) -> None:
    with Project.open(home) as project:
        project.rank(size=1)
    app = page("annotate", annotator="Ann")
    first = shown(app)
    press(app, "answer:", ":spam")
    assert app.session_state["current"] is None
    assert any("Nothing is waiting" in text.value for text in app.markdown)
    press(app, "undo:")
    assert shown(app) == first


def test_skip_comment_and_flag(home: Path) -> None:
    app = page("annotate", annotator="Ann")
    skipped = shown(app)
    press(app, "skip:", ":language")
    commented = shown(app)
    app.text_input[0].input("sounds odd")
    press(app, "answer:", ":spam")
    flagged = shown(app)
    press(app, "flag:")
    assert shown(app) == flagged and "comment" in app.error[0].value  # a flag says what is wrong
    app.text_input[0].input("a private address")
    press(app, "flag:")
    assert stored(home) == {skipped: None, commented: "spam", flagged: None}
    with Project.open(home) as project:
        rows = project._store.database.rows("select kind, skip_reason, comment from annotations order by id")
    assert rows == [
        ("skip", "language", None), ("label", None, "sounds odd"), ("flag", None, "a private address")
    ]  # fmt: skip


def test_a_reload_shows_the_same_item(home: Path) -> None:
    item = shown(page("annotate", annotator="Ann"))
    assert shown(page("annotate", annotator="Ann")) == item
    assert shown(page("annotate", annotator="Bob")) != item


def test_an_answer_in_another_tab_is_not_replaced_by_an_old_screen(home: Path) -> None:
    one, two = page("annotate", annotator="Ann"), page("annotate", annotator="Ann")
    item = shown(one)
    press(one, "answer:", ":spam")
    press(two, "answer:", ":ham")
    assert stored(home)[item] == "spam"
    assert "another tab" in two.info[0].value
    assert shown(two) != item


def test_answers_do_not_wait_for_a_step_that_runs(home: Path) -> None:
    with Project.open(home) as trainer, trainer._lock("labelkit train"):
        app = page("annotate", annotator="Ann")
        item = shown(app)
        press(app, "answer:", ":spam")
    assert stored(home) == {item: "spam"}


def test_guidelines_are_beside_the_item_and_only_from_the_project(home: Path) -> None:
    assert any("Spam wants money." in text.value for text in page("annotate", annotator="Ann").markdown)
    (home.parent / "secret.md").write_text("not yours", encoding="utf-8")
    settings = home / "labelkit.toml"
    text = settings.read_text(encoding="utf-8").replace("guidelines.md", "../secret.md")
    settings.write_text(text, encoding="utf-8")
    assert not any("not yours" in text.value for text in page("annotate", annotator="Ann").markdown)


def test_hostile_text_is_only_ever_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = sample_rows(2)
    for row in rows[1:]:
        row[1], row[4] = f"{HOSTILE} {row[1]}", HOSTILE
    monkeypatch.setenv("LABELKIT_PROJECT", str(ran_project(tmp_path / "project", rows)))
    annotate = page("annotate", annotator=HOSTILE[:90])
    texts = [element.value for element in annotate.text]
    assert {annotate.session_state["current"].text, f"channel: {HOSTILE}", HOSTILE[:90].strip()} <= set(texts)
    items = page("items", item=rows[1][0])
    assert items.text[0].value == rows[1][1]
    for app in (annotate, items, page("home")):
        for element in (*app.markdown, *app.caption, *app.title):
            assert "<script>" not in element.value and "](javascript" not in element.value


def test_items_are_found_by_words_and_by_id(home: Path) -> None:
    app = page("items")
    app.text_input(key="query").input('free" (phone').run()
    assert not app.exception and not app.error
    opened = [b for b in app.button if b.key and b.key.startswith("open:")]
    assert opened and all("spam" in (b.key or "") for b in opened)
    app.text_input(key="query").input("ham-1-2").run()
    press(app, "open:ham-1-2")
    assert any("meeting moved" in text.value for text in app.text)
    assert len(app.dataframe) >= 2


def test_an_unknown_item_is_one_clear_line(home: Path) -> None:
    assert "no item with the id" in page("items", item="nobody").error[0].value.replace("\\", "")


def test_functions_are_listed_with_their_figures(home: Path) -> None:
    (table,) = page("functions").dataframe
    assert sorted(table.value["Function"]) == ["free", "meeting", "money", "polite", "short"]
    assert table.value["n"].max() > 0
