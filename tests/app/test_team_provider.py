"""Signing in with a provider: what can be tested without one."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from labelkit import Project
from labelkit.errors import ConfigError
from tests.app.pages import APP

PASSWORD = "correct horse battery"
KNOWN = {"is_logged_in": True, "email": "Ada@example.org", "email_verified": True, "name": "Ada"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    with Project.init(folder, name="texts", labels=["a", "b"]) as project:
        project.team.first_lead("Lead", PASSWORD, actor="test")
        project.team.add("ada@example.org", "reviewer", None, actor="test")
    path = folder / "labelkit.toml"
    path.write_text(path.read_text(encoding="utf-8") + "\n[serve]\noidc = true\n", encoding="utf-8")
    monkeypatch.setenv("LABELKIT_PROJECT", str(folder))
    return folder


def welcome(monkeypatch: pytest.MonkeyPatch, claims: Mapping[str, Any], *, go_on: bool = False) -> dict[str, Any]:
    """What the sign-in page shows somebody of whom the provider says this."""
    import components
    import cookies
    import provider

    shown: list[dict[str, Any]] = []
    monkeypatch.setattr(cookies, "session_token", lambda given: None)
    monkeypatch.setattr(provider, "claims", lambda: dict(claims))
    monkeypatch.setattr(components, "mount", lambda name, data, key: shown.append(data))
    app = AppTest.from_file(str(APP / "main.py"), default_timeout=30).run()
    if go_on:
        app.button(key="provider-go-on").click().run()
    assert not app.exception
    return shown[-1]


def test_nobody_is_known_yet(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert welcome(monkeypatch, {})["provider"] == "login"


def test_somebody_whom_the_project_knows_gets_a_session(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = welcome(monkeypatch, KNOWN)
    assert asked["provider"] == "go-on" and "ticket" not in asked  # signing out would be undone at once otherwise
    data = welcome(monkeypatch, KNOWN, go_on=True)
    assert data["mode"] == "ticket"
    with Project.open(home) as project:
        done = project.team.use_ticket(data["ticket"])
    assert (done.person.name, done.person.role) == ("ada@example.org", "reviewer")


@pytest.mark.parametrize("email", ["eve@example.org", "Lead", "'; drop table annotators; --", "<b>x</b>"])
def test_somebody_unknown_is_told_so(home: Path, monkeypatch: pytest.MonkeyPatch, email: str) -> None:
    data = welcome(monkeypatch, KNOWN | {"email": email}, go_on=True)
    assert data["mode"] == "sign-in" and "has no account in this project" in data["note"] and "ticket" not in data


@pytest.mark.parametrize(
    "claims",
    [
        KNOWN | {"email_verified": False},
        KNOWN | {"email_verified": None},
        {key: value for key, value in KNOWN.items() if key != "email_verified"},
        {key: value for key, value in KNOWN.items() if key != "email"},
        KNOWN | {"email": ["ada@example.org"]},
        KNOWN | {"email": " "},
    ],
)
def test_an_address_that_nobody_vouches_for_opens_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch, claims: dict[str, Any]
) -> None:
    data = welcome(monkeypatch, claims)
    assert data["provider"] == "logout" and "does not vouch" in data["note"] and "ticket" not in data


def test_without_the_setting_the_provider_says_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = home / "labelkit.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("oidc = true", "oidc = false"), encoding="utf-8")
    assert welcome(monkeypatch, KNOWN)["provider"] == ""


def test_the_settings_come_from_the_project(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import provider

    monkeypatch.setitem(sys.modules, "authlib", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="Authlib"):
        provider.settings()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    with pytest.raises(ConfigError, match=r"needs \.streamlit/secrets\.toml"):
        provider.settings()
    (home / ".streamlit").mkdir()
    (home / ".streamlit" / "secrets.toml").write_text("[other]\nx = 1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"no section \[auth\]"):
        provider.settings()
    (home / ".streamlit" / "secrets.toml").write_text('[auth]\nclient_id = "x"\n[other]\nx = 1\n', encoding="utf-8")
    assert provider.settings() == {"auth": {"client_id": "x"}}
