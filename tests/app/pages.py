"""Pages through Streamlit's own test runner, as somebody who is signed in."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from labelkit import Project
from tests.conftest import ROOT
from tests.serving import LEAD

APP = ROOT / "app"
if str(APP) not in sys.path:
    sys.path.insert(0, str(APP))


def sign_in(home: Path, monkeypatch: pytest.MonkeyPatch, role: str = "lead", name: str | None = None) -> str:
    """Make an account of this role and a real session of it; pages then find its cookie. Returns the token.

    Streamlit's test runner has no cookies, so what reads them is replaced; all checks behind it are real.
    """
    import cookies

    who = name or f"{role} of the tests"
    monkeypatch.setenv("LABELKIT_PROJECT", str(home))
    with Project.open(home) as project:
        if project.team.account(who) is None:
            project.team.add(who, role, LEAD[1], actor="test")
        token = project.team.sign_in(who, LEAD[1]).token
    monkeypatch.setattr(cookies, "session_token", lambda given: token)
    return token


def page(name: str, **query: str) -> AppTest:
    """One page, run once."""
    app = AppTest.from_file(str(APP / "main.py"), default_timeout=30).run()
    for key, value in query.items():
        app.query_params[key] = value
    app.switch_page(f"views/{name}.py").run()
    return app
