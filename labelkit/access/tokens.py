"""Random tokens for sessions, invitations and scripts; only their digests are stored."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets


def new_token() -> str:
    """256 random bits in URL-safe characters."""
    return secrets.token_urlsafe(32)


def token_digest(token: str) -> str:
    """What the side file keeps of a token. The token has 256 random bits: a slow hash would add nothing."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def keyed_digest(text: str, key: bytes) -> str:
    """What is kept of a name or an address where it only has to be found again: nobody can guess it without the key."""
    return hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256").hex()


def seal(token: str, key: bytes, purpose: str) -> str:
    """A token with our signature: ``TOKEN.MAC``, HMAC-SHA256 over purpose and token (RFC 2104).

    Parameters
    ----------
    purpose
        What the token is for; a value that was sealed for one purpose is refused for any other.
    """
    return f"{token}.{_mac(token, key, purpose)}"


def unseal(value: str, key: bytes, purpose: str) -> str | None:
    """The token of a sealed value; None for one that we did not seal for this purpose. Nothing is looked up."""
    token, _, given = value.rpartition(".")
    expected = _mac(token, key, purpose)
    fits = hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogatepass"))
    return token if token and fits else None


def _mac(token: str, key: bytes, purpose: str) -> str:
    message = f"{purpose}:{token}".encode("utf-8", "surrogatepass")
    return base64.urlsafe_b64encode(hmac.digest(key, message, "sha256")).rstrip(b"=").decode()
