"""The HTTP API under ``/api``: sessions, leases and answers. One router per file; OpenAPI at ``/api/openapi.json``."""

from __future__ import annotations

from fastapi import FastAPI

import labelkit

from . import annotate, review, session, team
from .errors import install
from .guard import Guard
from .problems import PROBLEMS

ROUTERS = (
    annotate.router,
    session.router,
    team.router,
    review.router,
)


def create_api() -> FastAPI:
    """The API of the project that ``LABELKIT_PROJECT`` names."""
    api = FastAPI(
        title="labelkit",
        version=labelkit.__version__,
        description="Leases and answers of a labelkit project. Scripts send `Authorization: Bearer TOKEN`.",
        docs_url=None,  # its page would load scripts from another host; `/api/openapi.json` is the document
        redoc_url=None,
        responses=PROBLEMS,
    )
    install(api)
    api.add_middleware(Guard)
    for router in ROUTERS:
        api.include_router(router)
    return api
