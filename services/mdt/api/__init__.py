"""The weekly meeting over HTTP: each aggregate has its router, this one carries their prefix."""

from fastapi import APIRouter

from services.mdt.api import care_plan, case, discussion, lead, meeting, person

router = APIRouter(prefix="/mdt")

#: One router per aggregate; each sets its own tag and no prefix.
ROUTERS: tuple[APIRouter, ...] = (meeting.router, case.router, discussion.router, care_plan.router, lead.router, person.router)

for part in ROUTERS:
    router.include_router(part)
