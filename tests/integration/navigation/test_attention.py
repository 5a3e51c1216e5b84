"""What a coordinator must look at: blocked, put before the lead, overdue."""

from datetime import date, timedelta
from typing import Any

from infra.dev_stack.dev_secrets import Keys
from shared.contracts.codes import Locality
from shared.contracts.mdt import CaseRedirected, Destination
from shared.kernel.ids import new_id
from tests.builders.navigation import NAVIGATOR, Navigation, a_step_down, an_action, navigation

FAR = "clch-navigator-9"


async def attention(desk: Navigation, **query: Any) -> list[str]:
    return [task["id"] for task in (await desk.read("tasks/needs-attention", **query))["items"]]


async def test_blocked_escalated_and_overdue_tasks_are_listed_the_soonest_due_first_and_nothing_else(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan(*(an_action(due_on=date(2015, 3, day)) for day in (5, 16, 17, 18, 19)))
        overdue, late, worrying, blocked, well = [task["id"] for task in await desk.tasks()]
        assert await attention(desk) == []
        for task_id in (overdue, worrying, blocked, well):
            await desk.bring(task_id, "acknowledgement", "start")

        await desk.ask(blocked, "block", reason="waiting-list")
        await desk.ask(worrying, "escalation", reason="safety-concern")
        await desk.context.let_pass(timedelta(days=1, hours=4))

        assert await attention(desk) == [overdue, late, worrying, blocked]
        pages = [await desk.read("tasks/needs-attention", limit=3)]
        pages.append(await desk.read("tasks/needs-attention", limit=3, cursor=pages[0]["next"]))
        assert [[task["id"] for task in page["items"]] for page in pages] == [[overdue, late, worrying], [blocked]]
        assert pages[1]["next"] is None


async def test_what_goes_on_again_leaves_the_list_and_what_ends_too(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.plan(an_action(due_on=date(2015, 3, 16)), an_action(due_on=date(2015, 3, 17)), an_action(due_on=date(2015, 3, 18)))
        first, second, third = [task["id"] for task in await desk.tasks()]
        await desk.context.let_pass(timedelta(days=1))
        assert await attention(desk) == [first, second, third]

        await desk.bring(first, "acknowledgement")
        await desk.bring(second, "acknowledgement")
        await desk.ask(second, "block", reason="funding")
        await desk.ask(third, "cancellation", desk.coordinator, reason="created-in-error")
        assert await attention(desk) == [second]
        await desk.bring(second, "unblock")

        assert await attention(desk) == []


async def test_the_list_is_by_locality_and_whole_without_one(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        await desk.register(FAR, locality=Locality.LOCALITY_B)
        await desk.tell(a_step_down(), person=new_id(), subject=new_id())
        await desk.tell(a_step_down(locality=Locality.LOCALITY_B), person=new_id(), subject=new_id())
        await desk.tell(CaseRedirected(referral_id=None, destination=Destination.GP, reason="social"), person=new_id(), subject=new_id())
        [near], [far], [nowhere] = await desk.tasks(), await desk.tasks(FAR), await desk.unassigned()

        await desk.context.let_pass(timedelta(days=1))

        assert await attention(desk, locality="west") == [near["id"]]
        assert await attention(desk, locality="locality-b") == [far["id"]]
        assert sorted(await attention(desk)) == sorted(task["id"] for task in (near, far, nowhere))


async def test_only_a_coordinator_of_the_organisation_reads_it(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        stranger = desk.caller("navigation:coordinate", "navigation-coordinator", "HOUSING21")

        answers = [
            await desk.context.http.get("/navigation/tasks/needs-attention", headers=caller) for caller in (desk.navigator(), stranger)
        ]

        codes = [(answer.status_code, answer.json()["code"]) for answer in answers]
        assert codes == [(403, "scope-missing"), (403, "organisation-not-involved")]
