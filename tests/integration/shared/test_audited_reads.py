"""Every read that shows a person leaves an entry in the audit of that person, in every service."""

import pytest

from infra.contexts import CONTEXTS
from infra.dev_stack.dev_secrets import Keys
from tests.builders.access_worlds import WORLDS
from tests.builders.person_reads import PersonReads

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


@pytest.mark.parametrize("name", CONTEXTS)
async def test_every_read_of_a_person_is_audited(name: str, owner_url: str, keys: Keys) -> None:
    """Of each person that an answer shows; refused reads too."""
    async with WORLDS[name](owner_url, keys) as world:
        reads = await PersonReads.of(world)
        found = {each.name: await reads.send(each) for each in await reads.operations()}

    silent = [f"{each}: {line}" for each, outcome in found.items() for line in outcome.silent]
    assert not silent, "\n".join(silent)
    assert {each for each, outcome in found.items() if not outcome.shown} == IMPERSONAL & found.keys()
