"""Each context with at least two things in each list, opened for one test, with the ids that its paths need."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from infra.contexts import prefix
from infra.dev_stack.dev_secrets import Keys
from shared.kernel.ids import new_id
from tests.builders.context_app import RunningContext
from tests.builders.mdt import MONDAY as MONDAY_OF_THE_MEETING
from tests.builders.mdt import Patient, mdt, meetings
from tests.builders.navigation import NAVIGATOR, mr_dales_record, navigation
from tests.builders.operations import Operation, operations
from tests.builders.rapid_care import NURSE, at, rapid_care
from tests.builders.referrals import MONDAY, referrals

UNKNOWN_ID = "0193a1f0-0000-7000-8000-000000000001"


@dataclass(frozen=True)
class SeededContext:
    """A context with at least two things in each list. `ids` are path and query parameters by name."""

    context: RunningContext
    ids: Mapping[str, str]

    def new_key(self) -> dict[str, str]:
        return {"Idempotency-Key": str(new_id())}

    async def described(self, name: str) -> list[Operation]:
        return list(operations((await self.context.http.get(f"{prefix(name)}/openapi.json")).json()))

    def ids_of(self, operation: Operation) -> dict[str, str]:
        return {name: self.ids.get(name, UNKNOWN_ID) for name in operation.names_in_path()}


@asynccontextmanager
async def seeded_referrals(owner_url: str, keys: Keys) -> AsyncIterator[SeededContext]:
    async with referrals(owner_url, keys, MONDAY) as client:
        sent, _ = await client.refer(caller=client.gp("CLCH")), await client.refer(reason="falls")
        person_id = await client.context.database.pool.fetchval("SELECT person_id FROM referral ORDER BY id LIMIT 1")
        yield SeededContext(client.context, {"referral_id": sent["id"], "person_id": str(person_id)})


@asynccontextmanager
async def seeded_rapid_care(owner_url: str, keys: Keys) -> AsyncIterator[SeededContext]:
    async with rapid_care(owner_url, keys, at("14:00")) as team:
        person_id = new_id()
        response_id, _ = await team.receive_referral(person_id=person_id), await team.receive_referral()
        yield SeededContext(team.context, {"response_id": str(response_id), "person_id": str(person_id), "clinician_id": NURSE})


@asynccontextmanager
async def seeded_mdt(owner_url: str, keys: Keys) -> AsyncIterator[SeededContext]:
    async with mdt(owner_url, keys, MONDAY_OF_THE_MEETING) as context:
        patient, waiting = await Patient.discussed(context), await Patient.referred(context)
        lead, plan, case, diary = (await patient.leads())[0], await patient.plan(), await waiting.case(), await meetings(context)
        ids = {"case_id": case["id"], "person_id": str(patient.person_id), "lead_id": lead["id"], "care_plan_id": plan["id"]}
        ids |= {"meeting_id": diary[0]["id"], "notification_id": "1"}
        yield SeededContext(context, ids | {"practice": "W07", "professional_id": "clch-community-nurse-1"})


@asynccontextmanager
async def seeded_navigation(owner_url: str, keys: Keys) -> AsyncIterator[SeededContext]:
    async with navigation(owner_url, keys) as client:
        await client.register(NAVIGATOR)
        person_id, _ = await client.plan()
        await client.publish(mr_dales_record(), person=person_id, subject=person_id)
        task, *_ = await client.tasks()
        yield SeededContext(client.context, {"task_id": task["id"], "person_id": str(person_id), "navigator_id": NAVIGATOR})


Open = Callable[[str, Keys], AbstractAsyncContextManager[SeededContext]]
OPEN: dict[str, Open] = {
    "referrals": seeded_referrals,
    "rapid_care": seeded_rapid_care,
    "mdt": seeded_mdt,
    "navigation": seeded_navigation,
}
