"""What each role may do."""

from __future__ import annotations

from typing import get_args

import pytest

from labelkit.access import ROLES, Permission, check_role, may
from labelkit.errors import AccessError

GRANTED = {
    "annotator": {"annotate"},
    "reviewer": {"annotate", "review", "browse"},
    "data scientist": {"annotate", "browse", "build"},
    "lead": {"annotate", "review", "browse", "build", "manage"},
}


@pytest.mark.parametrize("role", ROLES)
def test_permissions(role: str) -> None:
    assert {permission for permission in get_args(Permission) if may(role, permission)} == GRANTED[role]


@pytest.mark.parametrize("role", ["", "admin", "Lead", "lead ", "annotator' or 1=1"])
def test_an_unknown_role_grants_nothing(role: str) -> None:
    assert not any(may(role, permission) for permission in get_args(Permission))
    with pytest.raises(AccessError, match="annotator, reviewer, data scientist, lead"):
        check_role(role)
