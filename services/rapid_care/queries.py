"""The only SQL that reads for HTTP."""

from datetime import datetime
from uuid import UUID

import asyncpg
import sqlalchemy as sa

from services.rapid_care.domain import Response, ResponseNotFound, Status
from services.rapid_care.store import PERSON, RESPONSE, responses
from shared.persistence.platform import INSTANT
from shared.persistence.statements import Reader, Statement

_CLOCK_RUNS = [Status.REQUESTED, Status.ACCEPTED, Status.ASSIGNED, Status.EN_ROUTE]

_PLACE = sa.tuple_(RESPONSE.c.due_at, RESPONSE.c.id)
_QUEUE = Statement(
    sa.select(RESPONSE)
    .where(RESPONSE.c.status == sa.any_(sa.bindparam("statuses", type_=sa.ARRAY(sa.Text))))
    .where(sa.tuple_(sa.bindparam("due_at", type_=INSTANT), sa.bindparam("id", type_=sa.Uuid)) < _PLACE)
    .order_by(RESPONSE.c.due_at, RESPONSE.c.id)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_STORY = Statement(sa.select(PERSON.c.record).where(PERSON.c.person_id == sa.bindparam("person_id")))


async def response(reader: Reader, response_id: UUID) -> Response:
    """Raises ResponseNotFound."""
    found = await responses.find(reader, response_id)
    if found is None:
        raise ResponseNotFound(f"There is no response {response_id}.")
    return found


async def waiting(reader: Reader, *, after: tuple[datetime, UUID], most: int) -> list[Response]:
    """Responses whose clock runs, the most urgent first."""
    rows: list[asyncpg.Record] = await reader.fetch(_QUEUE, statuses=_CLOCK_RUNS, due_at=after[0], id=after[1], most=most)
    return [responses.of(row) for row in rows]


async def story(reader: Reader, person_id: UUID) -> dict[str, object] | None:
    """What the person told once, as it was last recorded."""
    record: dict[str, object] | None = await reader.fetch_value(_STORY, person_id=person_id)
    return record
