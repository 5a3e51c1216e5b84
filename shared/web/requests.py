"""Requests: the models of their bodies, and refusals of what the framework accepts.

The framework ignores an unknown query parameter and takes the last value of a repeated one or of a repeated field. No database stores
half of a surrogate pair.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Generic, TypeVar

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict

from shared.web.name_hints import hint
from shared.web.problems import HttpProblem, encodable, is_json

C = TypeVar("C")


class RequestModel(BaseModel):
    """The body of a request. Unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CommandModel(RequestModel, Generic[C]):
    """A request body whose fields are those of its command: `class Return(CommandModel[commands.ReturnReferral])`."""

    def command(self) -> C:
        kind: type[C] = next(args[0] for base in type(self).__mro__ if (args := _generic_arguments(base)))
        return kind(**{name: getattr(self, name) for name in type(self).model_fields})


async def require_strict(request: Request) -> None:
    """The dependency of every route. Raises RequestValidationError 422, HttpProblem 400 malformed-request."""
    route = request.scope["route"]
    require_declared_parameters(request, route.dependant)
    if route.body_field is not None and is_json(request.headers.get("content-type", "")):
        body = await request.body()
        require_encodable(body)
        require_distinct_fields(body)


def require_declared_parameters(request: Request, route: Dependant) -> None:
    """Raises RequestValidationError 422 with the nearest and all permitted names: a misspelt filter would select everything."""
    if not request.scope["query_string"]:
        return
    declared = [parameter.alias for each in dependants(route) for parameter in each.query_params]
    sent = Counter(name for name, _ in request.query_params.multi_items())
    errors: list[dict[str, Any]] = [
        {"type": "parameter_unknown", "loc": ("query", name), "ctx": {"hint": hint(name, declared)}}
        for name in sent
        if name not in declared
    ]
    errors += [{"type": "parameter_repeated", "loc": ("query", name)} for name in declared if sent[name] > 1]
    if errors:
        raise RequestValidationError(errors)


def require_distinct_fields(body: bytes) -> None:
    """Raises HttpProblem 400 malformed-request for valid JSON with a repeated field; says nothing about other bodies."""
    try:
        _DECODER.decode(body.decode())
    except (ValueError, RecursionError):  # the parser that reads the body refuses it
        return


def require_encodable(body: bytes) -> None:
    """Raises RequestValidationError 422 with the location of each half of a surrogate pair in a JSON body."""
    if _SURROGATE_ESCAPE.search(body) is None:
        return
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):  # the parser that reads the body refuses it
        return
    errors = [{"type": "string_unicode", "loc": location} for location in _unencodable(parsed)]
    if errors:
        raise RequestValidationError(errors)


def dependants(route: Dependant) -> Iterator[Dependant]:
    """The endpoint and its dependencies, also indirect ones."""
    yield route
    for each in route.dependencies:
        yield from dependants(each)


def _generic_arguments(base: type) -> tuple[Any, ...]:
    metadata: dict[str, Any] = getattr(base, "__pydantic_generic_metadata__", {})
    return tuple(metadata.get("args") or ())


def _unencodable(body: Any) -> Iterator[tuple[int | str, ...]]:
    pending: list[tuple[tuple[int | str, ...], Any]] = [(("body",), body)]
    while pending:
        location, value = pending.pop()
        if isinstance(value, str) and encodable(value) != value:
            yield location
        elif isinstance(value, dict):
            pending += [((*location, name), name if encodable(name) != name else each) for name, each in value.items()]
        elif isinstance(value, list):
            pending += [((*location, number), each) for number, each in enumerate(value)]


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> None:
    """Called by the decoder for each object. The value of the object is not needed."""
    if len({name for name, _ in pairs}) < len(pairs):
        repeated = encodable(Counter(name for name, _ in pairs).most_common(1)[0][0])
        detail = f"The field {repeated} occurs more than once in an object of the body."
        raise HttpProblem(HTTPStatus.BAD_REQUEST, "malformed-request", detail, "Send each field of an object once.")


_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_DECODER = json.JSONDecoder(object_pairs_hook=_refuse_repeated)
