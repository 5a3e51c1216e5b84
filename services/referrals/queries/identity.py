"""A person's identity: whether they are traced, and which records mean them."""

from datetime import datetime
from uuid import UUID

from services.referrals.domain.identity import Identity
from services.referrals.domain.record import Group
from services.referrals.store import identity as store
from services.referrals.store.people import get_person
from shared.persistence.statements import ReadSession

#: The persons to be traced, those whose tracing is due first come first.
unverified = store.unverified

#: The deadline and the id of the last identity of a page.
PageKey = tuple[datetime, UUID]


async def identity(reader: ReadSession, person_id: UUID) -> tuple[Identity, Group]:
    """The identity of a record, and the records that mean the same person. Raises PersonNotFound."""
    await get_person(reader, person_id)
    return await store.find_identity(reader, person_id), await store.find_group(reader, person_id)
