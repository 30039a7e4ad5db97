"""Every error as an RFC 9457 problem document, the framework's own included."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from backend.methods import allowed_methods
from backend.security_headers import HEADERS
from edgeseg.errors import (
    EdgeSegError,
    InvalidParameterError,
    NoImageError,
    NotEnoughMemoryError,
    NotEnoughSpaceError,
    UnavailableError,
)
from edgeseg.memory_errors import is_memory_error

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 2


class ProblemResponse(JSONResponse):
    """A problem document; it may quote what came from outside, which UTF-8 may not hold."""

    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        """Return JSON with "?" in place of halves of surrogate pairs."""
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def problem(error: EdgeSegError, instance: str) -> ProblemResponse:
    """Answer with this error; ``instance`` is the path that it happened at."""
    headers = dict(HEADERS)
    if isinstance(error, UnavailableError) and error.status in (429, 503):
        headers["Retry-After"] = str(error.extra.get("retry_after_s", RETRY_AFTER_S))
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return ProblemResponse(error.to_problem(instance), error.status, headers=headers)


async def refuse(error: EdgeSegError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request with this error from a middleware, so that its code is counted."""
    scope.setdefault("state", {})["error_code"] = error.code
    await problem(error, scope["path"])(scope, receive, send)


def responses(*classes: type[EdgeSegError]) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI entries of the errors that a route can answer with."""
    documented: dict[int | str, dict[str, Any]] = {}
    for status in sorted({cls.status for cls in classes}):
        mine = [cls for cls in classes if cls.status == status]
        examples = {
            cls.code: {"value": cls((cls.__doc__ or cls.title).strip()).to_problem()}
            for cls in mine
        }
        documented[status] = {
            "description": ", ".join(cls.title for cls in mine),
            "content": {MEDIA_TYPE: {"examples": examples}},
        }
    return documented


def install(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(EdgeSegError, _ours)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(MemoryError, _no_memory)
    app.add_exception_handler(Exception, _unexpected)


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, EdgeSegError)
    request.state.error_code = error.code
    return problem(error, request.url.path)


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return await _ours(request, _from_rows(error.errors()))


def _from_rows(rows: Sequence[Any]) -> EdgeSegError:
    fields = [
        {"field": ".".join(str(part) for part in row["loc"][1:]), "problem": str(row["msg"])}
        for row in rows
    ]
    if any(row["loc"][-1] == "image" for row in rows):
        return NoImageError("The request has no image in its field 'image'.", errors=fields)
    detail = "; ".join(f"{row['field'] or 'request'}: {row['problem']}" for row in fields)
    return InvalidParameterError(detail, errors=fields)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    # The framework takes every error at reading a form for one of the form.
    if isinstance(error.__cause__, Exception) and is_memory_error(error.__cause__):
        return await _no_memory(request, error.__cause__)
    if isinstance(error.__cause__, OSError):
        log.error("an upload cannot be stored", exc_info=error.__cause__)
        detail = "The upload cannot be stored: the server's disk is full or away; try again later."
        return await _ours(request, NotEnoughSpaceError(detail))
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(allowed_methods(request.app, request.scope))
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=headers)
    if error.status_code == 204:
        return Response(status_code=204, headers=headers)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "invalid_request")
    request.state.error_code = code
    document = {
        "type": f"urn:edgeseg:error:{code}",
        "title": str(error.detail),
        "status": error.status_code,
        "detail": f"{request.method} {request.url.path}: {error.detail}",
        "code": code,
        "instance": request.url.path,
    }
    return ProblemResponse(document, error.status_code, headers=headers)


async def _no_memory(request: Request, error: Exception) -> Response:
    log.error("out of memory at %s", request.url.path, exc_info=error)
    detail = "The server had not enough memory for the request; try again, or send less."
    return await _ours(request, NotEnoughMemoryError(detail))


async def _unexpected(request: Request, error: Exception) -> Response:
    log.error("unexpected error at %s", request.url.path, exc_info=error)
    return await _ours(request, EdgeSegError("The server failed; its log says why."))
