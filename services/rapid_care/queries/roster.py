"""The roster of clinicians."""

from services.rapid_care.domain.roster import Clinician, ClinicianNotFound
from services.rapid_care.store import roster
from shared.persistence.statements import ReadSession


async def clinician(reader: ReadSession, clinician_id: str) -> Clinician:
    """Raises ClinicianNotFound."""
    clinician = await roster.find_clinician(reader, clinician_id)
    if clinician is None:
        raise ClinicianNotFound(f"No clinician has the code {clinician_id}.")
    return clinician


async def clinicians(reader: ReadSession) -> list[Clinician]:
    return await roster.roster(reader)
