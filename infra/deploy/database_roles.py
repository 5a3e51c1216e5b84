"""The database roles of a deployment: one for each context, which sees its own schema and no other.

Invariant: roles belong to the whole server, so a deployment's roles carry its own prefix, and no other deployment sets their password.
"""

from dataclasses import dataclass

from sqlalchemy.engine import make_url


@dataclass(frozen=True, slots=True)
class Roles:
    prefix: str
    password: str

    def of(self, context: str) -> str:
        return f"{self.prefix}_{context}"

    def url(self, owner_url: str, context: str) -> str:
        """The address of the same database for a context's own role."""
        return make_url(owner_url).set(username=self.of(context), password=self.password).render_as_string(hide_password=False)
