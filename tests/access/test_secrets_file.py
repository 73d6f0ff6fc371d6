"""The side file: who can read it, what is in it, where it does not go."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from labelkit import Project
from labelkit.errors import ProjectTooNew
from labelkit.store import Secrets

AT = datetime(2030, 1, 1, tzinfo=UTC)
PASSWORD = "correct horse battery"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with Project.init(tmp_path / "project", name="texts", labels=["a", "b"]) as project:
        project.team.add("Ada", "lead", PASSWORD, actor="test")
    return tmp_path / "project"


def side_files(home: Path) -> list[Path]:
    return sorted(home.glob("*.secrets*"))


def test_only_the_owner_can_read_it(home: Path) -> None:
    before = os.umask(0)  # the most careless shell there is
    try:
        with Project.open(home) as project:
            token = project.team.sign_in("Ada", PASSWORD).token
            assert project.team.session(token)
            assert len(side_files(home)) == 3  # with the write-ahead log and its index
            assert {stat.S_IMODE(path.stat().st_mode) for path in side_files(home)} == {0o600}
    finally:
        os.umask(before)


def test_a_copy_that_others_could_read_is_closed_to_them(home: Path) -> None:
    (path,) = side_files(home)
    path.chmod(0o644)
    with Project.open(home) as project:
        assert project.team.has_lead()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_password_token_or_code_is_in_any_file(home: Path) -> None:
    with Project.open(home) as project:
        signed_in = project.team.sign_in("Ada", PASSWORD)
        token = project.team.add_token(signed_in.person, "nightly export")
        code = project.team.invite("annotator", actor="Ada").code
        digest = signed_in.person.session
    secret = [PASSWORD, signed_in.token, signed_in.token.partition(".")[0], signed_in.device, token, code]
    for path in home.rglob("*"):
        if path.is_file():
            held = path.read_bytes()
            assert not [each for each in secret if each.encode() in held], path
            assert digest.encode() not in held or path.name.endswith(".secrets")


def test_a_backup_has_nothing_of_it(home: Path, tmp_path: Path) -> None:
    with Project.open(home) as project:
        signed_in = project.team.sign_in("Ada", PASSWORD)
        copy = project.backup(tmp_path / "copy.db")
    with sqlite3.connect(copy) as connection:
        tables = {row[0] for row in connection.execute("select name from sqlite_master")}
        assert not tables & {"accounts", "sessions", "codes", "keys", "failures"}
        dump = "\n".join(connection.iterdump())
    assert "argon2" not in dump and signed_in.person.session not in dump
    assert not list(tmp_path.glob("*.secrets*"))


def test_a_project_without_its_side_file_has_people_who_cannot_sign_in(home: Path) -> None:
    for path in side_files(home):
        path.unlink()
    with Project.open(home) as project:
        assert [m.name for m in project.team.members()] == ["Ada"]
        assert not project.team.has_lead() and project.team.account("Ada") is None


def test_one_from_the_future_is_refused(home: Path) -> None:
    (path,) = side_files(home)
    with sqlite3.connect(path) as connection:
        connection.execute("pragma user_version = 99")
    connection.close()
    with pytest.raises(ProjectTooNew), Project.open(home) as project:
        project.team.has_lead()


def test_attempts_at_the_same_moment_all_count(tmp_path: Path) -> None:
    Secrets(tmp_path / "x.secrets").close()
    let_in = []
    start = threading.Barrier(8)

    def attempt() -> None:
        secrets = Secrets(tmp_path / "x.secrets")
        start.wait()
        for _ in range(5):
            seconds = secrets.count_attempt(
                [("key", lambda count, since: 9.0 if count >= 6 else 0.0)], at=AT, forget_before=AT - timedelta(hours=1)
            )
            let_in.append(seconds == 0.0)
        secrets.close()

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(let_in), sum(let_in)) == (40, 6)


def test_the_table_of_failures_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labelkit.store.secrets.MOST_FAILURES", 50)
    secrets = Secrets(tmp_path / "x.secrets")
    for number in range(200):
        at = AT + timedelta(seconds=number)
        secrets.count_attempt([(f"key {number}", lambda count, since: 0.0)], at=at, forget_before=AT)
    kept = [row[0] for row in secrets.connection.execute("select key from failures order by last_at")]
    assert kept == [f"key {number}" for number in range(150, 200)]
    secrets.count_attempt([("last", lambda c, s: 0.0)], at=AT, forget_before=AT + timedelta(days=1))
    assert [row[0] for row in secrets.connection.execute("select key from failures")] == ["last"]
    secrets.close()


def test_old_sessions_go_and_a_person_holds_only_so_many(home: Path) -> None:
    with Project.open(home) as project:
        first = project.team.sign_in("Ada", PASSWORD, at=AT)
        sessions = project._store.secrets().sessions
        for number in range(60):
            sessions.add(
                f"{number:064}", "Ada", kind="browser", title=None, at=AT + timedelta(seconds=number + 1),
                expires=AT + timedelta(hours=5), most=50,
            )  # fmt: skip
        live = sessions.of("Ada", at=AT + timedelta(minutes=5))
        assert len(live) == 50 and project.team.session(first.token, at=AT + timedelta(minutes=5)) is None
        later = AT + timedelta(days=60)
        sessions.add(
            "new", "Ada", kind="browser", title=None, at=later, expires=later + timedelta(days=1), most=50
        )  # fmt: skip
        assert project._store.secrets().connection.execute("select count(*) from sessions").fetchone() == (1,)
