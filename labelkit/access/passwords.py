"""Passwords: argon2id hashes with the parameters of the library's current defaults (RFC 9106)."""

from __future__ import annotations

import threading
import unicodedata
from typing import Final

from labelkit.errors import AccessError

MIN_PASSWORD: Final = 10
MAX_PASSWORD: Final = 1000
"""Characters; the upper bound keeps hashing from becoming a way to make the server work."""

HASHES_AT_ONCE: Final = 2
"""A hash takes 64 MB and up to 0.1 s of every core: so many may be made at the same moment in one process."""

UNMATCHED: Final = "$argon2id$v=19$m=65536,t=3,p=4$GWADmH6J2jaY2k7g7ECoow$b76Ll5hNq0hQFQ9Wd0xqzRyHYo0Z8hJkC0rYlZLqYqk"
"""No password has this hash: checking against it takes as long as against a real one."""

_turn = threading.BoundedSemaphore(HASHES_AT_ONCE)


def check_password(password: str, *, name: str = "") -> str:
    """The password, if it can be used.

    Raises
    ------
    AccessError
        If it is too short, too long, a few characters over and over, or the person's name.
    """
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise AccessError(f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters, this one has {len(password)}")
    if len(set(password)) < 4 or (name and password.casefold() == name.casefold()):
        raise AccessError("this password is too easy to guess", hint="Take a few words that nobody would put together")
    return password


def hash_password(password: str) -> str:
    """An argon2id hash with its parameters and salt, as one string."""
    from argon2 import PasswordHasher

    with _turn:
        return PasswordHasher().hash(_bytes(password))


def password_matches(stored: str | None, password: str) -> bool:
    """Whether a password is the one of a stored hash; takes the same time, 30 to 100 ms, where there is none."""
    from argon2 import PasswordHasher
    from argon2.exceptions import InvalidHashError, VerificationError

    with _turn:
        try:
            return PasswordHasher().verify(stored or UNMATCHED, _bytes(password[: MAX_PASSWORD + 1])) and bool(stored)
        except (VerificationError, InvalidHashError):
            return False


def needs_rehash(stored: str) -> bool:
    """Whether a hash was made with weaker parameters than today's."""
    from argon2 import PasswordHasher

    return PasswordHasher().check_needs_rehash(stored)


def _bytes(password: str) -> bytes:
    """UTF-8 of the NFC form: keyboards write "é" in two ways. JSON can carry half of a surrogate pair."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
