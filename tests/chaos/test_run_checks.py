"""Acknowledged meetings, discussions and commands are compared with the database."""

import pytest

from infra.dev_stack.dev_secrets import Keys
from shared.kernel.ids import new_id
from tests.builders.mdt import Patient, mdt
from tests.chaos.run_checks import missing_commands, missing_meetings

_MEETING, _DISCUSSION = "meeting acknowledged and not held", "discussion acknowledged and not stored"


async def test_stored_meeting_and_discussion_are_not_missing(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        patient = await Patient.listed(context)
        listed = await patient.case()
        discussed = await patient.discuss()

    meeting, case, version = listed["meeting_id"], listed["id"], discussed["version"]

    assert await missing_meetings(owner_url, {meeting}, {case: (meeting, version)}) == {_MEETING: 0, _DISCUSSION: 0}
    assert await missing_meetings(owner_url, {meeting}, {case: (meeting, version + 1)}) == {_MEETING: 0, _DISCUSSION: 1}
    assert await missing_meetings(owner_url, {meeting}, {case: (str(new_id()), version)}) == {_MEETING: 0, _DISCUSSION: 1}


@pytest.mark.parametrize("is_known", [True, False])
async def test_acknowledged_meeting_and_discussion_are_missing(owner_url: str, keys: Keys, *, is_known: bool) -> None:
    async with mdt(owner_url, keys) as context:
        case = await (await Patient.listed(context)).case()
    meeting, discussed = (case["meeting_id"], case["id"]) if is_known else (str(new_id()), str(new_id()))

    assert await missing_meetings(owner_url, {meeting}, {discussed: (meeting, case["version"])}) == {_MEETING: 1, _DISCUSSION: 1}


async def test_command_without_its_stored_version_is_missing(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        case = await (await Patient.listed(context)).case()
    path, absent = f"/mdt/cases/{case['id']}", f"/referrals/{new_id()}"

    assert set((await missing_commands(owner_url, {path: case["version"]})).values()) == {0}
    assert (await missing_commands(owner_url, {path: case["version"] + 1}))['command acknowledged and not in mdt."case"'] == 1
    assert (await missing_commands(owner_url, {absent: 1}))["command acknowledged and not in referrals.referral"] == 1
