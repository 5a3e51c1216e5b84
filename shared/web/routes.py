"""The routes of an application by their path templates, which carry every prefix: `/referrals/{referral_id}/triage`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from fastapi.routing import iter_route_contexts
from starlette.responses import StreamingResponse
from starlette.types import Scope

UNKNOWN = "unknown"


@dataclass(frozen=True)
class RouteTable:
    """`templates` is by the identity of the framework's route, which an included router shares; `entries` are in the order of matching."""

    templates: Mapping[int, str]
    entries: Sequence[tuple[re.Pattern[str], frozenset[str], str]]


def joined(prefix: str, *parts: APIRouter) -> APIRouter:
    """One router with the routes of the parts; a nested router would be searched at each request.

    Raises ValueError for a part without `prefix`.
    """
    router = APIRouter(prefix=prefix)
    for part in parts:
        if not part.prefix.startswith(prefix):
            raise ValueError(f"a router of {prefix} has the prefix {part.prefix!r}")
        router.routes.extend(part.routes)
    return router


def route_of(scope: Scope) -> str:
    """The path template of a request, also of one that was refused before its route was found; `unknown` without a route."""
    table = _table(scope)
    if table is None:
        return UNKNOWN
    return table.templates.get(id(scope.get("route"))) or _template_of_path(table, scope)


def allowed_methods(scope: Scope) -> frozenset[str]:
    """The methods of all routes of the path, as the header Allow lists them."""
    table = _table(scope)
    found = _of_path(table, scope) if table else []
    return frozenset().union(*(methods for methods, _ in found))


def _template_of_path(table: RouteTable, scope: Scope) -> str:
    found = _of_path(table, scope)
    return next((template for methods, template in found if scope["method"] in methods), found[0][1] if found else UNKNOWN)


def _of_path(table: RouteTable, scope: Scope) -> list[tuple[frozenset[str], str]]:
    """The methods and the template of each route that matches the path."""
    return [(methods, template) for pattern, methods, template in table.entries if pattern.match(scope["path"])]


def _table(scope: Scope) -> RouteTable | None:
    """The table of the application, which is made for its first request. An attribute is read faster than one of `app.state`."""
    app = scope.get("app")
    if app is None:
        return None
    table: RouteTable | None = getattr(app, "route_table", None)
    if table is None:
        table = app.route_table = _make(app)
    return table


def _make(app: Any) -> RouteTable:
    routes = [each for each in iter_route_contexts(app.routes) if each.path_format]
    return RouteTable(
        templates={id(each.original_route): str(each.path_format) for each in routes},
        entries=[(each.path_regex, _methods(each), str(each.path_format)) for each in routes],
    )


def _methods(route: Any) -> frozenset[str]:
    """With HEAD for every GET but a stream, which would never end."""
    methods = frozenset(route.methods or ())
    return methods | {"HEAD"} if "GET" in methods and not _is_stream(getattr(route, "response_class", None)) else methods


def _is_stream(response_class: Any) -> bool:
    return isinstance(response_class, type) and issubclass(response_class, StreamingResponse)
