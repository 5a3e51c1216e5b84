"""OpenAPI with every refusal, description and example. The refusals of a route's dependencies are derived from the route."""

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import RouteContext, iter_route_contexts

from shared.kernel.errors import ClinicalRoleMissing, UserMissing, VersionConflict
from shared.persistence.idempotency import IdempotencyKeyReused, StoredResponseUnreadable
from shared.web.dependencies import KEY_LENGTH, ScopeCheck, idempotency_key, if_match
from shared.web.descriptions import ApiDescription
from shared.web.openapi_examples import Examples, problem_example
from shared.web.openapi_names import rename_components
from shared.web.openapi_prose import ABOUT, BEARER, SERVERS, scopes_sentence
from shared.web.problems import MEDIA_TYPE, Problem
from shared.web.requests import dependants

Codes = Mapping[int, tuple[str, ...]]

_EVERY: Codes = {422: ("validation-failed",), 500: ("internal-error",), 503: ("temporarily-unavailable", "overloaded")}
_BODY: Codes = {413: ("body-too-large",)}
_JSON: Codes = {400: ("malformed-request",), 415: ("json-expected",)}
_IF_MATCH: Codes = {400: ("if-match-malformed",), 409: (StoredResponseUnreadable.code,), 412: (VersionConflict.code,)}
_SCOPE: Codes = {
    401: ("token-missing", "token-invalid", "token-expired"),
    403: ("scope-missing", UserMissing.code, ClinicalRoleMissing.code),
    429: ("limit-reached",),
}
_PATH: Codes = {404: ("not-found",)}
_CURSOR: Codes = {400: ("cursor-malformed",)}
_DEPENDENCIES: Mapping[object, Codes] = {
    if_match: {428: ("if-match-missing",)},
    idempotency_key: {400: ("idempotency-key-missing",), 409: (StoredResponseUnreadable.code,), 422: (IdempotencyKeyReused.code,)},
}
_KEY: Mapping[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "minLength": 1, "maxLength": KEY_LENGTH},
}
_ERRORS = 400
_RETRY_AFTER = {"description": "Seconds after which the request may be repeated.", "schema": {"type": "integer"}, "example": 1}
_REPEATABLE = {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}
_HEADERS = {"if-match": "If-Match", "last-event-id": "Last-Event-ID", "idempotency-key": "Idempotency-Key"}
_DEFAULT_DESCRIPTIONS = {status.phrase for status in HTTPStatus} | {"Validation Error", "Successful Response"}
_JSON_TYPE = "application/json"
#: Of answers that are no JSON.
_TEXT_EXAMPLES = {"text/event-stream": 'retry: 2000\n\nid: 41\nevent: assigned\ndata: {"sequence":41,"change":"assigned"}\n\n: ping\n\n'}


def install(app: FastAPI, description: ApiDescription) -> None:
    """Makes `app` serve an OpenAPI description with every refusal."""
    app.openapi = lambda: _described(app, description)  # type: ignore[method-assign]  # as FastAPI's documentation has it


def _described(app: FastAPI, description: ApiDescription) -> dict[str, Any]:
    if app.openapi_schema is None:
        app.openapi_schema = get_openapi(title=app.title, version=app.version, description=ABOUT, servers=SERVERS, routes=app.routes)
        _add_components(app.openapi_schema)
        rename_components(app.openapi_schema)
        examples = Examples(app.openapi_schema["components"]["schemas"], description)
        for route in iter_route_contexts(app.routes):
            for method in route.methods or ():
                operation = app.openapi_schema["paths"].get(route.path_format, {}).get(method.lower())
                if operation:
                    _complete(operation, route)
                    _describe_operation(operation, examples, description)
        _describe_fields(app.openapi_schema["components"]["schemas"], examples, description)
    return app.openapi_schema


def _add_components(document: dict[str, Any]) -> None:
    components = document.setdefault("components", {})
    components["securitySchemes"] = {"HTTPBearer": BEARER}
    schemas = components.setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs", {}) | {"Problem": problem}
    for unused in ("HTTPValidationError", "ValidationError"):  # the framework's own form of a refusal, which is never sent
        schemas.pop(unused, None)


def _complete(operation: dict[str, Any], route: RouteContext) -> None:
    operation["operationId"], operation["summary"] = route.name, _words(str(route.name))
    for scopes in (each.call.scopes for each in dependants(route.dependant) if isinstance(each.call, ScopeCheck)):
        operation["security"] = [{"HTTPBearer": [scope]} for scope in scopes]
        operation["description"] = "\n\n".join([*filter(None, [operation.get("description")]), scopes_sentence(scopes)])
    if any(each.call is idempotency_key for each in dependants(route.dependant)):
        operation.setdefault("parameters", []).append({**_KEY})
    if any(each.call is if_match for each in dependants(route.dependant)):
        _require_if_match(operation)
    responses = operation["responses"]
    codes = {int(status): _own_codes(response) for status, response in responses.items() if int(status) >= _ERRORS}
    for each in (*_codes(route.dependant), _BODY if "requestBody" in operation else {}):
        for status, more in each.items():
            codes[status] = codes.get(status, ()) + more
    for status in sorted(codes):
        responses[str(status)] = _refusal(status, tuple(dict.fromkeys(codes[status])))


def _refusal(status: int, codes: tuple[str, ...]) -> dict[str, Any]:
    """The description lists the codes; each has an example."""
    examples = {code: {"value": problem_example(status, code)} for code in codes}
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}}
    headers = {"headers": {"Retry-After": _RETRY_AFTER}} if status in _REPEATABLE else {}
    return {"description": ", ".join(codes), **headers, "content": content}


def _describe_operation(operation: dict[str, Any], examples: Examples, description: ApiDescription) -> None:
    name = operation["operationId"]
    for parameter in operation.get("parameters", []):
        own = parameter["name"].lower() if parameter["in"] == "header" else parameter["name"]
        parameter["name"] = _HEADERS.get(own, parameter["name"])
        place = f"{parameter['in']}.{own}"
        parameter["description"] = description.text(f"{name}.{own}", place, own)[0] or parameter.get("description", "")
        if known := examples.of_field(parameter["schema"], own, name):
            parameter["example"] = known[0]
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        _add_request_examples(name, kind, content, examples, description)
    for status, response in operation["responses"].items():
        if int(status) < _ERRORS:
            _describe_answer(response, examples)


def _add_request_examples(name: str, kind: str, content: dict[str, Any], examples: Examples, description: ApiDescription) -> None:
    named = description.examples.get(name, {"example": {}})
    if kind == _JSON_TYPE:
        composed = examples.of(content["schema"])
        named = {each: composed | changes for each, changes in named.items()}
    content["examples"] = {each: {"value": value} for each, value in named.items()}


def _describe_answer(response: dict[str, Any], examples: Examples) -> None:
    if response["description"] in _DEFAULT_DESCRIPTIONS:
        response["description"] = "The result of the request"
    for kind, content in response.get("content", {}).items():
        if kind == _JSON_TYPE:
            content["example"] = examples.of(content["schema"])
        elif kind in _TEXT_EXAMPLES:
            content |= {"schema": {"type": "string"}, "example": _TEXT_EXAMPLES[kind]}


def _describe_fields(schemas: Mapping[str, Any], examples: Examples, description: ApiDescription) -> None:
    """A stated description replaces the docstring of a component."""
    for component, schema in schemas.items():
        if text := description.text(component)[0] or _page_text(component):
            schema["description"] = text
        for name, part in schema.get("properties", {}).items():
            if text := description.text(f"{component}.{name}", name)[0]:
                part["description"] = text
            known = examples.of_field(part, name, component)
            if known and known[0] is not None and "$ref" not in part:
                part["examples"] = [known[0]]


def _page_text(component: str) -> str | None:
    return "One page of a list." if component.endswith("Page") else None


def _words(name: str) -> str:
    """`Receive referral` for `ReceiveReferral`, `Read referral` for `read_referral`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name).capitalize()


def _require_if_match(operation: dict[str, Any]) -> None:
    """The framework describes the header as optional, because its absence has an own refusal."""
    for parameter in operation["parameters"]:
        if parameter["name"].lower() == "if-match":
            parameter |= {"required": True, "schema": {"type": "string"}}


def _own_codes(response: Mapping[str, Any]) -> tuple[str, ...]:
    """The codes that the route lists; the framework's default description of a status is not a code."""
    description: str = response["description"]
    return () if description in _DEFAULT_DESCRIPTIONS else tuple(description.split(", "))


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
        if dependant.path_params:
            yield _PATH
        if any(parameter.name == "cursor" for parameter in dependant.query_params):
            yield _CURSOR
