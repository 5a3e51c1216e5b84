"""Access to the meeting (IG8): scopes, its member organisations, and the person's own practice."""

from services.mdt.domain.policy import Policy
from shared.kernel.actor import Actor
from shared.kernel.errors import NotAllowed
from shared.kernel.scope_holders import Holders

#: Scopes of the routes.
READ, COORDINATE, DECIDE, LEAD, IMPORT_RISK = "mdt:read", "mdt:coordinate", "mdt:decide", "mdt:lead", "mdt:import-risk"
#: Information governance staff, who review break-glass and read the audit.
AUDIT = "mdt:audit"


def holders(policy: Policy) -> Holders:
    """Members of the meeting keep its diary and decide. A practice reads about its own people, and a lead is one of any organisation."""
    own = {IMPORT_RISK: policy.risk_organisations, AUDIT: policy.governance_organisations}
    return Holders({**dict.fromkeys((COORDINATE, DECIDE), policy.member_organisations), **own})


class NotMdtMember(NotAllowed):
    """The caller's organisation neither takes part in the weekly meeting nor cares for the person."""

    code = "not-mdt-member"
    advice = "Ask the person's accountable lead professional; only members of the meeting and the person's practice have access."


def require_member(actor: Actor, policy: Policy, practice_code: str | None = None) -> None:
    """Raises NotMdtMember."""
    if actor.organisation not in policy.member_organisations and actor.organisation != practice_code:
        raise NotMdtMember("Your organisation is not a member of this meeting.")
