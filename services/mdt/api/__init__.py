"""The weekly meeting over HTTP: each aggregate has its router."""

from fastapi import APIRouter

from services.mdt.api import audit, break_glass, care_plan, case, case_finding, discussion, lead, meeting, person, risk, safeguarding
from shared.web.routes import joined

#: One router per aggregate; each sets its own tag.
ROUTERS: tuple[APIRouter, ...] = (
    meeting.router,
    case.router,
    discussion.router,
    care_plan.router,
    lead.router,
    person.router,
    case_finding.router,
    risk.router,
    break_glass.router,
    audit.router,
    safeguarding.router,
)
#: Paths without the limit on a request's duration.
UNLIMITED = ("/risk/imports",)

router = joined("/mdt", *ROUTERS)
