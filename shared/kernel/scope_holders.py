"""The organisations and the roles that hold a scope: a token of another organisation or role has the scope in vain."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

#: Organisations, or roles, by scope. Any organisation or role holds a scope without an entry; a relationship to the person decides then.
ByScope: TypeAlias = Mapping[str, Collection[str]]


@dataclass(frozen=True)
class Holders:
    """The organisations that hold a scope, and the roles that hold a scope for clinical decisions."""

    organisations: ByScope = field(default_factory=dict)
    roles: ByScope = field(default_factory=dict)
