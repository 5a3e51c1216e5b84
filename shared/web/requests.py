"""Requests: the models of their bodies, and refusals of what the framework accepts.

The framework ignores an unknown query parameter and takes the last value of a repeated one or of a repeated field. No database stores
half of a surrogate pair.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, Generic, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict

from shared.web.name_hints import hint, shown
from shared.web.problems import encodable, is_json
from shared.web.validation import UnusualValue

C = TypeVar("C")


class RequestModel(BaseModel):
    """The body of a request. Unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CommandModel(RequestModel, Generic[C]):
    """A request body whose fields are those of its command: `class Return(CommandModel[commands.ReturnReferral])`."""

    def command(self) -> C:
        kind: type[C] = next(args[0] for base in type(self).__mro__ if (args := _generic_arguments(base)))
        return kind(**{name: getattr(self, name) for name in type(self).model_fields})


class StrictRoute(APIRoute):
    """Refuses unknown and repeated parameters and fields before the endpoint's own checks."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_strict(request: Request) -> Response:
            await _require_strict(request, self)
            return await handle(request)

        return handle_strict


def strict_router(*, prefix: str, tags: Sequence[str], route_class: type[StrictRoute] = StrictRoute) -> APIRouter:
    """The router of each part of an API."""
    return APIRouter(prefix=prefix, tags=list(tags), route_class=route_class)


async def _require_strict(request: Request, route: APIRoute) -> None:
    """Raises RequestValidationError 422, HttpProblem 400 malformed-request."""
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
        for name in (shown(each, declared) for each in sent if each not in declared)
    ]
    errors += [{"type": "parameter_repeated", "loc": ("query", name)} for name in declared if sent[name] > 1]
    if errors:
        raise RequestValidationError(errors)


def require_distinct_fields(body: bytes) -> None:
    """Raises RequestValidationError 400 malformed-request for valid JSON with a repeated field; says nothing about other bodies."""
    repeated = repeated_field(body)
    if repeated is not None:
        raise RequestValidationError([{"type": "field_repeated", "loc": ("body", repeated)}])


def repeated_field(body: bytes) -> str | None:
    """The first field that an object of a JSON body has more than once."""
    try:
        _DECODER.decode(body.decode())
    except _FieldRepeated as found:
        return found.name
    except (ValueError, RecursionError):  # the parser that reads the body refuses it
        return None
    return None


def require_encodable(body: bytes) -> None:
    """Raises RequestValidationError 422 with the location of each half of a surrogate pair in a JSON body."""
    errors = [{"type": "string_unicode", "loc": location} for location in half_pairs(body)]
    if errors:
        raise RequestValidationError(errors)


def half_pairs(body: bytes) -> list[tuple[int | str, ...]]:
    """The location of each half of a surrogate pair in a JSON body."""
    if _SURROGATE_ESCAPE.search(body) is None:
        return []
    try:
        return list(_unencodable(json.loads(body)))
    except (ValueError, RecursionError):  # the parser that reads the body refuses it
        return []


def parse_unusual(body: bytes) -> Any:
    """A JSON body with an `UnusualValue` for each repeated field and for each string with half of a surrogate pair."""
    parsed = json.loads(body, object_pairs_hook=_marked)
    pending = [parsed]
    while pending:
        part = pending.pop()
        for key, each in list(part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()):
            if isinstance(each, str) and encodable(each) != each:
                part[key] = UnusualValue("string_unicode", each)
            pending.append(each.value if isinstance(each, UnusualValue) else each)
    return parsed


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


class _FieldRepeated(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> None:
    """Called by the decoder for each object. The value of the object is not needed."""
    if len({name for name, _ in pairs}) < len(pairs):
        raise _FieldRepeated(Counter(name for name, _ in pairs).most_common(1)[0][0])


def _marked(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, list[Any]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: UnusualValue("field_repeated", each) if len(each) > 1 else each[0] for name, each in values.items()}


_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")
_DECODER = json.JSONDecoder(object_pairs_hook=_refuse_repeated)
