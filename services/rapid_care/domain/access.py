"""Access: only the organisation that runs Rapid Care sees its responses (IG8)."""

from collections.abc import Mapping

from services.rapid_care.commands import (
    AcceptResponse,
    AgreePackage,
    AssignClinician,
    CloseResponse,
    DeclineResponse,
    Depart,
    RecordAssessment,
    RecordFirstContact,
    StepDownResponse,
)
from services.rapid_care.domain.policy import Policy
from shared.kernel.actor import Actor
from shared.kernel.scope_holders import Holders

#: Scopes of the routes.
COORDINATE, RESPOND = "rapid-care:coordinate", "rapid-care:respond"
#: Information governance staff, who review break-glass and read the audit.
AUDIT = "rapid-care:audit"
#: Commands that need one of the two scopes; the others need either. Tests compare them with the routes.
SCOPE_OF: Mapping[type, str] = {
    **dict.fromkeys((AcceptResponse, DeclineResponse, AssignClinician), COORDINATE),
    **dict.fromkeys((Depart, RecordFirstContact, RecordAssessment, AgreePackage, StepDownResponse, CloseResponse), RESPOND),
}


def holders(policy: Policy) -> Holders:
    """Both scopes are those of the organisation that runs Rapid Care.

    Clinicians record their visits; a coordinator records them on behalf of the assigned clinician.
    """
    own = {**dict.fromkeys((COORDINATE, RESPOND), (policy.organisation,)), AUDIT: policy.governance_organisations}
    return Holders(own, roles={RESPOND: policy.responder_roles})


def has_scope(actor: Actor, command: type) -> bool:
    """Whether the caller, a member of staff, may send the command at all."""
    return command not in SCOPE_OF or SCOPE_OF[command] in actor.scopes


def visitor(actor: Actor) -> str | None:
    """The clinician whose visit a caller records: the caller. A coordinator records it on behalf of the assigned clinician (None)."""
    return None if COORDINATE in actor.scopes else actor.id
