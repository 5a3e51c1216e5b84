"""Routes that are called often: they call an endpoint with a JSON body and request dependencies directly.

FastAPI would resolve the signature for each request, which costs more than all domain rules together (docs/performance.md). The OpenAPI
description and the refusals of the route stay the same.
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from inspect import signature
from typing import Any, cast

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError

from shared.web.problems import is_json
from shared.web.requests import StrictRoute, half_pairs, parse_unusual, repeated_field, require_declared_parameters
from shared.web.validation import errors_of

#: Reads one parameter of an endpoint from the request.
Reader = Callable[[Request], Awaitable[Any]]


class FastRoute(StrictRoute):
    """A router's `route_class`; FastAPI serves the routes with other parameters."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        if not _is_plain(self.dependant):
            return super().get_route_handler()
        route = self.dependant
        readers, endpoint = _readers(route), cast("Callable[..., Awaitable[Response]]", route.call)

        async def handle(request: Request) -> Response:
            require_declared_parameters(request, route)
            return await endpoint(**{name: await read(request) for name, read in readers.items()})

        return handle


def _is_plain(route: Dependant) -> bool:
    """Whether the endpoint returns a Response and takes only a body and dependencies that read the request alone."""
    returned = signature(route.call).return_annotation if route.call else None
    is_read_from_request = not any(_parameters(each) or each.body_params or each.dependencies for each in route.dependencies)
    is_body_all = not _parameters(route) and len(route.body_params) <= 1
    return is_body_all and is_read_from_request and isinstance(returned, type) and issubclass(returned, Response)


def _parameters(part: Dependant) -> Sequence[Any]:
    return [*part.path_params, *part.query_params, *part.header_params, *part.cookie_params]


def _readers(route: Dependant) -> Mapping[str, Reader]:
    """By parameter name. Dependencies, such as the caller's token, are read before the body."""
    found = {str(each.name): cast("Reader", each.call) for each in route.dependencies}
    return found | {field.name: _body(TypeAdapter(cast("type[Any]", field.field_info.annotation))) for field in route.body_params}


def _body(form: TypeAdapter[Any]) -> Reader:
    async def read(request: Request) -> Any:
        raw = await request.body()
        if not raw:
            raise RequestValidationError([{"type": "missing", "loc": ("body",), "msg": "Field required"}])
        try:
            return _of_json(form, raw) if is_json(request.headers.get("content-type", "")) else form.validate_python(raw)
        except ValidationError as problem:
            raise RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in errors_of(problem)]) from None

    return read


def _of_json(form: TypeAdapter[Any], raw: bytes) -> Any:
    """Repeated fields and halves of surrogate pairs are errors at their location: a batch is refused by item. Raises ValidationError."""
    if repeated_field(raw) is not None:
        return form.validate_python(parse_unusual(raw))
    try:
        return form.validate_json(raw)
    except ValidationError:
        if not half_pairs(raw):
            raise
        return form.validate_python(parse_unusual(raw))
