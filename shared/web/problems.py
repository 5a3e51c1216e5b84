"""Errors as RFC 9457 problems: `application/problem+json` with a stable `code`, advice and the trace id.

A problem never repeats a value of the request: it names fields, not their contents.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import asyncpg
import orjson
import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from shared.kernel.actor import Actor
from shared.kernel.errors import Conflict, DomainError, InvalidField, NotAllowed, NotFound, RuleBroken, VersionConflict
from shared.persistence.errors import CONTENTION_ERRORS, INFRASTRUCTURE_ERRORS
from shared.persistence.idempotency import DuplicateRequest, IdempotencyKeyReused
from shared.persistence.transaction import EventTooLarge
from shared.web.limits import LimitReached
from shared.web.name_hints import HIDDEN, names_within, with_hints
from shared.web.refusals import ACTOR_IN_SCOPE, audit_refusal, report_limit
from shared.web.routes import allowed_methods, route_of
from shared.web.validation import sentence, without_false_lengths

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
#: The key under which a sent problem leaves its code in the ASGI scope, for the log line of the request.
CODE_IN_SCOPE = "problem_code"
#: The key under which the endpoint of a list states that the request finds one record by a key.
LOOKUP_IN_SCOPE = "is_lookup"

#: The most specific class determines the response.
_STATUS: Mapping[type[Exception], HTTPStatus] = {
    VersionConflict: HTTPStatus.PRECONDITION_FAILED,
    IdempotencyKeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    EventTooLarge: HTTPStatus.UNPROCESSABLE_ENTITY,
    InvalidField: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotFound: HTTPStatus.NOT_FOUND,
    NotAllowed: HTTPStatus.FORBIDDEN,
    RuleBroken: HTTPStatus.CONFLICT,
    Conflict: HTTPStatus.CONFLICT,
}


BODY_ADVICE = "Send at most 1 MB, the newest history first. An urgent referral does not wait: telephone the Community Point of Access."
#: Errors that the framework raises itself: HTTP status to code, detail and advice.
FRAMEWORK_PROBLEMS: Mapping[int, tuple[str, str, str]] = {
    400: ("malformed-request", "The request is malformed.", "Consult the OpenAPI page of the service."),
    404: ("not-found", "Resource not found.", "Check the path."),
    405: ("method-not-allowed", "The resource does not support this method.", "Use a method that the OpenAPI page lists for the path."),
    413: ("body-too-large", "The body exceeds the size limit.", BODY_ADVICE),
}


class FieldProblem(BaseModel):
    """An invalid field of the request, and the expectation that it does not meet."""

    field: str
    problem: str


class Problem(BaseModel):
    """The body of an error response (RFC 9457). `code` is stable; `advice` is the next step; `instance` is the trace id."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    advice: str
    instance: str | None = None
    errors: list[FieldProblem] = []


class ProblemResponse(Response):
    """A problem; sending it writes its code into the scope of the request."""

    media_type = MEDIA_TYPE

    def __init__(self, problem: Problem, headers: Mapping[str, str] | None) -> None:
        super().__init__(orjson.dumps(problem.model_dump(exclude_none=True)), problem.status, dict(headers or {}))
        self._code = problem.code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[CODE_IN_SCOPE] = self._code
        await super().__call__(scope, receive, send)


class HttpProblem(Exception):
    """An error of the HTTP request itself: its token, a header or its media type."""

    def __init__(self, status: HTTPStatus, code: str, detail: str, advice: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.advice, self.headers = status, code, detail, advice, headers


@lru_cache(maxsize=256)
def is_json(content_type: str) -> bool:
    kind, _, form = content_type.partition(";")[0].strip().lower().partition("/")
    return kind == "application" and (form == "json" or form.endswith("+json"))


def status_of(refusal: type[Exception]) -> HTTPStatus:
    return next(_STATUS[base] for base in refusal.__mro__ if base in _STATUS)


def problems(*refusals: type[DomainError]) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route: the codes of `refusals` by HTTP status. The application adds the codes that every route has."""
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
    return ProblemResponse(problem, headers)


def install(app: Starlette) -> None:
    """Makes `app` answer every error with a problem."""
    app.add_exception_handler(DomainError, _domain)
    app.add_exception_handler(DuplicateRequest, _repeat_response)
    app.add_exception_handler(HttpProblem, _refused)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    for error in (*INFRASTRUCTURE_ERRORS, *CONTENTION_ERRORS):
        app.add_exception_handler(error, _unavailable)
    app.add_exception_handler(asyncpg.DataError, _unstorable)


def response_to(problem: Exception) -> Response:
    """The response to an exception: a domain error, an error of the request, an unavailable server (503) or an internal error (500)."""
    match problem:
        case InvalidField():
            errors = [FieldProblem(field=f"body.{field}", problem=problem.detail) for field in problem.fields]
            return problem_response(422, problem.code, problem.detail, problem.advice, errors=errors)
        case DomainError():
            return problem_response(status_of(type(problem)), problem.code, problem.detail, problem.advice)
        case HttpProblem():
            return problem_response(problem.status, problem.code, problem.detail, problem.advice, headers=problem.headers)
        case asyncpg.DataError():
            detail, advice = "A value cannot be stored.", "Send text without NUL characters and numbers within the usual range."
            return problem_response(422, "validation-failed", detail, advice)
        case _ if isinstance(problem, (*INFRASTRUCTURE_ERRORS, *CONTENTION_ERRORS)):
            return unavailable("The service is temporarily unavailable.")
        case _:
            return internal_error()


async def _domain(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, DomainError)  # noqa: S101  Starlette calls by type
    caller: Actor | None = request.scope.get(ACTOR_IN_SCOPE)
    if caller and isinstance(refusal, (NotFound, NotAllowed)) and is_lookup(request.scope):
        try:
            request.app.state.limits.missed(caller)
        except LimitReached as reached:
            await report_limit(request.scope, caller, reached)
            return response_to(beyond_limit(reached))
    await audit_refusal(request.scope, status_of(type(refusal)), refusal.code, refusal.shows)
    return response_to(refusal)


def beyond_limit(reached: LimitReached) -> HttpProblem:
    detail = f"The limit {reached.limit} is reached."
    advice = "Repeat the request after the seconds of Retry-After; an urgent referral can also be made by telephone."
    return HttpProblem(HTTPStatus.TOO_MANY_REQUESTS, "limit-reached", detail, advice, {"Retry-After": str(reached.seconds)})


def is_lookup(scope: Scope) -> bool:
    """Whether a request asks for one record: by its id, by another key, or by a search."""
    if scope.get(LOOKUP_IN_SCOPE):
        return True
    if scope["method"] == "GET":
        return bool(scope["path_params"])
    return str(scope["path"]).endswith("/search")


async def _repeat_response(_: Request, repeated: Exception) -> Response:
    assert isinstance(repeated, DuplicateRequest)  # noqa: S101  Starlette calls by type
    response = repeated.response
    return Response(response.body, response.status, {**response.headers, "Idempotency-Replayed": "true"}, "application/json")


async def _refused(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, HttpProblem)  # noqa: S101  Starlette calls by type
    await audit_refusal(request.scope, refusal.status, refusal.code)
    return response_to(refusal)


async def _validation(request: Request, invalid: Exception) -> Response:
    assert isinstance(invalid, RequestValidationError)  # noqa: S101  Starlette calls by type
    if _is_unread_body(invalid) and not is_json(request.headers.get("content-type", "")):
        return problem_response(415, "json-expected", "The body is not sent as JSON.", "Send Content-Type: application/json.")
    if any(error["type"] == "json_invalid" for error in invalid.errors()):
        return problem_response(400, "malformed-request", "The body is not valid JSON.", "Send a JSON document.")
    return _invalid(invalid.errors(), _body_type(request))


def invalid_request(errors: Sequence[Mapping[str, Any]], body: Any) -> Response:
    """The response to errors of pydantic in a body of the type `body`; their locations begin at the body."""
    return _invalid([{**error, "loc": ("body", *error["loc"])} for error in errors], body)


def _invalid(errors: Sequence[Mapping[str, Any]], body: Any) -> Response:
    for name in (str(error["loc"][-1]) for error in errors if error["type"] == "field_repeated"):
        shown = name if name in names_within(body) else HIDDEN
        detail = f"The field {shown} occurs more than once in an object of the body."
        return problem_response(400, "malformed-request", detail, "Send each field of an object once.")
    hinted = with_hints(without_false_lengths(errors), body)
    found = [FieldProblem(field=_path(error["loc"]), problem=sentence(error)) for error in hinted]
    advice = "Correct the listed fields; the OpenAPI pages describe each."
    return problem_response(422, "validation-failed", "The request does not match the schema.", advice, errors=found)


def _body_type(request: Request) -> Any:
    """None for a route without a body."""
    parameters = request.scope["route"].dependant.body_params
    return parameters[0].field_info.annotation if parameters else None


def _path(location: Sequence[int | str]) -> str:
    """`body.story.contacts.0`. An unknown field is named by the caller, so it may contain half of a surrogate pair."""
    return encodable(".".join(map(str, location)))


def encodable(text: str) -> str:
    """The text with a question mark in place of each half of a surrogate pair, which UTF-8 cannot encode."""
    return text.encode(errors="replace").decode()


def _is_unread_body(invalid: RequestValidationError) -> bool:
    """Whether a body is present and is refused as a whole: a body that is not read as JSON is bytes to the schema."""
    return any(tuple(error["loc"]) == ("body",) and error["type"] != "missing" for error in invalid.errors())


async def _http(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, HTTPException)  # noqa: S101  Starlette calls by type
    code, detail, advice = FRAMEWORK_PROBLEMS.get(refusal.status_code, FRAMEWORK_PROBLEMS[400])
    headers = (
        {"Allow": ", ".join(sorted(allowed_methods(request.scope)))}
        if refusal.status_code == HTTPStatus.METHOD_NOT_ALLOWED
        else refusal.headers
    )
    return problem_response(refusal.status_code, code, detail, advice, headers=headers)


async def _unavailable(request: Request, error: Exception) -> Response:
    log.error("request.unavailable", route=route_of(request.scope), problem=type(error).__name__)
    return response_to(error)


async def _unstorable(request: Request, problem: Exception) -> Response:
    log.warning("request.data-error", route=route_of(request.scope), problem=type(problem).__name__)
    return response_to(problem)


def unavailable(detail: str) -> Response:
    """A 503 with Retry-After: the same request may succeed a second later."""
    advice = "Repeat the request unchanged; Idempotency-Key and If-Match prevent a second effect."
    return problem_response(503, "temporarily-unavailable", detail, advice, headers={"Retry-After": "1"})


def internal_error() -> Response:
    """A 500 without details of the exception."""
    return problem_response(
        500, "internal-error", "The service failed to process the request.", "Report the instance, then repeat the request unchanged."
    )
