"""Commands on the roster of clinicians."""

from services.rapid_care.commands import RosterClinician
from services.rapid_care.domain import roster
from services.rapid_care.domain.roster import Clinician
from services.rapid_care.store.roster import enter_clinician, find_clinician
from services.rapid_care.store.tables import Tx
from shared.kernel.errors import VersionConflict
from shared.kernel.ids import derived_id


async def roster_clinician(clinician_id: str, version: int, command: RosterClinician, *, tx: Tx) -> Clinician:
    """Enters or changes a clinician; `version` is 0 for a new one. An equal entry changes nothing. Raises VersionConflict."""
    present = await find_clinician(tx, clinician_id)
    entered = roster.enter(present, clinician_id, command)
    if present and entered == present:
        return present
    if present and version != present.version:
        raise VersionConflict(f"The clinician {clinician_id}", version, present.version)
    await enter_clinician(tx, entered)
    tx.audit(derived_id("rapid-care", "clinician", clinician_id), entered.version)
    return entered
