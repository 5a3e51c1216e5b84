"""From the care plan to the navigator's feed."""

import pytest

from infra.keys import Keys
from shared.contracts.navigation import TaskAssigned, TaskCreated
from shared.kernel.ids import derived_id, new_id
from tests.builders.navigation import NAVIGATOR, an_agreed_plan, mr_dales_actions, navigation
from tests.builders.running import repeated


@pytest.mark.acceptance("navigation-1")
async def test_a_plan_with_three_actions_for_the_navigator_is_three_tasks_however_often_it_is_told(owner_url: str, keys: Keys) -> None:
    async with navigation(owner_url, keys) as desk:
        await desk.register(NAVIGATOR)
        actions = mr_dales_actions()
        plan_id = new_id()

        record = await desk.context.deliver(an_agreed_plan(actions), key=new_id(), subject=plan_id)
        await desk.context.intake.apply(repeated(record, 3))
        await desk.context.deliver(an_agreed_plan(actions), key=new_id(), subject=plan_id)

        assert len(await desk.context.published(TaskCreated)) == 3
        assert len(await desk.context.published(TaskAssigned)) == 3
        assert [task["id"] for task in await desk.tasks()] == [str(derived_id(plan_id, action.action_id)) for action in actions[:3]]
