"""The roster of clinicians. The roster publishes no event, because no other context uses it."""

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.dialects.postgresql import insert

from services.rapid_care.domain.response import UNFINISHED
from services.rapid_care.domain.roster import Clinician, ClinicianNotFound
from services.rapid_care.store.tables import CLINICIAN, RESPONSE, Tx
from shared.kernel.errors import VersionConflict
from shared.persistence.statements import ReadSession, Statement, is_one_of

#: Each clinician with the number of open responses.
_ROSTER = (
    sa.select(
        CLINICIAN,
        sa.select(sa.func.count())
        .where(RESPONSE.c.clinician_id == CLINICIAN.c.id, is_one_of(RESPONSE.c.status, UNFINISHED))
        .scalar_subquery()
        .label("open_responses"),
    )
    .where(CLINICIAN.c.id == sa.func.coalesce(sa.bindparam("id", type_=sa.Text), CLINICIAN.c.id))
    .order_by(CLINICIAN.c.id)
)
_READ = Statement(_ROSTER)
_LOCK = Statement(sa.select(CLINICIAN.c.id).where(CLINICIAN.c.is_on_duty).order_by(CLINICIAN.c.id).with_for_update())
_LOCK_ONE = Statement(sa.select(CLINICIAN.c.id).where(CLINICIAN.c.id == sa.bindparam("id")).with_for_update())
_IS_ON_DUTY = Statement(sa.select(CLINICIAN.c.is_on_duty).where(CLINICIAN.c.id == sa.bindparam("id")).with_for_update(read=True))
_ENTER = insert(CLINICIAN).values({column.name: sa.bindparam(column.name) for column in CLINICIAN.columns})
_ENTER_CLINICIAN = Statement(
    _ENTER.on_conflict_do_update(
        index_elements=["id"],
        set_={name: _ENTER.excluded[name] for name in ("skills", "is_on_duty", "version")},
        where=CLINICIAN.c.version == _ENTER.excluded.version - 1,
    )
)
_CLINICIAN = TypeAdapter(Clinician)


async def find_clinician(reader: ReadSession, clinician_id: str) -> Clinician | None:
    clinicians = await _read(reader, clinician_id)
    return clinicians[0] if clinicians else None


async def roster(reader: ReadSession) -> list[Clinician]:
    """All clinicians, on duty or not."""
    return await _read(reader, None)


async def locked_clinician(tx: Tx, clinician_id: str) -> Clinician:
    """Locks the row, so that the clinician cannot go off duty during the assignment. Raises ClinicianNotFound."""
    await tx.fetch(_LOCK_ONE, id=clinician_id)
    clinician = await find_clinician(tx, clinician_id)
    if clinician is None:
        raise ClinicianNotFound(f"No clinician has the code {clinician_id}.")
    return clinician


async def locked_roster(tx: Tx) -> list[Clinician]:
    """All clinicians; those on duty are locked, so that concurrent choices see each other."""
    await tx.fetch(_LOCK)
    return await roster(tx)


async def is_on_duty(tx: Tx, clinician_id: str) -> bool:
    """Locks the row, so that the clinician cannot go off duty in between."""
    found: bool | None = await tx.fetch_value(_IS_ON_DUTY, id=clinician_id)
    return bool(found)


async def enter_clinician(tx: Tx, entry: Clinician) -> None:
    """Raises VersionConflict when another caller changed the clinician first."""
    values = {"id": entry.id, "skills": list(entry.skills), "is_on_duty": entry.is_on_duty, "version": entry.version}
    if await tx.execute(_ENTER_CLINICIAN, **values) == "INSERT 0 0":
        raise VersionConflict(f"The clinician {entry.id}", entry.version - 1, entry.version)


async def _read(reader: ReadSession, clinician_id: str | None) -> list[Clinician]:
    rows = await reader.fetch(_READ, id=clinician_id)
    return [_CLINICIAN.validate_python(dict(row)) for row in rows]
