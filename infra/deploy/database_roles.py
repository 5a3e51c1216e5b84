"""The database roles of a deployment: one for each context, with rights in the context's schema only.

Invariant: roles belong to the whole server, so each deployment has its own role prefix and sets no other deployment's passwords.
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
        """The address of the same database for the role of a context."""
        return make_url(owner_url).set(username=self.of(context), password=self.password).render_as_string(hide_password=False)
