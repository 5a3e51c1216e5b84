"""The HTTP operations of the four applications, read from their routers."""

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.routing import APIRoute, iter_route_contexts

from infra.codegen.states import scopes
from infra.contexts import CONTEXTS


@dataclass(frozen=True)
class Operation:
    """One method of one path. Any one of `scopes` opens it; `parameters` are its query parameters as callers write them."""

    context: str
    method: str
    path: str
    name: str
    scopes: Sequence[str]
    parameters: Sequence[str]

    @property
    def address(self) -> str:
        return f"{self.method} {self.path}"


def operations() -> Sequence[Operation]:
    return [operation for context in CONTEXTS for operation in _of_context(context)]


def _of_context(context: str) -> Iterator[Operation]:
    router: APIRouter = importlib.import_module(f"services.{context}.api").router
    opened_by = scopes(context)
    for route in iter_route_contexts(router.routes):
        original = route.original_route
        if isinstance(original, APIRoute):
            path = route.path_format or original.path_format
            parameters = [parameter.alias for parameter in original.dependant.query_params]
            for method in sorted(route.methods or ()):
                yield Operation(context, method, path, original.name, opened_by[original.name], parameters)
