"""The crisis view: a clinician who goes to a person sees a withheld story, by a break-glass whose reason is the running clock (G12)."""

from uuid import UUID

from services.rapid_care.store.relationships import RELATIONSHIPS
from services.rapid_care.store.responses import open_responses
from services.rapid_care.store.tables import Tx
from shared.access import BreakGlassReason, Part
from shared.persistence.break_glass import break_glass
from shared.persistence.relationships import PersonAccess


async def open_for_crisis(person_id: UUID, access: PersonAccess, *, tx: Tx) -> PersonAccess:
    """What the caller may see, after the act if a response of the person is open and the story is withheld."""
    if access.opens(Part.STORY) or not await open_responses(tx, person_id):
        return access
    await break_glass(tx, person_id, BreakGlassReason.RUNNING_CLOCK, "")
    return await RELATIONSHIPS.access(tx, person_id)
