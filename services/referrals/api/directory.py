"""The directory of services (AC11)."""

from typing import Annotated

from fastapi import Query

from services.referrals.api.auth import StaffOrSystem
from services.referrals.api.responses import ServiceView
from services.referrals.domain.directory import Need
from services.referrals.queries import directory
from shared.contracts.input_types import Day
from shared.web.dependencies import Unit
from shared.web.problems import problems
from shared.web.requests import strict_router
from shared.web.responses import Page

router = strict_router(prefix="/referrals", tags=["referrals"])


@router.get("/directory", responses=problems())
async def list_services(
    caller: StaffOrSystem, unit: Unit, need: Need | None = None, on: Annotated[Day | None, Query(description="Today by default")] = None
) -> Page[ServiceView]:
    """The services that are valid on a day, all or those for a need."""
    async with unit.transaction(caller) as tx:
        found = await directory.services(tx, need=need, on=on or tx.policy.day_of(tx.now))
    return Page[ServiceView](items=[ServiceView.model_validate(service) for service in found])
