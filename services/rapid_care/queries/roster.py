"""The clinicians."""

from services.rapid_care.domain.roster import Clinician, ClinicianNotFound
from services.rapid_care.store import roster
from shared.persistence.statements import ReadSession


async def clinician(reader: ReadSession, clinician_id: str) -> Clinician:
    """Raises ClinicianNotFound."""
    found = await roster.find_clinician(reader, clinician_id)
    if found is None:
        raise ClinicianNotFound(f"No clinician has the code {clinician_id}.")
    return found


async def clinicians(reader: ReadSession) -> list[Clinician]:
    return await roster.roster(reader)
