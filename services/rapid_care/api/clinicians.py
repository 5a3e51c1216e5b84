"""The roster: the clinicians' skills, and who is on duty."""

from typing import Annotated

from fastapi import Depends, Header, Path
from fastapi import Response as HttpResponse

from services.rapid_care.api.auth import Coordinator, Staff
from services.rapid_care.api.requests import RosterEntry
from services.rapid_care.domain.roster import ClinicianNotFound
from services.rapid_care.handlers.clinician import roster_clinician
from services.rapid_care.queries import roster
from shared.contracts.input_types import Code
from shared.contracts.rapid_care import Skill
from shared.kernel.errors import OrganisationNotInvolved, VersionConflict
from shared.web.dependencies import Unit, version_of
from shared.web.problems import problems
from shared.web.requests import strict_router
from shared.web.responses import VersionedResponse, json_response

router = strict_router(prefix="/rapid-care/clinicians", tags=["rapid-care"])


async def _known_version(header: Annotated[str | None, Header(alias="If-Match", description="Absent for a new clinician")] = None) -> int:
    return version_of(header) if header else 0


ClinicianId = Annotated[Code, Path()]
KnownVersion = Annotated[int, Depends(_known_version)]


class ClinicianView(VersionedResponse):
    """`open_responses` counts the clinician's responses that have not ended."""

    id: str
    skills: tuple[Skill, ...]
    is_on_duty: bool
    open_responses: int


@router.get("", responses=problems(OrganisationNotInvolved))
async def list_clinicians(caller: Staff, unit: Unit) -> list[ClinicianView]:
    """All clinicians on the roster, on duty or not."""
    async with unit.across_people(caller) as reader:
        return [ClinicianView.model_validate(clinician) for clinician in await roster.clinicians(reader)]


@router.get("/{clinician_id}", response_model=ClinicianView, responses=problems(ClinicianNotFound, OrganisationNotInvolved))
async def read_clinician(clinician_id: ClinicianId, caller: Staff, unit: Unit) -> HttpResponse:
    """One clinician of the roster."""
    async with unit.across_people(caller) as reader:
        return json_response(ClinicianView.model_validate(await roster.clinician(reader, clinician_id)))


@router.put(
    "/{clinician_id}", name="RosterClinician", response_model=ClinicianView, responses=problems(OrganisationNotInvolved, VersionConflict)
)
async def put_clinician(
    clinician_id: ClinicianId, body: RosterEntry, caller: Coordinator, version: KnownVersion, unit: Unit
) -> HttpResponse:
    """A clinician joins the roster, changes skills, or comes on or off duty. A repetition changes nothing."""
    clinician = await unit.command(caller, roster_clinician, clinician_id, version, body.command())
    return json_response(ClinicianView.model_validate(clinician))
