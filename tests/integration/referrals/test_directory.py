"""The directory that the migrations leave."""

from datetime import time

from services.rapid_care.domain.policy import Policy as RapidCarePolicy
from shared.contracts.referrals import Route
from tests.builders.referrals import ReferralsClient


async def test_directory_has_the_opening_hours_of_rapid_care(client: ReferralsClient) -> None:
    """The Community Point of Access reads them in the directory, and Rapid Care in its policy."""
    services = (await client.get("/directory")).json()["items"]
    hours = {
        (time.fromisoformat(each["opens"]), time.fromisoformat(each["closes"])) for each in services if each["route"] == Route.RAPID_CARE
    }

    assert hours == {(RapidCarePolicy().opens, RapidCarePolicy().closes)}
