"""The four roles and what each may do."""

from __future__ import annotations

from typing import Final, Literal, get_args

from labelkit.errors import AccessError

PersonRole = Literal["annotator", "reviewer", "data scientist", "lead"]
Permission = Literal["annotate", "review", "browse", "build", "manage"]

ROLES: Final[tuple[PersonRole, ...]] = get_args(PersonRole)

_GRANTED: Final[dict[str, frozenset[str]]] = {
    "annotator": frozenset({"annotate"}),
    "reviewer": frozenset({"annotate", "review", "browse"}),
    "data scientist": frozenset({"annotate", "browse", "build"}),
    "lead": frozenset({"annotate", "review", "browse", "build", "manage"}),
}
"""annotate: answer the queue. review: decide disputed items, see agreement. browse: see items, labels, votes and
figures. build: the workbench. manage: the dashboard, people and settings."""


def may(role: str, permission: Permission) -> bool:
    """Whether a role grants a permission; an unknown role grants nothing."""
    return permission in _GRANTED.get(role, frozenset())


def check_role(role: str) -> PersonRole:
    """The role, if it is one.

    Raises
    ------
    AccessError
        Naming the roles.
    """
    for known in ROLES:
        if role == known:
            return known
    raise AccessError(f"{role!r} is no role; the roles are {', '.join(ROLES)}")
