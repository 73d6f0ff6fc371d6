"""Who may do what: passwords, sessions, roles. Pure: the store keeps, ``steps/team.py`` combines."""

from labelkit.access.passwords import (
    HASHES_AT_ONCE,
    MAX_PASSWORD,
    MIN_PASSWORD,
    check_password,
    hash_password,
    needs_rehash,
    password_matches,
)
from labelkit.access.roles import ROLES, Permission, PersonRole, check_role, may
from labelkit.access.slowdown import ADDRESS, DEVICE, NAME, Slowdown, network
from labelkit.access.tokens import keyed_digest, new_token, seal, token_digest, unseal

__all__ = [
    "ADDRESS",
    "DEVICE",
    "HASHES_AT_ONCE",
    "MAX_PASSWORD",
    "MIN_PASSWORD",
    "NAME",
    "ROLES",
    "Permission",
    "PersonRole",
    "Slowdown",
    "check_password",
    "check_role",
    "hash_password",
    "keyed_digest",
    "may",
    "needs_rehash",
    "network",
    "new_token",
    "password_matches",
    "seal",
    "token_digest",
    "unseal",
]
