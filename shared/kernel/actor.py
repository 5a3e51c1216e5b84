"""The actor of a change: a professional with a role in an organisation, or the product itself."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Actor:
    """`id` is the token's subject, `organisation` an ODS code; both are codes, neither is a name."""

    id: str
    organisation: str
    role: str
    scopes: frozenset[str] = field(default=frozenset())


#: The product itself is the actor of deadlines and of reactions to events.
SYSTEM = Actor(id="system", organisation="CARE", role="system")
