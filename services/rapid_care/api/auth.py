"""The permitted callers: the coordinator and the clinicians of the organisation that runs Rapid Care (IG8)."""

from typing import Annotated

from services.rapid_care.domain.access import AUDIT, COORDINATE, RESPOND
from shared.kernel.actor import Actor
from shared.kernel.errors import DomainError, IllegalTransition, OrganisationNotInvolved, VersionConflict
from shared.web.dependencies import require_scopes

#: Refusals that every command shares.
REFUSALS: tuple[type[DomainError], ...] = (OrganisationNotInvolved, IllegalTransition, VersionConflict)


#: Accepts, declines, assigns; edits the roster.
Coordinator = Annotated[Actor, require_scopes(COORDINATE)]
#: Visits the person.
Clinician = Annotated[Actor, require_scopes(RESPOND)]
#: A coordinator or a clinician.
Staff = Annotated[Actor, require_scopes(COORDINATE, RESPOND)]
#: Staff who may break the glass, and information governance staff.
BREAKS_GLASS, GOVERNANCE = require_scopes(COORDINATE, RESPOND), require_scopes(AUDIT)
#: All staff here raise safeguarding concerns about people with whom they work.
RAISES_CONCERNS = require_scopes(COORDINATE, RESPOND)
