"""Review and Agreement through Streamlit's own test runner, by role."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from labelkit import Project
from labelkit.store import NewAnnotation
from tests.app.pages import page, sign_in
from tests.serving import HOSTILE, ran_project


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ran_project(tmp_path_factory.mktemp("template") / "project")


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(template, tmp_path / "project"))


def answers(home: Path, n: int, names: tuple[str, ...] = ("ann", "bob", "cy")) -> None:
    """The last one says the contrary of the others."""
    with Project.open(home) as project:
        project._store.people.append(
            [
                NewAnnotation(item, who, item % 2 if who != names[-1] else 1 - item % 2, seconds=2.0)
                for item in range(n)
                for who in names
            ]
        )


def words(app: AppTest) -> str:
    """All that Streamlit would read as Markdown."""
    return "\n".join(str(element.value) for element in (*app.markdown, *app.caption, *app.warning, *app.title))


@pytest.mark.parametrize("name", ["review", "agreement"])
@pytest.mark.parametrize("role", ["annotator", "data scientist"])
def test_roles_without_the_permission_see_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str, role: str
) -> None:
    answers(home, 3)
    sign_in(home, monkeypatch, role)
    from streamlit.errors import StreamlitAPIException

    try:  # the page is not in the navigation of this role; where it is reached anyhow, it stops at once
        app = page(name)
    except (StreamlitAPIException, ValueError):
        return
    assert app.exception or "does not show you this page" in app.error[0].value
    assert not app.dataframe and not app.metric


@pytest.mark.parametrize("role", ["reviewer", "lead"])
def test_reviewers_and_leads_see_both_pages(home: Path, monkeypatch: pytest.MonkeyPatch, role: str) -> None:
    answers(home, 12)
    sign_in(home, monkeypatch, role)
    for name in ("review", "agreement"):
        app = page(name)
        assert not app.exception and not app.error, name
    assert [metric.value for metric in app.metric] == ["36", "3", "12", "12", "0"]  # two of three agree everywhere


def test_nobody_signed_in_sees_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(home, monkeypatch, "lead")
    import cookies

    monkeypatch.setattr(cookies, "session_token", lambda given: None)
    app = AppTest.from_file(str(Path(cookies.__file__).parent / "main.py"), default_timeout=30).run()
    assert not app.metric and not app.dataframe


def test_an_empty_project_says_what_comes_first(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(home, monkeypatch, "reviewer")
    assert "Nobody has answered with a label yet" in words(page("agreement"))


def test_one_person_is_told_why_nothing_is_compared(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(home, 5, ("ann",))
    sign_in(home, monkeypatch, "reviewer")
    app = page("agreement")
    assert not app.exception
    table = app.dataframe[0].value
    assert set(table["Value"].isna()) == {True}
    assert all("only one person" in said for said in table["What it says"])


def test_figures_follow_the_answers(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(home, 24)
    sign_in(home, monkeypatch, "reviewer")
    app = page("agreement")
    figures = app.dataframe[0].value.set_index("Measure")
    assert figures.loc["Percent agreement", "Value"] == pytest.approx(1 / 3)
    people = app.dataframe[-1].value.set_index("Annotator")
    assert people.loc["cy", "Agrees with others"].startswith("0% (0%–14%), n 24")
    told = words(app).replace("\\", "")
    assert "cy:" in told and "agrees with the others on 0%" in told
    with Project.open(home) as project:
        project._store.people.append([NewAnnotation(item, "cy", item % 2) for item in range(24)])
    figures = page("agreement").dataframe[0].value.set_index("Measure")
    assert figures.loc["Percent agreement", "Value"] == 1.0


def test_ordered_classes_have_one_measure_more(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(home, 12)
    sign_in(home, monkeypatch, "reviewer")
    app = page("agreement")
    before = len(app.dataframe[0].value)
    app.checkbox(key="ordered").check().run()
    assert not app.exception and len(app.dataframe[0].value) == before + 1


def test_names_are_only_ever_text(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers(home, 24, ("ann", "bob", HOSTILE[:90].strip()))
    sign_in(home, monkeypatch, "reviewer")
    told = words(page("agreement"))
    assert "<script>" not in told and "](javascript" not in told and "\\<script\\>" in told
