"""The errors that every endpoint may answer with, for the OpenAPI document."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel


class ProblemWords(BaseModel):
    """What went wrong, and what to do next where there is something to do."""

    kind: str
    message: str
    hint: str | None


class Problem(BaseModel):
    """The body of every answer with a status from 400 on."""

    error: ProblemWords


_MEANINGS: Final = {
    401: "Not signed in, or the session has ended",
    403: "Your role does not allow this, or the request came from another site's page",
    409: "Not as things are now",
    413: "The request is too large",
    422: "The request makes no sense",
    423: "Another process is changing the project",
    429: "Too many attempts; `Retry-After` says when the next one is looked at",
    500: "Our mistake; the server's log says more",
    503: "Too much is waiting, or the disk is in trouble: send the same again after `Retry-After` seconds",
}

PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": Problem, "description": meaning} for status, meaning in _MEANINGS.items()
}
