"""A command whose answer was lost is sent again: it has one effect and the same answer (D7)."""

from typing import Any

import pytest

from services.rapid_care.domain.response import Status
from tests.builders.rapid_care import RapidCareClient, at

_NEEDS = {"health_needs": ["infection"], "social_needs": ["none"]}


@pytest.mark.parametrize(
    ("status", "verb", "body"),
    [
        (Status.REQUESTED, "acceptance", {}),
        (Status.REQUESTED, "decline", {"reason": "capacity"}),
        (Status.ACCEPTED, "assignment", {}),
        (Status.ASSIGNED, "departure", {}),
        (Status.ASSIGNED, "hand-back", {}),
        (Status.EN_ROUTE, "first-contact", {"contacted_at": at("14:00").isoformat()}),
        (Status.CONTACTED, "assessment", _NEEDS),
        (Status.CONTACTED, "closure", {"outcome": "not-acute"}),
    ],
)
async def test_repeated_command_has_one_effect_and_the_same_answer(
    team: RapidCareClient, status: Status, verb: str, body: dict[str, Any]
) -> None:
    response_id = await team.receive_referral()
    if status is not Status.REQUESTED:
        await team.advance(response_id, status)
    version = (await team.read(response_id))["version"]

    first = await team.try_command(response_id, verb, version=version, **body)
    events = len(await team.context.log())
    again = await team.try_command(response_id, verb, version=version, **body)

    assert (first.status_code, again.status_code) == (200, 200), (first.text, again.text)
    assert (again.json(), again.headers["etag"]) == (first.json(), first.headers["etag"])
    assert len(await team.context.log()) == events


async def test_other_content_with_a_stale_version_is_refused(team: RapidCareClient) -> None:
    response_id = await team.receive_referral()
    await team.command(response_id, "decline", reason="capacity")

    stale = await team.try_command(response_id, "decline", version=1, reason="ineligible")

    assert (stale.status_code, stale.json()["code"]) == (412, "version-conflict")
