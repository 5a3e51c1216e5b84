"""The audit of this context: the tables whose rows are about a person, and the ids of a person."""

from collections.abc import Sequence
from uuid import UUID

from services.mdt.store.care_plan import CARE_PLAN
from services.mdt.store.case import CASE
from services.mdt.store.lead import LEAD
from services.mdt.store.risk import RISK
from services.mdt.store.tables import MERGED
from shared.persistence.audit_trail import AuditTrail
from shared.persistence.statements import ReadSession

TRAIL = AuditTrail(CASE, CARE_PLAN, LEAD, RISK)


async def ids_of(reader: ReadSession, person_id: UUID) -> Sequence[UUID]:
    """Their own id, also when no other record means the same person."""
    return await MERGED.group(reader, person_id)
