"""The crisis view: a clinician who goes to a person sees a withheld story, by a break-glass whose reason is the running clock (G12).

Before the opening and after the first visit no clock runs: a caller who needs the story then breaks the glass and states a reason.
"""

from uuid import UUID

from services.rapid_care.domain.clock import is_running
from services.rapid_care.store.relationships import RELATIONSHIPS
from services.rapid_care.store.responses import open_responses
from services.rapid_care.store.tables import Tx
from shared.access import BreakGlassReason, Part
from shared.persistence.break_glass import break_glass
from shared.persistence.relationships import PersonAccess


async def open_for_crisis(person_id: UUID, access: PersonAccess, *, tx: Tx) -> PersonAccess:
    """What the caller may see, after the act if the clock of a response to the person runs and the story is withheld."""
    if access.opens(Part.STORY) or not await _has_running_clock(person_id, tx):
        return access
    await break_glass(tx, person_id, BreakGlassReason.RUNNING_CLOCK, "")
    return await RELATIONSHIPS.access(tx, person_id)


async def _has_running_clock(person_id: UUID, tx: Tx) -> bool:
    return any(is_running(response, tx.now) for response in await open_responses(tx, person_id))
