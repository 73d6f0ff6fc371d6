"""Tokens: only what we sealed for the purpose is opened."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelkit.access import keyed_digest, new_token, seal, token_digest, unseal

KEY = bytes(range(32))


def test_tokens_are_long_and_differ() -> None:
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000 and all(len(token) >= 43 for token in tokens)


def test_a_sealed_token_opens_with_its_key_and_purpose_only() -> None:
    token = new_token()
    sealed = seal(token, KEY, "session")
    assert unseal(sealed, KEY, "session") == token
    assert unseal(sealed, KEY, "device:ada") is None
    assert unseal(sealed, secrets.token_bytes(32), "session") is None


@given(place=st.integers(0, 86), letter=st.characters())
def test_every_change_of_a_sealed_token_shows(place: int, letter: str) -> None:
    sealed = seal("a" * 43, KEY, "session")
    forged = sealed[:place] + letter + sealed[place + 1 :]
    assert (unseal(forged, KEY, "session") is not None) == (forged == sealed)


@pytest.mark.parametrize("value", ["", ".", "..", "token", "token.", ".mac", "\ud800.\ud800", "x" * 10_000, "a.b.c"])
def test_what_is_no_sealed_token(value: str) -> None:
    assert unseal(value, KEY, "session") is None


def test_digests() -> None:
    assert token_digest("a") != token_digest("b") and len(token_digest("\ud800")) == 64
    assert keyed_digest("name:ada", KEY) != keyed_digest("name:ada", bytes(32))
