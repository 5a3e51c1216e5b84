"""Mappings that contain every member of an enumeration."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class IncompleteMapping(TypeError):
    """A mapping over an enumeration lacks a member."""


def total(members: Iterable[K], mapping: Mapping[K, V]) -> Mapping[K, V]:
    """The mapping, read-only. `members` is an enumeration, or the keys of another mapping.

    Raises IncompleteMapping, as a rule while the module loads, when the mapping lacks a member.
    """
    if missing := [repr(member) for member in members if member not in mapping]:
        raise IncompleteMapping(f"A mapping lacks {', '.join(missing)}.")
    return MappingProxyType(dict(mapping))
