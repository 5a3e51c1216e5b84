"""Mappings that give every member of an enumeration a meaning."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import TypeVar

E = TypeVar("E", bound=Enum)
V = TypeVar("V")


class Incomplete(TypeError):
    """A member of an enumeration has no meaning in a mapping over it."""


def total(members: type[E], mapping: Mapping[E, V]) -> Mapping[E, V]:
    """The mapping, read-only, once it names every member. Raises Incomplete when its module loads otherwise."""
    if missing := [member.name for member in members if member not in mapping]:
        raise Incomplete(f"{members.__name__} has members without a meaning here: {', '.join(missing)}")
    return MappingProxyType(dict(mapping))
