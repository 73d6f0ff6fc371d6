"""Passwords and their hashes."""

from __future__ import annotations

import pytest

from labelkit.access import check_password, hash_password, needs_rehash, password_matches
from labelkit.access.passwords import MAX_PASSWORD, UNMATCHED
from labelkit.errors import AccessError


def test_a_hash_fits_its_password_only() -> None:
    stored = hash_password("correct horse battery")
    assert stored.startswith("$argon2id$") and "correct" not in stored
    assert password_matches(stored, "correct horse battery")
    assert not password_matches(stored, "correct horse batterY")
    assert not password_matches(stored, "")
    assert hash_password("correct horse battery") != stored
    assert not needs_rehash(stored)


def test_accents_count_the_same_however_they_are_typed() -> None:
    assert password_matches(hash_password("cafe\u0301 au lait"), "caf\u00e9 au lait")


def test_half_a_surrogate_pair_is_a_password_like_any_other() -> None:
    stored = hash_password("\ud800 strange one")
    assert password_matches(stored, "\ud800 strange one") and not password_matches(stored, "\ud801 strange one")


def test_the_hash_for_nobody_costs_what_a_real_one_costs() -> None:
    from argon2 import extract_parameters

    assert extract_parameters(UNMATCHED) == extract_parameters(hash_password("correct horse battery"))
    assert not password_matches(None, "") and not password_matches(None, "correct horse battery")
    assert not password_matches("no hash at all", "x" * 12)


def test_a_weak_hash_is_made_anew() -> None:
    from argon2 import PasswordHasher

    assert needs_rehash(PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash("x" * 12))


@pytest.mark.parametrize(
    "password", ["", "short", "x" * (MAX_PASSWORD + 1), "aaaaaaaaaaaa", "abababababab", "Ada Lovelace"]
)
def test_passwords_that_cannot_be_used(password: str) -> None:
    with pytest.raises(AccessError):
        check_password(password, name="ada lovelace")


@pytest.mark.parametrize(
    "password", ["correct horse", "пароль из слов", "合言葉はひらけごま十分長い", "x'; drop table accounts; --"]
)
def test_passwords_that_can(password: str) -> None:
    assert check_password(password, name="ada") == password
