"""docs/states/<context>.md: the state tables that guard the commands, and the owner of each open state, printed."""

import importlib
from collections.abc import Mapping
from pathlib import Path

from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from infra.codegen.ownership import ownership_rows
from infra.contexts import CONTEXTS
from infra.state_tables import owners, tables
from shared.kernel.state_table import Transition, Trigger, name_of
from shared.web.dependencies import ScopeCheck

FOLDER = Path("docs/states")
_HEAD = "| in the states | command, deadline or event | leads to | emits | who may |\n|---|---|---|---|---|\n"


def states() -> Mapping[Path, str]:
    return {FOLDER / f"{context}.md": _page(context) for context in CONTEXTS}


def scopes(context: str) -> dict[str, tuple[str, ...]]:
    """The scopes of each command, from the route that has its name."""
    router: APIRouter = importlib.import_module(f"services.{context}.api").router
    return {route.name: _scopes(route.original_route) for route in iter_route_contexts(router.routes) if route.name}


def _page(context: str) -> str:
    who, owned_by = scopes(context), owners(context)
    parts = [f"# States of {context}\n\nGenerated from `services/{context}/domain` by `make generate`.\n"]
    found = tables(context)
    for name, table in found.items():
        parts.append(f"\n## {name.capitalize().replace('_', ' ')}\n\n{_HEAD}")
        parts += [_row(trigger, row, who) for trigger, row in table.items()]
        parts += [ownership_rows(owned_by[name], table, found.values(), who)] if name in owned_by else []
    return "".join(parts)


def _row(trigger: Trigger, row: Transition, who: Mapping[str, tuple[str, ...]]) -> str:
    name = name_of(trigger)
    may = " or ".join(f"`{scope}`" for scope in who.get(name, ())) or (
        "the deadline" if type(trigger).__name__.endswith("Deadline") else "an event or another aggregate"
    )
    emits = ", ".join(f"`{fact.TYPE}`" for fact in sorted(row.emits, key=lambda fact: fact.TYPE))
    return f"| {_names(row.sources)} | {name} | {_names(row.targets) or 'unchanged'} | {emits} | {may} |\n"


def _names(found: frozenset[object]) -> str:
    return ", ".join(sorted(str(each) for each in found))


def _scopes(route: object) -> tuple[str, ...]:
    return _of_dependant(route.dependant) if isinstance(route, APIRoute) else ()


def _of_dependant(dependant: Dependant) -> tuple[str, ...]:
    own = dependant.call.scopes if isinstance(dependant.call, ScopeCheck) else ()
    return own + tuple(scope for below in dependant.dependencies for scope in _of_dependant(below))
