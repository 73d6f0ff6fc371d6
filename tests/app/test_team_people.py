"""Accounts, roles, invitations and passwords of a project."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from labelkit import Project
from labelkit.errors import AccessError, AnnotationError, LabelkitError, NotAllowed, SignInFailed, TooManyAttempts
from labelkit.steps.team import Person, Team

AT = datetime(2030, 1, 1, 9, tzinfo=UTC)
PASSWORD = "correct horse battery"
OTHER = "another horse entirely"
HOSTILE = [
    "<script>alert(1)</script>",
    "'; drop table annotators; --",
    'Robert"); delete from accounts',
    "%_*",
    "a' or '1'='1",
]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.init(tmp_path / "project", name="texts", labels=["a", "b"]) as project:
        project.team.first_lead("Ada", PASSWORD, actor="test", at=AT)
        yield project


@pytest.fixture
def team(project: Project) -> Team:
    return project.team


def events(project: Project) -> list[str]:
    return [row[0] for row in project._store.database.rows("select kind from events order by id")]


def ada(team: Team, at: datetime = AT) -> Person:
    return team.sign_in("Ada", PASSWORD, at=at).person


# ---------------------------------------------------------------------- accounts


def test_the_first_lead_is_made_once(team: Team) -> None:
    assert team.has_lead() and [(m.name, m.role) for m in team.members()] == [("Ada", "lead")]
    with pytest.raises(AccessError, match="has a lead already"):
        team.first_lead("Eve", PASSWORD, actor="test")


def test_a_lost_side_file_lets_the_machine_s_owner_make_a_lead_anew(tmp_path: Path, project: Project) -> None:
    project.close()
    for path in (tmp_path / "project").glob("*.secrets*"):
        path.unlink()
    with Project.open(tmp_path / "project") as again:
        assert not again.team.has_lead()
        again.team.first_lead("Ada", OTHER, actor="test")
        assert again.team.sign_in("Ada", OTHER).person.role == "lead"


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\u202eb", "a\x00b"])
def test_names_that_cannot_be_used(team: Team, name: str) -> None:
    with pytest.raises(AnnotationError):
        team.add(name, "annotator", PASSWORD, actor="test")
    with pytest.raises(SignInFailed):
        team.sign_in(name, PASSWORD)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_names(project: Project, team: Team, name: str) -> None:
    team.add(name, "annotator", PASSWORD, actor="test")
    assert team.sign_in(name, PASSWORD).person.name == name
    with pytest.raises(SignInFailed):
        team.sign_in(name, "' or '1'='1")
    team.set_role(name, "reviewer", actor="Ada")
    team.deactivate(name, actor="Ada")
    assert len(team.members()) == 2 and project.doctor() == []


def test_two_people_never_share_a_name(team: Team) -> None:
    for name in ("Ada", "ada", " ADA "):
        with pytest.raises(AccessError, match="already"):
            team.add(name, "annotator", OTHER, actor="test")
    assert team.sign_in("Ada", PASSWORD).person.role == "lead"


def test_capital_letters_do_not_count_where_the_name_is_clear(team: Team) -> None:
    assert team.sign_in("  ada ", PASSWORD).person.name == "Ada"


def test_who_only_answered_so_far_may_get_an_account(project: Project, team: Team) -> None:
    project._store.members.put("Bob", "annotator", actor="import")
    assert team.account("Bob") is None
    with pytest.raises(SignInFailed):
        team.sign_in("Bob", PASSWORD)
    team.add("Bob", "reviewer", PASSWORD, actor="Ada")
    assert team.sign_in("Bob", PASSWORD).person.role == "reviewer"


# ---------------------------------------------------------------------- roles


def test_a_new_role_counts_at_once_for_sessions_and_tokens(team: Team) -> None:
    team.add("Bob", "annotator", PASSWORD, actor="Ada", at=AT)
    signed_in = team.sign_in("Bob", PASSWORD, at=AT)
    token = team.add_token(signed_in.person, "export", at=AT)
    for role in ("reviewer", "data scientist", "lead", "annotator"):
        team.set_role("Bob", role, actor="Ada", at=AT)
        for held in (signed_in.token, token):
            person = team.session(held, at=AT)
            assert person is not None and person.role == role and person.may("manage") == (role == "lead")


def test_need_says_no(team: Team) -> None:
    team.add("Bob", "annotator", PASSWORD, actor="Ada")
    bob = team.sign_in("Bob", PASSWORD).person
    bob.need("annotate")
    with pytest.raises(NotAllowed, match="your role \\(annotator\\)"):
        bob.need("manage")


def test_the_last_lead_who_can_sign_in_stays(project: Project, team: Team) -> None:
    project._store.members.put("Ghost", "lead", actor="import")  # a lead on paper, without an account
    team.add("Old", "lead", PASSWORD, actor="Ada")
    team.deactivate("Old", actor="Ada")
    for change in (
        lambda: team.deactivate("Ada", actor="Ada"),
        lambda: team.set_role("Ada", "annotator", actor="Ada"),
    ):
        with pytest.raises(AccessError, match="last lead"):
            change()
    assert team.sign_in("Ada", PASSWORD).person.role == "lead"
    team.activate("Old", actor="Ada")
    team.set_role("Ada", "annotator", actor="Ada")
    assert team.has_lead()


def test_two_leads_who_demote_each_other_leave_one(tmp_path: Path, team: Team) -> None:
    team.add("Bob", "lead", PASSWORD, actor="Ada")
    start, refused = threading.Barrier(2), []

    def demote(actor: str, whom: str) -> None:
        with Project.open(tmp_path / "project") as own:
            assert own.team.has_lead()
            start.wait()
            try:
                own.team.set_role(whom, "annotator", actor=actor)
            except AccessError as error:
                refused.append(error)

    threads = [threading.Thread(target=demote, args=pair) for pair in (("Ada", "Bob"), ("Bob", "Ada"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1 and team.has_lead()


def test_whoever_is_deactivated_is_out_at_once_and_the_name_stays(project: Project, team: Team) -> None:
    team.add("Bob", "annotator", PASSWORD, actor="Ada", at=AT)
    signed_in = team.sign_in("Bob", PASSWORD, at=AT)
    token = team.add_token(signed_in.person, "export", at=AT)
    code = team.reset("Bob", actor="Ada", at=AT).code
    assert not team.deactivate("Bob", actor="Ada", at=AT).active
    for held in (signed_in.token, token):
        assert team.session(held, at=AT) is None and not team.is_live(held, at=AT)
    with pytest.raises(SignInFailed):
        team.sign_in("Bob", PASSWORD, at=AT)
    with pytest.raises(SignInFailed):
        team.accept(code, OTHER, at=AT)
    assert "Bob" in [m.name for m in team.members()]
    team.activate("Bob", actor="Ada")
    assert team.session(signed_in.token, at=AT) is None  # what was ended stays ended
    assert team.sign_in("Bob", PASSWORD, at=AT).person.name == "Bob"
    assert events(project).count("people.changed") == 4


def test_nobody_unknown_is_made_by_changing_them(team: Team) -> None:
    for change in (
        lambda: team.set_role("Eve", "lead", actor="Ada"),
        lambda: team.deactivate("Eve", actor="Ada"),
        lambda: team.activate("Eve", actor="Ada"),
        lambda: team.reset("Eve", actor="Ada"),
    ):
        with pytest.raises(AccessError, match="nobody named 'Eve'"):
            change()
    assert [m.name for m in team.members()] == ["Ada"]


# ---------------------------------------------------------------------- invitations


def test_an_invitation_makes_an_account_once(project: Project, team: Team) -> None:
    made = team.invite("reviewer", actor="Ada", at=AT)
    assert made.path == f"/?invitation={made.code}"
    shown = team.invitation(made.code, at=AT)
    assert shown is not None and (shown.role, shown.name, shown.made_by) == ("reviewer", None, "Ada")
    done = team.accept(made.code, PASSWORD, name="Bob", at=AT)
    assert (done.person.name, done.person.role) == ("Bob", "reviewer")
    assert team.session(done.token, at=AT) == done.person
    assert team.invitation(made.code, at=AT) is None and team.invitations(at=AT) == []
    for name in ("Bob", "Eve"):
        with pytest.raises(SignInFailed, match="used already"):
            team.accept(made.code, OTHER, name=name, at=AT)
    assert "people.invited" in events(project)


def test_an_invitation_ends_by_itself_and_by_hand(team: Team) -> None:
    made = team.invite("annotator", actor="Ada", days=2, at=AT)
    assert team.invitation(made.code, at=AT + timedelta(days=2, seconds=1)) is None
    with pytest.raises(SignInFailed):
        team.accept(made.code, PASSWORD, name="Bob", at=AT + timedelta(days=2, seconds=1))
    assert team.end_invitation(made.open.id, at=AT) and not team.end_invitation(made.open.id, at=AT)
    with pytest.raises(SignInFailed):
        team.accept(made.code, PASSWORD, name="Bob", at=AT)
    assert [m.name for m in team.members()] == ["Ada"]


@pytest.mark.parametrize("code", ["", "x", "' or 1=1 --", "\ud800", "x" * 10_000])
def test_a_made_up_code_is_worthless(team: Team, code: str) -> None:
    team.invite("lead", actor="Ada")
    assert team.invitation(code) is None
    with pytest.raises(SignInFailed):
        team.accept(code, PASSWORD, name="Eve")


def test_a_stranger_with_a_code_cannot_become_somebody_else(project: Project, team: Team) -> None:
    project._store.members.put("Bob", "annotator", actor="import")
    made = team.invite("annotator", actor="Ada")
    for name in ("Ada", "ada", "Bob", "bob", ""):
        with pytest.raises(LabelkitError):
            team.accept(made.code, OTHER, name=name)
    with pytest.raises(AccessError):  # a password that cannot be used
        team.accept(made.code, "short", name="Carl")
    assert team.accept(made.code, OTHER, name="Carl").person.name == "Carl"  # the code was not used up by that


def test_two_people_who_choose_the_same_name_at_the_same_moment(tmp_path: Path, team: Team) -> None:
    codes = [team.invite("annotator", actor="Ada").code for _ in range(2)]
    start, done, refused = threading.Barrier(2), [], []

    def accept(code: str, password: str) -> None:
        with Project.open(tmp_path / "project") as own:
            start.wait()
            try:
                done.append((own.team.accept(code, password, name="Bob"), password))
            except LabelkitError as error:
                refused.append(error)

    threads = [threading.Thread(target=accept, args=pair) for pair in zip(codes, (PASSWORD, OTHER), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(done), len(refused)) == (1, 1)
    assert team.sign_in("Bob", done[0][1]).person.name == "Bob"


def test_one_code_used_twice_at_the_same_moment_makes_one_account(tmp_path: Path, team: Team) -> None:
    code = team.invite("annotator", actor="Ada").code
    start, names = threading.Barrier(4), []

    def accept(name: str) -> None:
        with Project.open(tmp_path / "project") as own:
            start.wait()
            with contextlib.suppress(SignInFailed):
                names.append(own.team.accept(code, PASSWORD, name=name).person.name)

    threads = [threading.Thread(target=accept, args=(f"Bob {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names) == 1 and {m.name for m in team.members()} == {"Ada", names[0]}


def test_an_invitation_by_name_is_for_that_name(project: Project, team: Team) -> None:
    project._store.members.put("Bob", "annotator", actor="import")
    made = team.invite("reviewer", name=" Bob ", actor="Ada")
    assert team.accept(made.code, PASSWORD, name="Ada").person.name == "Bob"
    with pytest.raises(AccessError, match="already"):
        team.invite("annotator", name="Bob", actor="Ada")


def test_a_lead_who_is_one_no_more_leaves_no_open_door(team: Team) -> None:
    team.add("Bob", "lead", PASSWORD, actor="Ada", at=AT)
    for leave in (
        lambda: team.set_role("Bob", "annotator", actor="Ada", at=AT),
        lambda: team.deactivate("Bob", actor="Ada", at=AT),
    ):
        team.set_role("Bob", "lead", actor="Ada", at=AT)
        code = team.invite("lead", actor="Bob", at=AT).code
        leave()
        with pytest.raises(SignInFailed):
            team.accept(code, PASSWORD, name="Eve", at=AT)


@pytest.mark.parametrize("days", [0, -1, 91, 10**9])
def test_invitations_last_a_while_only(team: Team, days: int) -> None:
    with pytest.raises(AccessError, match="1 to 90 days"):
        team.invite("annotator", actor="Ada", days=days)


# ---------------------------------------------------------------------- passwords


def test_a_reset_gives_a_new_password_and_ends_everything_from_before(team: Team) -> None:
    before = team.sign_in("Ada", PASSWORD, at=AT)
    token = team.add_token(before.person, "export", at=AT)
    first, code = team.reset("Ada", actor="cli", at=AT).code, team.reset("Ada", actor="cli", at=AT).code
    assert team.invitation(first, at=AT) is None  # a newer one replaces it
    assert team.sign_in("Ada", PASSWORD, at=AT)  # nothing has changed yet: a reset locks nobody out
    done = team.accept(code, OTHER, name="Eve", at=AT)
    assert (done.person.name, done.person.role) == ("Ada", "lead")
    assert team.session(before.token, at=AT) is None and team.session(token, at=AT) is None
    with pytest.raises(SignInFailed):
        team.sign_in("Ada", PASSWORD, at=AT)
    assert team.sign_in("Ada", OTHER, at=AT)


def test_a_new_password_wants_the_old_one_and_ends_other_browsers(team: Team) -> None:
    here, there = team.sign_in("Ada", PASSWORD, at=AT), team.sign_in("Ada", PASSWORD, at=AT)
    token = team.add_token(here.person, "export", at=AT)
    with pytest.raises(SignInFailed, match="present password"):
        team.change_password(here.person, "wrong password", OTHER, at=AT)
    with pytest.raises(AccessError, match="10 to"):
        team.change_password(here.person, PASSWORD, "short", at=AT)
    assert team.session(there.token, at=AT)
    assert team.change_password(here.person, PASSWORD, OTHER, at=AT) == 1
    assert team.session(here.token, at=AT) and team.session(token, at=AT)
    assert team.session(there.token, at=AT) is None
    with pytest.raises(SignInFailed):
        team.sign_in("Ada", PASSWORD, at=AT)
    assert team.sign_in("Ada", OTHER, at=AT)


def test_the_old_password_cannot_be_tried_out(team: Team) -> None:
    person = ada(team)
    with pytest.raises(TooManyAttempts) as told:
        for guess in range(100):
            with pytest.raises(SignInFailed):
                team.change_password(person, f"guess number {guess}", OTHER, at=AT)
            assert guess < 20
    assert told.value.seconds > 0


def test_a_script_cannot_make_itself_at_home(team: Team) -> None:
    token = team.add_token(ada(team), "export")
    script = team.session(token)
    assert script is not None and script.kind == "script" and script.role == "lead"
    with pytest.raises(NotAllowed):
        team.add_token(script, "another")
    with pytest.raises(NotAllowed):
        team.change_password(script, PASSWORD, OTHER)


# ---------------------------------------------------------------------- a provider


def test_who_signs_in_with_the_provider_has_no_password(team: Team) -> None:
    team.add("ada@example.org", "reviewer", None, actor="Ada", at=AT)
    assert team.provider_accounts() == {"ada@example.org"} and team.account("ada@example.org") is not None
    for password in ("", "None", PASSWORD):
        with pytest.raises(SignInFailed):
            team.sign_in("ada@example.org", password, at=AT)
    ticket = team.provider_ticket("Ada@Example.org", at=AT)
    assert ticket is not None
    done = team.use_ticket(ticket, at=AT)
    assert (done.person.name, done.person.role) == ("ada@example.org", "reviewer")
    with pytest.raises(SignInFailed):
        team.use_ticket(ticket, at=AT)
    with pytest.raises(AccessError, match="provider"):
        team.change_password(done.person, "", OTHER, at=AT)


def test_the_provider_opens_no_other_account(team: Team) -> None:
    team.add("gone@example.org", "annotator", None, actor="Ada", at=AT)
    team.deactivate("gone@example.org", actor="Ada", at=AT)
    for name in ("Ada", "nobody@example.org", "gone@example.org", "", "' or 1=1"):
        assert team.provider_ticket(name, at=AT) is None
    team.add("bob@example.org", "annotator", None, actor="Ada", at=AT)
    late, stopped = team.provider_ticket("bob@example.org", at=AT), team.provider_ticket("bob@example.org", at=AT)
    assert late is not None and stopped is not None
    with pytest.raises(SignInFailed):
        team.use_ticket(stopped, at=AT + timedelta(minutes=3))
    with pytest.raises(SignInFailed):
        team.accept(stopped, PASSWORD, at=AT)  # no invitation
    team.deactivate("bob@example.org", actor="Ada", at=AT)
    with pytest.raises(SignInFailed):
        team.use_ticket(stopped, at=AT)
