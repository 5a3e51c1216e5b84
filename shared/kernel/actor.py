"""The actor of a change: a professional with a role in an organisation, or the product itself."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Professional:
    """A professional of an organisation. A staff code is unique within its organisation alone."""

    id: str
    organisation: str


#: The roles whose holders decide clinically, unless a deployment names others.
CLINICAL_ROLES = (
    "clinical-triager",
    "clinician",
    "community-nurse",
    "emergency-nurse-practitioner",
    "geriatrician",
    "gp",
    "occupational-therapist",
    "paramedic",
    "pharmacist",
    "physiotherapist",
)
#: The role of a system in a token that names no professional.
SUPPLIER_SYSTEM = "supplier-system"


@dataclass(frozen=True, slots=True)
class Actor:
    """`id` is the token's subject, `organisation` an ODS code; both are codes, neither is a name.

    The three of `issuer`, `organisation` and `id` identify a caller: another organisation may use the same subject. `system` is the
    supplier's system that acts for the professional, if any; it is the caller itself when it acts for none.
    """

    id: str
    organisation: str
    role: str
    scopes: frozenset[str] = field(default=frozenset())
    issuer: str = "care"
    system: str | None = None

    def is_person(self, issuer: str, subject: str) -> bool:
        """Whether the issuer's subject is this person, in any organisation: an issuer may give a person with two posts one subject."""
        return (self.issuer, self.id) == (issuer, subject)

    def is_person_of(self, caller: str) -> bool:
        """The same of `caller`: issuer, organisation and subject. The code of an organisation has no space."""
        _, _, subject = caller.removeprefix(f"{self.issuer} ").partition(" ")
        return caller.startswith(f"{self.issuer} ") and self.is_person(self.issuer, subject)

    @property
    def professional(self) -> Professional:
        return Professional(self.id, self.organisation)


#: The product itself is the actor of deadlines and of reactions to events.
SYSTEM = Actor(id="system", organisation="CARE", role="system")
