"""A step-down among the four services: after each order of deliveries every open item has an owner and a deadline, and they agree."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from infra.dev_stack.dev_secrets import Keys
from infra.operations.person_views import views_of
from services.rapid_care.domain.response import Status
from tests.builders.agreement import digests, disagreements
from tests.builders.four_contexts import FourContexts, four_contexts
from tests.builders.ownership_check import faults
from tests.builders.rapid_care import RapidCareClient
from tests.builders.referrals import MONDAY, ReferralsClient

URGENT: dict[str, Any] = {"urgency": "urgent", "reason": "urgent-deterioration", "condition": "pneumonia"}


@pytest.mark.parametrize("death", ["before the step-down arrives", "after the step-down arrived", None], ids=str)
@pytest.mark.parametrize("destination", ["community-nursing", "gp", "integrated-locality-team", "navigation"])
async def test_services_agree_after_a_step_down(owner_url: str, keys: Keys, destination: str, death: str | None) -> None:
    owner = await asyncpg.connect(owner_url)
    try:
        async with four_contexts(owner_url, keys, MONDAY) as contexts:
            person_id = await _stepped_down(contexts, destination)
            if death == "before the step-down arrives":
                await _die(contexts, person_id)
            await contexts.settle()
            if death == "after the step-down arrived":
                await _die(contexts, person_id)
            await contexts.settle()

            assert await faults(owner) == []
            assert await disagreements(owner) == []
            assert (await views_of(owner, person_id)).differing == []
            before = await digests(owner)
            await contexts.replay()
            await contexts.settle()
            assert await digests(owner) == before
            made = await owner.fetch("SELECT status FROM referrals.referral WHERE onward_of IS NOT NULL")
            assert [row["status"] for row in made] == _expected(destination, death)
    finally:
        await owner.close()


def _expected(destination: str, death: str | None) -> list[str]:
    """A death that the Community Point of Access knows already leaves the decision to it; a later one cancels the onward referral."""
    if destination == "navigation":
        return []
    return {"before the step-down arrives": ["identified"], "after the step-down arrived": ["cancelled"]}.get(death or "", ["routed"])


async def _stepped_down(contexts: FourContexts, destination: str) -> UUID:
    """A person whose response has stepped down; the event has not arrived anywhere."""
    access = ReferralsClient(contexts.contexts["referrals"])
    rapid = RapidCareClient(contexts.contexts["rapid_care"])
    routed = await access.refer_and_route("rapid-care", "rapid-care", **URGENT)
    await contexts.settle()
    response_id = await contexts.contexts["rapid_care"].database.pool.fetchval("SELECT id FROM response")
    await rapid.advance(response_id, Status.ASSESSED)
    await contexts.settle()
    await rapid.command(response_id, "step-down", destination=destination)
    return UUID(routed["person_id"])


async def _die(contexts: FourContexts, person_id: UUID) -> None:
    response = await ReferralsClient(contexts.contexts["referrals"]).post(f"/people/{person_id}/death", {}, version=0)
    assert response.status_code == 200, response.text
