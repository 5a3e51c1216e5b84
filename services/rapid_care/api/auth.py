"""The permitted callers: the coordinator and the clinicians of the organisation that runs Rapid Care (IG8)."""

from typing import Annotated, Any

from fastapi import Depends, Request

from services.rapid_care.domain.access import COORDINATE, RESPOND, require_involved
from shared.kernel.actor import Actor
from shared.kernel.errors import DomainError, IllegalTransition, OrganisationNotInvolved, VersionConflict
from shared.web.dependencies import require_scopes

#: Refusals that every command shares.
REFUSALS: tuple[type[DomainError], ...] = (OrganisationNotInvolved, IllegalTransition, VersionConflict)


def _of_rapid_care(*scopes: str) -> Any:
    async def caller(request: Request, actor: Annotated[Actor, require_scopes(*scopes)]) -> Actor:
        require_involved(actor.organisation, request.app.state.database.policy.organisation)
        return actor

    return Depends(caller)


#: Accepts, declines, assigns; edits the roster.
Coordinator = Annotated[Actor, _of_rapid_care(COORDINATE)]
#: Visits the person.
Clinician = Annotated[Actor, _of_rapid_care(RESPOND)]
#: A coordinator or a clinician.
Staff = Annotated[Actor, _of_rapid_care(COORDINATE, RESPOND)]
