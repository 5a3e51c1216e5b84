"""What was acknowledged is held against what is stored, and poison against what was parked."""

import pytest

from infra.dev_stack.dev_secrets import Keys
from infra.wiring import SUBSCRIPTIONS
from shared.contracts.envelope import Record
from shared.contracts.referrals import ReferralRouted
from shared.kernel.ids import new_id
from tests.builders.context_app import secrets_of
from tests.builders.mdt import Patient, mdt
from tests.chaos.poison_records import must_park, poison
from tests.chaos.run_checks import undone, unkept

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


async def test_a_command_whose_version_is_not_stored_is_counted(owner_url: str, keys: Keys) -> None:
    async with mdt(owner_url, keys) as context:
        case = await (await Patient.listed(context)).case()
    path, nowhere = f"/mdt/cases/{case['id']}", f"/referrals/{new_id()}"

    assert set((await undone(owner_url, {path: case["version"]})).values()) == {0}
    assert (await undone(owner_url, {path: case["version"] + 1}))['command acknowledged and not in mdt."case"'] == 1
    assert (await undone(owner_url, {nowhere: 1}))["command acknowledged and not in referrals.referral"] == 1


def test_poison_is_met_by_whoever_reads_its_topic_and_cannot_see_that_it_is_not_theirs(keys: Keys) -> None:
    bytes_alone, half, of_tomorrow, without_id, raising = poison(secrets_of(keys))

    def meets(record: Record) -> set[str]:
        return {context for context, wiring in SUBSCRIPTIONS.items() if must_park(wiring, record)}

    everybody = {context for context, wiring in SUBSCRIPTIONS.items() if half.topic in wiring.topics}
    assert meets(bytes_alone) == meets(of_tomorrow) == everybody
    assert meets(half) == meets(without_id) == {context for context in everybody if ReferralRouted in SUBSCRIPTIONS[context].on_event}
    assert meets(raising) == {"rapid_care", "mdt", "navigation"}
