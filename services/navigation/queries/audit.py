"""The audit of this context: the tables whose rows are about a person, and the ids of a person."""

from collections.abc import Sequence
from uuid import UUID

from services.navigation.store.home_check import HOME_CHECK
from services.navigation.store.tables import MERGED
from services.navigation.store.task import TASK
from shared.persistence.audit_trail import AuditTrail
from shared.persistence.statements import ReadSession

TRAIL = AuditTrail(TASK, HOME_CHECK)


async def ids_of(reader: ReadSession, person_id: UUID) -> Sequence[UUID]:
    """Their own id, also when no other record means the same person."""
    return await MERGED.group(reader, person_id)
