"""A supplier's system acts for a professional: the audit shows both. Alone it reads the directory of services and nothing else."""

import importlib

import pytest
from fastapi.routing import APIRoute

from infra.contexts import CONTEXTS
from shared.web.dependencies import ScopeCheck
from shared.web.requests import dependants
from tests.integration.shared.delivery_harness import DeliveryHarness

SYSTEM = "practice-system"


async def test_audit_shows_professional_and_system(harness: DeliveryHarness) -> None:
    sent = await harness.post(None, **harness.sender.token("parcels:send", actor="dr-7", act={"sub": SYSTEM}))
    read = await harness.sender.http.get(f"/parcels/{sent.json()['id']}", headers=harness.sender.token("parcels:send", actor="dr-7"))

    rows = await harness.owner.fetch("SELECT actor_id, actor_system FROM rapid_care.audit ORDER BY id")
    assert (sent.status_code, read.status_code) == (201, 200)
    assert [tuple(row) for row in rows] == [("dr-7", SYSTEM), ("dr-7", None)]


@pytest.mark.parametrize("claims", [{"client_id": "clinician-1"}, {"role": "supplier-system"}])
async def test_system_alone_neither_commands_nor_reads(harness: DeliveryHarness, claims: dict[str, str]) -> None:
    parcel = await harness.send()
    system = harness.sender.token("parcels:send", **claims)
    before = await harness.owner.fetchval("SELECT count(*) FROM rapid_care.event")

    answers = [await harness.post(None, **system), await harness.accept(parcel.id, 1, **system)]
    answers.append(await harness.sender.http.get(f"/parcels/{parcel.id}", headers=system))

    assert [(each.status_code, each.json()["code"]) for each in answers] == [(403, "user-missing")] * 3
    assert await harness.owner.fetchval("SELECT count(*) FROM rapid_care.event") == before


def test_only_the_directory_needs_no_user() -> None:
    routes = [route for context in CONTEXTS for route in importlib.import_module(f"services.{context}.api").router.routes]
    checks = [
        (route.name, [each.call for each in dependants(route.dependant) if isinstance(each.call, ScopeCheck)])
        for route in routes
        if isinstance(route, APIRoute)
    ]

    assert len(checks) > 100
    assert [name for name, found in checks if not all(each.needs_user for each in found)] == ["list_services"]
    assert [name for name, found in checks if not found] == []
