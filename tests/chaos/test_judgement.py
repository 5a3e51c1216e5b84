"""What was acknowledged about a meeting is held against what is stored."""

import pytest

from infra.keys import Keys
from shared.kernel.ids import new_id
from tests.builders.mdt import Patient, mdt
from tests.chaos.judgement import unkept

_MEETING, _DISCUSSION = "meeting acknowledged and not held", "discussion acknowledged and not stored"


async def test_a_meeting_that_was_held_and_a_case_that_was_discussed_are_kept(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        patient = await Patient.listed(context)
        listed = await patient.case()
        discussed = await patient.discuss()

    meeting, case, version = listed["meeting_id"], listed["id"], discussed["version"]

    assert await unkept(owner_url, {meeting}, {case: (meeting, version)}) == {_MEETING: 0, _DISCUSSION: 0}
    assert await unkept(owner_url, {meeting}, {case: (meeting, version + 1)}) == {_MEETING: 0, _DISCUSSION: 1}
    assert await unkept(owner_url, {meeting}, {case: (str(new_id()), version)}) == {_MEETING: 0, _DISCUSSION: 1}


@pytest.mark.parametrize("is_known", [True, False])
async def test_what_was_acknowledged_and_is_not_stored_is_counted(owner_url: str, keys: Keys, *, is_known: bool) -> None:
    async with mdt(owner_url, keys) as context:
        case = await (await Patient.listed(context)).case()
    meeting, discussed = (case["meeting_id"], case["id"]) if is_known else (str(new_id()), str(new_id()))

    assert await unkept(owner_url, {meeting}, {discussed: (meeting, case["version"])}) == {_MEETING: 1, _DISCUSSION: 1}
