"""Errors on the wire: every failure as a problem document (RFC 9457); the one place where a FaroError gets a status."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.schema import MAX_BODY_BYTES, FieldProblem, Problem
from rag.errors import ChatModelError, FaroError, IndexUnavailableError, QuestionError

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

# The first class an error is an instance of decides; any other FaroError is a fault of the service's set-up.
STATUS_OF_ERROR: tuple[tuple[type[FaroError], HTTPStatus], ...] = (
    (QuestionError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (IndexUnavailableError, HTTPStatus.SERVICE_UNAVAILABLE),
    (ChatModelError, HTTPStatus.BAD_GATEWAY),
)
HINTS = {
    HTTPStatus.NOT_FOUND: "There is nothing at this address; /openapi.json lists what there is.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take this method; the Allow header names those it takes.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: f"The body may have at most {MAX_BODY_BYTES} bytes.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "Send the body as JSON, with the header Content-Type: application/json.",
    HTTPStatus.BAD_REQUEST: "The body could not be read as JSON.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "The service failed on this request; its log says where.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The service is stopping; ask again when it is back.",
}
# A refused body is read up to this size before the connection closes, so that its sender gets to see the refusal.
MAX_DRAINED_BYTES = 4 * 1024 * 1024

SECURITY_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


def problem_of(status: HTTPStatus, detail: str, instance: str, *, errors: list[FieldProblem] | None = None) -> Problem:
    """The problem document of ``status``; its type is ``about:blank`` because the status says it all."""
    return Problem(
        type="about:blank",
        title=status.phrase,
        status=int(status),
        detail=detail,
        instance=instance,
        errors=errors,
    )


def problem_of_error(error: FaroError, instance: str) -> Problem:
    """The problem document of an error raised on purpose."""
    status = next(
        (status for kind, status in STATUS_OF_ERROR if isinstance(error, kind)), HTTPStatus.INTERNAL_SERVER_ERROR
    )
    return problem_of(status, str(error), instance)


def unexpected_problem(error: Exception, instance: str) -> Problem:
    """The problem document of a bug, after logging where it happened.

    The log gets the kind of error and the places, never its message: that may quote the question.
    """
    frames = "".join(traceback.format_tb(error.__traceback__))
    logger.error("unexpected %s on %s\n%s", type(error).__name__, instance, frames)
    return problem_of(HTTPStatus.INTERNAL_SERVER_ERROR, HINTS[HTTPStatus.INTERNAL_SERVER_ERROR], instance)


def problem_response(problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """``problem`` as a response."""
    return JSONResponse(
        problem.model_dump(exclude_none=True),
        status_code=problem.status,
        headers=dict(headers or {}),
        media_type=MEDIA_TYPE,
    )


def install_problem_handlers(app: FastAPI) -> None:
    """Make every error of ``app`` leave as a problem document."""
    app.add_exception_handler(FaroError, _on_faro_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)


def _on_faro_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, FaroError)
    problem = problem_of_error(error, request.url.path)
    if isinstance(error, QuestionError):
        field = "q" if request.method == "GET" else "question"
        problem.errors = [FieldProblem(field=field, message=problem.detail)]
    return problem_response(problem)


def _on_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    said = str(error.detail) if error.detail not in ("", status.phrase) else ""
    return problem_response(
        problem_of(status, HINTS.get(status) or said or status.phrase, request.url.path), error.headers
    )


def _on_invalid_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    if isinstance(error.body, bytes) and error.body:  # the framework parses JSON bodies only
        status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
        return problem_response(problem_of(status, HINTS[status], request.url.path))
    fields = [_field_problem(item) for item in error.errors()]
    detail = "; ".join(f"{item.field}: {item.message}" for item in fields)
    return problem_response(problem_of(HTTPStatus.UNPROCESSABLE_ENTITY, detail, request.url.path, errors=fields))


def _field_problem(item: Mapping[str, Any]) -> FieldProblem:
    if item["type"] == "json_invalid":  # its place in the body stands where a field's name would
        return FieldProblem(field="body", message=f"not valid JSON, from character {item['loc'][-1]}")
    return FieldProblem(field=_field_name(item["loc"]), message=_message(item["msg"]))


def _field_name(location: tuple[str | int, ...]) -> str:
    parts = [str(part) for part in location]
    return ".".join(parts[1:] if len(parts) > 1 else parts)


def _message(text: str) -> str:
    return text.removeprefix("Value error, ")


class Border:
    """The outermost layer (pure ASGI): security headers, the size limit, one log line, bugs turned into problems.

    The log line, at debug level, has method, path, status and milliseconds; never a query string or a body.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        path = quote(scope["path"])  # as sent: no line break gets into the log
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _set_headers(MutableHeaders(scope=message))
            await send(message)

        try:
            if _declares_too_much(scope):
                await _drain(receive)
                await _too_large(path)(scope, receive, send_with_headers)
            else:
                await self.app(scope, receive, send_with_headers)
        except Exception as error:  # noqa: BLE001 - the border: a bug becomes a logged 500, and the server goes on
            problem = unexpected_problem(error, path)
            if not status:
                await problem_response(problem)(scope, receive, send_with_headers)
        except asyncio.CancelledError:  # the server stops and has waited long enough; its own word is a traceback
            if not status:
                await _stopping(path)(scope, receive, send_with_headers)
        finally:
            elapsed_ms = (time.perf_counter() - started) * 1000
            logger.debug("%s %s %d %.0f ms", scope["method"], path, status, elapsed_ms)


def _set_headers(headers: MutableHeaders) -> None:
    for name, value in SECURITY_HEADERS.items():
        headers[name] = value
    streams = headers.get("content-type", "").startswith("text/event-stream")
    headers["Cache-Control"] = "no-cache, no-transform" if streams else "no-store"


def _declares_too_much(scope: Scope) -> bool:
    declared = Headers(scope=scope).get("content-length", "")
    return declared.isdecimal() and int(declared) > MAX_BODY_BYTES


def _too_large(path: str) -> JSONResponse:
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return problem_response(problem_of(status, HINTS[status], path), {"Connection": "close"})


def _stopping(path: str) -> JSONResponse:
    status = HTTPStatus.SERVICE_UNAVAILABLE
    return problem_response(problem_of(status, HINTS[status], path), {"Connection": "close"})


async def _drain(receive: Receive) -> None:
    drained = 0
    while drained <= MAX_DRAINED_BYTES:
        message = await receive()
        drained += len(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            return
