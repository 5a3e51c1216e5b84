"""The directory that the migrations leave."""

from datetime import time

import pytest

from services.rapid_care.domain.policy import Policy as RapidCarePolicy
from shared.contracts.referral_codes import Route
from tests.builders.referrals import ReferralsClient


async def test_directory_has_the_opening_hours_of_rapid_care(client: ReferralsClient) -> None:
    """The Community Point of Access reads them in the directory, and Rapid Care in its policy."""
    services = (await client.get("/directory")).json()["items"]
    hours = {
        (time.fromisoformat(each["opens"]), time.fromisoformat(each["closes"])) for each in services if each["route"] == Route.RAPID_CARE
    }

    assert hours == {(RapidCarePolicy().opens, RapidCarePolicy().closes)}


@pytest.mark.parametrize("on", ["0", "1426464000", "16.03.2015", "2015-3-16", "2015-03-16T09:00:00Z", "1"])
async def test_directory_refuses_a_day_in_another_form(client: ReferralsClient, on: str) -> None:
    response = await client.get(f"/directory?on={on}")

    assert (response.status_code, [error["field"] for error in response.json()["errors"]]) == (422, ["query.on"])
