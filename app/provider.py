"""Signing in with a provider (OpenID Connect): who the provider says somebody is. Roles stay with the project."""

from __future__ import annotations

import importlib.util
import tomllib
from collections.abc import Mapping
from typing import Any

import projects
import streamlit as st

from labelkit.errors import ConfigError

SETTINGS = ".streamlit/secrets.toml"
"""In the project's folder; its ``[auth]`` section names the provider, as ``st.login`` wants it."""


def is_on() -> bool:
    """Whether ``serve.oidc`` is set."""
    return bool(projects.kept().config.serve.oidc)


def settings() -> dict[str, Any] | None:
    """What Streamlit has to know of the provider; None where nobody signs in with one.

    Raises
    ------
    ConfigError
        If the file is not there, has no ``[auth]``, or Authlib is not installed.
    """
    if not is_on():
        return None
    path = projects.root() / SETTINGS
    if importlib.util.find_spec("authlib") is None:
        raise ConfigError("serve.oidc needs the package Authlib", hint="`pip install Authlib`")
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"serve.oidc needs {SETTINGS} with a section [auth]: {error}") from None
    if not isinstance(found.get("auth"), dict):
        raise ConfigError(f"{SETTINGS} has no section [auth]", hint="serve.oidc reads from it who the provider is")
    return {"auth": found["auth"]}


def vouched(claims: Mapping[str, Any]) -> str | None:
    """The e-mail address that the provider vouches for; None for one that nobody has verified.

    Whoever may write any address into the own profile at a provider must not come into somebody else's account.
    """
    address = claims.get("email")
    if claims.get("is_logged_in") is not True or claims.get("email_verified") not in (True, "true"):
        return None
    return address if isinstance(address, str) and address.strip() else None


def claims() -> dict[str, Any]:
    """What the provider said of whoever opened this page; empty for nobody."""
    return dict(st.user.to_dict()) if is_on() else {}
