"""Commands on the roster of clinicians, and what a clinician off duty leaves to the coordinator."""

from dataclasses import replace

from services.rapid_care.commands import RosterClinician
from services.rapid_care.domain import dispatch, roster
from services.rapid_care.domain.response import Response
from services.rapid_care.domain.roster import Clinician
from services.rapid_care.store.responses import responses, unfinished_of_clinician
from services.rapid_care.store.roster import enter_clinician, find_clinician, is_on_duty
from services.rapid_care.store.tables import Tx
from shared.kernel.errors import VersionConflict
from shared.kernel.ids import derived_id


async def roster_clinician(clinician_id: str, version: int, command: RosterClinician, *, tx: Tx) -> Clinician:
    """Enters or changes a clinician; `version` is 0 for a new one. An equal entry changes nothing.

    The unfinished responses of a clinician off duty go back to the coordinator in the same transaction. Raises VersionConflict.
    """
    present = await find_clinician(tx, clinician_id)
    entered = roster.enter(present, clinician_id, command)
    if present and entered == present:
        return present
    if present and version != present.version:
        raise VersionConflict(f"The clinician {clinician_id}", version, present.version)
    await enter_clinician(tx, entered)
    tx.audit(derived_id("rapid-care", "clinician", clinician_id), entered.version)
    return entered if entered.is_on_duty else await _without_responses(entered, tx)


async def _without_responses(clinician: Clinician, tx: Tx) -> Clinician:
    """Reads the responses after the change of the clinician's row, whose lock an assignment holds until its end."""
    for response in await unfinished_of_clinician(tx, clinician.id):
        await responses.save(tx, dispatch.go_off_duty(response, tx.policy, tx.now))
    return replace(clinician, open_responses=0)


async def unassign_if_off_duty(response: Response, tx: Tx) -> Response:
    """A response that comes back to its clinician, or goes to a visitor, goes to the coordinator when that clinician is off duty."""
    if response.clinician_id is None or await is_on_duty(tx, response.clinician_id):
        return response
    return await responses.save(tx, dispatch.go_off_duty(response, tx.policy, tx.now))
