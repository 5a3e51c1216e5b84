"""Where people stand in risk stratification, as the last import left it."""

from collections.abc import Sequence
from uuid import UUID

from services.mdt.domain.table_16 import Standing
from shared.persistence.statements import Reader


async def standings(reader: Reader, person_ids: Sequence[UUID]) -> dict[UUID, Standing]:
    """A person who was never scored is absent."""
    return {}


async def standing_of(reader: Reader, person_id: UUID) -> Standing:
    found = await standings(reader, [person_id])
    return found.get(person_id, Standing())
