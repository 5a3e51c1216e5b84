"""A package names services of the directory of today."""

from datetime import date

import asyncpg
import pytest

from services.rapid_care.domain.response import Status
from shared.contracts.rapid_care import ResponsePackageAgreed
from tests.builders.rapid_care import RapidCareClient, at


async def test_package_with_unknown_service_is_refused_with_the_nearest(team: RapidCareClient) -> None:
    response_id = await team.receive_referral()
    await team.advance(response_id, Status.ASSESSED)
    items = [_item("district-nursing"), _item("enablment")]

    assert await team.refusal(response_id, "package", items=items) == (422, "service-unknown")

    refused = (await team.try_command(response_id, "package", items=items)).json()
    assert refused["errors"] == [
        {"field": "body.items.1.service_code", "problem": "The directory has no such service today. The nearest is enablement."}
    ]
    assert await team.context.published(ResponsePackageAgreed) == []


@pytest.mark.parametrize(("until", "status"), [(date(2015, 3, 15), 422), (date(2015, 3, 16), 200)])
async def test_service_counts_until_the_day_before_it_ends(team: RapidCareClient, owner_url: str, until: date, status: int) -> None:
    """The package is of Sunday 15 March."""
    response_id = await team.receive_referral()
    await team.advance(response_id, Status.ASSESSED)
    owner = await asyncpg.connect(owner_url)
    try:
        await owner.execute("UPDATE rapid_care.service_code SET valid_until = $1 WHERE code = 'night-sitting'", until)
        response = await team.try_command(response_id, "package", items=[_item("night-sitting")])
    finally:
        await owner.execute("UPDATE rapid_care.service_code SET valid_until = NULL WHERE code = 'night-sitting'")
        await owner.close()

    assert response.status_code == status


def _item(service_code: str) -> dict[str, str]:
    return {"kind": "nursing", "service_code": service_code, "starts_at": at("20:00").isoformat()}
