"""The weekly meeting over HTTP: each aggregate has its router, this one carries their prefix."""

from fastapi import APIRouter

from services.mdt.api import care_plan, case, case_finding, discussion, lead, meeting, person, risk

router = APIRouter(prefix="/mdt")

#: One router per aggregate; each sets its own tag and no prefix.
ROUTERS: tuple[APIRouter, ...] = (
    meeting.router,
    case.router,
    discussion.router,
    care_plan.router,
    lead.router,
    person.router,
    case_finding.router,
    risk.router,
)
#: Paths without the limit on a request's duration.
UNLIMITED = ("/risk/imports",)

for part in ROUTERS:
    router.include_router(part)
