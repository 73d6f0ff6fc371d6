"""``labelkit people``: the way in for whoever may write the project's files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from labelkit import Project
from tests.conftest import Ran

PASSWORD = "correct horse battery"
Run = Callable[..., Ran]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with Project.init(tmp_path / "project", name="texts", labels=["a", "b"]) as project:
        project.team.first_lead("Ada Lead", PASSWORD, actor="test")
    return tmp_path / "project"


def code_in(text: str) -> str:
    return text.partition("?invitation=")[2].split()[0]


def test_a_lead_who_lost_the_password_comes_back(home: Path, run: Run) -> None:
    done = run("people", "reset", "Ada Lead", "--project", home, "--address", "https://labels.example.org/")
    assert done.code == 0 and "https://labels.example.org/?invitation=" in done.out
    with Project.open(home) as project:
        assert project.team.accept(code_in(done.out), "some other words").person.role == "lead"


def test_invite_and_list(home: Path, run: Run) -> None:
    done = run("people", "invite", "--role", "data scientist", "--project", home)
    assert "http://127.0.0.1:8501/?invitation=" in done.out
    with Project.open(home) as project:
        project.team.accept(code_in(done.out), PASSWORD, name="Bob")
        project._store.members.put("Carl", "annotator", actor="import")
    assert run("people", "deactivate", "Bob", "--project", home).code == 0
    listed = run("people", "--project", home).out
    assert "Ada Lead" in listed and "no account" in listed and PASSWORD not in listed
    shown = json.loads(run("people", "--json", "--project", home).out)
    assert shown["people"] == [
        {"name": "Ada Lead", "role": "lead", "active": True, "has_account": True},
        {"name": "Bob", "role": "data scientist", "active": False, "has_account": True},
        {"name": "Carl", "role": "annotator", "active": True, "has_account": False},
    ] and shown["link"] is None  # fmt: skip


def test_roles_and_activity(home: Path, run: Run) -> None:
    run("people", "provider", "bob@example.org", "--role", "annotator", "--project", home)
    run("people", "role", "bob@example.org", "--role", "lead", "--project", home)
    run("people", "deactivate", "Ada Lead", "--project", home)
    with Project.open(home) as project:
        members = {m.name: (m.role, m.active) for m in project.team.members()}
        assert members == {"Ada Lead": ("lead", False), "bob@example.org": ("lead", True)}
        assert project.team.provider_accounts() == {"bob@example.org"}
    run("people", "activate", "Ada Lead", "--project", home)
    with Project.open(home) as project:
        assert project.team.sign_in("Ada Lead", PASSWORD)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("deactivate", "Ada Lead"), "last lead"),
        (("role", "Ada Lead", "--role", "annotator"), "last lead"),
        (("role", "Ada Lead", "--role", "boss"), "'boss' is no role"),
        (("role", "Ada Lead"), "needs --role"),
        (("invite",), "needs --role"),
        (("invite", "ada lead", "--role", "lead"), "already"),
        (("reset", "Eve"), "nobody named 'Eve'"),
        (("reset",), "needs a name"),
        (("remove", "Ada Lead"), "cannot 'remove' people"),
    ],
)
def test_mistakes_are_one_line(home: Path, run: Run, arguments: tuple[str, ...], expected: str) -> None:
    done = run("people", *arguments, "--project", home)
    assert done.code == 2 and done.err.count("\n") == 1 and expected in done.err and "Traceback" not in done.err


def test_nobody_yet(tmp_path: Path, run: Run) -> None:
    Project.init(tmp_path / "new", name="new", labels=["a", "b"]).close()
    assert "Nobody yet" in run("people", "--project", tmp_path / "new").out
