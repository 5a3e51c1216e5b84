"""The audit of this context: the tables whose rows are about a person, and the ids of a person."""

from collections.abc import Sequence
from uuid import UUID

from services.referrals.store.identity import IDENTITY, find_group
from services.referrals.store.life import LIFE
from services.referrals.store.proposals import PROPOSAL
from services.referrals.store.referrals import REFERRAL
from shared.persistence.audit_trail import AuditTrail
from shared.persistence.statements import ReadSession

TRAIL = AuditTrail(REFERRAL, PROPOSAL, IDENTITY, LIFE)


async def ids_of(reader: ReadSession, person_id: UUID) -> Sequence[UUID]:
    return (await find_group(reader, person_id)).ids
