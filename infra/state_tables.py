"""The state tables of the contexts, and the owners of their states, found by the modules of `services/<context>/domain`."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any, TypeGuard

from shared.kernel.ownership import Owners, Ownership
from shared.kernel.state_table import Transition, Transitions

_SUFFIX = "_OWNERS"


def tables(context: str) -> dict[str, Transitions]:
    """Name to table: `RESPONSE` of Rapid Care."""
    return {name: value for module in _domain(context) for name, value in vars(module).items() if _is_table(value)}


def owners(context: str) -> dict[str, Owners]:
    """Name of a table to the ownership of its states: `REFERRAL_OWNERS` belongs to `REFERRAL`."""
    return {name: found for module in _domain(context) for name, found in _owners_of(vars(module)).items()}


def _owners_of(names: Mapping[str, Any]) -> dict[str, Owners]:
    return {name.removesuffix(_SUFFIX): value for name, value in names.items() if name.endswith(_SUFFIX) and _is_owners(value)}


def _domain(context: str) -> Iterator[ModuleType]:
    package = importlib.import_module(f"services.{context}.domain")
    yield package
    for module in pkgutil.iter_modules(getattr(package, "__path__", [])):
        yield importlib.import_module(f"{package.__name__}.{module.name}")


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(isinstance(row, Transition) for row in value.values())


def _is_owners(value: object) -> TypeGuard[Owners]:
    return isinstance(value, Mapping) and all(each is None or isinstance(each, Ownership) for each in value.values())
