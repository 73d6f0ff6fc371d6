"""labelkit's errors as HTTP answers: ``{"error": {"kind", "message", "hint"}}`` and a status that fits."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from labelkit import errors

STATUS: tuple[tuple[type[errors.LabelkitError], int], ...] = (
    (errors.SignInFailed, 401),
    (errors.TooManyAttempts, 429),
    (errors.NotAllowed, 403),
    (errors.OtherPerson, 409),
    (errors.LeaseRefused, 409),
    (errors.StepMissing, 409),
    (errors.ProjectLocked, 423),
    (errors.ProjectError, 500),
    (errors.StorageError, 503),
    (errors.ConfigError, 503),  # somebody is editing labelkit.toml: not the fault of whoever sends an answer
)
"""The first that fits decides; any other error of labelkit is the request's fault: 422."""

SEND_AGAIN_AFTER = 2
"""Seconds, in ``Retry-After`` of every 503: what waits is short of the writer, the disk or a moment."""


def body(kind: str, message: str, hint: str | None = None) -> dict[str, object]:
    """The JSON of an error."""
    return {"error": {"kind": kind, "message": message, "hint": hint}}


def status_of(error: errors.LabelkitError) -> int:
    """The HTTP status of one of labelkit's errors."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 422)


def install(api: FastAPI) -> None:
    """Answer errors in words."""

    @api.exception_handler(errors.LabelkitError)
    def known(request: Request, error: errors.LabelkitError) -> JSONResponse:
        status, headers = status_of(error), {}
        if isinstance(error, errors.TooManyAttempts):
            headers["Retry-After"] = str(max(1, round(error.seconds)))
        elif status == 503:
            headers["Retry-After"] = str(SEND_AGAIN_AFTER)
        return JSONResponse(body(type(error).__name__, error.message, error.hint), status, headers)

    @api.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return JSONResponse(body("RequestInvalid", f"{where}: {first['msg']}"), 422)

    @api.exception_handler(HTTPException)
    def refused(request: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse(body("RequestInvalid", str(error.detail)), error.status_code, error.headers)

    @api.exception_handler(Exception)
    def unknown(request: Request, error: Exception) -> JSONResponse:
        logging.getLogger("labelkit.api").exception("%s %s failed", request.method, request.url.path)
        return JSONResponse(body("Fault", "something went wrong on the server; its log says what"), 500)
