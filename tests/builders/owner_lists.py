"""The work list that the model of owners names for an item: whether its owner sees the item there."""

from collections.abc import Mapping
from typing import Any

from infra.codegen.operations import operations
from shared.kernel.ownership import Desk
from tests.builders.context_app import RunningContext


def address_of(context: str, desk: Desk, row: Mapping[str, Any]) -> str:
    """The path and the query of the list that shows the item; `row` has the columns that both name in braces."""
    [path] = {each.path for each in operations() if (each.context, each.method, each.name) == (context, "GET", desk.work_list)}
    return (f"{path}?{desk.query}" if desk.query else path).format(**row)


async def listed_ids(app: RunningContext, context: str, desk: Desk, row: Mapping[str, Any], organisation: str) -> list[str]:
    """The ids that a caller with the owner's scope alone, of this organisation, reads on the first page of the list."""
    caller = app.token(desk.scope, organisation=organisation)
    response = await app.http.get(address_of(context, desk, row), headers=caller)
    assert response.status_code == 200, response.text
    return [item["id"] for item in response.json()["items"]]
