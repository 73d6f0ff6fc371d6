"""The pages Team and Account, through Streamlit's own test runner."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from labelkit import Project
from labelkit.access import ROLES
from labelkit.errors import SignInFailed
from tests.app.pages import APP, page, sign_in
from tests.serving import HOSTILE, LEAD

PASSWORD = LEAD[1]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("team") / "project"
    with Project.init(folder, name="texts", labels=["a", "b"]) as project:
        project.team.add("Ada", "lead", PASSWORD, actor="test")
        project.team.add("Bob", "annotator", PASSWORD, actor="test")
        project._store.members.put("Carl", "annotator", actor="import")
    return folder


@pytest.fixture
def home(template: Path, tmp_path: Path) -> Path:
    shutil.copytree(template, tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def as_lead(home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return sign_in(home, monkeypatch, "lead", "Ada")


def slug(name: str) -> str:
    return name.encode().hex()


def role_of(home: Path, name: str) -> str:
    with Project.open(home) as project:
        member = project._store.members.get(name)
    assert member is not None
    return member.role if member.active else "none"


def press(app: AppTest, key: str) -> AppTest:
    (found,) = [button for button in app.button if button.key == key]
    found.click().run()
    assert not app.exception
    return app


def link(app: AppTest) -> str:
    (shown,) = [code.value for code in app.code]
    return str(shown).partition("?invitation=")[2]


# ---------------------------------------------------------------------- who may see what


@pytest.mark.parametrize("role", ROLES)
def test_the_team_is_for_leads(home: Path, monkeypatch: pytest.MonkeyPatch, role: str) -> None:
    sign_in(home, monkeypatch, role)
    app = page("team")
    assert not app.exception
    if role == "lead":
        assert app.title[0].value == "Team" and not app.error
    else:
        assert "does not show you this page" in app.error[0].value
        assert not app.title and not app.button and not app.text


@pytest.mark.parametrize("role", ROLES)
def test_everybody_has_an_account_page(home: Path, monkeypatch: pytest.MonkeyPatch, role: str) -> None:
    sign_in(home, monkeypatch, role)
    app = page("account")
    assert not app.exception and not app.error and app.title[0].value == "Account"


@pytest.mark.parametrize("token", [None, "", "made up", "made.up", "x" * 5000])
def test_nobody_sees_either_without_signing_in(home: Path, monkeypatch: pytest.MonkeyPatch, token: str | None) -> None:
    import cookies

    monkeypatch.setenv("LABELKIT_PROJECT", str(home))
    monkeypatch.setattr(cookies, "session_token", lambda given: token)
    app = AppTest.from_file(str(APP / "main.py"), default_timeout=30).run()
    with pytest.raises(ValueError, match="Could not find a navigation page"):
        app.switch_page("views/team.py")
    for name in ("team", "account"):  # and were it reached all the same:
        page_itself = AppTest.from_file(str(APP / "views" / f"{name}.py"), default_timeout=30).run()
        assert not page_itself.title and not page_itself.text and not page_itself.button
        assert "You are not signed in" in page_itself.error[0].value


def test_a_page_that_is_open_stops_with_its_session(home: Path, as_lead: str) -> None:
    app = page("team")
    with Project.open(home) as project:
        project.team.sign_out(as_lead)
    press(app, f"reset-{slug('Bob')}")
    assert not app.title and not app.code
    with Project.open(home) as project:
        assert project.team.invitations() == []


def test_a_role_that_was_taken_away_counts_for_the_next_press(home: Path, as_lead: str) -> None:
    app = page("team")
    with Project.open(home) as project:
        project.team.add("Other", "lead", PASSWORD, actor="test")
        project.team.set_role("Ada", "annotator", actor="Other")
    press(app, f"reset-{slug('Bob')}")
    assert "does not show you this page" in app.error[0].value and not app.code
    with Project.open(home) as project:
        assert project.team.invitations() == []


# ---------------------------------------------------------------------- the team


def test_an_invitation_is_shown_once_and_works(home: Path, as_lead: str) -> None:
    app = page("team")
    app.selectbox(key="invite-role").set_value("reviewer")
    press(app, "invite-submit")
    code = link(app)
    assert any("whoever has the link: reviewer, by Ada" in text.value for text in app.text)
    with Project.open(home) as project:
        assert project.team.accept(code, PASSWORD, name="Rae").person.role == "reviewer"
    assert page("team").code == [] or not page("team").code


def test_an_invitation_can_be_withdrawn(home: Path, as_lead: str) -> None:
    app = press(page("team"), "invite-submit")
    code = link(app)
    (withdraw,) = [button.key for button in app.button if button.key and button.key.startswith("withdraw-")]
    press(app, withdraw)
    assert not app.code
    with Project.open(home) as project, pytest.raises(SignInFailed):
        project.team.accept(code, PASSWORD, name="Rae")


def test_who_has_only_answered_is_invited_by_name(home: Path, as_lead: str) -> None:
    app = press(page("team"), f"invite-{slug('Carl')}")
    with Project.open(home) as project:
        assert project.team.accept(link(app), PASSWORD).person.name == "Carl"


def test_a_new_password_for_somebody(home: Path, as_lead: str) -> None:
    app = press(page("team"), f"reset-{slug('Bob')}")
    with Project.open(home) as project:
        project.team.accept(link(app), "some other words")
        assert project.team.sign_in("Bob", "some other words")


def test_roles_are_changed(home: Path, as_lead: str) -> None:
    app = page("team")
    app.selectbox(key=f"role-{slug('Bob')}-annotator").set_value("data scientist").run()
    assert not app.exception and role_of(home, "Bob") == "data scientist"
    app.selectbox(key=f"role-{slug('Ada')}-lead").set_value("annotator").run()
    assert "last lead" in app.error[0].value and role_of(home, "Ada") == "lead"


def test_deactivate_and_activate(home: Path, as_lead: str) -> None:
    with Project.open(home) as project:
        token = project.team.sign_in("Bob", PASSWORD).token
    app = press(page("team"), f"deactivate-{slug('Bob')}")
    assert role_of(home, "Bob") == "none"
    with Project.open(home) as project:
        assert project.team.session(token) is None
    press(app, f"activate-{slug('Bob')}")
    assert role_of(home, "Bob") == "annotator"
    press(app, f"deactivate-{slug('Ada')}")
    assert "last lead" in app.error[0].value and role_of(home, "Ada") == "lead"


def test_a_name_that_is_taken_or_cannot_be_used_is_told(home: Path, as_lead: str) -> None:
    for name, expected in (("bob", "already"), ("a\u202eb", "cannot be used")):
        app = page("team")
        app.text_input(key="invite-name").input(name)
        press(app, "invite-submit")
        assert expected in app.error[0].value and not app.code


def test_hostile_names_are_only_ever_text(home: Path, as_lead: str) -> None:
    names = [HOSTILE[:90].strip(), "'; drop table annotators; --", "[a](javascript:alert(1))"]
    with Project.open(home) as project:
        for name in names:
            project.team.add(name, "annotator", PASSWORD, actor="test")
            project.team.reset(name, actor=name)
    app = page("team")
    assert not app.exception and set(names) <= {text.value for text in app.text}
    for element in (*app.markdown, *app.caption, *app.title, *app.info, *app.success):
        assert "<script>" not in element.value and "](javascript" not in element.value
    for box in app.selectbox:
        assert "](javascript" not in box.label and "<script>" not in box.label


def test_a_large_team_is_searched(home: Path, as_lead: str) -> None:
    with Project.open(home) as project:
        for number in range(150):
            project._store.members.put(f"Person {number:03}", "annotator", actor="import")
    app = page("team")
    assert any("The first 100 of 153" in caption.value for caption in app.caption)
    app.text_input(key="find-member").input("person 14").run()
    assert sum(text.value.startswith("Person") for text in app.text) == 10


# ---------------------------------------------------------------------- the own account


def change(app: AppTest, old: str, new: str, again: str | None = None) -> AppTest:
    app.text_input(key="password-old").input(old)
    app.text_input(key="password-new").input(new)
    app.text_input(key="password-again").input(new if again is None else again)
    return press(app, "password-submit")


def test_the_password_is_changed_and_others_are_signed_out(home: Path, as_lead: str) -> None:
    with Project.open(home) as project:
        other = project.team.sign_in("Ada", PASSWORD).token
    app = page("account")
    assert "differ" in change(app, PASSWORD, "some other words", "something else").error[0].value
    assert "wrong" in change(app, "not the password", "some other words").error[0].value
    assert "characters" in change(app, PASSWORD, "short").error[0].value
    assert "one other browser" in change(app, PASSWORD, "some other words").success[0].value
    with Project.open(home) as project:
        assert project.team.sign_in("Ada", "some other words")
        assert project.team.session(other) is None and project.team.session(as_lead) is not None


def test_sessions_are_listed_and_ended(home: Path, as_lead: str) -> None:
    with Project.open(home) as project:
        others = [project.team.sign_in("Ada", PASSWORD).token for _ in range(3)]
        bob = project.team.sign_in("Bob", PASSWORD).token
    app = page("account")
    assert sum("last used" in text.value for text in app.text) == 4
    assert sum("This browser" in text.value for text in app.text) == 1
    ends = [button.key for button in app.button if button.key and button.key.startswith("end-")]
    assert len(ends) == 4 and "end-others" in ends  # not the present one
    press(app, next(key for key in ends if key != "end-others"))
    press(app, "end-others")
    with Project.open(home) as project:
        assert not any(project.team.session(token) for token in others)
        assert project.team.session(as_lead) and project.team.session(bob)


def test_a_token_is_shown_once_and_revoked(home: Path, as_lead: str) -> None:
    app = page("account")
    app.text_input(key="token-title").input("nightly export")
    press(app, "token-submit")
    (token,) = [code.value for code in app.code]
    with Project.open(home) as project:
        person = project.team.session(token)
    assert person is not None and person.kind == "script"
    app.run()
    assert not app.code
    (revoke,) = [button.key for button in app.button if button.key and button.key.startswith("revoke-")]
    press(app, revoke)
    with Project.open(home) as project:
        assert project.team.session(token) is None


def test_an_end_key_of_somebody_else_s_session_does_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch, template: Callable[..., Path]
) -> None:
    with Project.open(home) as project:
        ada = project.team.sign_in("Ada", PASSWORD)
        (listed,) = project.team.sessions(ada.person)
    sign_in(home, monkeypatch, "annotator", "Bob")
    app = page("account")
    assert f"end-{listed.id}" not in {button.key for button in app.button}
