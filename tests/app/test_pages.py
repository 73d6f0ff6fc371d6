"""Every page for every role on a small real project, through Streamlit's own test runner."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from labelkit import Project
from labelkit.access import ROLES, may
from tests.app.pages import page, sign_in
from tests.conftest import sample_rows, write_rows
from tests.serving import HOSTILE, LEAD, ran_project

from navigation import PAGES  # isort: skip  (tests.app.pages makes it importable)

FILES = [each.file for each in PAGES]
ALLOWED = [(each.file, role) for each in PAGES for role in ROLES if may(role, each.permission)]
DENIED = [(each.file, role) for each in PAGES for role in ROLES if not may(role, each.permission)]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that ran; two people answered some items, and disagree on one."""
    home = ran_project(tmp_path_factory.mktemp("template") / "project")
    with Project.open(home) as project:
        project.answer("spam-0-1", "spam", annotator="Ann")
        project.answer("spam-0-1", "ham", annotator="Bob", comment="it says lunch")
        project.answer("ham-0-1", "ham", annotator="Ann")
        project.answer("ham-0-2", None, annotator="Ann", reason="language")
        project.browsing().index_ready(most_seconds=60)
    return home


@pytest.fixture(scope="module")
def tokens(template: Path) -> dict[str, str]:
    """Role → a session of somebody with it, for tests that only look."""
    with Project.open(template) as project:
        for role in ROLES:
            project.team.add(f"a {role}", role, LEAD[1], actor="test")
        return {role: project.team.sign_in(f"a {role}", LEAD[1]).token for role in ROLES}


@pytest.fixture(scope="module")
def beginnings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str]]:
    """An empty project and one where nothing ran, each with the session of a lead."""
    found = {}
    for what in ("empty", "imported"):
        home = tmp_path_factory.mktemp(what)
        with Project.init(home, name="new", labels=["spam", "ham"]) as project:
            if what == "imported":
                project.import_items(write_rows(home / "rows.csv", sample_rows(1)))
            project.team.first_lead(*LEAD, actor="test")
            found[what] = (home, project.team.sign_in(*LEAD).token)
    return found


def seen(home: Path, monkeypatch: pytest.MonkeyPatch, token: str, name: str) -> AppTest:
    """A page as the bearer of a session sees it."""
    import cookies

    monkeypatch.setenv("LABELKIT_PROJECT", str(home))
    monkeypatch.setattr(cookies, "session_token", lambda given: token)
    return page(name)


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Path:
    """A copy of the project of its own."""
    folder = tmp_path / "project"
    shutil.copytree(template, folder)
    return folder


def everything(app: AppTest) -> list[str]:
    """All that a page has put into Markdown or a title, where markup would count."""
    return [
        element.value for element in (*app.markdown, *app.caption, *app.title, *app.subheader, *app.info, *app.error)
    ]


@pytest.mark.parametrize(("name", "role"), ALLOWED)
def test_a_page_opens_for_whom_it_is_for(
    template: Path, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch, name: str, role: str
) -> None:
    app = seen(template, monkeypatch, tokens[role], name)
    assert not app.exception
    assert not app.error


@pytest.mark.parametrize(("name", "role"), DENIED)
def test_a_page_is_denied_to_others(
    template: Path, tokens: dict[str, str], monkeypatch: pytest.MonkeyPatch, name: str, role: str
) -> None:
    app = seen(template, monkeypatch, tokens[role], name)
    assert not app.exception
    (told,) = app.error
    assert f"Your role ({role}) does not show you this page" in told.value
    assert not (app.title or app.dataframe or app.metric or app.subheader or app.text)


def test_a_revoked_session_shows_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = sign_in(home, monkeypatch, "lead")
    opened = [page(name) for name in FILES]
    assert any(app.title for app in opened)
    with Project.open(home) as project:
        project.team.sign_out(token)
    for app in opened:
        app.run()
        assert not app.exception
        assert not (app.title or app.dataframe or app.metric or app.subheader)


@pytest.mark.parametrize("what", ["empty", "imported"])
@pytest.mark.parametrize("name", FILES)
def test_every_page_opens_before_anything_ran(
    beginnings: dict[str, tuple[Path, str]], monkeypatch: pytest.MonkeyPatch, name: str, what: str
) -> None:
    home, token = beginnings[what]
    app = seen(home, monkeypatch, token, name)
    assert not app.exception
    assert not app.error


@pytest.mark.parametrize(
    ("name", "command"),
    [("home", "labelkit import FILE"), ("items", "labelkit import FILE"), ("functions", "labelkit run")],
)
def test_an_empty_page_says_what_to_do(
    beginnings: dict[str, tuple[Path, str]], monkeypatch: pytest.MonkeyPatch, name: str, command: str
) -> None:
    home, token = beginnings["empty"]
    assert any(f"`{command}`" in text for text in everything(seen(home, monkeypatch, token, name)))


@pytest.mark.parametrize("name", ["home", "items", "functions"])
def test_pages_stay_open_when_items_came_after_the_last_run(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with Project.open(home) as project:
        project.import_items(write_rows(home / "more.csv", [["id", "text", "split"], ["new", "a new one", "train"]]))
    sign_in(home, monkeypatch, "lead")
    app = page(name)
    assert not app.exception
    assert name != "functions" or any("labelkit vote" in text.replace("\\", "") for text in everything(app))


# ------------------------------------------------------------------ dashboard


def test_the_dashboard_tells_of_answers_and_of_what_is_missing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(home, monkeypatch, "lead")
    app = page("home")
    words = everything(app)
    assert app.title[0].value == "texts"
    assert any(text.startswith("**The audit says nothing yet:**") for text in words)
    assert any("No forecast for the queue: there are 0 full days of answers" in text for text in words)
    assert [metric.value for metric in app.metric][:2] == ["4", "4"]


def test_the_dashboard_runs_again_when_something_has_changed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelkit.steps.dashboard.FRESH_SECONDS", 0.0)
    sign_in(home, monkeypatch, "lead")
    app = page("home")
    before = app.session_state["dashboard-mark"]
    app.run()
    assert app.session_state["dashboard-mark"] == before
    with Project.open(home) as project:
        project.answer("ham-1-1", "ham", annotator="Cid")
    app.run()
    assert app.session_state["dashboard-mark"] != before
    assert app.metric[0].value == "5"


# ------------------------------------------------------------------ items


def listed(app: AppTest) -> list[str]:
    """Ids in the list of items."""
    return list(app.dataframe[0].value["Item"]) if app.dataframe else []


def test_items_are_found_by_words_and_by_id(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(home, monkeypatch, "reviewer")
    app = page("items")
    app.text_input(key="items-text").input('free" (phon').run()
    assert not app.exception and not app.error
    assert listed(app) and all("spam" in found for found in listed(app))
    app.text_input(key="items-text").input("ham-1-2").run()
    assert "ham-1-2" in listed(app)
    app.text_input(key="items-text").input("nobody wrote this").run()
    assert not listed(app) and any("No item fits" in text for text in everything(app))


def test_items_are_filtered(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(home, monkeypatch, "lead")
    app = page("items")
    app.selectbox(key="items-answered").select("disputed").run()
    assert listed(app) == ["spam-0-1"]
    app.selectbox(key="items-answered").select("skipped").run()
    assert listed(app) == ["ham-0-2"]
    app.button(key="items-clear").click().run()
    assert len(listed(app)) == 25
    app.selectbox(key="items-function").select("money").run()
    app.selectbox(key="items-vote").select("spam").run()
    assert listed(app) and all("cash" in text or "prize" in text for text in app.dataframe[0].value["Text"])


def test_items_are_turned_page_by_page(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(home, monkeypatch, "lead")
    app = page("items")
    seen = listed(app)
    for _ in range(2):
        app.button(key="items-next").click().run()
        seen += listed(app)
    assert len(seen) == len(set(seen)) == 60
    assert app.button(key="items-next").disabled
    app.button(key="items-back").click().run()
    assert listed(app) == seen[25:50]


def test_an_item_is_opened_with_its_history(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(home, monkeypatch, "lead")
    app = page("items", item="spam-0-1")
    assert not app.exception
    assert any(text.value.startswith("free prize inside") for text in app.text)
    story = app.dataframe[-1].value
    assert story["What"].iloc[0] == "imported"
    assert {"Ann", "Bob"} <= set(story["Who"])
    assert any("it says lunch" in details for details in story["Details"])
    app.button(key="items-all").click().run()
    assert len(listed(app)) == 25


def test_an_unknown_item_is_one_clear_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(home, monkeypatch, "lead")
    assert "no item with the id" in page("items", item="nobody").error[0].value.replace("\\", "")


# ------------------------------------------------------------------ functions


def test_functions_are_listed_with_their_figures(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(home, monkeypatch, "data scientist")
    table = page("functions").dataframe[0]
    assert sorted(table.value["Function"]) == ["free", "meeting", "money", "polite", "short"]
    assert table.value["n"].max() > 0


def test_a_function_is_opened_with_what_it_gets_wrong(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(home, monkeypatch, "data scientist")
    app = page("functions", function="free")
    assert not app.exception and not app.error
    assert app.title[0].value == "free"
    assert any("it votes spam" in each.label.replace("\\", "") for each in app.expander)
    assert "free" in app.code[0].value
    assert "no labeling function" in page("functions", function="none").error[0].value.replace("\\", "")


# ------------------------------------------------------------------ settings


def test_a_lead_changes_how_people_are_asked(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(home, monkeypatch, "lead", name="Ada")
    app = page("settings")
    app.number_input(key="settings-answers").set_value(3)
    app.text_input(key="settings-key-0").input("x")
    app.button(key="settings-save").click().run()
    assert not app.exception and not app.error
    assert "answers" in app.success[0].value
    with Project.open(home) as project:
        assert project.config.annotation.answers_per_item == 3
        assert project.config.annotation.keys == {"spam": "x"}
        logged = project._store.database.rows("select actor from events where kind = 'settings.changed'")
    assert logged == [("Ada",)]
    text = (home / "labelkit.toml").read_text(encoding="utf-8")
    assert "# A labelkit project" in text and 'guidelines = "guidelines.md"' in text


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("settings-guidelines", "../secret.md", "guidelines"),
        ("settings-guidelines", "nothing.md", "guidelines"),
        ("settings-key-1", "s", "the page's own"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, key: str, value: str, told: str
) -> None:
    (home.parent / "secret.md").write_text("not yours", encoding="utf-8")
    sign_in(home, monkeypatch, "lead")
    before = (home / "labelkit.toml").read_bytes()
    app = page("settings")
    app.text_input(key=key).input(value)
    app.button(key="settings-save").click().run()
    assert told in app.error[0].value.replace("\\", "")
    assert (home / "labelkit.toml").read_bytes() == before


# ------------------------------------------------------------------ hostile text


def test_hostile_text_is_only_ever_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = sample_rows(2)
    labels = {"spam": "**spam** <b>x</b>", "ham": "[ham](javascript:alert(1))"}
    for row in rows[1:]:
        row[1], row[2], row[4] = f"{HOSTILE} {row[1]}", labels[row[2]], HOSTILE
    home = ran_project(tmp_path / "project", rows, labels=(labels["spam"], labels["ham"]))
    with Project.open(home) as project:
        project.answer(rows[2][0], project.schema.names[0], annotator=HOSTILE[:90], comment=HOSTILE)
        project.answer(rows[2][0], project.schema.names[1], annotator="Bob", comment=HOSTILE)
    sign_in(home, monkeypatch, "lead", name=HOSTILE[:60])
    shown = [page("items", item=rows[2][0]), page("items"), page("functions", function="free")]
    assert shown[0].text[0].value == rows[2][1]
    for app in (*shown, *(page(name) for name in FILES)):
        assert not app.exception
        for value in everything(app):
            assert "<script>" not in value and "<b>" not in value and "](javascript" not in value


def test_a_missing_project_is_one_clear_line(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(home, monkeypatch, "lead")
    monkeypatch.setenv("LABELKIT_PROJECT", str(tmp_path))
    app = AppTest.from_file(str(Path(__file__).parents[2] / "app" / "main.py"), default_timeout=30).run()
    assert app.exception or app.error
