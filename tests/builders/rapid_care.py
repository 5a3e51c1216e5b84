"""Rapid Care, running and filled."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from infra.keys import Keys
from services.rapid_care import agents, api
from services.rapid_care.domain import Policy
from shared.contracts.codes import Condition, Locality, Urgency
from shared.contracts.referrals import Reason, ReferralRouted, Route, Source
from tests.builders.running import Running, running


@asynccontextmanager
async def rapid_care(owner_url: str, keys: Keys, now: datetime) -> AsyncIterator[Running]:
    async with running(owner_url=owner_url, keys=keys, wiring=agents.WIRING, router=api.router, policy=Policy(), now=now) as context:
        yield context


def a_routed_referral(received_at: datetime, **changes: Any) -> ReferralRouted:
    """An urgent referral routed to Rapid Care."""
    fields: dict[str, Any] = {
        "route": Route.RAPID_CARE,
        "service_code": "rapid-care",
        "urgency": Urgency.URGENT,
        "source": Source.GP,
        "reason": Reason.URGENT_DETERIORATION,
        "condition": Condition.URINARY_TRACT_INFECTION,
        "received_at": received_at,
        "clock_starts_at": received_at,
        "acknowledge_by": received_at + timedelta(minutes=15),
        "practice_code": "E83003",
        "locality": Locality.WEST,
        "is_eligibility_overridden": False,
    }
    return ReferralRouted(**(fields | changes))
