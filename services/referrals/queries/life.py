"""A person's recorded life."""

from uuid import UUID

from services.referrals.domain.life import Life
from services.referrals.domain.person import PersonNotFound
from services.referrals.store.life import find_life, is_known
from shared.kernel.ids import PersonId
from shared.persistence.statements import ReadSession


async def life(reader: ReadSession, person_id: UUID) -> Life:
    """Also of a person without a referral, whom another service knows. Raises PersonNotFound."""
    known_id = PersonId(person_id)
    if not await is_known(reader, known_id):
        raise PersonNotFound("No person has this id.")
    return await find_life(reader, known_id)
