"""Sessions of browsers and scripts, and what guessing costs."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from labelkit import Project
from labelkit.access import ADDRESS, DEVICE, NAME, seal
from labelkit.errors import AccessError, SignInFailed, TooManyAttempts
from labelkit.steps.sessions import LONGEST
from labelkit.steps.team import SignIn, Team

AT = datetime(2030, 1, 1, 9, tzinfo=UTC)
PASSWORD = "correct horse battery"


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    with Project.init(tmp_path / "project", name="texts", labels=["a", "b"]) as project:
        project.team.add("Ada", "lead", PASSWORD, actor="test")
        project.team.add("Bob", "annotator", PASSWORD, actor="test")
        yield project.team


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparing instead of hashing, where hundreds of attempts are counted; what is compared stays the same."""
    monkeypatch.setattr(
        "labelkit.steps.sessions.password_matches", lambda stored, given: stored is not None and given == PASSWORD
    )


def fail(team: Team, name: str, at: datetime, *, address: str = "192.0.2.1", device: str | None = None) -> float:
    """One wrong password; returns the seconds to wait if it was not even looked at."""
    try:
        team.sign_in(name, "not the password", address=address, device=device, at=at)
    except TooManyAttempts as error:
        return error.seconds
    except SignInFailed:
        return 0.0
    raise AssertionError("signed in with a wrong password")


# ---------------------------------------------------------------------- sessions


def test_a_session_is_put_off_by_use_and_ends_without(team: Team) -> None:
    token = team.sign_in("Ada", PASSWORD, at=AT).token
    assert team.session(token, at=AT + timedelta(hours=11)) is not None
    assert team.session(token, at=AT + timedelta(hours=22)) is not None
    assert team.session(token, at=AT + timedelta(hours=34, minutes=1)) is None


def test_asking_whether_a_session_lives_does_not_put_it_off(team: Team) -> None:
    token = team.sign_in("Ada", PASSWORD, at=AT).token
    assert team.is_live(token, at=AT + timedelta(hours=11))
    assert not team.is_live(token, at=AT + timedelta(hours=12, minutes=1))


def test_no_session_lasts_for_ever(team: Team) -> None:
    signed_in = team.sign_in("Ada", PASSWORD, at=AT)
    at = AT
    while team.session(signed_in.token, at=at) is not None:
        at += timedelta(hours=6)
        assert at < AT + timedelta(days=30)
    assert AT + LONGEST <= at <= AT + LONGEST + timedelta(hours=6)
    assert signed_in.ends_at == AT + LONGEST


def test_signing_out_ends_the_session_and_only_that(team: Team) -> None:
    one, two = team.sign_in("Ada", PASSWORD, at=AT), team.sign_in("Ada", PASSWORD, at=AT)
    assert team.sign_out(one.token, at=AT) and not team.sign_out(one.token, at=AT)
    assert team.session(one.token, at=AT) is None  # replayed
    assert team.session(two.token, at=AT) is not None


def test_a_session_that_was_ended_is_not_brought_back_by_being_used(team: Team) -> None:
    signed_in = team.sign_in("Ada", PASSWORD, at=AT)
    team.sign_out(signed_in.token, at=AT)
    team._secrets.sessions.seen(signed_in.person.session, at=AT, expires=AT + timedelta(days=1))
    assert team.session(signed_in.token, at=AT) is None


def test_forged_tokens_are_refused_without_a_look_up(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    real = team.sign_in("Ada", PASSWORD, at=AT).token
    token, _, mac = real.partition(".")
    looked_up: list[str] = []
    before = team._secrets.sessions.get
    monkeypatch.setattr(
        team._secrets.sessions, "get", lambda digest, at: looked_up.append(digest) or before(digest, at=at)
    )
    forged = [
        f"{token}.{mac[:-1]}{'A' if mac[-1] != 'A' else 'B'}",
        f"{token}.",
        f".{mac}",
        f"{token}.{mac}.{mac}",
        seal(token, secrets.token_bytes(32), "session"),
        seal(token, team._key, "device:Ada"),
        "x" * 43 + "." + mac,
    ]
    for value in forged:
        assert team.session(value, at=AT) is None and not team.is_live(value, at=AT) and not team.sign_out(value, at=AT)
    assert looked_up == []
    assert team.session(real, at=AT) is not None and len(looked_up) == 1


def test_a_cookie_without_its_signature_opens_nothing(team: Team) -> None:
    real = team.sign_in("Ada", PASSWORD, at=AT).token
    assert team.session(real.partition(".")[0], at=AT) is None


def test_one_sees_and_ends_only_one_s_own_sessions(team: Team) -> None:
    ada, bob = team.sign_in("Ada", PASSWORD, at=AT), team.sign_in("Bob", PASSWORD, at=AT)
    other = team.sign_in("Ada", PASSWORD, at=AT + timedelta(minutes=1))
    listed = team.sessions(ada.person, at=AT)
    assert [s.current for s in listed] == [False, True] and len({s.id for s in listed}) == 2
    (of_bob,) = team.sessions(bob.person, at=AT)
    assert not team.end_session(ada.person, of_bob.id, at=AT)
    assert team.session(bob.token, at=AT) is not None
    assert team.end_session(ada.person, listed[0].id, at=AT)
    assert team.session(other.token, at=AT) is None and team.session(ada.token, at=AT) is not None


def test_signing_out_everywhere_else_keeps_this_browser_and_scripts(team: Team) -> None:
    here = team.sign_in("Ada", PASSWORD, at=AT)
    others = [team.sign_in("Ada", PASSWORD, at=AT) for _ in range(3)]
    token = team.add_token(here.person, "export", at=AT)
    assert team.end_other_sessions(here.person, at=AT) == 3
    assert team.session(here.token, at=AT) and team.session(token, at=AT)
    assert not any(team.session(each.token, at=AT) for each in others)


def test_tokens_of_scripts(team: Team) -> None:
    ada = team.sign_in("Ada", PASSWORD, at=AT).person
    for title, days in (("", None), ("x" * 101, None), ("export", 0), ("export", 4000)):
        with pytest.raises(AccessError):
            team.add_token(ada, title, days=days, at=AT)
    for_ever, month = team.add_token(ada, " for  ever ", at=AT), team.add_token(ada, "month", days=30, at=AT)
    much_later = AT + timedelta(days=400)
    assert team.session(month, at=AT + timedelta(days=29)) and team.session(month, at=AT + timedelta(days=31)) is None
    person = team.session(for_ever, at=much_later)
    assert person is not None and (person.name, person.kind) == ("Ada", "script")
    titles = {s.title: s for s in team.sessions(ada, at=AT)}
    assert team.end_session(ada, titles["for ever"].id, at=AT)
    assert team.session(for_ever, at=much_later) is None


def test_so_many_tokens_and_no_more(team: Team) -> None:
    ada = team.sign_in("Ada", PASSWORD, at=AT).person
    with pytest.raises(AccessError, match="50 tokens already"):
        for number in range(60):
            team.add_token(ada, f"number {number}", at=AT)


def test_every_project_has_its_own_cookie(team: Team, tmp_path: Path) -> None:
    with Project.init(tmp_path / "other" / "project", name="texts", labels=["a", "b"]) as other:
        assert other.team.cookie_name != team.cookie_name
        other.team.add("Ada", "lead", PASSWORD, actor="test")
        assert other.team.session(team.sign_in("Ada", PASSWORD).token) is None
    assert team.cookie_name.startswith("labelkit_")


# ---------------------------------------------------------------------- guessing


def test_guessing_at_a_name_gets_slow_from_any_address(team: Team, quick: None) -> None:
    at, looked_at = AT, 0
    for number in range(3600):  # one guess a second, from another address each time
        at = AT + timedelta(seconds=number)
        looked_at += fail(team, "Bob", at, address=f"192.0.{number // 250}.{number % 250}") == 0.0
    assert looked_at <= NAME.free + 8 + 3600 / NAME.longest
    assert fail(team, "Bob", at) > 0
    assert team.sign_in("Ada", PASSWORD, address="198.51.100.1", at=at)  # others are not held up


def test_what_is_not_looked_at_does_not_count_against_the_name(team: Team, quick: None) -> None:
    for _ in range(500):
        fail(team, "Bob", AT)
    assert 0 < fail(team, "Bob", AT) <= 1.0  # the wait did not grow by hammering
    assert team.sign_in("Bob", PASSWORD, address="192.0.2.1", at=AT + timedelta(seconds=2)).person.name == "Bob"


def test_the_right_password_waits_too(team: Team, quick: None) -> None:
    while fail(team, "Bob", AT) == 0.0:
        pass
    with pytest.raises(TooManyAttempts) as told:
        team.sign_in("Bob", PASSWORD, address="203.0.113.5", at=AT)
    assert 0 < told.value.seconds <= NAME.longest


def test_a_stranger_cannot_lock_somebody_out_of_the_own_browser(team: Team, quick: None) -> None:
    device = team.sign_in("Bob", PASSWORD, address="198.51.100.7", at=AT).device
    at = AT
    for number in range(2000):  # without a pause, from everywhere, also from the victim's own network
        at = AT + timedelta(seconds=number)
        fail(team, "Bob", at, address=f"192.0.2.{number % 200}")
        fail(team, "Bob", at, address="198.51.100.7")
    assert fail(team, "Bob", at, address="198.51.100.7") > 0
    assert team.sign_in("Bob", PASSWORD, address="198.51.100.7", device=device, at=at).person.name == "Bob"


def test_a_stranger_cannot_lock_somebody_out_for_ever_anywhere(team: Team, quick: None) -> None:
    at = AT
    for number in range(2000):
        at = AT + timedelta(seconds=number)
        fail(team, "Bob", at, address=f"192.0.2.{number % 200}")
    wait = fail(team, "Bob", at, address="203.0.113.9")
    assert wait <= NAME.longest
    assert team.sign_in("Bob", PASSWORD, address="203.0.113.9", at=at + timedelta(seconds=wait + 1))
    # And a lead's link works at any time.
    assert team.accept(team.reset("Bob", actor="Ada", at=at).code, "some other words", at=at).person.name == "Bob"


def test_a_device_is_no_way_to_guess_either(team: Team, quick: None) -> None:
    device = team.sign_in("Bob", PASSWORD, at=AT).device
    looked_at = sum(fail(team, "Bob", AT + timedelta(seconds=number), device=device) == 0.0 for number in range(3600))
    assert looked_at <= DEVICE.free + 9 + 3600 / DEVICE.longest


@pytest.mark.parametrize("device", ["", "x", "x.y", None])
def test_a_made_up_device_counts_as_none(team: Team, quick: None, device: str | None) -> None:
    for number in range(NAME.free):
        assert fail(team, "Bob", AT, address=f"192.0.2.{number}", device=device) == 0.0
    assert fail(team, "Bob", AT, address="198.51.100.1", device=device) > 0


def test_a_device_of_one_person_is_none_of_another(team: Team, quick: None) -> None:
    of_ada = team.sign_in("Ada", PASSWORD, at=AT).device
    for number in range(NAME.free):
        assert fail(team, "Bob", AT, address=f"192.0.2.{number}", device=of_ada) == 0.0
    assert fail(team, "Bob", AT, address="198.51.100.1", device=of_ada) > 0


def test_guessing_from_one_address_gets_slow_at_any_names(team: Team, quick: None) -> None:
    looked_at = sum(fail(team, f"name {number}", AT, address="192.0.2.1") == 0.0 for number in range(500))
    assert looked_at == ADDRESS.free
    assert fail(team, "name", AT, address="192.0.2.2") == 0.0


def test_an_account_of_one_s_own_does_not_reset_the_address(team: Team, quick: None) -> None:
    looked_at = 0
    for number in range(200):
        looked_at += fail(team, f"name {number}", AT, address="192.0.2.1") == 0.0
        try:
            team.sign_in("Bob", PASSWORD, address="192.0.2.1", at=AT)
        except TooManyAttempts:
            break
    assert looked_at <= ADDRESS.free


def test_an_office_that_signs_in_rightly_is_not_slowed_down(team: Team, quick: None) -> None:
    done: list[SignIn] = [team.sign_in("Bob", PASSWORD, address="192.0.2.1", at=AT) for _ in range(200)]
    assert len(done) == 200


def test_a_name_that_nobody_has_is_slowed_down_like_any_other(team: Team, quick: None) -> None:
    def waits(name: str, network: str) -> list[float]:
        return [fail(team, name, AT, address=f"{network}.{number}") for number in range(10)]

    assert waits("Nobody", "192.0.2") == waits("Bob", "198.51.100")


def test_a_name_that_nobody_has_is_checked_against_a_hash_as_well(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str | None] = []
    monkeypatch.setattr(
        "labelkit.steps.sessions.password_matches", lambda stored, given: bool(asked.append(stored)) and False
    )
    for name in ("Nobody", "Bob", "", "x" * 200):
        with pytest.raises(SignInFailed) as told:
            team.sign_in(name, "wrong password", at=AT)
        assert told.value.message == "name or password is wrong"
    assert len(asked) == 4 and [stored is None for stored in asked] == [True, False, True, True]
