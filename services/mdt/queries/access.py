"""What a caller may see of a person (shared/access.py)."""

from uuid import UUID

from services.mdt.queries.person import UNKNOWN
from services.mdt.store.relationships import RELATIONSHIPS
from services.mdt.store.risk import importers_of
from services.mdt.store.tables import Tx
from shared.access import Part
from shared.kernel.errors import NotFound, PersonRecordNotFound
from shared.persistence.relationships import PersonAccess

__all__ = ["RELATIONSHIPS", "require_person", "require_reviewer"]


async def require_person(tx: Tx, person_id: UUID, part: Part = Part.EXISTENCE, unknown: NotFound | None = None) -> PersonAccess:
    """What the caller may see of the person, at least this part. Raises `unknown` or PersonRecordNotFound, PartNotShared, StoryWithheld."""
    access = await RELATIONSHIPS.access(tx, person_id)
    access.require(part, unknown or PersonRecordNotFound(UNKNOWN))
    return access


async def require_reviewer(tx: Tx, person_id: UUID, unknown: NotFound | None = None) -> None:
    """A caller who may review a person of case finding, or open a case. Raises OwnImport, and as `require_person`."""
    (await importers_of(tx, person_id)).require_another(tx.actor, person_id)
    await require_person(tx, person_id, unknown=unknown)
