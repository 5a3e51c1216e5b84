"""What does not exist is answered so, with a code of its own."""

import pytest

from infra.dev_stack.dev_secrets import Keys
from shared.kernel.ids import new_id
from tests.builders.mdt import MONDAY, mdt


@pytest.mark.parametrize(
    ("things", "code"),
    [("cases", "case-not-found"), ("care-plans", "care-plan-not-found"), ("leads", "lead-not-found"), ("meetings", "meeting-not-found")],
)
async def test_an_unknown_id_is_not_found(things: str, code: str, owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys, MONDAY) as context:
        caller = context.token("mdt:coordinate", "mdt:decide", "mdt:read", "mdt:lead", organisation="BCCG")
        before = await context.log()

        answer = await context.http.get(f"/mdt/{things}/{new_id()}", headers=caller)

        assert (answer.status_code, answer.json()["code"]) == (404, code)
        assert await context.log() == before
