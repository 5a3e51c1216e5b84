"""Responses: one row each, and the lookups by referral and by person that the rules need."""

from uuid import UUID

import sqlalchemy as sa

from services.rapid_care.domain.person_change import REASON
from services.rapid_care.domain.response import UNFINISHED, Response, ResponseNotFound, Status
from services.rapid_care.store.tables import MERGED, RESPONSE, Tx
from shared.contracts.persons import RecordedChange
from shared.persistence.batching.batch_repository import BatchRepository
from shared.persistence.schema import INSTANT
from shared.persistence.statements import ReadSession, Statement, any_of, is_one_of

responses = BatchRepository(
    Response, RESPONSE, topic="rapid-care.response", key=lambda response: response.person_id, not_found=ResponseNotFound
)

_UNFINISHED = Statement(
    sa.select(RESPONSE)
    .where(RESPONSE.c.referral_id == sa.bindparam("referral_id"), is_one_of(RESPONSE.c.status, UNFINISHED))
    .with_for_update()
)
_UNFINISHED_OF_PERSON = Statement(
    sa.select(RESPONSE)
    .where(RESPONSE.c.person_id == sa.bindparam("person_id"), is_one_of(RESPONSE.c.status, UNFINISHED))
    .order_by(RESPONSE.c.id)
    .with_for_update()
)
_UNFINISHED_OF_CLINICIAN = Statement(
    sa.select(RESPONSE)
    .where(RESPONSE.c.clinician_id == sa.bindparam("clinician_id"), is_one_of(RESPONSE.c.status, UNFINISHED))
    .order_by(RESPONSE.c.id)
    .with_for_update()
)
_LATER = RESPONSE.alias("later")
_ENDED_BY_CHANGE = Statement(
    sa.select(RESPONSE)
    .where(
        RESPONSE.c.person_id == sa.bindparam("person_id"),
        RESPONSE.c.cancel_reason == sa.bindparam("reason"),
        RESPONSE.c.person_gone_at >= sa.bindparam("since", type_=INSTANT),
        ~sa.exists().where(_LATER.c.referral_id == RESPONSE.c.referral_id, _LATER.c.id > RESPONSE.c.id),
    )
    .order_by(RESPONSE.c.id)
    .with_for_update(of=RESPONSE)
)
_SUPERSEDED = Statement(
    sa.select(
        sa.exists().where(
            RESPONSE.c.referral_id == sa.bindparam("referral_id", type_=sa.Uuid), RESPONSE.c.id > sa.bindparam("id", type_=sa.Uuid)
        )
    )
)
_AMONG = RESPONSE.c.referral_id == any_of("referral_ids")
_OF_ALL = Statement(sa.select(RESPONSE).where(_AMONG).order_by(RESPONSE.c.id).with_for_update())
_ADMITTED = Statement(
    sa.select(
        sa.exists().where(
            MERGED.is_of_group(RESPONSE.c.person_id),
            RESPONSE.c.status == Status.ESCALATED.value,
            RESPONSE.c.ended_at >= sa.bindparam("since", type_=INSTANT),
        )
    )
)
_OPEN = Statement(
    sa.select(RESPONSE).where(MERGED.is_of_group(RESPONSE.c.person_id), is_one_of(RESPONSE.c.status, UNFINISHED)).order_by(RESPONSE.c.id)
)


async def unfinished_of(tx: Tx, referral_id: UUID) -> Response | None:
    """The referral's response that has not ended, locked."""
    row = await tx.fetch_one(_UNFINISHED, referral_id=referral_id)
    return None if row is None else responses.attach(tx, row)


async def unfinished_of_person(tx: Tx, person_id: UUID) -> list[Response]:
    """The responses under this id that have not ended, locked. A death or a move arrives for each id of a person."""
    return [responses.attach(tx, row) for row in await tx.fetch(_UNFINISHED_OF_PERSON, person_id=person_id)]


async def unfinished_of_clinician(tx: Tx, clinician_id: str) -> list[Response]:
    """The clinician's responses that have not ended, locked."""
    return [responses.attach(tx, row) for row in await tx.fetch(_UNFINISHED_OF_CLINICIAN, clinician_id=clinician_id)]


async def ended_by_change(tx: Tx, person_id: UUID, recorded: RecordedChange) -> list[Response]:
    """The responses under this id that ended by this death or move, locked: the last one of each referral."""
    rows = await tx.fetch(_ENDED_BY_CHANGE, person_id=person_id, reason=REASON[recorded.change].value, since=recorded.recorded_at)
    return [responses.attach(tx, row) for row in rows]


#: The last response to a referral, ended or not, by the referral's id.
LATEST = responses.index(_OF_ALL, keys="referral_ids", column="referral_id")


async def is_superseded(reader: ReadSession, response: Response) -> bool:
    """Whether the referral was routed here again, and has a later response."""
    is_found: bool = await reader.fetch_value(_SUPERSEDED, referral_id=response.referral_id, id=response.id)
    return is_found


async def is_admitted_since(tx: Tx, response: Response) -> bool:
    """Whether another response to the same person has ended in hospital since this one ended."""
    is_admitted: bool = await tx.fetch_value(_ADMITTED, person_id=response.person_id, since=response.ended_at)
    return is_admitted


async def open_responses(reader: ReadSession, person_id: UUID) -> list[Response]:
    """The responses to the person that have not ended, under each id of the person; not locked."""
    return [responses.from_row(row) for row in await reader.fetch(_OPEN, person_id=person_id)]
