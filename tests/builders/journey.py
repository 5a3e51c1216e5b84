"""A served product for a journey: the steps that several journeys share, and the agreement of the four services after each."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from infra.contexts import CONTEXTS
from infra.demo.world import World
from infra.dev_stack.product import run_product
from infra.operations.event_log import republish_log
from infra.operations.person_views import Views, views_of
from tests.builders.agreement import digests, disagreements
from tests.builders.ownership_check import faults
from tests.timeouts import LONGEST_WAIT

NURSE, NAVIGATOR = "clch-enp-1", "clch-navigator-1"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@asynccontextmanager
async def open_world(name: str, clock_at: datetime) -> AsyncIterator[World]:
    """The served product with a nurse and a navigator on duty."""
    async with (
        run_product(f"journey-{name}-{os.getpid()}", ephemeral=True, clock_at=clock_at) as product,
        httpx.AsyncClient(base_url=product.url, timeout=LONGEST_WAIT) as http,
    ):
        owner = await asyncpg.connect(product.addresses.database_url)
        try:
            world = World(product, http, owner)
            on_duty = {"skills": ["emergency-nurse-practitioner"], "is_on_duty": True}
            await world.caller("rapid-care").put(f"/rapid-care/clinicians/{NURSE}", on_duty)
            navigator = {"locality": "west", "role": "care-navigator"}
            await world.caller("navigation-coordinator").put(f"/navigation/navigators/{NAVIGATOR}", navigator)
            yield world
        finally:
            await owner.close()


async def agreed_views(world: World, person_id: str) -> Views:
    """The views of the four services after all events, which must agree; a second delivery of the whole log must change nothing."""
    await world.wait_until_drained()
    views, before = await views_of(world.owner, UUID(person_id)), await digests(world.owner)
    for context in CONTEXTS:
        await republish_log(world.owner, context, _BEGINNING)
    await world.wait_until_drained()
    after = await digests(world.owner)
    changed = [table for table in before if before[table] != after[table]]
    wrong = [*await faults(world.owner), *await disagreements(world.owner)]
    assert (changed, views.differing, wrong) == ([], [], []), f"replay changed {changed}; {wrong}; {views}"
    return views


async def refer(world: World, **more: Any) -> Any:
    """The GP refers; returns the receipt."""
    return await world.caller("gp").create("/referrals", a_request(**more))


def a_request(nhs_number: str | None = None, family_name: str = "Synthetic", **more: Any) -> dict[str, Any]:
    """An urgent referral of a person of W07, whose daughter is named."""
    number = {} if nhs_number is None else {"nhs_number": nhs_number}
    demographics = {
        "given_name": "Person",
        "family_name": family_name,
        "born_on": "1940-03-04",
        "address": "1 Oakleigh Road",
        "practice_code": "W07",
        "residence": "LBB",
    }
    contacts = [{"name": "Daughter", "relationship": "daughter", "telephone": "020 7946 0100"}]
    story = {"narrative": "Lives alone; short of breath since this morning.", "contacts": contacts}
    urgent = {"source": "gp", "reason": "urgent-deterioration", "urgency": "urgent", "condition": "pneumonia"}
    return {**number, **urgent, "demographics": demographics, "story": story, **more}


async def route(world: World, referral_id: str, route: str, service: str, **triage: Any) -> None:
    """The Community Point of Access triages and routes the referral."""
    access, path = world.caller("point-of-access"), f"/referrals/{referral_id}"
    await access.act(path, "triage", {"urgency": "urgent", "is_complex": False, "reason": "Likely pneumonia."} | triage)
    await access.act(path, "route", {"route": route, "service_code": service})
    await world.wait_until_drained()


async def response_to(world: World, referral_id: str) -> str:
    """The path of Rapid Care's response."""
    [response] = (await world.caller("rapid-care").get("/rapid-care/responses", status="open", referral_id=referral_id))["items"]
    return f"/rapid-care/responses/{response['id']}"


async def in_care_of_all_four(world: World, nhs_number: str) -> tuple[str, str]:
    """A person with an accepted response, a screened case and an acknowledged task; returns their id and the response's path."""
    urgent = await refer(world, nhs_number=nhs_number)
    await route(world, urgent["id"], "rapid-care", "rapid-care")
    response = await response_to(world, urgent["id"])
    await world.caller("rapid-care").act(response, "acceptance")
    complex_needs = await refer(world, nhs_number=nhs_number, reason="complex-needs", urgency="routine")
    await route(world, complex_needs["id"], "mdt", "mdt", urgency="routine", is_complex=True)
    lonely = await refer(world, nhs_number=nhs_number, reason="other", urgency="routine")
    await route(world, lonely["id"], "navigation", "care-navigation", urgency="routine")
    return urgent["person_id"], response
