"""The organisations that hold a scope: a token of another organisation has the scope in vain."""

from collections.abc import Collection, Mapping
from typing import TypeAlias

#: Organisations by scope. Any organisation holds a scope without an entry, and a relationship to the person decides.
Holders: TypeAlias = Mapping[str, Collection[str]]
