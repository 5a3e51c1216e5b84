"""The callers of each route, by the scopes that admit them."""

from typing import Annotated

from services.referrals.domain.access import RECEIVE, REFER, TRIAGE
from shared.kernel.actor import Actor
from shared.web.dependencies import require_scopes

#: The staff of the Community Point of Access.
Triager = Annotated[Actor, require_scopes(TRIAGE)]
#: Sends referrals.
Referrer = Annotated[Actor, require_scopes(REFER, TRIAGE)]
#: Accepts referrals for a service of the directory.
Receiver = Annotated[Actor, require_scopes(RECEIVE, TRIAGE)]
#: A referrer, a receiver or the staff of the Community Point of Access.
Involved = Annotated[Actor, require_scopes(REFER, RECEIVE, TRIAGE)]
#: All staff who care for people may read a person's contact (AC2).
Staff = Annotated[
    Actor,
    require_scopes(
        REFER,
        RECEIVE,
        TRIAGE,
        "rapid-care:coordinate",
        "rapid-care:respond",
        "mdt:coordinate",
        "mdt:decide",
        "mdt:lead",
        "mdt:read",
        "navigation:coordinate",
        "navigation:work",
    ),
]
#: The Community Point of Access, or a lead for their own people.
TriagerOrLead = Annotated[Actor, require_scopes(TRIAGE, "mdt:lead")]
