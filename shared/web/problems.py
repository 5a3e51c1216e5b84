"""Refusals as RFC 9457 problems: `application/problem+json` with a stable `code`, what to do, and the trace to quote.

No problem ever repeats a value that was sent: fields are named, their contents are not.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import asyncpg
import orjson
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from shared.kernel.errors import Conflict, DomainError, NotAllowed, NotFound, RuleBroken, VersionConflict
from shared.kernel.nhs_number import InvalidNhsNumber
from shared.persistence.errors import CONTENTION_ERRORS, INFRASTRUCTURE_ERRORS
from shared.persistence.idempotency import DuplicateRequest, IdempotencyKeyReused
from shared.persistence.transaction import EventTooLarge

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"

#: The most specific class decides.
_STATUS: Mapping[type[Exception], HTTPStatus] = {
    VersionConflict: HTTPStatus.PRECONDITION_FAILED,
    IdempotencyKeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    EventTooLarge: HTTPStatus.UNPROCESSABLE_ENTITY,
    InvalidNhsNumber: HTTPStatus.UNPROCESSABLE_ENTITY,  # a mistyped number is a fault of the request's form (acceptance referrals-5)
    NotFound: HTTPStatus.NOT_FOUND,
    NotAllowed: HTTPStatus.FORBIDDEN,
    RuleBroken: HTTPStatus.CONFLICT,
    Conflict: HTTPStatus.CONFLICT,
}


#: What the framework itself refuses.
_HTTP: Mapping[int, tuple[str, str]] = {
    404: ("not-found", "There is nothing like that here."),
    405: ("method-not-allowed", "This cannot be done with that method."),
    413: ("body-too-large", "The body is larger than is taken here."),
}


class FieldProblem(BaseModel):
    """Where in the request, and what was expected there."""

    field: str
    problem: str


class Problem(BaseModel):
    """RFC 9457. `code` is stable; `advice` says what to do."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    advice: str
    instance: str | None = None
    errors: list[FieldProblem] = []


class HttpProblem(Exception):
    """A refusal that is about HTTP and not about care: a token, a header, a size."""

    def __init__(self, status: HTTPStatus, code: str, detail: str, advice: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.advice, self.headers = status, code, detail, advice, headers


def status_of(refusal: type[Exception]) -> HTTPStatus:
    return next(_STATUS[base] for base in refusal.__mro__ if base in _STATUS)


def problems(*refusals: type[DomainError]) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route: each rule that may say no, under its status. What every route may refuse, the application adds."""
    texts: dict[int, list[str]] = {}
    for refusal in refusals:
        texts.setdefault(int(status_of(refusal)), []).append(refusal.code)
    return {status: {"description": ", ".join(codes)} for status, codes in sorted(texts.items())}


def problem_response(
    status: int, code: str, detail: str, advice: str, *, errors: list[FieldProblem] | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    problem = Problem(
        type=f"urn:care-coordination:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        code=code,
        detail=detail,
        advice=advice,
        instance=structlog.contextvars.get_contextvars().get("trace_id"),
        errors=errors or [],
    )
    return Response(orjson.dumps(problem.model_dump(exclude_none=True)), status, dict(headers or {}), MEDIA_TYPE)


def install(app: FastAPI) -> None:
    app.add_exception_handler(DomainError, _domain)
    app.add_exception_handler(DuplicateRequest, _already_answered)
    app.add_exception_handler(HttpProblem, _refused)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    for trouble in (*INFRASTRUCTURE_ERRORS, *CONTENTION_ERRORS):
        app.add_exception_handler(trouble, _unavailable)
    app.add_exception_handler(asyncpg.DataError, _unstorable)


def answer_to(problem: Exception) -> Response:
    """What a request is answered that ended in this: a rule's refusal, trouble of the machinery, or a fault of ours."""
    match problem:
        case DomainError():
            return problem_response(status_of(type(problem)), problem.code, problem.detail, problem.advice)
        case asyncpg.DataError():
            detail, advice = "A value cannot be stored.", "Send text without NUL characters, and numbers of a usual size."
            return problem_response(422, "validation-failed", detail, advice)
        case _ if isinstance(problem, (*INFRASTRUCTURE_ERRORS, *CONTENTION_ERRORS)):
            advice = "Nothing was changed, or your Idempotency-Key protects you: repeat the request unchanged."
            return unavailable("The service cannot answer now.", advice)
        case _:
            return internal_error()


async def _domain(_: Request, refusal: Exception) -> Response:
    return answer_to(refusal)


async def _already_answered(_: Request, repeated: Exception) -> Response:
    assert isinstance(repeated, DuplicateRequest)  # noqa: S101  Starlette calls by type
    answer = repeated.answer
    return Response(answer.body, answer.status, {**answer.headers, "Idempotency-Replayed": "true"}, "application/json")


async def _refused(_: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, HttpProblem)  # noqa: S101  Starlette calls by type
    return problem_response(refusal.status, refusal.code, refusal.detail, refusal.advice, headers=refusal.headers)


async def _validation(_: Request, invalid: Exception) -> Response:
    assert isinstance(invalid, RequestValidationError)  # noqa: S101  Starlette calls by type
    errors = [FieldProblem(field=".".join(map(str, error["loc"])), problem=error["msg"]) for error in invalid.errors()]
    if any(error["type"] == "json_invalid" for error in invalid.errors()):
        return problem_response(400, "malformed-request", "The body is not valid JSON.", "Send a JSON document.", errors=errors)
    advice = "Correct the fields that are listed; the API's own pages describe each."
    return problem_response(422, "validation-failed", "The request does not have the expected form.", advice, errors=errors)


async def _http(_: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, HTTPException)  # noqa: S101  Starlette calls by type
    code, detail = _HTTP.get(refusal.status_code, ("malformed-request", "This cannot be understood."))
    return problem_response(refusal.status_code, code, detail, "Look at the API's own pages.", headers=refusal.headers)


async def _unavailable(request: Request, trouble: Exception) -> Response:
    log.error("request.unavailable", route=_route(request), problem=type(trouble).__name__)
    return answer_to(trouble)


async def _unstorable(request: Request, problem: Exception) -> Response:
    log.warning("request.data-error", route=_route(request), problem=type(problem).__name__)
    return answer_to(problem)


def unavailable(detail: str, advice: str = "Repeat the request unchanged.") -> Response:
    """The answer to what may succeed a moment later."""
    return problem_response(503, "temporarily-unavailable", detail, advice, headers={"Retry-After": "1"})


def internal_error() -> Response:
    """The answer to a fault of ours."""
    return problem_response(
        500, "internal-error", "Something went wrong on our side.", "Report the instance; repeat the request unchanged."
    )


def _route(request: Request) -> str:
    return getattr(request.scope.get("route"), "path", "unknown")
