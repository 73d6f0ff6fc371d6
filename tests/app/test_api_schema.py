"""The whole API by its own OpenAPI document, as schemathesis makes up requests: signed in as a lead, and not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from labelkit import Project
from tests.app.annotate_api import project
from tests.app.pages import APP
from tests.serving import LEAD, served

pytestmark = pytest.mark.slow


def document() -> dict[str, Any]:
    """What `/api/openapi.json` says."""
    assert str(APP) in sys.path
    from api import create_api

    return create_api().openapi()


EXAMPLES = settings(
    max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
)
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
OPERATIONS = [found.ok() for found in schemathesis.openapi.from_dict(document()).get_all_operations()]
OPEN = {
    ("POST", "/session"),
    ("DELETE", "/session"),
    ("POST", "/session/invitation"),
    ("POST", "/session/ticket"),
}
"""What somebody who is not signed in may ask for; it signs in or out, or is refused."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("api-schema") / "project", people=("Ann",))


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    with served(home) as url:
        yield url


@pytest.fixture(scope="module")
def lead(home: Path, address: str) -> str:
    """A lead's token for scripts: nothing that is made up can end it."""
    from labelkit.steps.persons import Person

    with Project.open(home) as opened:
        return opened.team.add_token(Person(LEAD[0], "lead", "test"), "the test of the API")


def every_case(operation: Any, check: Any) -> None:
    """Ask with made-up requests of one operation, right ones and wrong ones."""

    @EXAMPLES
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        check(case)

    ask()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_a_lead_gets_what_the_document_says(operation: Any, address: str, lead: str) -> None:
    def check(case: Any) -> None:
        reply = case.call(base_url=f"{address}/api", headers={"Authorization": f"Bearer {lead}"}, timeout=30)
        case.validate_response(reply, checks=CHECKS)

    every_case(operation, check)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_nobody_else_gets_anything(operation: Any, address: str) -> None:
    def check(case: Any) -> None:
        reply = case.call(base_url=f"{address}/api", timeout=30)
        case.validate_response(reply, checks=CHECKS)
        if (case.method, case.path) not in OPEN:
            assert reply.status_code in (401, 422), reply.text

    every_case(operation, check)


def test_the_file_is_whole_after_all_that(home: Path, address: str) -> None:
    with Project.open(home) as opened:
        assert opened.doctor() == []
