"""Who imported the scores of a person: none of them begins the meeting's work with that person. Another member of staff does. Pure."""

from dataclasses import dataclass
from uuid import UUID

from shared.kernel.actor import Actor
from shared.kernel.errors import NotAllowed


@dataclass(frozen=True, slots=True)
class Importer:
    """The three that identify a caller. A person with two posts has one subject."""

    issuer: str
    organisation: str
    subject: str

    @classmethod
    def of(cls, actor: Actor) -> "Importer":
        return cls(actor.issuer, actor.organisation, actor.id)


@dataclass(frozen=True, slots=True)
class Importers:
    """All who imported a score that an entry of case finding follows, each once."""

    callers: tuple[Importer, ...] = ()

    def joined(self, others: "Importers") -> "Importers":
        return Importers(tuple(dict.fromkeys((*self.callers, *others.callers))))

    def require_another(self, actor: Actor, person_id: UUID) -> None:
        """Raises OwnImport, which the audit shows under the person."""
        if any(actor.is_person(each.issuer, each.subject) for each in self.callers):
            raise OwnImport("You imported a score of this person.").about(person_id)


#: Of an entry that no import has made yet.
NO_IMPORTERS = Importers()


class OwnImport(NotAllowed):
    """Another member of staff than the one who imported the person's score reviews the person, or opens a case."""

    code = "own-import"
    advice = "Ask another member of the meeting, who imported no score of this person."
