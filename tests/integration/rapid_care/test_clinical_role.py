"""Visits and their decisions need a clinical role: the scope of responders is in vain for any other."""

import pytest

from tests.builders.rapid_care import RapidCareClient


@pytest.mark.parametrize(
    ("role", "status"), [("emergency-nurse-practitioner", 404), ("rapid-care-coordinator", 404), ("receptionist", 403)]
)
async def test_visit_needs_the_role_of_a_responder(team: RapidCareClient, role: str, status: int) -> None:
    caller = team.context.token("rapid-care:respond", role=role) | {"If-Match": 'W/"1"'}

    path = "/rapid-care/responses/0193a1f0-0000-7000-8000-000000000001/departure"
    response = await team.context.http.post(path, headers=caller)

    assert response.status_code == status
    assert (response.json()["code"] == "clinical-role-missing") is (status == 403)
