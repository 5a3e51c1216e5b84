"""OpenAPI with every refusal: the refusals of a route's dependencies are derived from the route, not repeated at each."""

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import RouteContext, iter_route_contexts

from shared.kernel.errors import VersionConflict
from shared.persistence.idempotency import IdempotencyKeyReused
from shared.web.dependencies import KEY_LENGTH, ScopeCheck, idempotency_key, if_match
from shared.web.problems import MEDIA_TYPE, Problem
from shared.web.requests import dependants

Codes = Mapping[int, tuple[str, ...]]

_EVERY: Codes = {422: ("validation-failed",), 500: ("internal-error",), 503: ("temporarily-unavailable", "overloaded")}
_BODY: Codes = {413: ("body-too-large",)}
_JSON: Codes = {400: ("malformed-request",), 415: ("json-expected",)}
_IF_MATCH: Codes = {400: ("if-match-malformed",), 412: (VersionConflict.code,)}
_SCOPE: Codes = {401: ("token-missing", "token-invalid", "token-expired"), 403: ("scope-missing",)}
_CURSOR: Codes = {400: ("cursor-malformed",)}
_DEPENDENCIES: Mapping[object, Codes] = {
    if_match: {428: ("if-match-missing",)},
    idempotency_key: {400: ("idempotency-key-missing",), 422: (IdempotencyKeyReused.code,)},
}
_SCHEMA = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_BEARER = {"type": "http", "scheme": "bearer", "description": "A JWT; `care token` issues one for development."}
_KEY = {
    "name": "idempotency-key",
    "in": "header",
    "required": True,
    "description": "New for a new request; repeated with it",
    "schema": {"type": "string", "maxLength": KEY_LENGTH},
}
_ERRORS = 400


def install(app: FastAPI) -> None:
    """Makes `app` serve an OpenAPI description with every refusal."""
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]  # as FastAPI's documentation has it


def _described(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        app.openapi_schema = get_openapi(title=app.title, version=app.version, routes=app.routes)
        components = app.openapi_schema.setdefault("components", {})
        components["securitySchemes"] = {"HTTPBearer": _BEARER}
        schemas = components.setdefault("schemas", {})
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= problem.pop("$defs", {}) | {"Problem": problem}
        for unused in ("HTTPValidationError", "ValidationError"):  # the framework's own form of a refusal, which is never sent
            schemas.pop(unused, None)
        for route in iter_route_contexts(app.routes):
            for method in route.methods or ():
                operation = app.openapi_schema["paths"].get(route.path_format, {}).get(method.lower())
                if operation:
                    _complete(operation, route)
    return app.openapi_schema


def _complete(operation: dict[str, Any], route: RouteContext) -> None:
    operation["operationId"], operation["summary"] = route.name, _words(str(route.name))
    if any(isinstance(each.call, ScopeCheck) for each in dependants(route.dependant)):
        operation["security"] = [{"HTTPBearer": []}]
    if any(each.call is idempotency_key for each in dependants(route.dependant)):
        operation.setdefault("parameters", []).append(_KEY)
    if any(each.call is if_match for each in dependants(route.dependant)):
        _require_if_match(operation)
    responses = operation["responses"]
    codes = {int(status): _own_codes(response) for status, response in responses.items() if int(status) >= _ERRORS}
    for each in (*_codes(route.dependant), _BODY if "requestBody" in operation else {}):
        for status, more in each.items():
            codes[status] = codes.get(status, ()) + more
    for status in sorted(codes):
        responses[str(status)] = {"description": ", ".join(dict.fromkeys(codes[status])), "content": _SCHEMA}


def _words(name: str) -> str:
    """`Receive referral` for `ReceiveReferral`, `Read referral` for `read_referral`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name).capitalize()


def _require_if_match(operation: dict[str, Any]) -> None:
    """The framework describes the header as optional, because its absence has an own refusal."""
    for parameter in operation["parameters"]:
        if parameter["name"] == "if-match":
            parameter |= {"required": True, "schema": {"type": "string"}}


def _own_codes(response: Mapping[str, Any]) -> tuple[str, ...]:
    """The codes that the route lists; the framework's default description of a status is not a code."""
    description: str = response["description"]
    return () if description in {status.phrase for status in HTTPStatus} | {"Validation Error"} else tuple(description.split(", "))


def _codes(route: Dependant) -> Iterator[Codes]:
    yield _EVERY
    for dependant in dependants(route):
        if isinstance(dependant.call, ScopeCheck):
            yield _SCOPE
        if dependant.call in _DEPENDENCIES:
            yield _DEPENDENCIES[dependant.call]
        if dependant.body_params:
            yield _JSON
        if any(parameter.alias.lower() == "if-match" for parameter in dependant.header_params):
            yield _IF_MATCH
        if any(parameter.name == "cursor" for parameter in dependant.query_params):
            yield _CURSOR
