"""Every read of a person or of their care leaves an entry in the audit, in every service."""

import pytest

from infra.contexts import CONTEXTS
from infra.dev_stack.dev_secrets import Keys
from infra.dev_stack.scopes import SCOPES
from tests.builders.operations import Operation
from tests.builders.seeded_contexts import OPEN, SeededContext

#: Reads that concern no single person: staff, diaries, directories and counts.
IMPERSONAL = {
    "list_services",
    "list_clinicians",
    "read_clinician",
    "read_monthly_statistics",
    "list_meetings",
    "read_meeting",
    "read_import",
    "read_roster",
    "task_outcomes",
    "meeting_actions",
    "read_navigator",
    "navigator_actions",
}
_ENTRIES = "SELECT count(*) FROM audit"


@pytest.mark.parametrize("name", CONTEXTS)
async def test_every_read_of_a_person_is_audited(name: str, owner_url: str, keys: Keys) -> None:
    """Refused reads too; a list without items shows no person."""
    async with OPEN[name](owner_url, keys) as seeded:
        silent = [each.name for each in await reads(seeded, name) if await shows_something_unaudited(seeded, each)]

    assert set(silent) <= IMPERSONAL


async def reads(seeded: SeededContext, name: str) -> list[Operation]:
    return [each for each in await seeded.described(name) if each.method == "GET"]


async def shows_something_unaudited(seeded: SeededContext, operation: Operation) -> bool:
    before = await seeded.context.database.pool.fetchval(_ENTRIES)
    path = operation.path.format(**seeded.ids_of(operation))
    parameters = {parameter: seeded.ids.get(parameter, value) for parameter, value in operation.query().items()}
    caller = seeded.context.token(*SCOPES, organisation="CLCH", role="clinician")
    response = await seeded.context.http.get(path, params=parameters, headers=caller)
    assert response.status_code in {200, 403, 404}, (operation.name, response.text)
    body = response.json()
    is_empty = not body if isinstance(body, list) else body.get("items") == []
    return not is_empty and await seeded.context.database.pool.fetchval(_ENTRIES) == before
