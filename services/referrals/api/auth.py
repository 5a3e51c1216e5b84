"""The callers of each route, by the scopes that admit them."""

from typing import Annotated

from services.referrals.domain.access import AUDIT, HANDLE, IDENTITY, RECEIVE, REFER, SAFEGUARDING, TRIAGE
from shared.kernel.actor import Actor
from shared.web.dependencies import require_scopes

#: A clinician of the Community Point of Access, for clinical decisions.
Triager = Annotated[Actor, require_scopes(TRIAGE)]
#: A call handler of the Community Point of Access.
Handler = Annotated[Actor, require_scopes(HANDLE)]
#: The staff of the Community Point of Access.
PointOfAccess = Annotated[Actor, require_scopes(HANDLE, TRIAGE)]
#: The same, and those who keep identities.
IdentityReader = Annotated[Actor, require_scopes(HANDLE, TRIAGE, IDENTITY)]
#: Staff of the Community Point of Access who verify identities, and merge and separate records.
IdentityKeeper = Annotated[Actor, require_scopes(IDENTITY)]
#: Sends referrals, or takes them by telephone.
Referrer = Annotated[Actor, require_scopes(REFER, HANDLE)]
#: Withdraws a referral; a clinician decides about one on which others rely.
Withdrawer = Annotated[Actor, require_scopes(REFER, HANDLE, TRIAGE)]
#: Accepts referrals for a service of the directory.
Receiver = Annotated[Actor, require_scopes(RECEIVE, TRIAGE)]
#: A receiver, or the staff of the Community Point of Access.
RecordReader = Annotated[Actor, require_scopes(RECEIVE, HANDLE, TRIAGE)]
#: A referrer, a receiver or the staff of the Community Point of Access.
Involved = Annotated[Actor, require_scopes(REFER, RECEIVE, HANDLE, TRIAGE)]
_OF_STAFF = (
    REFER,
    RECEIVE,
    HANDLE,
    TRIAGE,
    IDENTITY,
    "rapid-care:coordinate",
    "rapid-care:respond",
    "mdt:coordinate",
    "mdt:decide",
    "mdt:lead",
    "mdt:read",
    "navigation:coordinate",
    "navigation:work",
)
#: All staff who care for people may read a person's contact (AC2).
Staff = Annotated[Actor, require_scopes(*_OF_STAFF)]
#: The same, and suppliers' systems, for what concerns no person.
StaffOrSystem = Annotated[Actor, require_scopes(*_OF_STAFF, needs_user=False)]
#: The Community Point of Access, or a lead for their own people.
PointOfAccessOrLead = Annotated[Actor, require_scopes(HANDLE, TRIAGE, "mdt:lead")]
#: Staff who may break the glass, and information governance staff.
BREAKS_GLASS, GOVERNANCE = require_scopes(REFER, RECEIVE, HANDLE, TRIAGE), require_scopes(AUDIT)
#: The council's receiver of safeguarding concerns, or a safeguarding lead.
SafeguardingStaff = Annotated[Actor, require_scopes(SAFEGUARDING)]
#: All staff here raise safeguarding concerns about people with whom they work.
RAISES_CONCERNS = require_scopes(REFER, RECEIVE, HANDLE, TRIAGE, IDENTITY)
