"""Errors of labelkit as HTTP answers: whoever can send the same again is told when."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from labelkit.errors import ConfigError, LabelkitError, LeaseRefused, StorageError, TooBusy, TooManyAttempts
from tests.app.pages import APP

assert APP.is_dir()


def answered(error: LabelkitError) -> tuple[int, str | None]:
    """Status and `Retry-After` of an endpoint that raises this."""
    from api.errors import install

    api = FastAPI()
    install(api)

    @api.post("/")
    def endpoint() -> None:
        raise error

    reply = TestClient(api).post("/")
    assert reply.json()["error"]["message"] == error.message
    return reply.status_code, reply.headers.get("retry-after")


@pytest.mark.parametrize("kind", [TooBusy, StorageError, ConfigError])
def test_what_can_be_sent_again_says_when(kind: type[LabelkitError]) -> None:
    status, after = answered(kind("not now"))
    assert status == 503 and after is not None and 1 <= int(after) <= 10


def test_guessing_says_how_long_it_has_to_wait_and_other_refusals_nothing() -> None:
    assert answered(TooManyAttempts("too many", seconds=7.2)) == (429, "7")
    assert answered(LeaseRefused("not yours")) == (409, None)
