"""What a caller may see of a person (shared/access.py)."""

from uuid import UUID

from services.mdt.queries.person import UNKNOWN
from services.mdt.store.relationships import RELATIONSHIPS
from services.mdt.store.tables import Tx
from shared.access import Part
from shared.kernel.errors import NotFound, PersonRecordNotFound
from shared.persistence.relationships import PersonAccess

__all__ = ["RELATIONSHIPS", "require_person"]


async def require_person(tx: Tx, person_id: UUID, part: Part = Part.EXISTENCE, unknown: NotFound | None = None) -> PersonAccess:
    """What the caller may see of the person, at least this part. Raises `unknown` or PersonRecordNotFound, PartNotShared, StoryWithheld."""
    access = await RELATIONSHIPS.access(tx, person_id)
    access.require(part, unknown or PersonRecordNotFound(UNKNOWN))
    return access
