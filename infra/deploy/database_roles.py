"""The database roles of a deployment: two for each context, with rights in the context's schema only.

One has a password of its own; the other owns functions and never logs in.

Invariant: roles belong to the whole server, so each deployment has its own role prefix and sets no other deployment's passwords.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy.engine import make_url

from infra.contexts import CONTEXTS
from infra.errors import StackError


@dataclass(frozen=True, slots=True)
class Roles:
    """`passwords` has one for each context: a leaked one opens one schema."""

    prefix: str
    passwords: Mapping[str, str] = field(repr=False)

    def of(self, context: str) -> str:
        return f"{self.prefix}_{context}"

    def keeper(self, context: str) -> str:
        """The role that owns the context's functions with rights that its own role lacks."""
        return f"{self.prefix}_{context}_keeper"

    def url(self, owner_url: str, context: str) -> str:
        """The address of the same database for the role of a context."""
        role, password = self.of(context), self.passwords[context]
        return make_url(owner_url).set(username=role, password=password).render_as_string(hide_password=False)


def roles_of_environment(prefix: str) -> Roles:
    """Reads `<CONTEXT>_DATABASE_PASSWORD`. Raises StackError that names what is missing."""
    passwords = {context: os.environ.get(password_variable(context), "") for context in CONTEXTS}
    if missing := [password_variable(context) for context, password in passwords.items() if not password]:
        raise StackError(f"Set {', '.join(missing)}: each context has a password of its own.")
    return Roles(prefix, passwords)


def password_variable(context: str) -> str:
    return f"{context.upper()}_DATABASE_PASSWORD"
