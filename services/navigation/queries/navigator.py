"""The roster."""

import sqlalchemy as sa

from services.navigation.domain.assignment import Candidate
from services.navigation.domain.navigator import Navigator, NavigatorNotFound, id_of
from services.navigation.store import navigator as store
from services.navigation.store.navigator import NAVIGATOR, OPEN_TASKS, navigators
from shared.persistence.statements import Reader, Statement

_ROSTER = Statement(
    sa.select(NAVIGATOR, OPEN_TASKS)
    .where(NAVIGATOR.c.organisation == sa.bindparam("organisation"))
    .order_by(NAVIGATOR.c.locality, NAVIGATOR.c.code)
)


async def navigator(reader: Reader, code: str) -> Navigator:
    """Raises NavigatorNotFound."""
    found = await navigators.find(reader, id_of(code))
    if found is None:
        raise NavigatorNotFound("There is no navigator with this code.")
    return found


async def caseload(reader: Reader, code: str) -> Candidate:
    """A navigator with the number of tasks in hand. Raises NavigatorNotFound."""
    return await store.candidate(reader, code)


async def roster(reader: Reader, organisation: str) -> list[Candidate]:
    """Everybody of an organisation, by locality."""
    return [Candidate(navigators.of(row), row["open_tasks"]) for row in await reader.fetch(_ROSTER, organisation=organisation)]
