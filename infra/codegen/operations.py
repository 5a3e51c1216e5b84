"""The HTTP operations of the four applications, read from their routers."""

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from fastapi import APIRouter
from fastapi.routing import APIRoute, iter_route_contexts

from infra.codegen.states import scopes
from infra.contexts import CONTEXTS


@dataclass(frozen=True)
class Parameter:
    """A query parameter as callers write it. `values` lists the permitted ones, and is empty where any value of its type is."""

    name: str
    values: Sequence[str]
    default: str | None
    is_required: bool


@dataclass(frozen=True)
class Operation:
    """One method of one path. Any one of `scopes` opens it; `parameters` are its query parameters."""

    context: str
    method: str
    path: str
    name: str
    scopes: Sequence[str]
    parameters: Sequence[Parameter]

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
            parameters = [_parameter(each) for each in original.dependant.query_params]
            for method in sorted(route.methods or ()):
                yield Operation(context, method, path, original.name, opened_by[original.name], parameters)


def _parameter(field: Any) -> Parameter:
    is_required = field.field_info.is_required()
    default = None if is_required or field.default is None else str(field.default)
    return Parameter(field.alias, _values(field.field_info.annotation), default, is_required)


def _values(annotation: Any) -> Sequence[str]:
    """The members of an enumeration or of a Literal, also of an optional one."""
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return list(annotation)
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return [value for each in get_args(annotation) for value in _values(each)] if get_origin(annotation) in {Union, UnionType} else []
