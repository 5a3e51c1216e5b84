"""Valid calls of real routes: a creating POST and a command of every context."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from infra.dev_stack.dev_secrets import Keys
from shared.kernel.ids import new_id
from tests.builders.context_app import RunningContext
from tests.builders.mdt import MONDAY as MONDAY_OF_THE_MEETING
from tests.builders.mdt import Patient, a_finding, mdt
from tests.builders.navigation import NAVIGATOR, mr_dales_record, navigation
from tests.builders.rapid_care import at, rapid_care
from tests.builders.referrals import MONDAY, a_body, referrals

#: An organisation without a part in the care of these people.
STRANGER = "W12"


@dataclass(frozen=True)
class SampleRoute:
    """`version` is the If-Match of the command; `ended` has the path and version of an aggregate in a final state."""

    context: RunningContext
    path: str
    body: Mapping[str, Any]
    scope: str
    actor: str
    organisation: str
    other_body: Mapping[str, Any] = field(default_factory=dict)
    version: int | None = None
    ended: tuple[str, int] | None = None
    unknown: str | None = None


OpenRoute = Callable[[str, Keys], AbstractAsyncContextManager[SampleRoute]]


@asynccontextmanager
async def refer(owner_url: str, keys: Keys) -> AsyncIterator[SampleRoute]:
    async with referrals(owner_url, keys, MONDAY) as client:
        other = a_body(reason="falls")
        yield SampleRoute(client.context, "/referrals", a_body(), "referrals:refer", "gp-W07", "W07", other)


@asynccontextmanager
async def withdraw_referral(owner_url: str, keys: Keys) -> AsyncIterator[SampleRoute]:
    async with referrals(owner_url, keys, MONDAY) as client:
        open_, finished = await client.refer(), await client.refer(reason="falls")
        ended = await client.command(finished["id"], "cancellation", {"reason": "withdrawn"}, caller=client.gp())
        yield SampleRoute(
            client.context,
            f"/referrals/{open_['id']}/cancellation",
            {"reason": "sent-in-error"},
            "referrals:refer",
            "gp-W07",
            "W07",
            version=open_["version"],
            ended=(f"/referrals/{finished['id']}/cancellation", ended["version"]),
            unknown=f"/referrals/{new_id()}/cancellation",
        )


@asynccontextmanager
async def decline_response(owner_url: str, keys: Keys) -> AsyncIterator[SampleRoute]:
    async with rapid_care(owner_url, keys, at("14:00")) as team:
        waiting, finished = await team.receive_referral(), await team.receive_referral()
        ended = await team.command(finished, "decline", reason="capacity")
        yield SampleRoute(
            team.context,
            f"/rapid-care/responses/{waiting}/decline",
            {"reason": "ineligible"},
            "rapid-care:coordinate",
            "coordinator-1",
            "CLCH",
            version=1,
            ended=(f"/rapid-care/responses/{finished}/decline", ended["version"]),
            unknown=f"/rapid-care/responses/{new_id()}/decline",
        )


@asynccontextmanager
async def refer_case(owner_url: str, keys: Keys) -> AsyncIterator[SampleRoute]:
    async with mdt(owner_url, keys) as context:
        found = {"person_id": str(await a_finding(context)), "practice_code": "W07", "locality": "west"}
        yield SampleRoute(context, "/mdt/cases", found, "mdt:coordinate", "coordinator-1", "CLCH", {**found, "is_urgent": True})


@asynccontextmanager
async def screen_case(owner_url: str, keys: Keys) -> AsyncIterator[SampleRoute]:
    async with mdt(owner_url, keys, MONDAY_OF_THE_MEETING) as context:
        waiting, redirected = await Patient.referred(context), await Patient.referred(context)
        await redirected.command("screening", {"outcome": "not-eligible", "destination": "gp"})
        case, finished = await waiting.case(), await redirected.case()
        yield SampleRoute(
            context,
            f"/mdt/cases/{case['id']}/screening",
            {"outcome": "eligible"},
            "mdt:coordinate",
            "coordinator-1",
            "CLCH",
            version=case["version"],
            ended=(f"/mdt/cases/{finished['id']}/screening", finished["version"]),
            unknown=f"/mdt/cases/{new_id()}/screening",
        )


@asynccontextmanager
async def expect_home_check(owner_url: str, keys: Keys) -> AsyncIterator[SampleRoute]:
    async with navigation(owner_url, keys) as client:
        await client.register(NAVIGATOR)
        person_id, _ = await client.plan()
        await client.publish(mr_dales_record(), person=person_id, subject=person_id)
        discharged, other = {"discharged_on": "2015-03-02"}, {"discharged_on": "2015-03-03"}
        path = f"/navigation/people/{person_id}/home-checks"
        yield SampleRoute(client.context, path, discharged, "navigation:work", NAVIGATOR, "CLCH", other)


@asynccontextmanager
async def block_task(owner_url: str, keys: Keys) -> AsyncIterator[SampleRoute]:
    async with navigation(owner_url, keys) as client:
        await client.register(NAVIGATOR)
        await client.plan()
        task, finished, *_ = await client.tasks()
        await client.advance(task["id"], "acknowledgement", "start")
        await client.advance(finished["id"], "acknowledgement", "start")
        await client.try_command(finished["id"], "fulfilment", outcome="arranged")
        task, finished = await client.read(f"tasks/{task['id']}"), await client.read(f"tasks/{finished['id']}")
        yield SampleRoute(
            client.context,
            f"/navigation/tasks/{task['id']}/block",
            {"reason": "waiting-list"},
            "navigation:work",
            NAVIGATOR,
            "CLCH",
            version=task["version"],
            ended=(f"/navigation/tasks/{finished['id']}/block", finished["version"]),
            unknown=f"/navigation/tasks/{new_id()}/block",
        )


CREATING: dict[str, OpenRoute] = {
    "POST /referrals": refer,
    "POST /mdt/cases": refer_case,
    "POST /navigation/people/{id}/home-checks": expect_home_check,
}
COMMANDS: dict[str, OpenRoute] = {
    "POST /referrals/{id}/cancellation": withdraw_referral,
    "POST /rapid-care/responses/{id}/decline": decline_response,
    "POST /mdt/cases/{id}/screening": screen_case,
    "POST /navigation/tasks/{id}/block": block_task,
}
#: The problem code for a caller of another organisation, and for an unknown id.
FOREIGN_CALLER = {
    "POST /rapid-care/responses/{id}/decline": "organisation-not-involved",
    "POST /mdt/cases": "organisation-not-involved",
    "POST /mdt/cases/{id}/screening": "organisation-not-involved",
    "POST /navigation/people/{id}/home-checks": "organisation-not-involved",
    "POST /navigation/tasks/{id}/block": "organisation-not-involved",
}
UNKNOWN_ID = {
    "POST /referrals/{id}/cancellation": "referral-not-found",
    "POST /rapid-care/responses/{id}/decline": "response-not-found",
    "POST /mdt/cases/{id}/screening": "case-not-found",
    "POST /navigation/tasks/{id}/block": "task-not-found",
}
